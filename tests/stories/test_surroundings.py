"""The answer is the same whatever surrounds the program: environment, folders, locale, logging."""

import os
import stat
import subprocess

import pytest

from tests.azure import Status
from tests.azure.az import install_az
from tests.stories import canary
from tests.stories.program import PATH, Answer, Program
from tests.systems import linux, modes, posix, scripts


def run_in(program: Program, folder: str, host: str, **changes: str | None) -> Answer:
    found = subprocess.run(
        [PATH, "get"],
        input=host.encode(),
        capture_output=True,
        check=False,
        timeout=30,
        cwd=folder,
        env=program.variables(changes),
    )
    return program.note(("get",), Answer(found.returncode, found.stdout, found.stderr))


@pytest.mark.parametrize(
    "home",
    [
        pytest.param(None, id="unset"),
        pytest.param("", id="empty"),
        pytest.param("/proc/nonexistent", id="missing"),
        pytest.param("/dev/null", id="file"),
        pytest.param("/proc", id="read-only"),
        pytest.param("relative", id="relative"),
        pytest.param("/proc/\udcff\n", id="odd-bytes"),
    ],
)
@posix("HOME, nor a folder that has gone")
def test_v30_home(program: Program, host: str, home: str | None) -> None:
    """Wherever HOME points, and if it points nowhere, there is an answer."""
    changes = {"HOME": home}
    if not (home or "").startswith("/"):  # the user's real home must stay out of this
        changes["ACR_CRED_CACHE_DIR"] = os.path.join(program.home, "cache")
    assert program.get(host, **changes).login
    assert program.get(host, **changes).login
    assert not os.path.exists(os.path.join(program.home, "relative"))


@linux
def test_f27_no_home_costs_no_time(program: Program, host: str) -> None:
    """Without a home an answer takes a tenth of a second more than without a cache, at most."""

    def least(**changes: str | None) -> float:
        spent = []
        for _ in range(3):
            answer, used = program.measured("get", stdin=host.encode(), **changes)
            assert answer.login["ServerURL"] == host
            spent.append(used.seconds)
        return min(spent)

    assert least(HOME="/proc/nonexistent") - least(ACR_CRED_NO_CACHE="1") < 0.1


def test_v30_no_cache(program: Program, host: str) -> None:
    """ACR_CRED_NO_CACHE turns the cache off: each answer is a sign-in, nothing is written."""
    secrets = {program.get(host, ACR_CRED_NO_CACHE="1").secret for _ in range(2)}
    assert len(secrets) == 2
    assert program.files() == []


@posix("HOME, nor a folder that has gone")
def test_v30_working_directory_has_gone(program: Program, host: str) -> None:
    """A deleted working directory does not matter."""
    folder = os.path.join(program.home, "gone")
    for _ in range(2):
        found = subprocess.run(
            [
                "/bin/sh",
                "-c",
                f'mkdir "$1" && cd "$1" && rmdir "$1" && exec "{PATH}" get',
                "sh",
                folder,
            ],
            input=host.encode(),
            capture_output=True,
            check=False,
            timeout=30,
            env=program.environ,
        )
        assert program.note(("get",), Answer(found.returncode, found.stdout, found.stderr)).login


IMPOSSIBLE = ["", "relative/cache", "/proc/nonexistent/cache", "/a" * 3_000, "/" + "b" * 5_000]


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=lambda value: value[:20])
@posix("XDG_CACHE_HOME")
def test_f28_cache_home(program: Program, host: str, value: str) -> None:
    """No relative or impossible folder leads to tokens in the directory that an image is built from."""
    assert program.get(host, XDG_CACHE_HOME=value).login
    assert program.get(host, ACR_CRED_CACHE_DIR=value).login
    assert not [name for name in program.files() if name.startswith("relative")]


ODD_NAMES = [
    "with space",
    "\u00fc\U0001f40b",
    "x" * 200,
    "a;b&'\"$(c)",
    "dot.",
    "space ",
    "-n",
    "a\nb",
]
ODD_NAMES += ["y" * 200 + "/" + "z" * 200, "\udcff\udcfe", "%2e%2e", "~", "con", "a\\b", "a:b"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_f29_odd_folder_names(program: Program, host: str, name: str) -> None:
    """The cache works in a folder of any name."""
    folder = os.path.join(program.home, name)
    assert (
        program.get(host, ACR_CRED_CACHE_DIR=folder).secret
        == program.get(host, ACR_CRED_CACHE_DIR=folder).secret
    )
    assert os.listdir(folder)


@scripts
def test_v34_files_in_the_working_directory(program: Program, host: str) -> None:
    """Modules, start-up files and programs that lie about are not run with somebody's credentials."""
    folder = os.path.join(program.home, "work")
    os.mkdir(folder)
    told = os.path.join(program.home, "told")
    code = f"open({told!r}, 'a').write(__file__ + chr(10))\n"
    for name in ("json", "ssl", "msal", "requests", "tomllib", "azure", "logging", "socket"):
        with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as file:
            file.write(code)
    for name in ("az", "python3", "docker-credential-pass"):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho $0 >> '{told}'\n")
        os.chmod(os.path.join(folder, name), 0o755)
    startup = os.path.join(folder, "json.py")
    hostile = {
        "PYTHONPATH": folder + ":.",
        "PYTHONSTARTUP": startup,
        "PATH": f".::{program.environ['PATH']}",
    }
    assert run_in(program, folder, host, **hostile).login
    assert run_in(program, folder, host, **hostile).login
    nobody = dict.fromkeys(("AZURE_CLIENT_SECRET", "AZURE_POD_IDENTITY_AUTHORITY_HOST"))
    assert run_in(program, folder, host, **hostile, **nobody).reference == "no-method"
    assert not os.path.exists(told), open(told, encoding="utf-8").read()  # noqa: SIM115


LOCALES = [
    {"LANG": "C"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "utf-16"},
    {"PYTHONIOENCODING": "cp037:strict"},
    {"PYTHONIOENCODING": "cp932", "LC_ALL": "ja_JP.SJIS"},
    {"PYTHONIOENCODING": "cp1252", "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "cp65001"},
    {"PYTHONUTF8": "0", "LANG": "tr_TR.ISO-8859-9"},
    {"LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "tr"},
    {"TZ": "Pacific/Kiritimati"},
    {"PYTHONLEGACYWINDOWSSTDIO": "1", "PYTHONUNBUFFERED": "1"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_v35_locale(program: Program, host: str, locale: dict[str, str]) -> None:
    """No locale and no encoding changes a byte of the answer."""
    first = program.get(host, **locale)
    assert first.login["ServerURL"] == host
    assert program.get(host) == first
    assert program.get("quay.io", **locale) == program.get("quay.io")
    wrong = {"AZURE_CLIENT_ID": "\u00e9\u0130\u3042", "AZURE_TENANT_ID": "m\u00fcller"}
    other = program.get(f"other-{host}", **locale, **wrong)
    assert other.reference, "a sentence in ASCII"
    assert program.get(f"other-{host}", **wrong).reference == other.reference


@modes
def test_v36_log(program: Program, host: str) -> None:
    """The log is private, tells the steps, and holds no secret; the answers stay the same."""
    log = os.path.join(program.home, "debug.log")
    program.azure.fault("exchange", Status(503), times=1, host=host)
    first = program.get(host, ACR_CRED_DEBUG=log)
    assert program.get(host, ACR_CRED_DEBUG=log) == first
    program.azure.fault("exchange", Status(401, body=first.secret), host=host)
    program.erase(host)
    assert program.get(host, ACR_CRED_DEBUG=log).reference == "registry-refused"
    assert stat.S_IMODE(os.stat(log).st_mode) == 0o600
    with open(log, encoding="utf-8") as file:
        text = file.read()
    assert f"POST {host} answered 503" in text
    assert first.secret not in text
    assert canary.leaks(program) == []


@pytest.mark.parametrize("place", ["/proc/nonexistent/log", "/", "/dev/full", "link"])
@modes
def test_v36_log_that_cannot_be_written(program: Program, host: str, place: str) -> None:
    """A log that cannot be had is never the reason of a failed pull, and no link is followed."""
    victim = os.path.join(program.home, "victim")
    with open(victim, "w", encoding="utf-8") as file:
        file.write("untouched")
    link = os.path.join(program.home, "link")
    os.symlink(victim, link)
    answer = program.get(host, ACR_CRED_DEBUG=link if place == "link" else place)
    assert answer.login
    with open(victim, encoding="utf-8") as file:
        assert file.read() == "untouched"


def test_f19b_success_is_silent(program: Program, host: str) -> None:
    """With every switch for warnings and logs of Python and the SDK on, success says nothing more."""
    noisy = {
        "AZURE_LOG_LEVEL": "debug",
        "PYTHONWARNINGS": "default",
        "PYTHONDEVMODE": "1",
        "MSAL_LOG_LEVEL": "DEBUG",
        "REQUESTS_CA_BUNDLE": program.environ["SSL_CERT_FILE"],
    }
    program.azure.fault("exchange", Status(503), times=1, host=host)
    assert program.get(host, **noisy).login
    assert program.get(host, **noisy).login


def test_f19b_all_at_once(program: Program, host: str) -> None:
    """Logs and warnings on, a first way to sign in that fails, one that talks, and one more try."""
    az = install_az(os.path.join(program.home, "bin"), program.azure, mode="noisy")
    program.own.add(os.path.join(az.folder, "az-settings.json"))
    noisy = {
        "AZURE_LOG_LEVEL": "debug",
        "PYTHONWARNINGS": "default",
        "PYTHONDEVMODE": "1",
        "AZURE_CLIENT_SECRET": None,
        "AZURE_FEDERATED_TOKEN_FILE": os.path.join(program.home, "nowhere"),
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": None,
        "PATH": f"{az.folder}:/usr/bin:/bin",
    }
    program.azure.fault("exchange", Status(503), times=1, host=host)
    for _ in range(2):
        assert program.get(host, **noisy).login["ServerURL"] == host
    assert len(az.calls()) == 1


def test_session_keys_are_not_written(program: Program, host: str) -> None:
    """SSLKEYLOGFILE would let anybody read the traffic: it is not heeded."""
    keys = os.path.join(program.home, "keys")
    assert program.get(host, SSLKEYLOGFILE=keys).login
    assert not os.path.exists(keys) or not os.path.getsize(keys)


@modes
@pytest.mark.parametrize("parents", [True, False], ids=["there", "missing"])
def test_ls_of_the_cache_is_private(program: Program, host: str, *, parents: bool) -> None:
    """Under any umask the folder is 0700 and the files are 0600."""
    for umask in (0o000, 0o077, 0o777):
        shared = os.path.join(program.home, f"cache-{umask:o}")
        if parents:
            os.mkdir(shared)
        elif os.geteuid() or umask != 0o777:  # nobody but root gets through such a parent
            shared = os.path.join(shared, "two", "levels")
        found = subprocess.run(
            [PATH, "get"],
            input=host.encode(),
            capture_output=True,
            check=False,
            timeout=30,
            umask=umask,
            env=program.environ | {"ACR_CRED_CACHE_DIR": shared},
        )
        answer = program.note(("get",), Answer(found.returncode, found.stdout, found.stderr))
        assert program.get(host, ACR_CRED_CACHE_DIR=shared) == answer
        (folder,) = os.listdir(shared)
        folder = os.path.join(shared, folder)
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        modes = {stat.S_IMODE(os.stat(f"{folder}/{name}").st_mode) for name in os.listdir(folder)}
        assert modes - {0o600, 0o000} == set()  # a lock has nothing in it


HOSTILE: list[dict[str, str | None]] = [
    {"PYTHONWARNINGS": "error"},
    {"PYTHONWARNINGS": "error::DeprecationWarning"},
    {"PYTHONSAFEPATH": "", "PYTHONPATH": "/nowhere:.:"},
    {"PYTHONOPTIMIZE": "2"},
    {"PYTHONNOUSERSITE": None, "PYTHONUSERBASE": "/nowhere"},
    {"PYTHONHASHSEED": "0", "PYTHONASYNCIODEBUG": "1"},
    {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/proc/nonexistent"},
    {"PYTHONBREAKPOINT": "os.abort", "PYTHONFAULTHANDLER": "1", "PYTHONTRACEMALLOC": "1"},
    {"SSLKEYLOGFILE": "/proc/nonexistent/keys"},
    {"OPENSSL_CONF": "/nowhere"},
    {"IFS": "x", "ENV": "/nowhere", "BASH_ENV": "/nowhere"},
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=str)
def test_f86_hostile_variables(program: Program, host: str, hostile: dict[str, str | None]) -> None:
    """What steers Python, OpenSSL or a shell changes no answer, cold and cached."""
    first = program.get(host, **hostile)
    assert first.login["ServerURL"] == host
    assert program.get(host, **hostile) == first


@linux
def test_secrets_are_not_arguments(program: Program, host: str) -> None:
    """Nothing that `ps` shows holds a secret: the program is not started again with any."""
    process = program.start("get")
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        seen = file.read()
    assert program.finish(process, host.encode()).login
    assert not canary.shown(seen, program.azure.secrets)
