"""A disk that is full, broken or read-only, and a home that nobody may write to: the answer is given."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.tools import Call, inject, needs, run, trace
from tests.stories.program import Answer, Program

ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EXDEV", "ESTALE")


def saving(calls: list[Call]) -> dict[str, Call]:
    """The calls that save an entry."""
    found = [call for call in calls if ".tmp" in call.text]
    named = {call.name: call for call in found}
    assert {"openat", "write", "fchmod"} <= set(named), found
    (last,) = [name for name in named if name.startswith("rename")]
    return {"open": named["openat"], "write": named["write"], "chmod": named["fchmod"]} | {
        "rename": named[last]
    }


@needs("strace")
@pytest.mark.parametrize("step", ["open", "write", "chmod", "rename"])
def test_f32_f37_saving_fails(program: Program, host: str, step: str) -> None:
    """Whatever a disk says while an entry is saved, the token is handed out and nothing is left."""
    program.get(f"first-{host}")  # its sign-in is shared: what is saved then is one entry
    call = saving(trace(program, f"traced-{host}"))[step]

    def fail(error: str) -> tuple[Answer, str]:
        log = os.path.join(program.home, f"{error}.log")
        program.own.add(log)  # strace's: it shows how what was written begins
        name = f"{error.lower()}-{host}"
        answer = inject(program, name, call.name, f"error={error}", when=str(call.number), log=log)
        with open(log, encoding="utf-8", errors="replace") as file:
            return answer, "".join(line for line in file if "INJECTED" in line)

    with ThreadPoolExecutor(4) as pool:
        results = dict(zip(ERRORS, pool.map(fail, ERRORS), strict=True))
    for error, (answer, injected) in results.items():
        assert error in injected, results
        assert answer.login["ServerURL"] == f"{error.lower()}-{host}"
        assert program.entries(f"{error.lower()}-{host}") == []
    assert program.unfinished() == []
    assert program.get(f"eio-{host}").secret != results["EIO"][0].secret
    assert program.get(f"eio-{host}") == program.get(f"eio-{host}")


@needs("strace")
def test_f32_one_line_of_the_log(program: Program, host: str) -> None:
    """What could not be kept is known to the log, in one line, and to nobody else."""
    program.get(f"first-{host}")  # its sign-in is shared: what is saved then is one entry
    log = os.path.join(program.home, "log")
    calls = "rename,renameat,renameat2"
    command = ["strace", "-f", "-o", "/dev/null", "-e", f"inject={calls}:error=ENOSPC"]
    answer = run(program, command, host, ACR_CRED_DEBUG=log)
    assert answer.login["ServerURL"] == host
    with open(log, encoding="utf-8") as file:
        lines = [line for line in file if "could not be saved" in line]
    assert len(lines) == 1
    assert host in lines[0]
    assert program.unfinished() == []


@needs("strace")
def test_f38_nobody_reads_the_folder(program: Program, host: str) -> None:
    """Neither a hit nor a miss looks through it: a hundred thousand files are as one."""
    for _ in range(2):
        calls = trace(program, host)
        assert [
            call for call in calls if f"{program.folder}/{host}@" in call.text or host in call.text
        ]
        assert not [c for c in calls if c.name.startswith("getdents") and program.folder in c.text]


@needs("strace")
@pytest.mark.parametrize("error", ["EIO", "ESTALE", "EACCES"])
def test_f37_reading_fails(program: Program, host: str, error: str) -> None:
    """An entry that cannot be opened, looked at or read is a miss: one more exchange."""
    first = program.get(host)
    calls = trace(program, host)
    (opened,) = [c for c in calls if c.name == "openat" and f"{host}@" in c.text]
    looked = [c for c in calls if "fstat" in c.name and f"{host}@" in c.text]
    read = [c for c in calls if c.name == "read" and f"{host}@" in c.text]
    for call in (opened, *looked, *read):
        when = f"{call.number}"
        found = inject(program, host, call.name, f"error={error}", when=when)
        assert found.login["ServerURL"] == host
    assert len(looked) == len(read) == 1
    assert program.exchanges(host) == 1, "the slow path looks again and finds it"
    assert program.get(host) == first


@needs("root", "unshare")
def test_f32_a_disk_that_fills_up(program: Program, host: str) -> None:
    """With a disk that has become full, what was cached is served, and what was not is answered."""
    base = os.path.join(program.home, "base")
    os.mkdir(base)
    kept = os.path.join(program.home, "kept")
    program.own |= {kept}
    script = f"""
mount -t tmpfs -o size=64k tmpfs "{base}"
printf %s old-{host} | "$@" >"{kept}"
dd if=/dev/zero of="{base}/full" bs=1k 2>/dev/null || :
printf %s old-{host} | "$@" | cmp - "{kept}" >&2
"""
    answer = run(program, in_mounts(script), host, ACR_CRED_CACHE_DIR=base)
    assert answer.login["ServerURL"] == host
    assert program.exchanges(f"old-{host}") == 1


def in_mounts(script: str) -> list[str]:
    return ["unshare", "--mount", "/bin/sh", "-c", f'set -e\n{script}\nexec "$@"', "sh"]


UNPRIVILEGED = (
    *("setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--no-new-privs"),
    *("--bounding-set=-all", "--inh-caps=-all"),
)


LEFT = {
    "an entry and a lock": 'for f in "$C"/*; do chown 0:0 "$f"; chmod 600 "$f"; done',
    "files without rights": 'for f in "$C"/*; do chown 0:0 "$f"; chmod 000 "$f"; done',
    "the folder": 'chown 0:0 "$C"; chmod 700 "$C"',
    "the folder above it": 'rm -r "$C"; chown 0:0 /mnt/home/.cache; chmod 700 /mnt/home/.cache',
    "a folder in an entry's place": 'for f in "$C"/*; do rm "$f"; mkdir "$f"; done',
}


@needs("root", "unshare", "setpriv")
@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_f22_what_a_sudo_has_left(program: Program, host: str, left: str) -> None:
    """Files of root's in a user's own cache are passed over: an answer each time, and no words."""
    unprivileged = " ".join(UNPRIVILEGED)
    script = f"""
mount -t tmpfs -o mode=755 tmpfs /mnt
install -m 644 "$SSL_CERT_FILE" /mnt/trusted.pem
mkdir -m 700 /mnt/home
chown 65532:65532 /mnt/home
export SSL_CERT_FILE=/mnt/trusted.pem HOME=/mnt/home C=/mnt/home/.cache/docker-credential-acr-65532
cd /
{unprivileged} "$1" version >/dev/null || exit 77
printf %s {host} | {unprivileged} "$@" >/dev/null
[ -n "$(ls "$C")" ]
{left}
printf %s {host} | {unprivileged} "$@" >/dev/null
exec {unprivileged} "$@"
"""
    answer = run(program, in_mounts(script), host)
    if answer.code == 77:
        pytest.skip("optional: other users may not run this environment")
    assert answer.login["ServerURL"] == host


@needs("root", "unshare", "setpriv")
@pytest.mark.parametrize("home", ["/mnt/home", "/usr", "/nonexistent", ""])
def test_f94_a_container_that_allows_nothing(program: Program, host: str, home: str) -> None:
    """A user without name, capabilities and a folder to write to is answered, twice, in silence."""
    setup = f"""
mount -t tmpfs -o mode=755 tmpfs /mnt
install -m 644 "$SSL_CERT_FILE" /mnt/trusted.pem
mkdir -m 777 /mnt/home
mount -o remount,ro /mnt
export SSL_CERT_FILE=/mnt/trusted.pem HOME="{home}"
cd /
"""
    unprivileged = " ".join(UNPRIVILEGED)
    tried = f'{unprivileged} "$1" version >/dev/null || exit 77\n'
    first = f'printf %s {host} | {unprivileged} "$@" >/dev/null'
    script = f'{setup}{tried}{first}\nexec {unprivileged} "$@"'
    answer = run(program, in_mounts(script), host)
    if answer.code == 77:
        pytest.skip("optional: other users may not run this environment")
    assert answer.login["ServerURL"] == host
    assert program.exchanges(host) == 2, "nothing could be kept"
