"""The command `kerasmetricloss`: every experiment, from a shell.

Errors that the user can mend are one line on the standard error stream and exit status 2; anything else is a fault of
this package and shows its traceback.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from kerasmetricloss._version import __version__
from kerasmetricloss.cli import data, inspect, predict, prepare, progress, report, study, theory

# What each extra of this package brings, by the names under which Python imports it.
EXTRAS = {
    "tensorflow": {"tensorflow"},
    "study": {"filelock", "matplotlib", "nibabel", "pandas", "PIL", "pyarrow", "rich", "scipy", "statsmodels"},
    "ray": {"ray"},
}
STOPPED = 130
# Of a program that the system ends for writing where nobody reads: 128 and the number of that signal.
UNREAD = 141


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 something that the user can mend, 130 stopped with Ctrl-C, 141 unread.

    Unread is what `| head` leaves behind: the output was closed, and the command ends without a word.
    """
    try:
        try:
            _follow(sys.argv[1:] if arguments is None else list(arguments))
        finally:
            print(end="", flush=True)  # Python would write the rest as it ends, where no error can be handled
    except BrokenPipeError:
        _write_nowhere()
        sys.exit(UNREAD)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"{where}{error.strerror or error}. Look at the path, its permissions and the room left.")
        sys.exit(2)


def _follow(arguments: list[str]) -> None:
    options = parser().parse_args(arguments, argparse.Namespace(command=shlex.join(["kerasmetricloss", *arguments])))
    try:
        options.handler(options)
    except KeyboardInterrupt:
        _say("stopped. The same command goes on from here; what was finished is kept.")
        sys.exit(STOPPED)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "kerasmetricloss":
            raise
        _say(f"{str(error).rstrip('.')}.{_mend(error)}")
        sys.exit(2)
    except MemoryError as error:
        # NumPy says how much it wanted, Python nothing.
        reason = f" ({error})" if str(error) else ""
        _say(f"the memory is full{reason}. Choose a smaller box, batch or picture, or a machine with more.")
        sys.exit(2)
    except ValueError as error:
        if not type(error).__module__.startswith("kerasmetricloss."):
            raise
        # The first broken case ends a command; `inspect` reads on.
        more = getattr(error, "case", None) is not None and arguments[0] != "inspect"
        _say(f"{error}{' (kerasmetricloss inspect shows all such cases)' if more else ''}")
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    top = argparse.ArgumentParser(
        prog="kerasmetricloss",
        description="Train segmentation networks with the loss that you score with, and see whether it helps.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (study, report, predict, data, inspect, prepare, theory, progress):
        module.add_commands(commands)
    return top


def _mend(error: ImportError) -> str:
    """How to install what is missing, and nothing beside it; empty where the error says so itself."""
    module = (error.name or "").partition(".")[0]
    if not module or "pip install" in str(error):
        return ""
    wanted = [f"'.[{extra}]', in a clone of this package" for extra, modules in EXTRAS.items() if module in modules]
    return f" This command needs more than what is installed: pip install {wanted[0] if wanted else module}."


def _say(message: str) -> None:
    print(f"kerasmetricloss: {message}", file=sys.stderr)


def _write_nowhere() -> None:
    """Send the standard streams to nowhere: Python flushes them once more as it ends, and would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
