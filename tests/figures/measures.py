"""One function for each figure: what was measured, in words, and whether that is enough."""

import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from docker_credential_acr import credentials, private_files
from tests.azure import Delay, FakeAzure, Hang, Status
from tests.bench.memory import peak
from tests.bench.runs import Command, Unmeasured
from tests.entries import redate
from tests.faults import test_kills, test_network, test_storms
from tests.faults.tools import absent, in_namespaces
from tests.figures.soak import soak
from tests.stories.program import PATH, Answer, Program, new_host, until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass(frozen=True)
class Size:
    """How much is done for each figure."""

    storm: int
    hosts: int
    kills: int
    failing: float
    soak: float
    starts: int


QUICK = Size(storm=60, hosts=5, kills=12, failing=6, soak=15, starts=7)
NORMAL = Size(storm=200, hosts=15, kills=40, failing=12, soak=60, starts=25)
LONG = Size(storm=200, hosts=15, kills=1000, failing=60, soak=600, starts=60)


@dataclass(frozen=True)
class Measured:
    """What was found, and whether the target is met."""

    text: str
    met: bool


@dataclass
class Laboratory:
    """A fake Azure, and homes with the program in them."""

    azure: FakeAzure
    folder: str
    size: Size
    programs: list[Program] = field(default_factory=list)

    def program(self) -> Program:
        self.azure.forget()
        self.azure.clear_faults()
        self.azure.sign_in_delay = self.azure.exchange_delay = 0.0
        home = tempfile.mkdtemp(dir=self.folder)
        environ = {"PATH": "/usr/bin:/bin", "HOME": home}
        environ |= self.azure.environ() | self.azure.service_principal_environ()
        self.programs.append(Program(home, self.azure, environ))
        return self.programs[-1]


def timed(act: Callable[..., Answer], *given: Any, **changes: Any) -> tuple[float, Answer]:
    began = time.monotonic()
    answer = act(*given, **changes)
    return time.monotonic() - began, answer


def one_host(lab: Laboratory) -> Measured:
    program, host = lab.program(), new_host()
    lab.azure.exchange_delay = 0.3
    began = time.monotonic()
    answers = test_storms.storm(program, [host] * lab.size.storm)
    seconds = time.monotonic() - began
    failed = sum(answer.code != 0 for answer in answers)
    exchanges = lab.azure.count("exchange")
    text = f"{lab.size.storm} processes: {exchanges} exchange, {failed} failures, {seconds:.1f} s"
    return Measured(text, exchanges == 1 and not failed and seconds <= 5)


def many_hosts(lab: Laboratory) -> Measured:
    program, count = lab.program(), lab.size.hosts
    hosts = [new_host() for _ in range(count)]
    answers = test_storms.storm(program, hosts * (lab.size.storm * 3 // 2 // count))
    failed = sum(answer.code != 0 for answer in answers)
    exchanges, sign_ins = lab.azure.count("exchange"), lab.azure.count("sign-in")
    asked = f"{exchanges} exchanges, {sign_ins} sign-in, {failed} failures"
    text = f"{len(answers)} processes, {count} hosts: {asked}"
    return Measured(text, exchanges == count and not failed)


def failing_server(lab: Laboratory) -> Measured:
    program, host = lab.program(), new_host()
    lab.azure.fault("exchange", Status(503))
    test_storms.storm(program, [host] * lab.size.storm)
    ends = time.monotonic() + lab.size.failing

    def ask(_: int) -> None:
        while time.monotonic() < ends:
            program.get(host)

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(ask, range(4)))
    calls = lab.azure.count("exchange")
    text = f"{len(program.answers)} calls in {lab.size.failing:.0f} s and a storm: {calls} upstream"
    return Measured(text, calls <= 20)


def kills(lab: Laboratory) -> Measured:
    if reason := absent("strace"):
        raise Unmeasured(reason, optional=True)
    program = lab.program()
    program.get(new_host())
    on_cache, others = test_kills.critical(program)
    every = [*on_cache, *others] * (lab.size.kills // len(on_cache) + 1)
    calls = random.Random(4).sample(every, lab.size.kills)
    with ThreadPoolExecutor(4) as pool:
        wrong = [
            said for said in pool.map(lambda call: test_kills.kill_at(program, call), calls) if said
        ]
    test_kills.leftovers_are_swept(program)
    stuck = sum("stuck" in said for said in wrong)
    text = f"{len(calls)} kills: {len(wrong) - stuck} corrupt, {stuck} stuck, leftovers swept"
    return Measured(text, not wrong)


def deadline(lab: Laboratory) -> Measured:
    limits = (5,) if lab.size is QUICK else (5, 25)
    took = []
    for limit in limits:
        program = lab.program()
        for kind in ("discovery", "sign-in", "exchange"):
            lab.azure.fault(kind, Hang(), times=1)
            lab.azure.fault(kind, Delay(7))
        changes = {"ACR_CRED_TIMEOUT": str(limit)} if limit != 25 else {}
        seconds, answer = timed(program.get, new_host(), **changes)
        took.append((limit, seconds, answer.code == 1))
    text = ", ".join(f"limit {limit} s: ended after {seconds:.1f} s" for limit, seconds, _ in took)
    return Measured(text, all(failed and seconds <= limit + 5 for limit, seconds, failed in took))


def start(lab: Laboratory, kind: str, most: float) -> Measured:
    program, host = lab.program(), new_host()
    walls = []
    for _ in range(lab.size.starts):
        if kind == "cold":
            shutil.rmtree(program.folder, ignore_errors=True)
        given = "registry.example" if kind == "not ours" else host
        seconds, _ = timed(program.get, given)
        walls.append(seconds * 1000)
    if kind == "cached":
        walls = walls[1:]
    best, usual = min(walls), median(walls)
    return Measured(f"{best:.0f} ms at best, {usual:.0f} ms median", best <= most)


def stopped(lab: Laboratory) -> Measured:
    most = 0.0
    for number in (signal.SIGTERM, signal.SIGINT):
        program, host = lab.program(), new_host()
        lab.azure.fault("exchange", Hang())
        process = program.asked(host)
        until(partial(program.exchanges, host))
        began = time.monotonic()
        process.send_signal(number)
        process.wait(10)
        most = max(most, time.monotonic() - began)
        program.finish(process)
    return Measured(f"{most * 1000:.0f} ms", most <= 0.5)


def no_metadata(lab: Laboratory) -> Measured:
    if reason := absent("root") or absent("unshare"):
        raise Unmeasured(reason, optional=True)
    program, host = lab.program(), new_host()
    direct = {**test_network.DIRECT, "ACR_CRED_METHOD": "managed-identity"}
    walls = {
        name: timed(in_namespaces, program, network, new_host(), **direct)[0]
        for name, network in (
            ("dropped", test_network.DROPPED),
            ("none", ":"),
            ("refused", REFUSED),
        )
    }
    idle = timed(in_namespaces, program, ":", host, ACR_CRED_TIMEOUT="x")[0]
    more = walls["refused"] - walls["none"]
    text = f"dropped {walls['dropped']:.1f} s, refused {more * 1000:+.0f} ms against no network"
    return Measured(text, walls["dropped"] - idle <= 4.6 and more <= 0.05)


REFUSED = test_network.NETWORKS["refused"]


def patience(lab: Laboratory) -> Measured:
    program, host = lab.program(), new_host()
    lab.azure.fault("exchange", Delay(60), times=1, host=host)
    holder = program.asked(host)
    until(lambda: program.exchanges(host))
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        seconds, answer = timed(program.get, host)
    finally:
        holder.kill()
        program.finish(holder)
    return Measured(f"went on after {seconds:.1f} s", answer.code == 0 and 7.5 <= seconds <= 10)


def validity(lab: Laboratory) -> Measured:
    program, host = lab.program(), new_host()
    inline = {"ACR_CRED_REFRESH": "inline"}

    def served(left: int) -> bool:
        """Whether a token with so many seconds left is handed out as it is."""
        shutil.rmtree(program.folder, ignore_errors=True)
        first = program.get(host, **inline).secret
        (path,) = program.entries(host)
        now = time.time()

        def older(times: list[int]) -> list[int]:
            issued, _, until_, expires = times
            age = int(expires - now - left)
            return [issued - age, until_ - age, until_ - age, expires - age]

        redate(path, older)
        if fails:
            lab.azure.fault("exchange", Status(403))
        answer = program.get(host, **inline)
        lab.azure.clear_faults()
        return answer.code == 0 and answer.secret == first

    fails = False
    usual = min((left for left in (910, 905, 895, 890) if served(left)), default=0)
    fails = True
    failing = min((left for left in (70, 65, 57, 50) if served(left)), default=0)
    return Measured(f"{usual} s; {failing} s while renewal fails", (usual, failing) == (905, 65))


def window(_: Laboratory) -> Measured:
    life = 11_700
    shares = [credentials.times(0, life, 900, ahead=True)[1] / life for _ in range(2000)]
    text = f"from {min(shares):.0%} to {max(shares):.0%} of a token's life"
    return Measured(text, min(shares) >= 0.499 and 0.55 < max(shares) <= 0.601)


def memory(lab: Laboratory) -> Measured:
    program, host = lab.program(), new_host()
    given = os.path.join(program.home, "host")
    with open(given, "w", encoding="ascii") as file:
        file.write(host)
    command = Command("get", (PATH, "get"), program.environ, given)
    cold, warm = peak(command), peak(command)
    return Measured(f"cached {warm:.0f} MiB, cold {cold:.0f} MiB", warm <= 25 and cold <= 70)


def fuzz(_: Laboratory) -> Measured:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/fuzz"],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
    )
    found = re.search(r"in all ([\d,]+) inputs", done.stdout)
    inputs = int(found[1].replace(",", "")) if found else 0
    text = f"{inputs:,} inputs, {'no failure' if done.returncode == 0 else 'FAILED'}"
    return Measured(text, done.returncode == 0 and inputs >= 50_000)


def rights(lab: Laboratory) -> Measured:
    """Every umask with each of six states that a folder and a file may be found in."""
    violations = 0
    folder = os.path.join(tempfile.mkdtemp(dir=lab.folder), "parents", "that", "are", "missing")
    for umask in range(0o1000):
        for state in range(6):
            shutil.rmtree(os.path.dirname(folder), ignore_errors=True)
            if state:
                os.makedirs(folder)
                os.chmod(folder, (0, 0o700, 0o777, 0o755, 0o000, 0o700)[state])
            if state == 5:
                with open(os.path.join(folder, "entry"), "wb") as file:
                    os.fchmod(file.fileno(), 0o666)
            before = os.umask(umask)
            try:
                opened = private_files.open_folder(folder)
                assert opened is not None
                private_files.save(opened, "entry", b"x")
            finally:
                os.umask(before)
            modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (folder, f"{folder}/entry")]
            violations += modes != [0o700, 0o600]
    return Measured(f"{violations} in {0o1000 * 6:,} states", violations == 0)


def silence(lab: Laboratory) -> Measured:
    """All the runs above, whatever they were for."""
    answers = [answer for program in lab.programs for _, answer in program.answers]
    successes = [answer for answer in answers if answer.code == 0]
    noisy = sum(answer.err != b"" for answer in successes)
    return Measured(f"{noisy} of {len(successes):,} successes", noisy == 0 and len(successes) > 50)


def soaked(lab: Laboratory) -> Measured:
    found = soak(lab.program(), lab.size.soak)
    third = max(1, len(found.memory) // 3)
    flat = not found.memory or max(found.memory[-third:]) <= max(found.memory[:third]) * 1.1
    text = (
        f"{found.calls} calls, {found.failures} failed as they should: {len(found.wrong)} wrong tokens, "
        f"{len(found.unrecovered)} unrecovered, memory {'flat' if flat else 'GROWS'}, "
        f"{found.temporary} temporary files"
    )
    bad = found.wrong or found.unrecovered or found.noisy
    return Measured(text, not bad and flat and found.temporary <= 10)
