"""Passwords are renewed one after the other, in real time, while pulls go on: none of them fails."""

import threading
import time
from typing import Self

from tests.faults.tools import long
from tests.stories.program import Program, until
from tests.stories.test_passwords import ADMIN, ROBOT, kept_file, taken

TTL = 10  # seconds, the least that the settings take
A_PULL = 3  # seconds: an answer is used for as long as the pull that asked for it begins


class Pulls:
    """Three people who pull without a break."""

    def __init__(self, program: Program, host: str) -> None:
        self.program, self.host = program, host
        self.done = 0
        self.served = ""
        self.failed: list[object] = []
        self._over = threading.Event()
        self._people = [threading.Thread(target=self._pull) for _ in range(3)]

    def _pull(self) -> None:
        while not self._over.wait(0.1):
            answer = self.program.get(self.host)
            if answer.code or not taken(self.program.azure, self.host, answer):
                self.failed.append((time.time(), answer))
                return
            self.served = answer.secret
            self.done += 1

    def __enter__(self) -> Self:
        for person in self._people:
            person.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for person in self._people:
            person.join()
        self._over.clear()


def wait() -> None:
    """What whoever rotates has to wait for: time itself is what is tested."""
    time.sleep(TTL + A_PULL)


def test_of_an_admin_user(program: Program, host: str) -> None:
    program.settings(ADMIN.format(host) + f"password_ttl = {TTL}\n")
    program.azure.add_admin(host)
    passwords = program.azure.registry(host).admin_passwords
    program.get(host)
    with Pulls(program, host) as pulls:
        until(lambda: pulls.served)
        for turn in range(2):
            other = 1 - passwords.index(pulls.served)
            passwords[other] = new = f"CANARY-admin-renewed-{turn}"
            program.secrets.add(new)
            wait()
            assert pulls.served == new
    assert pulls.failed == []
    assert pulls.done > 100
    listed = [r.path.rpartition("/")[2] for r in program.azure.requests if r.method == "POST"]
    assert not {"regenerateCredential", "generateCredentials"} & set(listed)
    assert listed.count("listCredentials") < 25, "each password_ttl twice, by one of them all"


@long
def test_of_a_repository_token(program: Program, host: str) -> None:
    first = program.azure.add_repository_token(host, "robot")
    token = program.azure.registry(host).repository_tokens["robot"]
    token.passwords["password2"] = second = "CANARY-token-second"
    program.secrets.add(second)
    one, two = kept_file(program, "one", first), kept_file(program, "two", second)
    program.settings(
        ROBOT.format(host)
        + f'password_file = "{one}"\npassword2_file = "{two}"\npassword_ttl = {TTL}\n'
    )
    files = {"password1": "one", "password2": "two"}
    program.get(host)
    with Pulls(program, host) as pulls:
        until(lambda: pulls.served)
        for turn in range(2):
            (other,) = (slot for slot, value in token.passwords.items() if value != pulls.served)
            token.passwords[other] = new = f"CANARY-token-renewed-{turn}"
            program.secrets.add(new)
            kept_file(program, files[other], new)
            wait()
            assert pulls.served == new
    assert pulls.failed == []
    assert pulls.done > 100
    assert program.azure.count("arm") == program.azure.count("sign-in") == 0
