"""A person's sign-in, kept by a program of Microsoft's: started by ourselves and asked for a token.

The SDK's classes leave grandchildren behind and take ``./az`` from a relative entry of PATH.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_acr import child
from docker_credential_acr.errors import Failure, MethodUnavailable, Unreachable
from docker_credential_acr.methods import entra
from docker_credential_acr.methods.contract import EntraToken, SignIn
from docker_credential_acr.secret import Secret

_SECONDS = 15.0  # az takes half a second at best, and some with a cold disk


@dataclass(frozen=True, slots=True)
class CliProgram:
    """One such program; its words are looked at and never repeated: they may hold anything."""

    name: str  # on PATH
    product: str
    login: str  # what signs a person in
    by_hand: str  # what shows a person its fault
    signed_out: tuple[bytes, ...]  # what its texts say when there is no sign-in
    references: tuple[str, str, str, str]  # missing, signed out, failed, out of time
    also: tuple[str, ...] = ()  # its other names, tried when there is none of the first

    def path(self, environ: Mapping[str, str]) -> str:
        """Return its absolute path. Raises MethodUnavailable."""
        candidates = (child.find(name, environ) for name in (self.name, *self.also))
        found = next(filter(None, candidates), None)
        if found is None:
            raise MethodUnavailable(
                f"{self.name} is not on PATH",
                f"install the {self.product} and run: {self.login}",
                self.references[0],
            )
        return found

    def ask(
        self,
        arguments: list[str],
        sign_in: SignIn,
        quiet: Mapping[str, str],
        read: Callable[[bytes], tuple[object, object]],
    ) -> EntraToken:
        """Run it and return the token and tenant that *read* finds in its output.

        *read* may raise Failure itself, and anything that says that there is no token. Raises Failure.
        """
        path = self.path(sign_in.environ)
        environ = {**sign_in.environ, **quiet}
        try:
            result = child.run([path, *arguments], sign_in.deadline, _SECONDS, environ)
        except OSError as error:
            raise self._broken(
                f"{path} cannot be started: {(error.strerror or '').lower()}"
            ) from error
        if result.code is None:
            raise Unreachable(
                f"{self.name} did not end in time",
                f"run {self.by_hand} by hand to see why",
                self.references[3],
            )
        if result.code != 0:
            raise self.refusal(
                result.err + result.out, f"{self.name} ended with exit code {result.code}"
            )
        token: object = None
        tenant: object = None
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
            token, tenant = read(result.out)
        if not _is_word(token):
            if any(words in result.out for words in self.signed_out):
                raise self.nobody()
            raise self._broken(f"{self.name} printed no token")
        return EntraToken(Secret(str(token)), str(tenant) if _is_word(tenant) else None)

    def refusal(self, told: bytes, otherwise: str) -> Failure:
        """Return what the program's words *told* mean; *otherwise* says it when nothing is known."""
        if b"AADSTS" in told:
            return entra.refusal(told.decode("utf-8", "replace"), self.name, again=self.login)
        if any(words in told for words in self.signed_out):
            return self.nobody()
        return self._broken(otherwise)

    def nobody(self) -> MethodUnavailable:
        """Return the failure for a program that nobody is signed in to."""
        what = f"nobody is signed in to the {self.product}"
        return MethodUnavailable(what, f"run: {self.login}", self.references[1])

    def _broken(self, what: str) -> MethodUnavailable:
        hint = f"run {self.by_hand} by hand to see why"
        return MethodUnavailable(what, hint, self.references[2])


def _is_word(text: object) -> bool:
    return (
        isinstance(text, str)
        and bool(text)
        and text.isascii()
        and text.isprintable()
        and not any(character.isspace() for character in text)
    )
