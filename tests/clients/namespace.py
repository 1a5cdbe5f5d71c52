"""A machine of our own: addresses, names and trusted certificates nobody outside can see."""

import os
import shutil
import subprocess

UNSHARE = (
    *("unshare", "--mount", "--net", "--pid", "--ipc"),
    *("--fork", "--kill-child", "--mount-proc"),
)
SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> str | None:
    """Why there can be no namespaces here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if absent := [name for name in ("unshare", "ip", "mount") if not which(name)]:
        return f"no {', '.join(absent)} here"
    tried = subprocess.run([*UNSHARE, "true"], check=False, capture_output=True, text=True)
    return None if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


def which(name: str) -> str | None:
    """Find a program of the system, not one that happens to be on the caller's PATH."""
    return shutil.which(name, path=PATH)


def furnish(folder: str, addresses: list[str], names: dict[str, str]) -> None:
    """Give the new namespaces their addresses, their host names and a /run of their own."""
    _run("ip", "link", "set", "lo", "up")
    for address in addresses:
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w") as file:
        file.write("127.0.0.1 localhost\n")
        file.writelines(f"{address} {name}\n" for name, address in names.items())
    _run("mount", "--bind", hosts, "/etc/hosts")


def trust(folder: str, ca_file: str) -> None:
    """Add one certificate authority to the system's own, as a company does."""
    bundle = os.path.join(folder, "certificates.pem")
    with open(bundle, "wb") as file:
        for part in (SYSTEM_CERTIFICATES, ca_file):
            with open(part, "rb") as certificates:
                file.write(certificates.read())
    _run("mount", "--bind", bundle, SYSTEM_CERTIFICATES)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, env={"PATH": PATH}, stdout=subprocess.DEVNULL)
