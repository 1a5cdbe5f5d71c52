"""The servers: CNCF Distribution and dockerd, each started and ended by its own process id."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from tests.clients.namespace import PATH

Connect = Callable[[float], http.client.HTTPConnection]

NOTHING: Mapping[str, str] = MappingProxyType({})
START = 20.0
STOP = 10.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a server that listens on a file."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@contextlib.contextmanager
def registry(
    folder: str, storage: str, port: int, auth: dict[str, str] | None = None
) -> Iterator[None]:
    """Run a real registry server on loopback; with *auth* it demands tokens, else it is open."""
    settings: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": storage}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "relativeurls": True},
    }
    if auth:
        settings["auth"] = {"token": auth}
    file = os.path.join(folder, f"registry-{port}.yml")
    with open(file, "w") as config:
        json.dump(settings, config)  # JSON is YAML
    with _running(["docker-registry", "serve", file], folder, f"registry-{port}") as process:
        _await(process, lambda left: http.client.HTTPConnection("127.0.0.1", port, timeout=left))
        yield


@contextlib.contextmanager
def dockerd(folder: str, root: str, env: Mapping[str, str] = NOTHING) -> Iterator[str]:
    """Run a real engine whose PATH and HOME know nothing of the helper; its address."""
    address = os.path.join(root, "docker.sock")
    argv = [
        "dockerd",
        "--storage-driver=vfs",
        "--iptables=false",
        "--ip6tables=false",
        "--bridge=none",
        f"--data-root={root}/docker",
        f"--exec-root={root}/exec",
        f"--pidfile={root}/docker.pid",
        f"--host=unix://{address}",
    ]
    with _running(argv, folder, "dockerd", env) as process:
        _await(process, lambda left: UnixConnection(address, left))
        yield f"unix://{address}"


@contextlib.contextmanager
def _running(
    argv: list[str], folder: str, name: str, env: Mapping[str, str] = NOTHING
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": PATH, "HOME": os.path.join(folder, "nobody"), **env}
    with (
        open(os.path.join(folder, f"{name}.log"), "ab") as log,
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/"
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(process: subprocess.Popen[bytes], connect: Connect) -> None:
    """Wait until the server answers its first question."""
    end = time.monotonic() + START
    while True:
        connection = connect(max(0.1, end - time.monotonic()))
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/_ping")
                connection.getresponse().read()
            except OSError as error:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{process.args!r} did not start; see its log") from error
                time.sleep(0.02)
            else:
                return
