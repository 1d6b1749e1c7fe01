"""What to say where a value has the wrong form: what stands there, what belongs there, and the line to write.

Everything is read off the schema that editors use, so a new setting has its words without a line here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import ErrorDetails

from egress.common import grammar
from egress.common.stack_file import NAMESPACE
from egress.common.yaml_scalars import plain
from egress.settings.schema_nodes import (
    Location,
    choices_of,
    is_map,
    is_required,
    kind_of,
    known_keys,
    name_at,
    node_at,
    resolved,
)
from egress.settings.tcp import ANOTHER_PORT

PROJECT_KEY = "gcp:project"
_WAYS = "{https: passthrough}"
_TCP = "{port: 5432, byName: true, serviceAccounts: [app]}"
EXAMPLES = {
    "Access": _WAYS,
    "Team": f"{{egress: {{example.com: {_WAYS}}}}}",
    "Http": "{upgrade: tls}",
    "Tcp": _TCP,
    "Mirror": "{host: copy.example.com}",
    "Inspection": "{refuse: {key: BEGIN}}",
    "Receive": "{host: db.example.com, port: 13306, protocol: tcp, to: {service: db, port: 3306}, "
    "credential: server, "
    "clients: {partner: client.partner.example}}",
    "Credential": '{secret: partner, version: "1", cluster: true}',
    "Subnet": "{nodes: 10.0.0.0/24, pods: 10.1.0.0/16, services: 10.2.0.0/20}",
}
"""By the name of a part of the settings: what may stand there."""
LEAVES = {
    "region": "europe-west1",
    "role": "roles/storage.objectViewer",
    "controlPlane": "10.5.0.0/28",
    "host": "example.com",
    "serviceAccounts": "app",
    "service": "db",
    "port": "8443",
    "httpsPorts": "9243",
    "credential": "server",
    "partner": "client.partner.example",
    "office": "198.51.100.0/24",
    "image": "registry.example/curl:1",
    "project": "my-project-id",
    "projectNumber": '"123456789012"',
    "accessPolicy": '"123456789012"',
    "accessLevels": "office",
    "alsoRestricted": "bigquery.googleapis.com",
    "zone": "europe-west1-b",
    "securityGroup": "gke-security-groups@example.com",
    "hosts": "example.com",
    "methods": "GET",
    "paths": "/ok/*",
    "x-tenant": "shop",
    "ca": "partner-ca",
    "certificate": "partner-certificate",
    "key": "partner-key",
    "authority": "partner-authority",
    "timeout": "5s",
    "perTryTimeout": "5s",
    "keepalive": "1m",
    "text": "BEGIN",
    "pattern": '"[0-9]{16}"',
    "addresses": "203.0.113.10",
    "gateway": "GATEWAY",
    "reaches": "TEAM",
    "apis": "pubsub",
    "accountId": "sa-shop",
    "platform": "platform@example.com",
    "security": "security@example.com",
    "shop": "shop@example.com",
    "cost-centre": '"42"',
    "alsoResolved": "the reason",
}
"""By the name of a single value: one that is accepted."""
NAMES = {
    "sourceRanges": "office",
    "authorizedNetworks": "office",
    "clients": "partner",
    "labels": "cost-centre",
    "teams": "shop",
    "egress": "example.com",
    "allow": "read",
    "headers": "x-tenant",
}
"""By the name of a map: a key of it."""
_UDP, _PORT = (
    (
        "Not supported: no UDP leaves the cluster, and that includes QUIC, NTP and syslog over UDP.",
        f"Let the app use TCP, e.g. tcp: {_TCP}. Pods need no NTP: nodes keep their clocks in time, "
        "and pods use the node's clock.",
    ),
    (
        "Each way says its own ports: https has httpsPorts, http has outsidePort, and tcp has port.",
        "Leave it out for 80 and 443. For TLS on another port, write https: passthrough with httpsPorts: "
        f"[9243]; for what is not TLS, write {ANOTHER_PORT}.",
    ),
)
NEEDS = {
    **{("Access", key): _UDP for key in ("udp", "quic", "http3", "ntp", "syslog")},
    **{("Access", key): _PORT for key in ("port", "ports")},
    ("Http", "port"): (
        "Not supported: with http the app connects to port 80. The port of the host outside is outsidePort.",
        f"Write outsidePort. For an app that connects to another port itself, replace http with "
        f"{ANOTHER_PORT}; which service accounts may connect is enforced then, paths and methods are not.",
    ),
    ("Tcp", "ports"): (
        "An entry of tcp is for one port: who may and where it leads are said for each port by itself.",
        f"Write a list with an entry for each port: tcp: [{_TCP}, ...].",
    ),
}
"""Real needs for which there is no setting: (part, key as people write it) to consequence and fix."""


def say(detail: ErrorDetails, location: Location, value: Any) -> tuple[str, str]:
    """Consequence and fix for a value at `location` that pydantic refused."""
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "missing":
        if location == ("project",):
            return "No Google Cloud project is named, so nothing could be created anywhere.", (
                f"pulumi config set {PROJECT_KEY} YOUR_PROJECT_ID"
            )
        return (
            "This value is required and has no safe default.",
            f"Add {_line(location, _example(node_at(location), location))}.",
        )
    if kind == "extra_forbidden":
        return _unknown(location)
    bounds = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
    if kind in bounds:
        key, words = bounds[kind]
        return (
            f"The value is out of range: it must be {words} {context.get(key)}.",
            f"Write {words} {context.get(key)}.",
        )
    if kind in ("string_too_long", "too_long") and isinstance(value, str):
        most = context.get("max_length")
        return f"The text is too long: at most {most} characters.", f"Write at most {most} characters."
    if "[key]" in detail["loc"] and "expected" in context:
        return "This is not one of the choices.", f"Write {str(context['expected']).replace(chr(39), '')}."
    if "[key]" in detail["loc"]:
        return f"The key {location[-1]} is not a name.", f'Put it in quotes: "{location[-1]}".'
    return _misshapen(location, value)


def default(location: Location) -> Any:
    """What holds at `location` where the file says nothing; None if that is nothing."""
    return node_at(location).get("default")


def _unknown(location: Location) -> tuple[str, str]:
    part, key = name_at(location[:-1]), str(location[-1])
    if (part, key.lower()) in NEEDS:
        return NEEDS[part, key.lower()]
    known = known_keys(location[:-1])
    close = difflib.get_close_matches(key, known, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    return (
        "There is no such setting, so it would be ignored.",
        f"{guess}Known here: {', '.join(sorted(known))}.",
    )


def _misshapen(location: Location, value: Any) -> tuple[str, str]:
    node = node_at(location)
    choices = choices_of(node)
    if choices and isinstance(value, str) and value:
        return "This is not one of the choices.", f"Write {_any_of(choices)}."
    wanted = f"one of {', '.join(choices)}" if choices else _wanted(node, location)
    if value is None or value == "":
        remove = "" if is_required(location) else ", or remove the line"
        line = _line(location, _example(node, location))
        return f"The value is missing: {wanted} belongs here.", f"Write {line}{remove}."
    return (
        f"This must be {wanted}, not {_given(value)}.",
        f"Write {_line(location, _meant(node, value, location))}.",
    )


def _meant(node: Mapping[str, Any], value: Any, location: Location) -> str:
    """What somebody who wrote `value` should write."""
    kind = kind_of(node)
    if choices_of(node):
        return _example(node, location)
    if kind == "string" and not isinstance(value, list | dict | bool):
        return json.dumps(str(value))
    if (
        kind == "string"
        and isinstance(value, list)
        and len(cast("list[Any]", value)) == 1
        and isinstance(value[0], str)
    ):
        return flow(value[0])
    if kind in ("integer", "number") and isinstance(value, str) and isinstance(_plain(value), int | float):
        return value
    if (
        kind == "boolean"
        and isinstance(value, str)
        and value.lower() in ("true", "yes", "on", "false", "no", "off")
    ):
        return "true" if value.lower() in ("true", "yes", "on") else "false"
    if kind == "array" and isinstance(value, (str, int)) and not isinstance(value, bool):
        numbers = kind_of(resolved(resolved(node).get("items", {}))) == "integer"
        return f"[{value if numbers and str(value).isdecimal() else flow(str(value))}]"
    if (
        location[-1] == "egress"
        and isinstance(value, list)
        and all(isinstance(item, str) for item in cast("list[Any]", value))
    ):
        return "{" + ", ".join(f"{flow(item)}: {_WAYS}" for item in cast("list[str]", value)[:3]) + "}"
    if kind_of(node) == "object" and isinstance(value, list) and is_map(node):
        names = [item for item in cast("list[Any]", value) if isinstance(item, str)][:3]
        inside = _example(cast("dict[str, Any]", resolved(node)["additionalProperties"]), (*location, "NAME"))
        if names:
            return "{" + ", ".join(f"{flow(name)}: {inside}" for name in names) + "}"
    return _example(node, location)


def _line(location: Location, text: str) -> str:
    """The setting as a line of the file; of an item of a list the item alone."""
    if not location or isinstance(location[-1], int):
        return text
    key = str(location[-1])
    if location == ("project",):
        key = PROJECT_KEY
    elif len(location) == 1:
        key = f"{NAMESPACE}:{key}"
    return f"{key if len(location) == 1 else flow(key)}: {text}"


def flow(text: str) -> str:
    """A text as YAML reads it back, in quotes where it has to be."""
    bare = grammar.matches(r"[A-Za-z0-9/][A-Za-z0-9._/@-]*", text) and isinstance(_plain(text), str)
    return text if bare else json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> Any:
    try:
        return plain(text)
    except ValueError:
        return None


def _example(node: Mapping[str, Any], location: Location) -> str:
    """Something that may stand at `location`."""
    name = str(
        node.get("$ref") or next((option["$ref"] for option in node.get("anyOf", []) if "$ref" in option), "")
    )
    known = EXAMPLES.get(name.rpartition("/")[2])
    if known:
        return known
    of = resolved(node)
    kind, choices = kind_of(of), choices_of(of)
    if choices:
        return flow(choices[0])
    if kind == "object" and is_map(of):
        key = NAMES.get(str(location[-1]) if location else "", "NAME")
        return (
            f"{{{flow(key)}: "
            f"{_example(cast('dict[str, Any]', of['additionalProperties']), (*location, key))}}}"
        )
    if kind == "object":
        required = cast("list[str]", of.get("required", []))
        return (
            "{"
            + ", ".join(f"{key}: {_example(of['properties'][key], (*location, key))}" for key in required)
            + "}"
        )
    if kind == "array":
        return f"[{_example(cast('dict[str, Any]', of.get('items', {})), (*location, 0))}]"
    leaf = next((part for part in reversed(location) if isinstance(part, str)), "")
    if kind in ("integer", "number"):
        return LEAVES.get(leaf) or json.dumps(of.get("default") or of.get("minimum") or 1)
    if kind == "boolean":
        return "true"
    if leaf in LEAVES:
        return LEAVES[leaf]
    given = (
        node.get("default") or (cast("list[Any]", node.get("examples") or of.get("examples") or [None]))[0]
    )
    return flow(str(given)) if given else "the reason"


def _wanted(node: Mapping[str, Any], location: Location) -> str:
    of = resolved(node)
    kind = kind_of(of)
    if kind == "object" and is_map(of):
        return (
            "a mapping of hosts to http, https or tcp"
            if location[-1:] == ("egress",)
            else "a mapping of names to values"
        )
    if kind == "object":
        keys = list(of.get("properties", {}))
        return f"a mapping of its settings ({', '.join(keys[:6])}{', …' if len(keys) > 6 else ''})"
    if of.get("format") == "ipv4-network":
        return "a range of addresses"
    words = {"array": "a list", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
    return words.get(kind, "a string")


def _given(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    for kind, words in (
        (int, "a number"),
        (float, "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "a mapping"),
    ):
        if isinstance(value, kind):
            return words
    return "something else"


def _any_of(choices: list[str]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
