"""`client-certificate`: every form of file, and what can be wrong with it."""

import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from docker_credential_acr.errors import (
    Failure,
    MethodUnavailable,
    NotSetUp,
    SettingsError,
    SignInRefused,
)
from docker_credential_acr.methods.client_certificate import Options, detect
from tests.azure.tokens import peek
from tests.methods.worlds import Machine, another_certificate, certified, pem_of
from tests.stories.program import Program

METHOD = "client-certificate"
PEM = serialization.Encoding.PEM
PASSWORD = "CANARY-pass wörd"


def failure(machine: Machine, options: Options | None = None) -> Failure:
    with pytest.raises(Failure) as raised:
        machine.token(METHOD, options)
    assert "CANARY" not in raised.value.what + raised.value.hint
    return raised.value


def encrypted(password: str) -> serialization.KeySerializationEncryption:
    return serialization.BestAvailableEncryption(password.encode())


def header(machine: Machine) -> dict[str, object]:
    """Of the only assertion that was sent."""
    (sent,) = (r.form for r in machine.azure.requests if r.kind == "sign-in")
    return peek(sent["client_assertion"])[0]


class TestForms:
    def test_pem_in_any_order_with_anything_around(self, machine: Machine) -> None:
        key, certificate = certified(machine)
        _, unrelated = certified(machine)
        machine.set(
            AZURE_CLIENT_ID=machine.azure.add_service_principal(
                certificates=[certificate]
            ).client_id
        )
        whole = pem_of(key, certificate)
        private, public = pem_of(key), certificate.public_bytes(PEM)
        other = unrelated.public_bytes(PEM)
        for content in (whole, public + private, b"Bag Attributes\r\n" + whole, other + whole):
            machine.token(METHOD, Options(certificate_file=machine.file("c", content)))

    def test_a_traditional_key(self, machine: Machine) -> None:
        key, certificate = certified(machine)
        form = serialization.PrivateFormat.TraditionalOpenSSL
        private = key.private_bytes(PEM, form, encrypted(PASSWORD))
        path = machine.file("c", private + certificate.public_bytes(PEM))
        machine.set(AZURE_CLIENT_CERTIFICATE_PASSWORD=PASSWORD)
        machine.token(METHOD, Options(certificate_file=path))

    @pytest.mark.parametrize("password", [None, PASSWORD])
    def test_pkcs12(self, machine: Machine, password: str | None) -> None:
        key, certificate = certified(machine)
        how = encrypted(password) if password else serialization.NoEncryption()
        data = pkcs12.serialize_key_and_certificates(b"name", key, certificate, None, how)
        path = machine.file("c.pfx", data)
        machine.set(AZURE_CLIENT_CERTIFICATE_PASSWORD=password)
        machine.token(METHOD, Options(certificate_file=path))

    def test_the_password_comes_from_where_the_settings_say(self, machine: Machine) -> None:
        key, certificate = certified(machine)
        data = pkcs12.serialize_key_and_certificates(
            None, key, certificate, None, encrypted(PASSWORD)
        )
        path = machine.file("c.pfx", data)
        machine.set(AZURE_CLIENT_CERTIFICATE_PASSWORD="CANARY-wrong", TEAM=PASSWORD)
        machine.token(METHOD, Options(certificate_file=path, password_env="TEAM"))
        secret = machine.file("password", PASSWORD + "\n")
        machine.token(METHOD, Options(certificate_file=path, password_file=secret))
        missing = failure(machine, Options(certificate_file=path, password_env="NOT_SET"))
        assert isinstance(missing, MethodUnavailable)

    def test_the_file_is_read_anew_for_every_sign_in(self, machine: Machine) -> None:
        path = machine.file("c", pem_of(*certified(machine)))
        machine.token(METHOD, Options(certificate_file=path))
        machine.file("c", pem_of(*certified(machine)))
        machine.token(METHOD, Options(certificate_file=path))


class TestChain:
    @pytest.mark.parametrize("given", ["option", "1", "true", "True"])
    def test_the_whole_chain_is_sent_the_own_one_first(self, machine: Machine, given: str) -> None:
        _, issuer = certified(machine)
        key, own = certified(machine)
        path = machine.file("c", pem_of(key, issuer, own))
        machine.set(AZURE_CLIENT_SEND_CERTIFICATE_CHAIN=None if given == "option" else given)
        machine.token(METHOD, Options(certificate_file=path, send_chain=given == "option"))
        sent = header(machine)["x5c"]
        assert isinstance(sent, list)
        wanted = ["".join(c.public_bytes(PEM).decode().splitlines()[1:-1]) for c in (own, issuer)]
        assert ["".join(text.split()) for text in sent] == wanted

    def test_without_being_asked_nothing_is_sent(self, machine: Machine) -> None:
        path = machine.file("c", pem_of(*certified(machine)))
        machine.set(AZURE_CLIENT_SEND_CERTIFICATE_CHAIN="0")
        machine.token(METHOD, Options(certificate_file=path))
        assert "x5c" not in header(machine)


class TestNothingToTry:
    @pytest.mark.parametrize(
        "name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH"]
    )
    def test_what_is_missing_is_named(self, machine: Machine, name: str) -> None:
        path = machine.file("c", pem_of(*certified(machine)))
        machine.set(AZURE_CLIENT_CERTIFICATE_PATH=path)
        machine.set(**{name: None})
        with pytest.raises(MethodUnavailable, match=name) as raised:
            detect(os.environ)
        assert isinstance(raised.value, NotSetUp) == (name == "AZURE_CLIENT_CERTIFICATE_PATH")
        assert name in failure(machine).hint

    @pytest.mark.parametrize("content", [None, b"", b"x" * 70_000])
    def test_a_file_that_cannot_be_read(self, machine: Machine, content: bytes | None) -> None:
        certified(machine)
        path = machine.file("c", content or b"")
        if content is None:
            os.unlink(path)
        found = failure(machine, Options(certificate_file=path))
        assert isinstance(found, MethodUnavailable)
        assert found.reference == "secret-unreadable"
        assert path in found.what


class TestUnusable:
    """Never "nothing to try": somebody else must not sign in because of a wrong password."""

    def unusable(self, machine: Machine, content: bytes, words: str) -> None:
        path = machine.file("c", content)
        found = failure(machine, Options(certificate_file=path))
        assert isinstance(found, SettingsError)
        assert found.reference == "certificate-unusable"
        assert words in found.what
        assert machine.azure.requests == []

    def test_what_is_no_certificate(self, machine: Machine) -> None:
        key, certificate = certified(machine)
        for content in (
            b"CANARY",
            b"\x30\x82\x00",
            b"-----BEGIN CANARY-----",
            certificate.public_bytes(PEM),
            pem_of(key),
        ):
            self.unusable(machine, content, "cannot be opened without a password")

    @pytest.mark.parametrize("password", [None, "CANARY-wrong"])
    def test_a_wrong_password_or_none(self, machine: Machine, password: str | None) -> None:
        key, certificate = certified(machine)
        how = encrypted(PASSWORD)
        data = pkcs12.serialize_key_and_certificates(None, key, certificate, None, how)
        pem = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, how)
        machine.set(AZURE_CLIENT_CERTIFICATE_PASSWORD=password)
        words = "with this password" if password else "without a password"
        self.unusable(machine, data, words)
        self.unusable(machine, pem + certificate.public_bytes(PEM), words)

    def test_a_key_of_another_certificate(self, machine: Machine) -> None:
        key, _ = certified(machine)
        _, other = certified(machine)
        self.unusable(machine, pem_of(key, other), "belongs to its private key")

    def test_a_key_that_entra_does_not_take(self, machine: Machine) -> None:
        _, certificate = certified(machine)
        private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.unusable(machine, private + certificate.public_bytes(PEM), "is not an RSA key")


def test_a_certificate_of_another_app_is_refused(machine: Machine) -> None:
    certified(machine)
    another_certificate(machine)
    found = failure(machine)
    assert isinstance(found, SignInRefused)
    assert found.reference == "certificate-refused"
    assert "AADSTS700027" in found.what


def test_the_installed_program(program: Program, machine: Machine, host: str) -> None:
    """Once as a user would: two requests, and one sentence for a refusal."""
    machine.azure = program.azure
    path = machine.file("c", pem_of(*certified(machine)))
    mine = os.environ["AZURE_CLIENT_ID"]
    program.settings(
        f'[registries."{host}"]\nmethod = "{METHOD}"\ncertificate_file = "{path}"\n'
        f'client_id = "{mine}"\ntenant_id = "{program.azure.tenant}"\n'
    )
    assert program.get(host).secret in program.azure.secrets
    asked = [
        r.kind for r in program.azure.requests if r.kind in ("sign-in", "exchange", "metadata")
    ]
    assert asked == ["sign-in", "exchange"]
    certified(machine)
    machine.file("c", pem_of(*certified(machine)))
    program.erase(host)
    assert program.get(host).reference == "certificate-refused"
