"""The target `integrity`: nothing that must be true of the data was broken by the load."""

from __future__ import annotations

from loadlab.spec.targets import Target
from loadlab.units import format_count
from loadlab.validate.gates import Context
from loadlab.validate.model import Examination, TargetVerdict, Verdict
from loadlab.validate.wording import counted


def integrity(target: Target, context: Context) -> TargetVerdict:
    """One violation fails; what could not be looked at proves nothing."""
    checks = context.facts.integrity
    if not checks:
        return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), "Nothing was asked to be checked.")
    details = []
    for check in checks:
        if check.failure is not None:
            verdict, reason = Verdict.INCONCLUSIVE, f"{check.name} could not be checked: {check.failure}."
        elif not check.checked:
            verdict, reason = Verdict.INCONCLUSIVE, f"{check.name}: nothing was there to be checked."
        else:
            verdict = Verdict.FAIL if check.violations else Verdict.PASS
            reason = f"{check.name} {check.detail}."
        details.append(Examination(check.name, float(check.violations), None, check.checked, verdict, reason))
    violations, checked = sum(check.violations for check in checks), sum(check.checked for check in checks)
    verdicts = {item.verdict for item in details}
    verdict = next(v for v in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS) if v in verdicts)
    deciding = next(item for item in details if item.verdict is verdict)
    reason = (
        f"{format_count(violations) if violations else 'None'} of {counted(checked, 'checked fact')} was violated: "
        f"{deciding.reason}"
    )
    names = tuple(check.name for check in checks)
    return TargetVerdict(target, verdict, float(violations), None, checked, names, reason, tuple(details))
