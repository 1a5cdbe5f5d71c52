"""The two passwords that an admin user or a repository-scoped token has, from wherever they are kept.

One of them can be renewed while the other one is served: that is why there are two.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from docker_credential_acr.errors import MethodUnavailable, SettingsError
from docker_credential_acr.methods import sources
from docker_credential_acr.methods.contract import SignIn
from docker_credential_acr.secret import Secret


@dataclass(frozen=True, slots=True)
class PasswordOptions:
    password_env: str | None = None
    password_file: str | None = None
    password_command: tuple[str, ...] | None = None
    password2_env: str | None = None
    password2_file: str | None = None
    password2_command: tuple[str, ...] | None = None

    def given(self) -> bool:
        """Tell whether any source of a password is named."""
        return any(getattr(self, f"{key}{kind}") for key in _KEYS for kind in _KINDS)


_KEYS = ("password", "password2")
_KINDS = ("_env", "_file", "_command")


def passwords(options: PasswordOptions, sign_in: SignIn) -> Iterator[Secret]:
    """Yield the first password and then the second, each read when it is asked for.

    One that is missing or empty is passed over if there is another: a rotation may just be going on.
    Raises SettingsError if a password has two sources, MethodUnavailable if none can be read.
    """
    reasons: list[MethodUnavailable] = []
    found = 0
    for key in _KEYS:
        named = [kind for kind in _KINDS if getattr(options, key + kind)]
        if len(named) > 1:
            raise SettingsError(
                f"{key}{named[0]} and {key}{named[1]} are both given",
                "keep one of the two",
                "settings-invalid",
            )
        if not named:
            continue
        try:
            secret = _read(options, key, named[0], sign_in)
        except MethodUnavailable as reason:
            reasons.append(reason)
            continue
        found += 1
        yield secret
    if not found and reasons:
        raise reasons[0]


def _read(options: PasswordOptions, key: str, kind: str, sign_in: SignIn) -> Secret:
    value, meaning = getattr(options, key + kind), "password"
    if kind == "_file":
        return sources.from_file(value, meaning)
    if kind == "_command":
        return sources.from_command(value, sign_in, meaning)
    return sources.from_variable(value, sign_in, meaning, key + kind)
