"""Body inspection: a Lua filter in the gateway, which reads requests to the hosts that ask for it, and refuses.

Source: Istio reference, TrafficExtension (extensions.istio.io/v1alpha1); Envoy, Lua filter. Without a phase the filter stands
last, behind authorization, so nobody's body is read who would be refused anyway. On a gateway, what is received counts as
CLIENT mode and the port is the pod's own; another mode or port matches nothing, silently.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import ascii_letters, digits, punctuation

from egress.errors import Problem
from egress.layers.gateway_workload import TARGET_PORTS
from egress.manifest import ISTIO_EXTENSIONS, Object, Owner, manifest
from egress.patterns import Atom
from egress.plan import HTTP_PORT, Host, Plan
from egress.settings.inspection import Inspection, Mode, Unwanted
from egress.settings.paths import egress_path

LONGEST_SCRIPT = 65536
"""Characters of `inlineCode` that the TrafficExtension's schema takes."""
_FILTER = Path(__file__).with_name("inspect.lua")
_ALPHANUMERIC = frozenset((ascii_letters + digits).encode())
_PUNCTUATION = frozenset(punctuation.encode())


def render(plan: Plan) -> Iterator[Object]:
    """One TrafficExtension for each gateway that inspects any host."""
    for gateway in plan.gateways:
        if not _inspected(gateway.hosts):
            continue
        spec = {
            "selector": {"matchLabels": gateway.labels},
            "match": [{"mode": "CLIENT", "ports": [{"number": TARGET_PORTS[HTTP_PORT]}]}],
            "lua": {"inlineCode": script(gateway.hosts)},
        }
        yield Object(
            Owner.egress_gateway(gateway.name),
            manifest(ISTIO_EXTENSIONS, "TrafficExtension", "body-inspection", gateway.namespace, spec=spec),
        )


def oversized(hosts: Iterable[Host]) -> Iterator[Problem]:
    """The rules of all hosts of a gateway lie in one object, whose size the API server bounds."""
    inspected = list(hosts)
    size = len(script(inspected)) if _inspected(inspected) else 0
    if size <= LONGEST_SCRIPT:
        return
    host, inspection = max(_inspected(inspected), key=lambda found: len(_rules(found[1])))
    team = next(use.team for use in host.uses if use.http)
    yield Problem(
        f"{egress_path(team, host.name)}.http.inspect.refuse",
        sorted(inspection.refuse),
        f"All rules of all hosts of a gateway together make a filter of {size} characters; the API server takes "
        f"{LONGEST_SCRIPT}, and this host has the largest part.",
        "Write fewer or shorter patterns: text: is short, a set that comes many times is long.",
    )


def script(hosts: Iterable[Host]) -> str:
    """The filter with the hosts, rules and limits that it goes by."""
    lines = [f"  [{quoted(host.name.encode())}] = {_entry(inspection)}," for host, inspection in _inspected(hosts)]
    return "\n".join(["local HOSTS = {", *lines, "}", _FILTER.read_text(encoding="utf-8")])


def _inspected(hosts: Iterable[Host]) -> list[tuple[Host, Inspection]]:
    return [(host, host.leaving.inspect) for host in hosts if host.leaving and host.leaving.inspect]


def _entry(inspection: Inspection) -> str:
    enforce = "true" if inspection.mode is Mode.ENFORCE else "false"
    return f"{{enforce = {enforce}, max = {inspection.max_bytes}, rules = {{{_rules(inspection)}}}}}"


def _rules(inspection: Inspection) -> str:
    return ", ".join(f"{{name = {quoted(name.encode())}, {_find(rule)}}}" for name, rule in sorted(inspection.refuse.items()))


def _find(rule: Unwanted) -> str:
    if rule.text is not None:
        # ASCII letters alone have a case here, as in the filter.
        found = [form.lower() if rule.ignore_case else form for form in forms(rule.text)]
        written = ", ".join(quoted(form) for form in dict.fromkeys(found))
        return f"forms = {{{written}}}{', lower = true' if rule.ignore_case else ''}"
    return f"pattern = {quoted(lua_pattern(rule.atoms))}"


def forms(text: str) -> list[bytes]:
    """A text in the character sets in which a body may have it without saying so: UTF-8; Latin-1; and UTF-16 and UTF-32 without
    their zero bytes, as the filter reads them. For ASCII they are all one."""
    found = [text.encode()]
    with contextlib.suppress(UnicodeEncodeError):
        found.append(text.encode("latin-1"))
    wide = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    return list(dict.fromkeys([*found, *(text.encode(name).replace(b"\0", b"") for name in wide)]))


def quoted(data: bytes) -> str:
    """A Lua string of exactly these bytes; whatever could end the string or the line stands as a number."""
    plain = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in data) + '"'


def lua_pattern(atoms: Iterable[Atom]) -> bytes:
    """The Lua pattern that matches the same."""
    found = b""
    for atom in atoms:
        one = _lua_set(atom.bytes)
        found += one * atom.least + (one + b"?") * (atom.most - atom.least)
    return found


def _lua_set(members: frozenset[int]) -> bytes:
    if len(members) == 1:
        return _lua_byte(min(members))
    if len(members) > 128:
        return b"[^" + _lua_members(frozenset(range(256)) - members) + b"]" if len(members) < 256 else b"."
    return b"[" + _lua_members(members) + b"]"


def _lua_members(members: frozenset[int]) -> bytes:
    """Ranges where both ends mean themselves, single bytes elsewhere."""
    found, rest = b"", sorted(members)
    while rest:
        low = rest.pop(0)
        high = low
        while low and low not in _PUNCTUATION and rest and rest[0] == high + 1:
            high = rest.pop(0)
        while high in _PUNCTUATION and high > low:
            rest.insert(0, high)
            high -= 1
        found += _lua_byte(low) if high == low else bytes((low,)) + b"-" + bytes((high,))
    return found


def _lua_byte(byte: int) -> bytes:
    # In Lua 5.1 a zero byte would end the pattern; LuaJIT takes both.
    if byte == 0:
        return b"%z"
    return b"%" + bytes((byte,)) if byte in _PUNCTUATION else bytes((byte,))
