"""Everybody's keys and certificates on one bed, and the kubeconfigs that name them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from tests.e2e.bed.pki import Authority, Credential, write_signing_key


class Credentials:
    """Made anew for each bed.

    Attributes:
        authority: who vouches for all of them.
        admin: may do everything.
        apiserver, kubelet_server: what these two serve with.
        signing: signs service-account tokens.
        kubeconfig: the administrator's.
        kubelet_kubeconfig: the kubelet's.
    """

    def __init__(self, folder: Path, *, node: str, address: str, server: str) -> None:
        """`server` is the API server's URL, `address` where it and the kubelet listen."""
        pki = folder / "pki"
        authority = Authority(pki, "authority", now=datetime.datetime.now(datetime.UTC))
        self.authority = authority.certificate
        self.admin = authority.issue("admin", group="system:masters", file="admin")
        self.apiserver = authority.issue(
            "kube-apiserver", file="apiserver", addresses=(address, "kubernetes")
        )
        user = f"system:node:{node}"
        self.kubelet_server = authority.issue(
            user, group="system:nodes", file="kubelet-server", addresses=(address, node)
        )
        self.signing = write_signing_key(pki, "service-accounts")
        self.kubeconfig = self._kubeconfig(folder / "admin.kubeconfig", server, self.admin)
        kubelet = authority.issue(user, group="system:nodes", file="kubelet-client")
        self.kubelet_kubeconfig = self._kubeconfig(folder / "kubelet.kubeconfig", server, kubelet)

    def _kubeconfig(self, path: Path, server: str, credential: Credential) -> Path:
        cluster = {"server": server, "certificate-authority": str(self.authority)}
        user = {"client-certificate": str(credential.certificate), "client-key": str(credential.key)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bed", "cluster": cluster}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}],
            "current-context": "bed",
        }
        path.write_text(json.dumps(content, indent=1))
        return path
