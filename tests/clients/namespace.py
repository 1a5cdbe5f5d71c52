"""A machine of our own: addresses, names and trusted certificates nobody outside can see."""

import os
import shutil
import subprocess

UNSHARE = (
    *("unshare", "--mount", "--net", "--pid", "--ipc"),
    *("--fork", "--kill-child", "--mount-proc"),
)
SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PRIVATE = ("/etc", "/var/lib", "/var/cache")  # where daemons and clients leave things
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


def furnish(addresses: list[str], names: dict[str, str]) -> None:
    """Give the new namespaces addresses, host names, and folders that may be written to."""
    _run("ip", "link", "set", "lo", "up")
    for address in addresses:
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    for folder in PRIVATE:
        _cover(folder)
    with open("/etc/hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost\n")
        hosts.writelines(f"{address} {name}\n" for name, address in names.items())


def trust(ca_file: str) -> None:
    """Add one certificate authority to the system's own, as a company does."""
    with open(ca_file) as ca, open(SYSTEM_CERTIFICATES, "a") as bundle:
        bundle.write("\n" + ca.read())


def _cover(folder: str) -> None:
    """What is written to a folder goes to /run, and with it."""
    upper, work = (os.path.join("/run/covers", kind + folder) for kind in ("upper", "work"))
    os.makedirs(upper)
    os.makedirs(work)
    layers = f"lowerdir={folder},upperdir={upper},workdir={work}"
    _run("mount", "-t", "overlay", "overlay", "-o", layers, folder)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, env={"PATH": PATH}, stdout=subprocess.DEVNULL)
