"""The kubelet's way to the cache: what it loads, and what its words mean."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_credential_acr import entry, kubelet, kubelet_arguments, kubelet_request, paths
from tests.systems import posix

HOST = "staircase.azurecr.io"
LOGIN = b'"Username":"00000000-0000-0000-0000-000000000000","Secret":"CANARY"}'
REQUEST = (
    b'{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1",'
    b'"image":"staircase.azurecr.io/app"}\n'
)
ROOMS = {"docker_credential_acr"} | {
    f"docker_credential_acr.{name}"
    for name in (
        *("__main__", "entry", "paths", "search_path", "doors", "errors", "registry"),
        *("kubelet", "kubelet_arguments", "kubelet_request"),
    )
}
BUILT_IN = {"gc", "posix", "pwd", "binascii", "_json"}

PROBE = """
import os, sys
before = set(sys.modules)
real = os._exit
def leave(code):
    loaded = set(sys.modules) - before
    import json
    os.write(int(os.environ["TELL"]), json.dumps([code, sorted(loaded)]).encode())
    real(code)
os._exit = leave
sys.argv = ["docker-credential-acr", "kubelet"]
from docker_credential_acr.__main__ import main
main()
"""


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": os.defpath}


def remember(environ: dict[str, str]) -> None:
    """Write the node's entry as the slow path does."""
    folder = paths.cache_folder(environ.get)
    assert folder is not None
    Path(folder).mkdir(parents=True, mode=0o700)
    ends = kubelet_request.asks({}, "", None)
    assert ends is not None
    stamped = entry.stamp(environ.get, entry.settings_stamp(environ.get)) + ends
    now = int(time.time())
    half = f"{now} {now + 9000} {now + 9000} {now + 10000}\n".encode() + LOGIN + b"\n"
    file = Path(folder, entry.file_name(HOST, stamped))
    file.write_bytes(entry.head(HOST, stamped) + half + half + b"{}\n")
    file.chmod(0o600)


@pytest.mark.parametrize("cached", [True, False])
@posix("descriptors that a child is handed by number")
def test_an_answer_loads_neither_json_nor_settings_nor_an_sdk(
    environ: dict[str, str],
    cached: bool,  # noqa: FBT001  a table
) -> None:
    """As little as a cached get, and the rooms that read the request."""
    if cached:
        remember(environ)
    asked = REQUEST if cached else REQUEST.replace(b"azurecr", b"example")
    reader, writer = os.pipe()
    found = subprocess.run(
        [sys.executable, "-I", "-c", PROBE],
        input=asked,
        capture_output=True,
        env={**environ, "TELL": str(writer)},
        pass_fds=(writer,),
        timeout=30,
        check=False,
    )
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        code, names = json.loads(pipe.read())
    assert (code, found.stderr) == (0, b"")
    auth = {HOST: {"username": "00000000-0000-0000-0000-000000000000", "password": "CANARY"}}
    assert json.loads(found.stdout)["auth"] == (auth if cached else {})
    assert set(names) - BUILT_IN == ROOMS


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m0s"), (605, "10m5s"), (3600, "1h0m0s"), (3661, "1h1m1s")],
)
def test_durations_are_written_as_go_does(seconds: int, text: str) -> None:
    assert kubelet.duration(seconds) == text


def test_a_secret_cannot_write_into_the_answer() -> None:
    """Whatever stands in it is one JSON text."""
    name, secret = '","Secret":"x', '"}},"auth":{"*":{"username":"'
    login = f'"Username":{json.dumps(name)},"Secret":{json.dumps(secret)}}}'.encode()
    found = json.loads(kubelet.answer(("a.azurecr.io", "a.azurecr.io"), login, 1e9))
    assert found["auth"] == {"a.azurecr.io": {"username": name, "password": secret}}
    assert found["cacheDuration"] == "1h0m0s"


@pytest.mark.parametrize(
    ("argv", "arguments"),
    [
        (["docker-credential-acr", "kubelet", "-v", "1"], ["-v", "1"]),
        (["/opt/x/acr-credential-provider", "/a"], ["/a"]),
        (["C:\\ACR-Credential-Provider.EXE"], None if os.name != "nt" else []),
        (["/x/acr-credential-provider.exe"], []),
        (["/x/docker-credential-acr-kubelet", "kubelet"], ["kubelet"]),
        (["docker-credential-acr", "get"], None),
        (["docker-credential-acr"], None),
        ([], None),
    ],
)
def test_which_calls_are_the_kubelets(argv: list[str], arguments: list[str] | None) -> None:
    assert kubelet_arguments.called(argv) == arguments


def test_a_claim_in_another_form_is_no_caller() -> None:
    def token(claims: object) -> str:
        from base64 import urlsafe_b64encode  # noqa: PLC0415

        return f"x.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"

    who = {"iss": "https://i", "sub": "s~ÿ?", "aud": ["a"]}
    assert kubelet_request.caller(token(who)) == ("https://i", "s~ÿ?", None, ["a"])
    bound = who | {"kubernetes.io": {"serviceaccount": {"uid": "u"}}}
    assert kubelet_request.caller(token(bound)) == ("https://i", "s~ÿ?", "u", ["a"])
    wrongs: list[object] = [
        {"iss": "i"},
        {"sub": "s"},
        {"iss": "", "sub": "s"},
        {"iss": 1, "sub": "s"},
        who | {"kubernetes.io": "x"},
        [],
        None,
    ]
    for wrong in wrongs:
        assert kubelet_request.caller(token(wrong)) is None
    for text in ("", "x", "x.y", "x.!.x", "x.e30.x", "x.ÿ.x", "x." + "W" * 100_000 + ".x"):
        assert kubelet_request.caller(text) is None
