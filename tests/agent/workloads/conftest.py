"""Recorded scenarios, as the rules' own tests have them."""

from __future__ import annotations

from tests.agent.admission.conftest import recorded

__all__ = ["recorded"]
