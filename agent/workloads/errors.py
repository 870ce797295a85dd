"""What can be wrong with a manifest: always something that its author can put right."""

from __future__ import annotations

from collectors.errors import NumascopeError


class ManifestError(NumascopeError):
    """The text is no manifest that pods can be made of. Names the document, the path in it, and the way out."""
