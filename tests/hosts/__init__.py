"""Synthetic machines: from a few parameters (MachineSpec) to the files that a kernel would show, and to the facts
that a right reader finds in them.

Both sides are written from the kernel's documents, never from the readers: two opinions that must agree.
"""
