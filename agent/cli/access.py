"""Who we are at the API server, and of which node we speak, for commands that a person types."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.kube.credentials import Credentials, Kubeconfig, ServiceAccount
from agent.settings import default_node_name
from agent.surroundings import in_pod


def open_credentials(kubeconfig: str | None, environ: Mapping[str, str]) -> Credentials:
    """By that kubeconfig, else the pod's service account, else the kubeconfig that kubectl would use.

    Raises CredentialsError where there is none of them.
    """
    if kubeconfig is None and in_pod(environ):
        return ServiceAccount(environment=environ)
    return Kubeconfig(None if kubeconfig is None else Path(kubeconfig))


def own_credentials(kubeconfig: str | None, environ: Mapping[str, str]) -> Credentials | None:
    """The same where somebody named a kubeconfig or gave our pod a token; None elsewhere."""
    return open_credentials(kubeconfig, environ) if kubeconfig is not None or in_pod(environ) else None


def node_name_of(credentials: Credentials, environ: Mapping[str, str]) -> str:
    """The node that our token is bound to, else $NODE_NAME, else the host's name."""
    node = credentials.node() if isinstance(credentials, ServiceAccount) else None
    return default_node_name(environ) if node is None else node.name
