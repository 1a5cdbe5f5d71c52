"""Which door a call goes to that the cache has not answered: the kubelet's, or everybody's."""

import sys

from docker_credential_acr import kubelet_arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.kubelet import Read, Write
    from docker_credential_acr.watchdog import Watchdog


def enter(
    given: "bytes | None", watchdog: "Watchdog | None", read_input: "Read", write: "Write"
) -> int:
    """Do what ``sys.argv`` says and return the exit code; the other arguments are those of ``cli.run``."""
    arguments = kubelet_arguments.called(sys.argv)
    if arguments is not None and given is None:
        from docker_credential_acr import kubelet  # noqa: PLC0415  each door by itself

        return kubelet.run(arguments, read_input, write)
    from docker_credential_acr import cli  # noqa: PLC0415  everything slow starts here

    return cli.run(sys.argv[1:], given, watchdog, read_input, write)
