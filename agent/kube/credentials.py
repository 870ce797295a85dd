"""Who we are at the API server: a service account inside a cluster, a kubeconfig outside of one.

Sources: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ and, for the claims of a token that is
bound to a pod, https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent.kube.errors import CredentialsError

SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """The node on which a pod-bound token says that its pod runs (Kubernetes 1.30 and later)."""

    name: str
    uid: str


class Credentials(Protocol):
    """What a client needs to speak to one API server."""

    @property
    def server(self) -> str:
        """Its base URL, without a slash at the end."""
        ...

    def tls(self) -> ssl.SSLContext | None:
        """How to verify the server, and our own certificate where we have one; None for plain HTTP."""
        ...

    def token(self) -> str | None:
        """The bearer token as it is now, or None where a certificate speaks for us."""
        ...


class ServiceAccount:
    """The service account of the pod we run in.

    The kubelet renews the token file long before it expires; it is read anew whenever the file has changed.
    """

    def __init__(self, folder: Path = SERVICE_ACCOUNT_FOLDER, *, environment: Mapping[str, str]) -> None:
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise CredentialsError(
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod"
            )
        self.server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self._folder = folder
        self._read_as: tuple[int, int] | None = None
        self._token = ""

    def tls(self) -> ssl.SSLContext:
        """Trusts the cluster's own authority and nothing else."""
        return authority_context(self._folder / "ca.crt")

    def token(self) -> str:
        """The token; raises CredentialsError where the file cannot be read or is empty."""
        path = self._folder / "token"
        try:
            state = path.stat()
            seen_as = (state.st_mtime_ns, state.st_ino)
            if seen_as != self._read_as:
                with path.open(encoding="ascii") as file:
                    self._token = file.read(TOKEN_LIMIT).strip()
                self._read_as = seen_as
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialsError(f"{path}: {error}") from error
        if not self._token:
            raise CredentialsError(f"{path}: empty")
        return self._token

    def node(self) -> NodeIdentity | None:
        """The node that the token is bound to, or None where its claims name none (before Kubernetes 1.30)."""
        return node_of_token(self.token())


class Kubeconfig:
    """A kubeconfig file, for use outside a cluster. Reads it through the `kubernetes` package, imported here only."""

    def __init__(self, path: Path | None = None, *, context: str | None = None) -> None:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - tens of MiB that no agent in a cluster may pay for
        except ImportError as error:
            raise CredentialsError(
                "a kubeconfig needs the package `kubernetes`: pip install 'numascope[kubeconfig]'"
            ) from error
        self._configuration = client.Configuration()
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=None if path is None else str(path),
                context=context,
                client_configuration=self._configuration,
            )
        except (config.ConfigException, OSError) as error:
            raise CredentialsError(
                f"{path or os.environ.get('KUBECONFIG') or '~/.kube/config'}: {error}"
            ) from error
        self.server = str(self._configuration.host).rstrip("/")

    def tls(self) -> ssl.SSLContext | None:
        """Trusts the authority that the file names, with its client certificate where it has one."""
        if not self.server.startswith("https:"):
            return None
        authority = self._configuration.ssl_ca_cert
        context = authority_context(Path(authority)) if authority else ssl.create_default_context()
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        return context

    def token(self) -> str | None:
        """The bearer token that the file gives, renewed by its own helper where it names one."""
        value = self._configuration.get_api_key_with_prefix("BearerToken", "authorization")
        return None if value is None else str(value).removeprefix("Bearer ")


def authority_context(authority: Path) -> ssl.SSLContext:
    """A client context that trusts one file of authorities; the system's hundred others are not even loaded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(f"{authority}: {error}") from error
    return context


def node_of_token(token: str) -> NodeIdentity | None:
    """The node in the claims of a token. They are not verified: the API server does that, we only read our own name."""
    node = _claims(token).get("kubernetes.io", {})
    node = node.get("node") if isinstance(node, dict) else None
    if not isinstance(node, dict):
        return None
    name, uid = node.get("name"), node.get("uid")
    return NodeIdentity(name=name, uid=uid) if isinstance(name, str) and isinstance(uid, str) else None


def _claims(token: str) -> dict[str, Any]:
    """The payload of a JSON Web Token, {} where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
