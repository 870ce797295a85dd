"""Whether there is anything around this machine to speak to: a kubelet, or a cluster. Light: a machine alone asks too."""

from __future__ import annotations

import os
from collections.abc import Mapping

from agent.settings import Settings

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - where it lies
KUBELET_DIRECTORY = "pod-resources"
"""Below the kubelet's root: made by the first kubelet that runs here, and there while none runs"""


def is_alone(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether there is neither a kubelet nor a cluster."""
    return settings.kubeconfig is None and not in_pod(environ) and not has_kubelet(settings)


def has_kubelet(settings: Settings) -> bool:
    """Whether a kubelet has run here, as far as we may see."""
    # pathlib raises where a folder above is closed to us.
    return os.path.isdir(f"{settings.kubelet_root}/{KUBELET_DIRECTORY}")  # noqa: PTH112


def in_pod(environ: Mapping[str, str]) -> bool:
    """Whether we run in a pod that has been given a token."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and os.path.exists(TOKEN)  # noqa: PTH110
