"""The agent's identity on a bed: a pod of ours on the node, its service account, and the folder with its token.

The token is what the kubelet would mount: bound to the pod, and so naming the node in its claims.
"""

from __future__ import annotations

from tests.e2e.bed.api import Api, Object
from tests.e2e.bed.bed import NODE_NAME, Bed
from tests.e2e.bed.manifests import DEPLOY, apply_manifests, read_manifests

RBAC = DEPLOY / "base" / "rbac.yaml"
POD_NAME = "numascope-agent"
TOKEN_SECONDS = 3600


class AgentIdentity:
    """Who the agent is. Made on a bed with a node; applies deploy/base/rbac.yaml.

    Attributes:
        folder: what a pod finds at /var/run/secrets/kubernetes.io/serviceaccount.
    """

    def __init__(self, bed: Bed) -> None:
        self._api: Api = bed.api
        account = next(each for each in read_manifests(RBAC) if each["kind"] == "ServiceAccount")
        self.account: str = account["metadata"]["name"]
        self.namespace: str = account["metadata"]["namespace"]
        self._api.apply(f"/api/v1/namespaces/{self.namespace}", _namespace(self.namespace))
        apply_manifests(self._api, RBAC)
        self._pod = self._make_pod()
        self.folder = bed.folder / "serviceaccount"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "ca.crt").write_bytes(bed.authority.read_bytes())
        (self.folder / "namespace").write_text(self.namespace)
        self.renew()

    @property
    def user(self) -> str:
        """Its name at the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    def renew(self) -> None:
        """A new token, as the kubelet gets one long before the old one expires. Makes the pod anew if it is gone."""
        if not self._api.exists(self._pod_path):
            self._pod = self._make_pod()
        self.write_token(self.new_token())

    def new_token(self) -> str:
        """A token of the account, bound to the pod."""
        bound = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": self._pod["metadata"]["name"],
            "uid": self._pod["metadata"]["uid"],
        }
        answer = self._api.create(
            f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": TOKEN_SECONDS, "boundObjectRef": bound},
            },
        )
        token: str = answer["status"]["token"]
        return token

    def write_token(self, token: str) -> None:
        """Replaces the token's file, by a rename as the kubelet does."""
        unfinished = self.folder / "token.unfinished"
        unfinished.write_text(token)
        unfinished.rename(self.folder / "token")

    @property
    def _pod_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{POD_NAME}"

    def _make_pod(self) -> Object:
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": POD_NAME, "namespace": self.namespace},
            "spec": {
                "nodeName": NODE_NAME,
                "serviceAccountName": self.account,
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {
                        "name": "agent",
                        "image": "bed.test/numascope:run",
                        "imagePullPolicy": "IfNotPresent",
                        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                    }
                ],
            },
        }
        return self._api.create(f"/api/v1/namespaces/{self.namespace}/pods", body)


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
