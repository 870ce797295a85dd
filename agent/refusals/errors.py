"""What a person who asks for an explanation can put right."""

from __future__ import annotations

from collectors.errors import NumascopeError


class ExplainError(NumascopeError):
    """The question cannot be answered as it was asked."""
