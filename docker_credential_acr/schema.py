"""The settings as a JSON Schema (draft 7), for editors: rendered from what ``settings_keys`` says.

``python -m docker_credential_acr.schema > docker_credential_acr/settings.schema.json`` renews the
shipped file; a test holds it against this module. What a schema cannot say: that ``cloud`` names a
cloud which exists, and that two names are one host.
"""

import dataclasses
import json
import sys
import types
from collections.abc import Collection, Mapping
from typing import Any, get_type_hints

from docker_credential_acr import clouds, settings_keys
from docker_credential_acr.methods import ENTRA_METHODS, METHODS

# One text for every key. A key that several methods take means the same to each of them.
TOP = {
    "version": "The version of this file's form.",
    "fallback": "The credential helper that is asked about every other registry: NAME for "
    "docker-credential-NAME.",
    "store": "The credential helper that keeps docker login's user names and passwords; without it the "
    "first one that works. file is a file of this user's own.",
    "allow_unencrypted": "Whether the sign-in of browser and device-code may be kept in plain text where "
    "there is no store for its key.",
    "defaults": "What holds for every registry without a table that says otherwise.",
    "registries": 'One table for each registry or pattern, such as "team.azurecr.io" or "*.azurecr.io"; '
    "the exact host counts before patterns, a longer pattern before a shorter one.",
    "clouds": "Private and disconnected clouds, one table each.",
}
REGISTRY = {
    "method": "How to sign in; automatic takes the first way for which this machine has something to try.",
    "username": "The user name in answers: guid is the null GUID, which every client understands; "
    "token is <token>, Docker's form for identity tokens.",
    "login_server": "The registry's own host name, where the name that clients use is another domain; "
    "the Entra token goes only there.",
    "cloud": "The cloud of the registry, if its host name does not tell: a known one or one of [clouds].",
    "audience": "The audience of the Entra token; without it the registry audience, then the cloud's "
    "Azure Resource Manager.",
    "tenant_id": "The Entra tenant to sign in to; without it AZURE_TENANT_ID.",
    "min_ttl": "Seconds that a cached token must still be good for; one with less is renewed first.",
    "password_ttl": "Seconds after which a password of an admin user or a repository token is "
    "verified again.",
    "timeout": "Seconds that one answer may take in all.",
    "refresh": "How an ageing token is renewed: by a background process, or inline, by a get that waits.",
    "certificate_file": "The file that holds the certificate and its private key, PEM or PKCS#12.",
    "client_id": "The client id of the application or of the managed identity.",
    "client_secret_env": "The variable that holds the client secret.",
    "client_secret_file": "The file that holds the client secret.",
    "client_secret_command": "The program, with its arguments, that prints the client secret; no shell.",
    "file": "The azure.json of an AKS node; without it /etc/kubernetes/azure.json.",
    "object_id": "The object id of the managed identity.",
    "password_command": "The program, with its arguments, that prints the password; no shell.",
    "password_env": "The variable that holds the password (certificate file, admin user, token).",
    "password_file": "The file that holds the password (certificate file, admin user, token).",
    "password2_command": "The program, with its arguments, that prints the second password; no shell.",
    "password2_env": "The variable that holds the second password.",
    "password2_file": "The file that holds the second password.",
    "registry_id": "The resource id of the registry, /subscriptions/...; without it Azure Resource "
    "Manager is searched.",
    "resource_id": "The resource id of the managed identity, /subscriptions/...",
    "send_chain": "Whether the certificates are sent along, which subject-name-and-issuer sign-in needs.",
    "service_connection_id": "The Azure Pipelines service connection: resourceId in its page's address.",
    "sign_in": "The method that signs in to Azure Resource Manager to read the passwords; its options "
    "stand beside it.",
    "subscription": "The subscription whose account the Azure CLI takes; a name or an id.",
    "token_command": "The program, with its arguments, that prints the federated token; no shell.",
    "token_env": "The variable that holds the federated token.",
    "token_name": "The name of the repository-scoped token in the registry.",
    "token_file": "The file that holds the federated token; read anew for every sign-in.",
}
CLOUD = {
    "suffix": "What the host names of the cloud's registries end with; at least two labels.",
    "authority": "The address where the cloud signs in; without it arm_endpoint is asked for it.",
    "arm_endpoint": "The address of the cloud's Azure Resource Manager.",
    "arm_audience": "The audience of its Azure Resource Manager; without it what arm_endpoint says.",
    "audience": "The audience of the cloud's registries.",
    "instance_discovery": "Whether Microsoft's own sign-in address is asked to vouch for this one.",
}

_EXACTLY = {
    **{key: form for key, (form, _, _) in settings_keys.FORMS.items()},
    "fallback": settings_keys.HELPER_FORM,
    "store": settings_keys.HELPER_FORM,
    **{key: form for key, (form, _, _) in settings_keys.CLOUD_FORMS.items()},
}
_ONE_OF = {
    "method": list(METHODS),
    "sign_in": list(ENTRA_METHODS),
    "username": list(settings_keys.USER_NAMES),
    "refresh": list(settings_keys.REFRESHES),
}

Schema = dict[str, Any]


def schema() -> Schema:
    """Return the JSON Schema of the settings file."""
    name = {"pattern": _whole(settings_keys.NAME_FORM)}
    other: Schema = {"not": {"const": clouds.ENVIRONMENT}}
    many: Schema = {"allOf": [_ref("registry"), *_of_one_registry()]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of docker-credential-acr",
        **_table(
            {
                "version": _described(TOP["version"], {"const": 1}),
                "fallback": _described(TOP["fallback"], _helper("fallback")),
                "store": _described(TOP["store"], _helper("store")),
                "allow_unencrypted": _described(TOP["allow_unencrypted"], {"type": "boolean"}),
                "defaults": _described(TOP["defaults"], many),
                "registries": _described(
                    TOP["registries"],
                    _each("registry", propertyNames=name, patternProperties={r"\*": many}),
                ),
                "clouds": _described(TOP["clouds"], _each("cloud", propertyNames=other)),
            }
        ),
        "definitions": {"registry": _registry(), "cloud": _cloud()},
    }


def _of_one_registry() -> list[Schema]:
    """Return what keeps from a table for many hosts the keys that belong to one registry."""
    nowhere: Schema = {"not": {"required": ["login_server"]}}
    return [
        nowhere,
        *(
            {
                "if": {"properties": {"method": {"const": name}}, "required": ["method"]},
                "then": {"not": {"anyOf": [{"required": [key]} for key in sorted(single)]}},
            }
            for name in METHODS
            for single in [settings_keys.single_options(name)]
            if single
        ),
    ]


def _registry() -> Schema:
    """Options stand beside the method that takes them, and nowhere else."""
    keys = _keys(settings_keys.Common)
    own = {
        name: _keys(method.Options, settings_keys.option_names(method.Options))
        for name, method in METHODS.items()
    }
    every = {key: kind for options in own.values() for key, kind in options.items()}
    properties = {
        key: _described(REGISTRY[key], _value(key, kind))
        for key, kind in (keys | dict(sorted(every.items()))).items()
    }
    for name, default in _defaults(settings_keys.Common).items():
        properties[name]["default"] = default
    conditions = [
        _taking(
            {"method": name},
            [*keys, *sorted(options)],
            [] if "sign_in" not in options else ["sign_in"],
        )
        for name, options in own.items()
    ]
    conditions += [
        _taking(
            {"method": name, "sign_in": other},
            [*keys, *sorted({*options, *own[other]} - settings_keys.shared_options(name, other))],
        )
        for name, options in own.items()
        if "sign_in" in options
        for other in ENTRA_METHODS
    ]
    nobody: Schema = {
        "if": {"not": {"required": ["method"]}},
        "then": {"propertyNames": {"enum": [*keys]}},
    }
    conditions.append(nobody)
    return {**_table(properties), "allOf": conditions}


def _taking(values: Mapping[str, str], taken: list[str], absent: Collection[str] = ()) -> Schema:
    """Return that a table with these *values*, and without the keys *absent*, takes these keys alone."""
    named: Schema = {
        "properties": {key: {"const": value} for key, value in values.items()},
        "required": list(values),
    }
    without = [{"not": {"required": [key]}} for key in absent]
    condition = {"allOf": [named, *without]} if without else named
    return {"if": condition, "then": {"propertyNames": {"enum": taken}}}


def _helper(key: str) -> Schema:
    itself = {"not": {"pattern": _whole(r"acr(\.exe)?")}}
    return {"type": "string", "pattern": _whole(_EXACTLY[key]), **itself}


def _cloud() -> Schema:
    kinds = _keys(settings_keys.CloudTable)
    fields = dataclasses.fields(settings_keys.CloudTable)
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    table = _table({key: _described(CLOUD[key], _value(key, kinds[key])) for key in kinds})
    one = [{"required": [key]} for key in ("authority", "arm_endpoint")]
    return {**table, "required": needed, "anyOf": one}


def _keys(kind: type[Any], wanted: set[str] | None = None) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {key: hints[key] for key in hints if wanted is None or key in wanted}


def _defaults(kind: type[Any]) -> dict[str, Any]:
    fields = {field.name: field.default for field in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if value is not None}


def _value(key: str, kind: Any) -> Schema:
    """Return what a value of the type *kind* must be; None stands for a key that is left out."""
    if isinstance(kind, types.UnionType):
        kind = next(each for each in kind.__args__ if each is not types.NoneType)
    text: Schema = {"type": "string", "minLength": 1}
    if key in _ONE_OF:
        return {"enum": _ONE_OF[key]}
    if kind is bool:
        return {"type": "boolean"}
    if kind is int:
        low, high = settings_keys.RANGES[key]
        return {"type": "integer", "minimum": low, "maximum": high}
    if kind is str:
        return text | ({"pattern": _whole(_EXACTLY[key])} if key in _EXACTLY else {})
    return {"type": "array", "items": text, "minItems": 1}


def _whole(form: str) -> str:
    return f"^(?:{form})$"


def _described(text: str, value: Schema) -> Schema:
    return {"description": text, **value}


def _table(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def _each(definition: str, **more: Schema) -> Schema:
    return {"type": "object", **more, "additionalProperties": _ref(definition)}


def _ref(definition: str) -> Schema:
    return {"$ref": f"#/definitions/{definition}"}


def text() -> str:
    """Return the schema as it stands in the shipped file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
