"""Where a private cloud signs in, as its Azure Resource Manager says it.

``{arm}/metadata/endpoints`` is what az, cloud-provider-azure and Terraform ask; this version of it is
known to every cloud. What registries are called is never taken from here: who may receive a token is
said by the settings alone.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from docker_credential_acr import clouds
from docker_credential_acr.deadline import Deadline, doing
from docker_credential_acr.errors import Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_acr.methods.contract import Memory

_VERSION = "2019-05-01"  # newer ones are not known to every cloud
_SECONDS = 24 * 3600.0  # an address changes with the cloud, that is hardly ever


@dataclass(frozen=True, slots=True)
class Endpoints:
    """*authority* is host and path; *audience* that of tokens for the Resource Manager, if it is said."""

    authority: str
    audience: str | None


def endpoints(arm: str, deadline: Deadline, memory: "Memory") -> Endpoints:
    """Ask the Resource Manager at *arm*, an https URL without a slash at its end, once a day.

    Raises Unreachable, OutOfTime.
    """
    name = f"endpoints of {arm}"
    known = (memory.recall(name) or "").split("\n")
    if known != [""]:
        return Endpoints(known[0], known[-1] or None)
    found = _asked(arm, deadline)
    memory.remember(name, f"{found.authority}\n{found.audience or ''}", _SECONDS)
    return found


def _asked(arm: str, deadline: Deadline) -> Endpoints:
    from docker_credential_acr.transport import (  # noqa: PLC0415  loaded when it is used
        Session,
        correlation,
        unusable,
    )

    doing("asking Azure Resource Manager where its cloud signs in")
    address = f"{arm}/metadata/endpoints"
    response = Session(deadline).get(address, params={"api-version": _VERSION})
    if response.status_code != 200:  # noqa: PLR2004  HTTP
        raise _silent(arm, f"HTTP {response.status_code}{correlation(response)}")
    try:
        answer = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise unusable(response, "it is not JSON") from error
    found = next(_described(answer, arm), None)
    if found is None:
        raise _silent(arm, "no https loginEndpoint in its answer")
    return found


def _described(answer: object, arm: str) -> Iterator[Endpoints]:
    """Yield what is said of the cloud of *arm*: an answer lists clouds, or is the only one.

    Azure Stack leaves its own address out (kubernetes-sigs/cloud-provider-azure pkg/azclient/cloud.go).
    """
    listed = answer if isinstance(answer, list) else [answer]
    for cloud in listed:
        if not isinstance(cloud, dict):
            continue
        own = str(cloud.get("resourceManager")).rstrip("/").lower()
        if len(listed) > 1 and own != arm.lower():
            continue
        said = cloud.get("authentication")
        if not isinstance(said, dict):
            continue
        authority = clouds.authority_in(said.get("loginEndpoint"))
        if authority is not None:
            yield Endpoints(authority, _audience(said.get("audiences")))


def _audience(listed: object) -> str | None:
    first = listed[0] if isinstance(listed, list) and listed else None
    if not isinstance(first, str) or not first.isascii() or not first.isprintable():
        return None
    return first if re.fullmatch(clouds.AUDIENCE_FORM, first) else None


def _silent(arm: str, why: str) -> Unreachable:
    return Unreachable(
        f"{arm} does not say where its cloud signs in: {why}",
        'set authority = "https://..." beside arm_endpoint in [clouds.NAME]',
        "cloud-metadata",
    )
