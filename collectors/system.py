"""What runs on the machine, and what it leaves to us.

Paths: /proc/sys/kernel/osrelease, /proc/version, and those of collectors.cgroups.
Kernel document: Documentation/admin-guide/sysctl/kernel.rst.
"""

from __future__ import annotations

from collectors.cgroups import read_allowed
from collectors.cpu_model import read_kernel_release
from collectors.model.snapshot import System
from collectors.reader import FactReader


def read_system(reader: FactReader) -> System:
    """The kernel's release and our own cpuset; no file is required."""
    return System(kernel_release=read_kernel_release(reader), allowed=read_allowed(reader))
