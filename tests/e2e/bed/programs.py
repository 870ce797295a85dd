"""Finds or builds what the bed runs: Kubernetes from its Go module, our pretended runtime and plugin, Debian's etcd.

Kubernetes takes 8–12 minutes on two cores, once; what is built is kept outside the tree, by version and source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.golang import GoUnavailableError, cache_folder, digest_of, go_build, locked

SOURCES = Path(__file__).resolve().parents[1] / "programs"
KUBERNETES_VERSION = "v1.37.2"
KUBERNETES_PROGRAMS = ("kubelet", "kube-apiserver")
PRETENDED_PROGRAMS = ("pretendcri", "pretendplugin")


class BedUnavailableError(Exception):
    """The bed cannot run here; the text says why, for the skip of every test that needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where each program lies."""

    etcd: Path
    kubelet: Path
    apiserver: Path
    pretendcri: Path
    pretendplugin: Path


def provide_programs() -> Programs:
    """Every program of the bed, built where it is missing; raises BedUnavailableError where that cannot be."""
    if os.geteuid() != 0:
        raise BedUnavailableError("the bed needs root: the kubelet gets a mount namespace of its own")
    for tool in ("unshare", "nsenter", "mount"):
        if shutil.which(tool) is None:
            raise BedUnavailableError(f"the bed needs {tool} (Debian: util-linux)")
    etcd = _provide_etcd()
    cache = cache_folder() / "bed"
    with locked(cache / "lock"):
        kubernetes = _provide_kubernetes(cache / f"kubernetes-{KUBERNETES_VERSION}")
        pretended = _provide_pretended(cache / f"pretended-{digest_of(SOURCES)}")
    return Programs(
        etcd=etcd,
        kubelet=kubernetes / "kubelet",
        apiserver=kubernetes / "kube-apiserver",
        pretendcri=pretended / "pretendcri",
        pretendplugin=pretended / "pretendplugin",
    )


def _provide_etcd() -> Path:
    found = shutil.which("etcd")
    if found is None and shutil.which("apt-get") is not None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for step in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "etcd-server"]):
            subprocess.run(["apt-get", *step], env=environment, capture_output=True, check=False)
        found = shutil.which("etcd")
    if found is None:
        raise BedUnavailableError("the bed needs etcd (Debian: etcd-server)")
    return Path(found)


def _provide_kubernetes(folder: Path) -> Path:
    version = KUBERNETES_VERSION
    major, minor = version.removeprefix("v").split(".")[:2]
    stamp = "k8s.io/component-base/version"
    flags = (
        f"-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor} "
        f"-X k8s.io/client-go/pkg/version.gitVersion={version}"
    )
    for program in KUBERNETES_PROGRAMS:
        if not (folder / program).exists():
            print(f"building {program} {version}: minutes, once", file=sys.stderr)
            _go_build(f"k8s.io/kubernetes/cmd/{program}", folder / program, "-ldflags", flags)
    return folder


def _provide_pretended(folder: Path) -> Path:
    for program in PRETENDED_PROGRAMS:
        if not (folder / program).exists():
            _go_build(f"./{program}", folder / program)
    return folder


def _go_build(package: str, output: Path, *options: str) -> None:
    try:
        go_build(package, output, *options, sources=SOURCES)
    except GoUnavailableError as error:
        raise BedUnavailableError(str(error)) from error
