"""`python -m tests.fakes.stuck_agent FOLDER`: an agent whose machine hangs for ever from the second survey on.

No file system of this machine hangs on demand, so the hanging is done at our own seam.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from agent import app, logs
from agent.settings import Address, Settings
from collectors.hostfs import READ_LIMIT, DirectoryFS, HostFS


class StuckFS(DirectoryFS):
    """Nothing that is read ever comes."""

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        threading.Event().wait()
        return super().read(path, limit)


def main(folder: str) -> None:
    """Serves the machine in the folder until a signal."""
    surveys = iter([DirectoryFS(folder)])

    def open_host() -> HostFS:
        return next(surveys, StuckFS(folder))

    settings = Settings(
        listen=Address("127.0.0.1", 0), node_name="stuck", survey_period=1.0, survey_deadline=0.2
    )
    logs.configure("text", "info")
    app.run(settings, app.Machine(open_host=open_host, open_events=None, captured=True), say=_say)


def _say(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
