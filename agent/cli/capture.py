"""`numascope capture`: this machine in one file, for a bug report or a test."""

from __future__ import annotations

import argparse
import os
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from collectors.errors import CaptureError

if TYPE_CHECKING:
    from agent.capture import Capture
    from collectors.manifest import Manifest

NAME = "capture"
SUMMARY = "put this machine into one archive: only what the collectors read, no MAC or serial numbers"

STDOUT = "-"
STDOUT_SUFFIX = ".tar.gz"

DESCRIPTION = """\
Puts this machine into one archive that every command takes as --host: the files of /sys and /proc that the collectors
read, and of a kubelet its answers on who has what.

Left out are MAC addresses, GUIDs, serial numbers, UUIDs, mounts, and what device plugins hand into containers, such as
environment variables (--full keeps them). Nothing that is there is overwritten, unless --force is given."""

EXAMPLES = """\
examples:
  numascope capture -o machine.tar.xz           this machine; then: numascope show --host machine.tar.xz
  numascope capture -o - | ssh desk 'cat > machine.tar.gz'
  numascope capture -o small.tar.gz --host DIR  of another capture what is needed, without what is private"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EXAMPLES
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help=f"the archive: *.tar, *.tar.gz or *.tar.xz; `-` for standard output ({STDOUT_SUFFIX})",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="keep what is left out: MAC addresses, serial numbers, UUIDs, mounts, device plugins' answers",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE where it is there")
    parser.add_argument(
        "--kubelet-root",
        metavar="DIR",
        default="/var/lib/kubelet",
        help="the kubelet's directory (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    output: str = options.output
    to_stdout = output == STDOUT
    suffix = STDOUT_SUFFIX if to_stdout else _suffix(output)
    if to_stdout:
        _refuse_terminal()
    else:
        _refuse_existing(output, force=options.force)

    # Imported here so that the parser stays light.
    from agent.capture import take_capture  # noqa: PLC0415
    from agent.cli.machine import SYS_ROOT  # noqa: PLC0415
    from collectors.manifest import MANIFEST_PATH  # noqa: PLC0415
    from collectors.pack import COMPRESSIONS, pack  # noqa: PLC0415

    capture = take_capture(
        options.host,
        full=options.full,
        kubelet_root=os.path.abspath(options.kubelet_root),  # noqa: PTH100 - normalizes, follows no link
        now=time.time(),
        sys_root=os.environ.get(SYS_ROOT),
    )
    data = COMPRESSIONS[suffix](
        pack(capture.tree, first=MANIFEST_PATH, modified_at=capture.manifest.taken_at)
    )
    if to_stdout:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        _tell(capture, "standard output", len(data), sys.stderr)
    else:
        _write(output, data, force=options.force)
        _tell(capture, output, len(data), sys.stdout)
    return 0


def _suffix(output: str) -> str:
    """How FILE's name says that it is compressed."""
    from collectors.pack import COMPRESSIONS  # noqa: PLC0415

    found = [suffix for suffix in COMPRESSIONS if output.endswith(suffix) and output != suffix]
    if not found:
        raise CaptureError(output, f"the archive's name must end in one of {', '.join(COMPRESSIONS)}")
    return max(found, key=len)


def _refuse_terminal() -> None:
    if sys.stdout.isatty():
        raise CaptureError("standard output", "is a terminal, and an archive is no text; give -o FILE")


def _refuse_existing(output: str, *, force: bool) -> None:
    try:
        mode = os.lstat(output).st_mode
    except OSError:
        return  # not there; what else keeps it from being written shows when it is written
    if not stat.S_ISREG(mode):
        raise CaptureError(output, "is there, and is no regular file; give another name")
    if not force:
        raise CaptureError(output, "is there already; give another name, or --force to overwrite it")


def _write(output: str, data: bytes, *, force: bool) -> None:
    """Puts the file in its place in one step, whole; leaves nothing behind where that fails."""
    temporary = Path(f"{output}.{os.getpid()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            _refuse_existing(output, force=force)
            temporary.replace(output)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CaptureError(output, f"cannot be written: {error.strerror or error}") from error


def _tell(capture: Capture, name: str, size: int, out: TextIO) -> None:
    """What is in it, in a few lines."""
    manifest = capture.manifest
    machine = (
        ", ".join(filter(None, (manifest.architecture, manifest.kernel_release))) or "of an unknown kind"
    )
    text = sum(map(len, capture.tree.files.values()))
    lines = [
        f"{name}: {len(capture.tree.files)} files, {_kib(text)} of text in {_kib(size)} ({machine})",
        f"left out: {_left_out(manifest)}",
        f"kubelet: {capture.kubelet}",
    ]
    if manifest.failures:
        first = manifest.failures[0]
        lines.append(
            f"not readable: {len(manifest.failures)} files or folders, such as {first.path}: {first.reason}"
        )
    out.write("".join(f"{_printable(line)}\n" for line in lines))


def _left_out(manifest: Manifest) -> str:
    if manifest.redacted is None:
        return "nothing; look at it before you give it away"
    found = [f"{what} ({count})" for what, count in manifest.redacted if count]
    return f"{', '.join(found)}; --full keeps them" if found else "nothing, as nothing private was found"


def _kib(size: int) -> str:
    return f"{-(-size // 1024)} KiB"


def _printable(text: str) -> str:
    """A stranger's words without control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)
