"""The documentation is tested: links lead somewhere, examples are accepted, commands and options exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").glob("*.md")],
)
TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docker-compose.yml",
    "docs",
    "fixtures",
    "loadlab",
    "pyproject.toml",
    "scenarios",
    "tests",
}
TEST_COMMAND = "pip install '.[test]' && pytest"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_FLAG = re.compile(r"--[a-z][a-z-]*")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block of code in a page."""

    page: Path
    language: str
    text: str


def fences() -> list[Fence]:
    return [Fence(page, *match) for page in PAGES for match in _FENCE.findall(page.read_text(encoding="utf-8"))]


def links() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
        found += [(str(page.relative_to(ROOT)), target) for target in _LINK.findall(prose)]
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page, target", links())
def test_links_lead_somewhere(page, target):
    if target.startswith("https://"):
        return
    path, _, anchor = target.partition("#")
    destination = (ROOT / page).parent / path if path else ROOT / page
    assert destination.exists(), f"{page}: {target} does not exist"
    assert not anchor or anchor in anchors(destination), f"{page}: {target} has no such heading"


@pytest.mark.parametrize("fence", [f for f in fences() if f.language in {"json", "yaml", "toml", "python"}])
def test_examples_parse(fence):
    if fence.language == "json":
        json.loads(fence.text)
    elif fence.language == "toml":
        tomllib.loads(fence.text)
    elif fence.language == "python":
        compile(fence.text, str(fence.page), "exec")
    else:
        assert yaml.safe_load(fence.text)


def test_scenario_examples_are_accepted():
    from loadlab.spec.scenario import ScenarioFile

    examples = [yaml.safe_load(fence.text) for fence in fences() if fence.language == "yaml"]
    scenarios = [example for example in examples if "workload" in example]
    assert scenarios
    for scenario in scenarios:
        ScenarioFile.model_validate(scenario)


def test_index_lists_the_default_targets():
    from loadlab.spec.targets import TargetOverrides, resolve_targets

    page = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert listed == {target.name for target in resolve_targets(None, TargetOverrides())}


def test_the_review_page_lists_every_rule():
    from loadlab.report.rules import with_rules
    from loadlab.validate.review.rules import RULES

    page = (ROOT / "docs/review.md").read_text(encoding="utf-8")
    assert page == with_rules(page), "write it anew: python -m loadlab.report.rules docs/review.md"
    assert all(f"#### {rule.id}\n" in page and rule.why and rule.source for rule in RULES)
    assert len({rule.id for rule in RULES}) == len(RULES)


def commands() -> dict[str, set[str]]:
    """Subcommand → its options, as the program has them ("" is the program itself)."""
    import typer

    from loadlab.cli import app

    group = typer.main.get_command(app)
    visible = {name: command for name, command in group.commands.items() if not command.hidden}
    return {
        name: {
            option
            for parameter in command.params
            if parameter.param_type_name == "option" and not parameter.hidden
            for option in (*parameter.opts, *parameter.secondary_opts)
            if option.startswith("--") and option not in {"--help", "--install-completion", "--show-completion"}
        }
        for name, command in {"": group, **visible}.items()
    }


def written_commands(text: str) -> Iterator[tuple[str, set[str]]]:
    """The uses of `loadlab` in a block: subcommand and options; indented lines continue the line above."""
    joined = re.sub(r"\\?\n +", " ", text)
    for line in re.split(r"\n|&&|\|\| ", joined):
        match = re.match(r"(?:\$ )?\s*loadlab (\S+)(.*)", line)
        if match:
            first = match[1]
            yield ("", {first}) if first.startswith("-") else (first, set(_FLAG.findall(match[2])))


@pytest.mark.parametrize("fence", [f for f in fences() if f.language in {"", "sh", "console"}])
def test_written_commands_exist(fence):
    known = commands()
    for name, options in written_commands(fence.text):
        assert name in known, f"{fence.page.name}: loadlab has no command {name}"
        assert options <= known[name] | {"--help"}, f"{fence.page.name}: loadlab {name} has no {options - known[name]}"


def test_readme_lists_every_command_and_option():
    written: dict[str, set[str]] = {}
    for fence in fences():
        if fence.page.name == "README.md":
            for name, options in written_commands(fence.text):
                written.setdefault(name, set()).update(options)
    missing = {
        name: options - written.get(name, set())
        for name, options in commands().items()
        if name not in written or not options <= written[name]
    }
    assert not missing, f"not in README.md: {missing}"


def test_every_command_and_option_has_help():
    import typer

    from loadlab.cli import app

    group = typer.main.get_command(app)
    silent = [name for name, command in group.commands.items() if not command.help]
    silent += [
        f"{name} {parameter.name}"
        for name, command in group.commands.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert not silent, f"without help: {silent}"


def test_ci_runs_the_readmes_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert f"\n{TEST_COMMAND}\n" in readme
    assert f'bash -c "{TEST_COMMAND}"' in script
    assert "python -m tests.check" in script


def test_ci_script_is_bash():
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)


def test_benchmark_table_is_complete():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == ["figure", "command", "machine", "date", "value"]
    for row in rows[2:]:
        assert len(row) == len(rows[0]), f"{row[0]}: {len(row)} cells"
        assert all(row), f"{row[0]}: an empty cell"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row[3]), f"{row[0]}: {row[3]} is not a date"


def test_top_level_holds_what_the_layout_names():
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.fail("the tests need a checkout: git cannot list its files")
    names = {line.split("/", 1)[0] for line in listing.stdout.splitlines()}
    extra = {name for name in names if not name.startswith(".")} - TOP_LEVEL
    assert not extra, f"not in the layout: {extra}"


def test_check_entry_names_its_steps():
    done = subprocess.run(
        [sys.executable, "-m", "tests.check", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "ruff-check, ruff-format, mypy, docs, architecture" in done.stderr


def test_precommit_calls_the_check_entry():
    from tests.check import STEPS

    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    called = set()
    for repository in config["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            words = shlex.split(hook["entry"])
            assert words[:3] == ["python", "-m", "tests.check"]
            called.update(words[3:])
    assert called == set(STEPS)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def test_compose_publishes_on_the_loopback(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_checks_the_health_of_lasting_services(services):
    assert [name for name, service in services.items() if "healthcheck" not in service] == []


def test_compose_takes_passwords_from_the_environment():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    values = re.findall(r"PASSWORD: (.+)", text)
    assert values
    assert [value for value in values if not re.fullmatch(r"\$\{LOADLAB_\w+:-development\}", value)] == []
