"""Which route of a VirtualService takes a connection or a request.

Understood of a match: `gateways`, `port` and `sourceNamespace`, which decide whether a proxy has the route at
all; `method`, `uri`, `headers` and `sniHosts`, which decide for each request. A route whose match names
anything else is not understood, unless what is understood of it fails already. Source: Istio reference,
VirtualService (networking.istio.io/v1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from egress.judge.lookup.host_names import MESH, gateway_name
from egress.judge.lookup.service_registry import Rule
from egress.judge.model.flow import Misread, Request
from egress.judge.model.snapshot import listed, part

Match = Mapping[str, Any]
Route = Mapping[str, Any]
_SOME = "It holds for some pods of the namespace and not for others."
_STATIC = {"gateways", "port", "sourceNamespace", "sourceLabels"}
_ASKED = {"http": {"method", "uri", "headers", "name"}, "tls": {"sniHosts"}, "tcp": set[str]()}
_ROUTE = {"match", "route", "mirrors", "retries", "timeout", "headers", "name"}
_REFUSES = 400
_ANSWER = {"match", "directResponse", "name"}
"""Of a route by which the proxy refuses itself what it takes, and sends nothing on."""


@dataclass(frozen=True)
class Found:
    """A route that takes something, and where it is written."""

    field: str
    route: Route
    match: Match


def held(rule: Rule, section: str, gateway: str, port: int, namespace: str) -> list[Found]:
    """The routes of a section (`http`, `tls`, `tcp`) that a proxy has for a port, one for each of their
    matches, in order.

    Args:
        gateway: `mesh`, or NAMESPACE/NAME of a Gateway.
        namespace: the proxy's.
    """
    return list(_held(rule, section, gateway, port, namespace))


def _held(rule: Rule, section: str, gateway: str, port: int, namespace: str) -> Iterator[Found]:
    for index, route in enumerate(listed(rule.spec, section)):
        field = f"spec.{section}[{index}]"
        blocks: Sequence[Match] = listed(route, "match")
        if not blocks and section != "tls":
            yield Found(field, route, {})
        for block in blocks:
            if not of_proxy(rule, block, gateway, port):
                continue
            # Gateways, and routes of HTTP that name them, are asked for nothing else about where it comes
            # from.
            if not (listed(block, "gateways") if section == "http" else gateway != MESH):
                if block.get("sourceNamespace") not in (None, "", namespace):
                    continue
                if block.get("sourceLabels"):
                    raise Misread(rule.by, f"{field}.match.sourceLabels", _SOME)
            yield Found(field, route, block)


def of_proxy(rule: Rule, block: Match, gateway: str, port: int) -> bool:
    """Whether a match of a rule is for a gateway (or `mesh`) at all, and for its port."""
    gateways = [gateway_name(name, rule.namespace) for name in listed(block, "gateways")]
    return (not gateways or gateway in gateways) and block.get("port") in (None, 0, port)


def taken(rule: Rule, routes: Sequence[Found], request: Request) -> Found | None:
    """The first of some routes of HTTP that takes a request."""
    return next((found for found in routes if _takes(rule, found, request)), None)


def takes_everything(found: Found) -> bool:
    """Whether a route of HTTP takes every request."""
    uri = part(found.match, "uri")
    asked = found.match.keys() - _STATIC - {"uri", "name", "ignoreUriCase", "statPrefix"}
    return not any(found.match[key] for key in asked) and (
        not uri or uri in ({"prefix": "/"}, {"regex": ".*"})
    )


def until_everything(routes: Sequence[Found]) -> Iterator[Found]:
    """Routes as far as one takes every request; those behind it are not there."""
    for found in routes:
        yield found
        if takes_everything(found):
            return


def readable(rule: Rule, found: Found, section: str) -> Found:
    """The route itself, if everything that it says is read.

    Raises:
        Misread: it does more than lead somewhere.
    """
    if answers(found):
        _known(found.match, _STATIC | _ASKED[section], rule.by, f"{found.field}.match")
        return found
    # An empty redirect is one, and an empty delegate takes the route away.
    if does := sorted(key for key, value in found.route.items() if key not in _ROUTE and value is not None):
        raise Misread(rule.by, f"{found.field}.{does[0]}", f"`{does[0]}` is not read here.")
    _known(found.match, _STATIC | _ASKED[section], rule.by, f"{found.field}.match")
    return found


def answers(found: Found) -> bool:
    """Whether the proxy itself refuses what a route takes."""
    said = {key for key, value in found.route.items() if value is not None}
    answer = part(found.route, "directResponse")
    return said <= _ANSWER and {*answer} == {"status"} and int(answer["status"]) >= _REFUSES


def _takes(rule: Rule, found: Found, request: Request) -> bool:
    block, field = found.match, f"{found.field}.match"
    asked: list[tuple[str, Mapping[str, str] | None, str | None]] = [
        ("method", block.get("method"), request.method),
        ("uri", block.get("uri"), request.path.partition("?")[0].partition("#")[0]),
    ]
    for name, wanted in part(block, "headers").items():
        # Where a header comes more than once, a proxy compares all of it, joined by commas.
        values = request.values(str(name).lower())
        asked.append((f"headers[{name}]", wanted, ",".join(values) if values else None))
    if not all(_string_match(wanted, value, rule.by, f"{field}.{at}") for at, wanted, value in asked):
        return False
    _known(block, _STATIC | _ASKED["http"], rule.by, field)
    return True


def _string_match(match: Mapping[str, str] | None, value: str | None, by: str, field: str) -> bool:
    if not match or match == {"regex": "*"}:
        # Of a header: whether it is there at all.
        return value is not None
    if value is None:
        return False
    if len(match) == 1:
        ((how, what),) = match.items()
        if how == "exact":
            return value == what
        if how == "prefix":
            return value.startswith(what)
        if how == "regex":
            with suppress(re.error):
                return re.fullmatch(what, value, re.ASCII) is not None
    raise Misread(
        by, field, f"A match by {', '.join(f'{how} {match[how]}' for how in sorted(match))} is not read here."
    )


def _known(mapping: Mapping[str, Any], known: set[str], by: str, field: str) -> None:
    unknown = sorted(key for key in mapping.keys() - known if mapping[key])
    if unknown:
        raise Misread(by, f"{field}.{unknown[0]}", f"`{unknown[0]}` is not read here.")
