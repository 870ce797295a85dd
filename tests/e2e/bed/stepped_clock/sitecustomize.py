"""Python imports this before the agent where the folder is on its path: the wall clock is then off by what a file says.

The wall clock of Linux cannot be stepped for one process (time namespaces leave it out), and the machine's is not ours.
What the kernel stamps and the monotonic clock stay as they are, as they do when a real clock is stepped.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_FILE = Path(os.environ["BED_CLOCK"])
_SYSTEM_TIME = time.time


def _stepped_time() -> float:
    return _SYSTEM_TIME() + float(_FILE.read_text())


time.time = _stepped_time
