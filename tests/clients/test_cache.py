"""What a second operation costs, and what happens to old tokens."""

from tests.clients.desk import Desk
from tests.clients.places import BASE, REGISTRY

PULL = ("skopeo", "copy", f"docker://{BASE}", "dir:pulled")


def test_cached(desk: Desk) -> None:
    """The second pull asks Azure for nothing."""
    desk.measure("skopeo pull, first", *PULL)
    second = desk.measure("skopeo pull, second", *PULL)

    assert second.count("sign-in") == 0
    assert second.count("exchange") == 0


def test_renewed(desk: Desk) -> None:
    """A token about to run out is renewed by the pull that needs it, again and again."""
    with desk.lab.registry(REGISTRY, token_life=600):
        pulls = [desk.measure("skopeo pull, old token", *PULL) for _ in range(3)]

    assert [pull.count("exchange") for pull in pulls] == [1, 1, 1]


def test_shared(desk: Desk) -> None:
    """Clients at once on a cold cache: one sign-in, one exchange."""
    lists = " & ".join(["skopeo list-tags docker://" + BASE] * 4)

    done = desk.measure("skopeo list-tags, 4 at once", "sh", "-c", f"{lists} & wait")

    assert done.calls.get == 4
    assert done.count("sign-in") == 1
    assert done.count("exchange") == 1
