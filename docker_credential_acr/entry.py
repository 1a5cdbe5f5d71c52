"""One cache entry: its name, the stamp that says who is asking, and reading it.

An entry is a small text file, replaced whole and never changed in place, so a reader takes no lock::

    docker-credential-acr 1
    <host>
    <stamp>
    <issued> <renew> <until> <expires>       seconds since 1970
    "Username":"...","Secret":"..."}         the answer, rendered
    <the two lines above once more>          nothing is synced: a crash of the machine may leave holes
    <notes for the slow path, JSON>

The reader *renders* the first three lines and compares: nothing is parsed on a hit, and an entry of
another host, identity, format or version is a miss, not a mistake.
"""

import os

import docker_credential_acr.paths as paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.paths import Lookup

FORMAT = b"docker-credential-acr 1\n"
PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-."  # bytes of a host that is sent as it is cached
GATE = "gate"  # stands where an entry has its host; no host is a single word
LARGEST = 126 * 1024  # bytes; twice an answer that fits into one pipe buffer
LARGEST_GATE = 4 * 1024 * 1024  # bytes; some 100,000 hosts of a customer's own domains

# What decides which identity answers, whatever the method. A test holds this tuple against the inputs
# that the methods declare. The last three groups say which CI job is asking: its proof is its own.
VARIABLES = (
    b"ACR_CRED_METHOD",
    b"ACR_CRED_USERNAME",
    b"ACR_CRED_REFRESH",
    b"AZURE_TENANT_ID",
    b"AZURE_CLIENT_ID",
    b"AZURE_CLIENT_CERTIFICATE_PATH",
    b"AZURE_AUTHORITY_HOST",
    b"AZURE_ENVIRONMENT_FILEPATH",
    b"AZURE_FEDERATED_TOKEN_FILE",
    b"AZURE_KUBERNETES_TOKEN_PROXY",
    b"AZURE_KUBERNETES_SNI_NAME",
    b"AZURE_CONFIG_DIR",
    b"AZURE_POD_IDENTITY_AUTHORITY_HOST",
    b"IDENTITY_ENDPOINT",
    b"IDENTITY_SERVER_THUMBPRINT",
    b"IMDS_ENDPOINT",
    b"MSI_ENDPOINT",
    b"ACTIONS_ID_TOKEN_REQUEST_URL",
    b"GITHUB_REPOSITORY",
    b"GITHUB_RUN_ID",
    b"GITHUB_JOB",
    b"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
    b"AZURESUBSCRIPTION_CLIENT_ID",
    b"AZURESUBSCRIPTION_TENANT_ID",
    b"SYSTEM_TEAMPROJECTID",
    b"SYSTEM_JOBID",
    b"SYSTEM_OIDCREQUESTURI",  # the run is in it; a job without a name has the same number in each
    b"CI_PROJECT_ID",
    b"CI_JOB_ID",
)
# Of these only whether they are set: a secret is never part of a stamp.
SECRET_VARIABLES = (
    b"AZURE_CLIENT_SECRET",
    b"IDENTITY_HEADER",
    b"MSI_SECRET",
    b"ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    b"SYSTEM_ACCESSTOKEN",
)

_SKEW = 300  # seconds that a registry's clock may be ahead of ours
LONGEST = 24 * 3600  # seconds; ACR grants about 3 h, so a longer life is not one of its tokens
_PRIVATE_FILE = 0o100000  # a regular file without any bit for group and others
_FILE_MODE = 0o170077
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO in our place must not hold us
    | getattr(os, "O_BINARY", 0)
)


def settings_stamp(get: "Lookup") -> "tuple[object, ...] | None":
    """Return what identifies the settings file in force: path, mtime, ctime, size, inode.

    None: there is no settings file. A file named by ``ACR_CRED_CONFIG`` that is missing gives its
    path alone, and the slow path says so.
    """
    for path in paths.settings_files(get):
        found = version(path)
        if found is not None:
            return (path, *found)
    named = get("ACR_CRED_CONFIG")
    return (named,) if named else None


def stamp(
    get: "Lookup",
    settings: "tuple[object, ...] | None",
    watched: "tuple[bytes, ...]" = (),
) -> bytes:
    """Return one line of ASCII text that differs whenever another identity might answer.

    *watched* are further files (token files named in the settings) whose change counts.
    """
    return ascii(
        (
            settings,
            paths.home(get),
            paths.machine(),  # a home may be shared, its managed identity is not
            *paths.variables(get, VARIABLES),
            *map(bool, paths.variables(get, SECRET_VARIABLES)),
            *map(version, paths.account_files(get)),
            *map(version, watched),
        )
    ).encode()


def version(path: "str | bytes | None") -> "tuple[int, int, int, int] | None":
    """Return what differs whenever the file *path* has changed or been replaced; None: there is none."""
    try:
        if not path or not os.access(path, os.F_OK):  # the usual case, and an exception costs more
            return None
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def file_name(host: str, stamped: bytes) -> str:
    """Return the name of the entry: the host and a cheap number of the stamp.

    ``hashlib`` would cost more than the rest of a hit, and equality is decided on the whole stamp
    inside: a collision costs a miss. 2**61 - 1 is prime, so every byte counts.
    """
    number = int.from_bytes(stamped, "big") % 0x1FFFFFFFFFFFFFFF
    return f"{host.replace(':', '+')}@{number:x}"  # Windows knows no ':' in names


def head(host: str, stamped: bytes) -> bytes:
    """Return the lines with which the entry of *host* for the asker *stamped* begins."""
    return FORMAT + host.encode() + b"\n" + stamped + b"\n"


def read_gate(
    folder: str, settings: "tuple[object, ...]"
) -> "tuple[tuple[str, ...], tuple[bytes, ...], bytes, bytes, bytes] | None":
    """Return what the settings say about hosts, as the slow path wrote it down: no TOML on a hit.

    The parts are the suffixes of custom clouds, the files whose change counts for the stamp, the
    helper for other hosts, the hosts of other forms that are named exactly, each on a line of its own
    between line breaks, and the longest time limit in seconds.
    """
    stamped = ascii(settings).encode()
    begins = head(GATE, stamped)
    data = read_private(f"{folder}/{file_name(GATE, stamped)}", LARGEST_GATE)
    if data is None or not data.startswith(begins):
        return None
    try:
        suffixes, watched, fallback, seconds, hosts = data[len(begins) :].split(b"\n", 4)
        found = tuple(suffixes.decode().split())
    except ValueError:  # half of it, as a crash of the machine may leave it: it is written anew
        return None
    files = tuple(watched.split(b"\0")) if watched else ()
    return found, files, fallback, b"\n" + hosts, seconds


def read_private(path: str, largest: int = LARGEST) -> "bytes | None":
    """Return the bytes of *path* if it is a regular file of ours that nobody else can open.

    Anything unexpected (missing, a link, a FIFO, another owner, readable by others, too large) is
    None: for a cache that is a miss.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(descriptor)
        if os.name != "nt" and (
            found.st_mode & _FILE_MODE != _PRIVATE_FILE
            or found.st_uid != os.geteuid()
            or found.st_nlink != 1
        ):
            return None
        data = os.read(descriptor, largest + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if len(data) <= largest else None


def parse(
    data: "bytes | None", begins: bytes, now: float
) -> "tuple[tuple[int, ...], bytes, bytes] | None":
    """Return times, answer and notes of the entry *data*, or None if it is of no use to this asker.

    *begins* is ``head(host, stamp)``; times are issued, renew, until, expires. An entry that has
    expired, comes from the future or lives longer than any registry token is a miss, and so is one
    whose halves differ: comparing two copies costs less than any sum of one.
    """
    if data is None or not data.startswith(begins):
        return None
    try:
        line, answer, again, copy, notes = data[len(begins) :].split(b"\n", 4)
        issued, _, _, expires = times = tuple(map(int, line.split()))
    except ValueError:
        return None
    if line != again or answer != copy:
        return None
    return (times, answer, notes) if issued - _SKEW <= now < expires <= issued + LONGEST else None


def served(folder: str, host: str, stamped: bytes, now: float) -> "tuple[bytes, str | None] | None":
    """Return the cached answer for *host* if it may be handed out, and the entry's name if it ages.

    An ageing entry, past the middle of its life or so, is served and wants to be renewed.
    """
    name = file_name(host, stamped)
    found = parse(read_private(f"{folder}/{name}"), head(host, stamped), now)
    if found is None or now >= found[0][2]:
        return None
    return found[1], name if now >= found[0][1] else None


def answer(folder: str, host: str, stamped: bytes, now: float) -> "bytes | None":
    """Return the cached answer for *host* if it may be handed out without a renewal first."""
    found = served(folder, host, stamped, now)
    return found and found[0]


def render(server: bytes, answer: bytes) -> bytes:
    """Return the reply to the client: *server* is echoed as it was sent, trimmed."""
    return b'{"ServerURL":"' + server + b'",' + answer + b"\n"
