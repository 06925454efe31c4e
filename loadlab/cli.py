"""The command line: arguments become one call of the pipeline, a verdict becomes an exit code.

Imports that take time wait inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from contextlib import suppress
from typing import Annotated, NoReturn

import typer

from loadlab import __version__
from loadlab.commands.capacity import capacity
from loadlab.commands.check import check
from loadlab.commands.compare import compare
from loadlab.commands.forecast import forecast
from loadlab.commands.grow import grow
from loadlab.commands.history import history
from loadlab.commands.init import init
from loadlab.commands.profile import profile
from loadlab.commands.replay import replay
from loadlab.commands.report import report
from loadlab.commands.run import run
from loadlab.commands.schema import schema
from loadlab.commands.seed import seed
from loadlab.commands.worker import worker
from loadlab.errors import LoadLabError
from loadlab.outliving import outlive_readers
from loadlab.termination import Termination

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
# Nearly all that a start makes are modules, which stay: looking for garbage among them every 700 objects, and once more
# at the end, took a fifth of the time of a short command.
_COLLECT_EVERY_OBJECTS = 50_000

app = typer.Typer(
    name="loadlab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a schema and stated performance targets to a verdict, on the real database.\n\n"
    "Exit codes: 0 every target passes, 1 a target fails, 2 a usage or tool error, 3 inconclusive.",
)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"loadlab {__version__}")
        raise typer.Exit


# In the order of `--help`.
for _command in (
    run, history, init, check, compare, capacity, forecast, replay, worker, seed, profile, grow, report, schema,
):  # fmt: skip
    app.command()(_command)


def main() -> None:
    """The entry point: errors on standard error in one line, exit codes as documented."""
    gc.set_threshold(_COLLECT_EVERY_OBJECTS, 20, 20)
    atexit.register(gc.freeze)
    outlive_readers()
    termination = Termination()
    try:
        termination.listen()
        app()
    except LoadLabError as error:
        if os.environ.get("LOADLAB_DEBUG"):
            raise
        typer.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:
            _end_interrupted(termination)
        raise
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        with suppress(OSError):
            typer.echo(f"Error: nothing more can be written: {error.strerror}", err=True)
        # What is left in the buffers would be tried again, and told again.
        os._exit(EXIT_ERROR)
    except KeyboardInterrupt:
        _end_interrupted(termination)


def _end_interrupted(termination: Termination) -> NoReturn:
    """Where nothing was measured; what was is kept by the commands themselves."""
    fills = sys.argv[1:2] in (["seed"], ["grow"])
    rest = "what is loaded stays, and the same command goes on" if fills else "nothing was measured"
    how, code = ("Terminated", EXIT_TERMINATED) if termination.has_come else ("Interrupted", EXIT_INTERRUPTED)
    typer.echo(f"{how}; {rest}.", err=True)
    termination.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
