"""The pod fingerprint: by which the scheduler knows that an object was made from the pods which it expects there.

A wrong fingerprint is worse than none: the scheduler then holds the node for dirty for ever.
Form v001, as defined by the NodeResourceTopology API's podfingerprint: `pfp0v001` and 16 hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Iterable

from xxhash import xxh64_intdigest

PREFIX = "pfp0v001"


def pod_fingerprint(pods: Iterable[tuple[str, str]]) -> str:
    """The fingerprint of pods, each (namespace, name). Their order does not matter; a pod named twice counts twice."""
    hashes = sorted(
        xxh64_intdigest(name.encode(), seed=xxh64_intdigest(namespace.encode())) for namespace, name in pods
    )
    total = xxh64_intdigest(b"".join(value.to_bytes(8, "little") for value in hashes))
    return f"{PREFIX}{total:016x}"
