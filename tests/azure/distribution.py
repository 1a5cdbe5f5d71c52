"""A real registry server (CNCF Distribution, Debian's `docker-registry`) for our tokens."""

import os
import shutil
import socket
import subprocess
import threading
from types import TracebackType
from typing import Self

PROGRAM = shutil.which("docker-registry") or shutil.which("registry")
SERVICE = "fake-azure"
"""What the server wants as `aud`: tokens are for it when `Registry.token_audience` says so."""

CONFIG = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/storage}}
  delete: {{enabled: true}}
http: {{addr: "{address}", relativeurls: false}}
auth:
  token:
    realm: https://{service}/oauth2/token
    service: {service}
    issuer: Azure Container Registry
    rootcertbundle: {roots}
"""


class Distribution:
    """The server on a free port, from construction to `close`."""

    def __init__(
        self, folder: str | os.PathLike[str], root_cert_file: str, *, service: str = SERVICE
    ) -> None:
        assert PROGRAM, "docker-registry is not installed"
        self.service = service
        self.address = free_address()
        folder = os.path.abspath(folder)
        os.makedirs(folder, exist_ok=True)
        config = os.path.join(folder, "registry.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(
                CONFIG.format(
                    folder=folder, address=self.address, service=service, roots=root_cert_file
                )
            )
        self._process = subprocess.Popen(
            [PROGRAM, "serve", config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.defpath, "OTEL_TRACES_EXPORTER": "none"},
        )
        self.log: list[str] = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._listening.wait(20)
        if self._process.poll() is not None:
            raise RuntimeError("".join(self.log))

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
            if "listening on" in line:
                self._listening.set()
        self._listening.set()  # it ended

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stderr
        self._process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"
