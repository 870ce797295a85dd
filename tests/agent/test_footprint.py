"""What keeps the process small."""

from __future__ import annotations

import os
import ssl

import pytest

from agent.footprint import without_public_authorities


def test_no_authority_of_the_system_is_loaded_within() -> None:
    with without_public_authorities():
        assert ssl.create_default_context().cert_store_stats()["x509_ca"] == 0


def test_the_environment_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ours.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    before = dict(os.environ)
    with without_public_authorities():
        assert os.environ != before
    assert os.environ == before
