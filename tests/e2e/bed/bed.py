"""One bed: starts etcd, kube-apiserver, the pretended runtime, the kubelet and the pretended devices, and ends them.

Several beds run side by side: each has a folder, an address in 127.0.0.0/8 and a mount namespace of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.bed.api import Api, Object
from tests.e2e.bed.audit import AuditLog
from tests.e2e.bed.credentials import Credentials
from tests.e2e.bed.kubelet import (
    KUBELET_ROOT,
    KubeletPaths,
    Reserved,
    kubelet_configuration,
    namespace_script,
    write_configuration,
    write_sysctls,
)
from tests.e2e.bed.options import KubeletOptions
from tests.e2e.bed.processes import ProcessEndedError, RunningProgram, wait_until
from tests.e2e.bed.programs import Programs

NODE_NAME = "numa0"
API_PORT = 6443
KUBELET_PORT = 10250
HEALTHZ_PORT = 10248
ETCD_PORT = 2379
SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc"

_REGISTRATION = re.compile(
    r'^kubelet_device_plugin_registration_total\{resource_name="([^"]+)"\}', re.MULTILINE
)

DeviceSpec = Mapping[str, Sequence[Mapping[str, Any]]]
"""Devices by resource name, as pretendplugin reads them: {"example.com/gpu": [{"id": "gpu0", "numa": [0]}]}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A synthetic machine on disk, and what its kubelet reserves and which devices it has."""

    root: Path
    reserved: Reserved
    devices: DeviceSpec


class Bed:
    """A running bed. Made by `start_bed`."""

    def __init__(self, programs: Programs, machine: Machine, options: KubeletOptions) -> None:
        self._programs = programs
        self.machine = machine
        self.options = options
        self.devices = machine.devices
        self._claim = _ClaimedAddress()
        self.address = self._claim.address
        # Short, since a unix socket's path has 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="nsbed-"))
        self.kubelet_root = self.folder / "kubelet"
        self._running: dict[str, RunningProgram] = {}
        self.paths = self._make_folder()
        self.credentials = Credentials(
            self.folder, node=NODE_NAME, address=self.address, server=f"https://{self.address}:{API_PORT}"
        )
        self.api = self._as_admin(API_PORT)
        self.kubelet_api = self._as_admin(KUBELET_PORT)
        """The kubelet's own API: /metrics, /configz, /pods"""
        self.audit = AuditLog(self.folder)
        """What service accounts asked of the API server"""

    # What a test asks for

    @property
    def authority(self) -> Path:
        """The certificate of who vouches for everybody on the bed."""
        return self.credentials.authority

    @property
    def podresources_socket(self) -> Path:
        """The kubelet's podresources socket, as seen from outside the namespace."""
        return self.kubelet_root / "pod-resources" / "kubelet.sock"

    @property
    def pods_api_socket(self) -> Path:
        """The socket of the kubelet's Pods API, as seen from outside the namespace."""
        return self.kubelet_root / "pods-api" / "pods-api.sock"

    def checkpoint(self, name: str) -> Object:
        """One of the kubelet's state files: cpu_manager_state, memory_manager_state, …"""
        content: Object = json.loads((self.kubelet_root / name).read_text())
        return content

    def book(self, name: str) -> Object:
        """cpu_manager_state or memory_manager_state, as far as it counts: from 1.37 that is the JSON in its `data`."""
        content = self.checkpoint(name)
        inner: Object = json.loads(content["data"]) if content.get("data") else content
        return inner

    def program(self, name: str) -> RunningProgram:
        """One part by name: etcd, apiserver, pretendcri, kubelet, pretendplugin."""
        return self._running[name]

    def inside(self, command: Sequence[str | Path]) -> list[str]:
        """The command as it runs in the kubelet's mount namespace, where the synthetic machine is the machine."""
        return [
            "nsenter",
            "--mount",
            "--target",
            str(self._running["kubelet"].pid),
            *(str(word) for word in command),
        ]

    def run_beside(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]
    ) -> RunningProgram:
        """A program of the test's own that ends with the bed, or by `stop_part`; its log is `<name>.log`."""
        program = RunningProgram(name, command, log=self.folder / f"{name}.log", environment=environment)
        self._running[name] = program
        return program

    def create_pod(self, pod: Object) -> Object:
        """A new pod, in the namespace that it names."""
        namespace = pod["metadata"].get("namespace", "default")
        return self.api.create(f"/api/v1/namespaces/{namespace}/pods", pod)

    def pod(self, name: str, namespace: str = "default") -> Object:
        """A pod as the API server has it."""
        return self.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def wait_for_phase(self, name: str, *phases: str, namespace: str = "default") -> Object:
        """The pod, once it is in one of these phases."""
        wait_until(
            lambda: self.pod(name, namespace)["status"].get("phase") in phases,
            what=f"pod {name} in {' or '.join(phases)}",
            watching=[self._running["kubelet"]],
        )
        return self.pod(name, namespace)

    def offer_devices(self, devices: DeviceSpec) -> None:
        """Replaces the devices that the pretended plugin offers; it notices by itself."""
        self.devices = devices
        unfinished = self.folder / "devices.json.unfinished"
        unfinished.write_text(json.dumps(devices))
        unfinished.rename(self.folder / "devices.json")

    # Starting and stopping parts

    def start(self, *, kubelet: bool = True) -> None:
        """Starts every part and returns when the node is ready and offers its devices; without a kubelet as soon as
        the API server serves."""
        self.start_etcd()
        self.start_apiserver()
        if not kubelet:
            return
        self.start_runtime()
        self.start_kubelet()
        self.start_devices()

    def stop(self) -> None:
        """Ends every part, the last one first, and removes the folder."""
        for name in reversed(list(self._running)):
            self.stop_part(name)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._claim.release()

    def forget_allocations(self) -> None:
        """Removes the kubelet's books: with other policies it does not start over what earlier ones wrote."""
        for name in ("cpu_manager_state", "memory_manager_state"):
            (self.kubelet_root / name).unlink(missing_ok=True)

    def stop_part(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends one part; with SIGKILL at once."""
        program = self._running.pop(name, None)
        if program is not None:
            program.stop(how)

    def start_etcd(self) -> None:
        """etcd, without the fsyncs that would make it safe and slow."""
        client, peer = f"http://{self.address}:{ETCD_PORT}", f"http://{self.address}:{ETCD_PORT + 1}"
        self._start(
            "etcd",
            self._programs.etcd,
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        self._wait_for_port("etcd", ETCD_PORT)

    def start_apiserver(self) -> None:
        """kube-apiserver with the node authorizer, RBAC and service-account tokens."""
        keys = self.credentials
        self._start(
            "apiserver",
            self._programs.apiserver,
            f"--etcd-servers=http://{self.address}:{ETCD_PORT}",
            f"--bind-address={self.address}",
            f"--secure-port={API_PORT}",
            "--advertise-address=192.0.2.2",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--tls-cert-file={keys.apiserver.certificate}",
            f"--tls-private-key-file={keys.apiserver.key}",
            f"--client-ca-file={self.authority}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--disable-admission-plugins=ServiceAccount",
            "--anonymous-auth=false",
            f"--service-account-issuer={SERVICE_ACCOUNT_ISSUER}",
            f"--service-account-key-file={keys.signing.certificate}",
            f"--service-account-signing-key-file={keys.signing.key}",
            f"--kubelet-certificate-authority={self.authority}",
            f"--kubelet-client-certificate={keys.admin.certificate}",
            f"--kubelet-client-key={keys.admin.key}",
            f"--cert-dir={self.folder / 'apiserver'}",
            *self.audit.arguments,
        )
        wait_until(self.api.ready, what="the API server", seconds=90, watching=[self._running["apiserver"]])

    def start_runtime(self) -> None:
        """The pretended container runtime."""
        self._start(
            "pretendcri",
            self._programs.pretendcri,
            f"--socket={self.paths.runtime_socket}",
            f"--calls={self.folder / 'runtime-calls.jsonl'}",
            f"--image-fs={self.folder / 'images'}",
        )
        wait_until(
            self.paths.runtime_socket.exists, what="the runtime", watching=[self._running["pretendcri"]]
        )

    def start_kubelet(self, options: KubeletOptions | None = None) -> None:
        """The kubelet, with other options than before where they are given; returns when the node is ready."""
        self._run_kubelet(options)
        wait_until(self._node_ready, what="the node", seconds=60, watching=[self._running["kubelet"]])
        self.api.patch(f"/api/v1/nodes/{NODE_NAME}", {"spec": {"taints": []}})

    def try_kubelet(self, options: KubeletOptions) -> str | None:
        """The kubelet with these options: None when it has taken its state files and offers its sockets, else what it
        printed until it ended."""
        log = self.folder / "kubelet.log"
        printed = log.stat().st_size if log.exists() else 0
        self._run_kubelet(options)
        kubelet = self._running["kubelet"]
        try:
            # This socket comes last: after the CPU and the memory manager have read what earlier kubelets wrote.
            wait_until(
                lambda: _listens(self.kubelet_root / "device-plugins" / "kubelet.sock"),
                what="the kubelet",
                seconds=60,
                watching=[kubelet],
            )
        except ProcessEndedError:
            self.stop_part("kubelet")
            return log.read_bytes()[printed:].decode(errors="replace")
        return None

    def write_configuration(self, options: KubeletOptions) -> Path:
        """The configuration of a kubelet with these options, in the files from which the next one takes it; the first
        one's path."""
        configuration = kubelet_configuration(
            options,
            address=self.address,
            ports=(KUBELET_PORT, HEALTHZ_PORT),
            paths=self.paths,
            authority=self.authority,
            server=self.credentials.kubelet_server,
            reserved=self.machine.reserved,
        )
        path = self.folder / "kubelet.json"
        write_configuration(path, configuration)
        directory = self._drop_in_directory
        shutil.rmtree(directory, ignore_errors=True)
        if options.drop_in:
            directory.mkdir()
            (directory / "90-drop-in.conf").write_text(options.drop_in)
        return path

    @property
    def _drop_in_directory(self) -> Path:
        return self.folder / "kubelet.conf.d"

    def _run_kubelet(self, options: KubeletOptions | None) -> None:
        if options is not None:
            self.options = options
        directory = self._drop_in_directory
        arguments = (
            f"--config={self.write_configuration(self.options)}",
            f"--root-dir={KUBELET_ROOT}",
            f"--kubeconfig={self.credentials.kubelet_kubeconfig}",
            f"--hostname-override={NODE_NAME}",
            f"--cert-dir={self.folder / 'kubelet-pki'}",
            f"--v={self.options.verbosity}",
            *([f"--config-dir={directory}"] if self.options.drop_in else ()),
        )
        script = self.folder / "kubelet.sh"
        script.write_text(namespace_script(self._programs.kubelet, arguments, self.paths))
        self._start(
            "kubelet", Path("/usr/bin/unshare"), "--mount", "--propagation", "private", "/bin/sh", str(script)
        )

    def start_devices(self) -> None:
        """The pretended device plugin; returns when the node offers every resource that has healthy devices."""
        self.offer_devices(self.machine.devices)
        self._start(
            "pretendplugin",
            self._programs.pretendplugin,
            f"--dir={self.kubelet_root / 'device-plugins'}",
            f"--config={self.folder / 'devices.json'}",
        )
        self.wait_for_devices()

    def wait_for_devices(self) -> None:
        """Returns when the node offers every resource that has healthy devices: a kubelet that has just started waits
        for its plugins to come back."""
        wanted = {
            resource
            for resource, devices in self.devices.items()
            if any(not device.get("unhealthy") for device in devices)
        }
        wait_until(
            lambda: self._registered() >= wanted and self._offered() >= wanted,
            what="the devices",
            watching=[self._running["pretendplugin"], self._running["kubelet"]],
        )

    # Within

    def _as_admin(self, port: int) -> Api:
        return Api(self.address, port, self.authority, credential=self.credentials.admin)

    def _start(self, name: str, *command: str | Path) -> None:
        self._running[name] = RunningProgram(name, command, log=self.folder / f"{name}.log")

    def _node(self) -> Object:
        return self.api.get(f"/api/v1/nodes/{NODE_NAME}")

    def _registered(self) -> set[str]:
        """Resources whose plugin has come to the kubelet that runs now. The node's status may still be an earlier one's."""
        try:
            return set(_REGISTRATION.findall(self.kubelet_api.text("/metrics")))
        except ConnectionError:  # its sockets are there a moment before it listens for people
            return set()

    def _offered(self) -> set[str]:
        amounts = self._node()["status"]["allocatable"]
        return {resource for resource, amount in amounts.items() if amount != "0"}

    def _node_ready(self) -> bool:
        if not self.api.exists(f"/api/v1/nodes/{NODE_NAME}") or not _listens(self.podresources_socket):
            return False
        conditions = self._node()["status"].get("conditions", [])
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def _wait_for_port(self, name: str, port: int) -> None:
        def answers() -> bool:
            with contextlib.closing(socket.socket()) as probe:
                return probe.connect_ex((self.address, port)) == 0

        wait_until(answers, what=name, watching=[self._running[name]])

    def _make_folder(self) -> KubeletPaths:
        paths = KubeletPaths(
            folder=self.folder,
            machine=self.machine.root,
            root=self.kubelet_root,
            runtime_socket=self.folder / "runtime.sock",
            hosts=self.folder / "hosts",
        )
        paths.hosts.write_text(f"127.0.0.1 localhost\n{self.address} {NODE_NAME}\n")
        write_sysctls(self.folder)
        for name in ("kubelet/device-plugins", "pod-logs"):
            (self.folder / name).mkdir(parents=True)
        return paths


@contextlib.contextmanager
def start_bed(
    programs: Programs, machine: Machine, options: KubeletOptions | None = None, *, kubelet: bool = True
) -> Iterator[Bed]:
    """A bed that is up, and gone afterwards; without a kubelet it is an API server alone."""
    bed = Bed(programs, machine, options or KubeletOptions())
    try:
        bed.start(kubelet=kubelet)
        yield bed
    finally:
        bed.stop()


def _listens(socket_path: Path) -> bool:
    """Whether somebody accepts connections there: the file alone may be a dead kubelet's."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
        return probe.connect_ex(str(socket_path)) == 0


class _ClaimedAddress:
    """An address in 127.0.0.0/8 that no other bed on this machine takes while this object is open."""

    def __init__(self) -> None:
        for third in range(1, 255):
            self._file = (Path(tempfile.gettempdir()) / f"nsbed-127.77.{third}.1.lock").open("w")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                continue
            self.address = f"127.77.{third}.1"
            if not self._is_lived_in():
                return
            self._file.close()
        raise RuntimeError("all loopback addresses for beds are taken")

    def _is_lived_in(self) -> bool:
        """Whether programs still serve there of a bed whose owner was killed and could not end them."""
        for port in (API_PORT, ETCD_PORT, KUBELET_PORT):
            with contextlib.closing(socket.socket()) as probe:
                if probe.connect_ex((self.address, port)) == 0:
                    return True
        return False

    def release(self) -> None:
        """Lets the next bed have it."""
        Path(self._file.name).unlink(missing_ok=True)
        self._file.close()
