"""What a client would take, from its Accept and Accept-Encoding headers (RFC 9110, 12.5). Pure."""

from __future__ import annotations


def accepted(header: str) -> dict[str, float]:
    """Weights by lower-case token; a weight that is not a number counts as 0."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        token, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if token:
            weights[token] = _weight(parameters)
    return weights


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def takes_gzip(accept_encoding: str) -> bool:
    """Whether the client asked for gzip; one that says nothing gets the plain body."""
    weights = accepted(accept_encoding)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def prefers(accept: str, media_types: tuple[str, ...], *, over: str) -> bool:
    """Whether the client names one of these media types and gives none of them less weight than `over`.

    Wildcards count for `over`, which a client that does not care gets.
    """
    weights = accepted(accept)
    wanted = max(weights.get(media_type, 0.0) for media_type in media_types)
    return wanted > 0 and wanted >= weights.get(over, 0.0)


def matches_etag(if_none_match: str, etag: str) -> bool:
    """Whether the client has that version already (weak comparison, RFC 9110, 13.1.2)."""
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in ("*", etag.removeprefix("W/")) for tag in tags)
