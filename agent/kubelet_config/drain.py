"""How a state file is got rid of, in words."""

from __future__ import annotations

from collections.abc import Iterable


def drain_steps(root: str, *files: str) -> str:
    """The steps, with the exact files."""
    return (
        f"kubectl drain NODE, stop the kubelet, rm {paths(root, files)}, start it, kubectl uncordon NODE; "
        "not without draining: without its file the kubelet gives to others what pods still hold"
    )


def paths(root: str, files: Iterable[str]) -> str:
    """Files below the kubelet's root, for a command line."""
    return " ".join(f"{root}/{file}" for file in files)
