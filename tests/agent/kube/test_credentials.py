from __future__ import annotations

import base64
import datetime
import json
import os
from pathlib import Path

import pytest

from agent.kube.credentials import Kubeconfig, NodeIdentity, ServiceAccount, node_of_token
from agent.kube.errors import CredentialsError
from tests.e2e.bed.pki import Authority

ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.c2ln"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca", now=datetime.datetime.now(datetime.UTC))


def test_a_service_account_reads_its_token_anew_when_the_file_changes(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    account = ServiceAccount(tmp_path, environment=ENVIRONMENT)
    assert account.token() == account.token() == "first"
    (tmp_path / "new").write_text("second\n")
    (tmp_path / "new").rename(tmp_path / "token")
    assert account.token() == "second"


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_server_comes_from_the_environment(tmp_path: Path, host: str, server: str) -> None:
    environment = {**ENVIRONMENT, "KUBERNETES_SERVICE_HOST": host}
    assert ServiceAccount(tmp_path, environment=environment).server == server


def test_outside_a_pod_there_is_no_service_account(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="KUBERNETES_SERVICE_HOST"):
        ServiceAccount(tmp_path, environment={})


def test_a_token_that_is_missing_empty_or_not_text_is_named(tmp_path: Path) -> None:
    account = ServiceAccount(tmp_path, environment=ENVIRONMENT)
    with pytest.raises(CredentialsError, match=str(tmp_path / "token")):
        account.token()
    (tmp_path / "token").write_text("\n")
    with pytest.raises(CredentialsError, match="empty"):
        account.token()
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    os.utime(tmp_path / "token", (1, 1))
    with pytest.raises(CredentialsError, match=str(tmp_path / "token")):
        account.token()


def test_the_cluster_authority_is_the_only_one_trusted(authority: Authority, tmp_path: Path) -> None:
    authority.certificate.rename(tmp_path / "ca.crt")
    context = ServiceAccount(tmp_path, environment=ENVIRONMENT).tls()
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname


def test_a_broken_authority_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(CredentialsError, match=str(tmp_path / "ca.crt")):
        ServiceAccount(tmp_path, environment=ENVIRONMENT).tls()


def test_a_pod_bound_token_names_its_node(tmp_path: Path) -> None:
    claims = {"kubernetes.io": {"node": {"name": "numa0", "uid": "11-22"}, "namespace": "x"}}
    (tmp_path / "token").write_text(jwt(claims))
    assert ServiceAccount(tmp_path, environment=ENVIRONMENT).node() == NodeIdentity(name="numa0", uid="11-22")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b.c",
        "a.!!.c",
        jwt([1]),
        jwt({}),
        jwt({"kubernetes.io": 1}),
        jwt({"kubernetes.io": {"node": {}}}),
    ],
)
def test_a_token_without_a_node_names_none(token: str) -> None:
    assert node_of_token(token) is None


def kubeconfig(path: Path, server: str, user: dict[str, str], authority: Path | None = None) -> Path:
    cluster = {"server": server} | ({} if authority is None else {"certificate-authority": str(authority)})
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(content))
    return path


def test_a_kubeconfig_gives_server_authority_and_certificate(authority: Authority, tmp_path: Path) -> None:
    client = authority.issue("me", file="me")
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key)}
    found = Kubeconfig(
        kubeconfig(tmp_path / "config", "https://127.0.0.1:6443/", user, authority.certificate)
    )
    context = found.tls()
    assert (found.server, found.token()) == ("https://127.0.0.1:6443", None)
    assert context is not None
    assert len(context.get_ca_certs()) == 1


def test_a_kubeconfig_with_a_token_for_plain_http(tmp_path: Path) -> None:
    found = Kubeconfig(kubeconfig(tmp_path / "config", "http://127.0.0.1:8001", {"token": "secret"}))
    assert (found.tls(), found.token()) == (None, "secret")


def test_a_kubeconfig_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="nowhere"):
        Kubeconfig(tmp_path / "nowhere")
