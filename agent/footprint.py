"""Keeps the process small: it runs on every node.

What was measured to matter (docs/performance.md): what a survey leaves behind in reference cycles is collected at
once, not when Python finds that enough has gathered, and what was made at the start is not looked at again each time.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator

_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where OpenSSL is told to look for authorities that everybody trusts"""


@contextlib.contextmanager
def without_public_authorities() -> Iterator[None]:
    """For the import of aiohttp, which loads the system's hundred authorities for a client that names none: 1.8 MiB and
    60 ms. Ours names the one that it trusts (agent.kube.credentials)."""
    before = {name: os.environ.get(name) for name in _AUTHORITIES}
    os.environ.update(dict.fromkeys(_AUTHORITIES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def forget_the_start() -> None:
    """To be called once all is imported and served: what lives now lives for good."""
    gc.collect()
    gc.freeze()
    _give_back()


def tidy_up() -> None:
    """To be called after each survey: the facts before the last ones go now. Some milliseconds on the largest machine."""
    gc.collect()
    _give_back()


def _give_back() -> None:
    """Hands free memory back to the kernel. With 110 pods that is 0.3 MiB; other C libraries than glibc do it unasked."""
    import ctypes  # noqa: PLC0415 - there already where kernel events are followed

    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
