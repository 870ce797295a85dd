"""Stands in front of one of the kubelet's sockets, so that connections can be cut or stalled while the kubelet goes on."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 1 << 16
POLL_SECONDS = 0.05


class Relay:
    """A relay between a socket's path and the socket that was there. Made by `relayed`."""

    def __init__(self, path: Path, behind: Path) -> None:
        self._behind = behind
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._other: dict[socket.socket, socket.socket] = {}
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay of {path.name}", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._other) // 2

    def cut(self) -> None:
        """Ends every connection; new ones are taken at once."""
        with self._mutex:
            for end in list(self._other):
                self._close(end)

    def close(self) -> None:
        """Ends the relay and its connections."""
        self._over.set()
        self._thread.join()
        self.cut()
        self._listener.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(POLL_SECONDS):
                with self._mutex:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._other:
                        self._pass_on(key.fileobj)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._behind))
            except OSError:
                client.close()
                server.close()
                return
            for end, other in ((client, server), (server, client)):
                self._other[end] = other
                self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        try:
            data = source.recv(CHUNK)
            self._other[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._close(source)

    def _close(self, end: socket.socket) -> None:
        other = self._other.pop(end, None)
        if other is None:
            return
        del self._other[other]
        for each in (end, other):
            self._selector.unregister(each)
            each.close()


@contextmanager
def relayed(path: Path) -> Iterator[Relay]:
    """A relay at a socket's path; afterwards the socket itself is there again, and whoever was connected is cut off."""
    behind = path.with_name(f"{path.name}.behind")
    path.rename(behind)
    relay = Relay(path, behind)
    try:
        yield relay
    finally:
        behind.rename(path)
        relay.close()
