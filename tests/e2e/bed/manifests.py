"""Applies the project's own manifests to a bed: CRDs, namespaces, accounts and rights, as an administrator would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.bed.api import Api, Object
from tests.e2e.bed.processes import wait_until

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
CRDS = DEPLOY / "crds"

_CRD = "CustomResourceDefinition"
_COLLECTIONS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    _CRD: "customresourcedefinitions",
}


def apply_manifests(api: Api, *paths: Path) -> list[Object]:
    """Applies every object of these files, and of the YAML files of these folders; returns them as they now are.

    Returns when the API server serves what CRDs among them define.
    """
    applied = [api.apply(path_of(body), body) for path in paths for body in read_manifests(path)]
    for body in applied:
        if body["kind"] == _CRD:
            wait_until(lambda: api.exists(_served_at(body)), what=body["metadata"]["name"])  # noqa: B023
    return applied


def read_manifests(path: Path) -> Iterator[Object]:
    """The objects of a YAML file, or of all of a folder's; kustomizations are no objects."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    for file in files:
        for body in yaml.safe_load_all(file.read_text()):
            if body and body["kind"] not in ("Kustomization", "Component"):
                yield body


def path_of(body: Object) -> str:
    """Where an object stands at the API server."""
    version, metadata = body["apiVersion"], body["metadata"]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{namespace}/{_COLLECTIONS[body['kind']]}/{metadata['name']}"


def _served_at(crd: Object) -> str:
    spec: dict[str, Any] = crd["spec"]
    version = next(each["name"] for each in spec["versions"] if each["storage"])
    return f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
