"""The command `numascope`: finds the command that was asked for, imports that one only, and runs it.

Exit status: 0 done; 2 what a person can put right (one line on stderr says what); 130 interrupted; 141 the reader of
our output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from agent.cli import COMMANDS, load
from agent.cli.common import PROGRAM, build_parser, command_named
from collectors.errors import NumascopeError

EXIT_MISUSE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line (by default this process's own) and returns its exit status."""
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except NumascopeError as error:
        return _misuse(str(error))
    except KeyboardInterrupt:
        _discard_output()
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # numascope show | head
        _discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        _discard_output()
        # Only a stream that was open already has no name, and fails when its disk is full.
        return _misuse(f"{error.filename or 'standard output'}: {error.strerror}")
    return status


def _discard_output() -> None:
    """Sends what is still buffered nowhere; Python would try to write it once more on its way out, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str]) -> int:
    name = command_named(arguments)
    if name is not None and name not in COMMANDS:
        return _misuse(_unknown_command(name))
    options = build_parser(_commands_to_parse(arguments, name)).parse_args(arguments)
    return load(options.command).run(options)


def _commands_to_parse(arguments: Sequence[str], name: str | None) -> Sequence[str]:
    """The commands that the parser has to know: help shows every one's summary, the version none."""
    if name is None:
        return () if "--version" in arguments else COMMANDS
    asks_for_all = {"-h", "--help"} & set(arguments[: arguments.index(name)])
    return COMMANDS if asks_for_all else (name,)


def _unknown_command(name: str) -> str:
    import difflib  # noqa: PLC0415 - only who mistypes pays for it

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the commands are {', '.join(COMMANDS)}"
    return f"there is no command {name!r}; {hint}"


def _misuse(message: str) -> int:
    sys.stderr.write(f"{PROGRAM}: {message}\n")
    return EXIT_MISUSE


if __name__ == "__main__":
    sys.exit(main())
