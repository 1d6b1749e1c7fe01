"""The Lua filter that inspects bodies, with the hosts, rules and limits of one gateway. Its program is
inspect.lua."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from egress.common.errors import Problem
from egress.common.lua import lua_pattern, quoted
from egress.plan.host import Host
from egress.settings.inspection import Inspection, Mode, Unwanted
from egress.settings.paths import egress_path

LONGEST_SCRIPT = 65536
"""Characters of `inlineCode` that the TrafficExtension's schema takes."""
_FILTER = Path(__file__).with_name("inspect.lua")


def oversized(hosts: Iterable[Host]) -> Iterator[Problem]:
    """The rules of all hosts of a gateway lie in one object, whose size the API server bounds."""
    every = list(hosts)
    size = len(script(every)) if inspected(every) else 0
    if size <= LONGEST_SCRIPT:
        return
    host, inspection = max(inspected(every), key=lambda found: len(_rules(found[1])))
    team = next(use.team for use in host.uses if use.http)
    yield Problem(
        f"{egress_path(team, host.name)}.http.inspect.refuse",
        sorted(inspection.refuse),
        f"All rules of all hosts of a gateway together form a filter of {size} characters; the API server "
        f"accepts {LONGEST_SCRIPT}, and this host has the largest share.",
        "Write fewer or shorter patterns: a text: is short, and a set that is repeated many times is long.",
    )


def script(hosts: Iterable[Host]) -> str:
    """The filter with the hosts, rules and limits that it goes by."""
    lines = [
        f"  [{quoted(host.name.encode())}] = {_entry(inspection)}," for host, inspection in inspected(hosts)
    ]
    return "\n".join(["local HOSTS = {", *lines, "}", _FILTER.read_text(encoding="utf-8")])


def inspected(hosts: Iterable[Host]) -> list[tuple[Host, Inspection]]:
    """Hosts whose requests a gateway reads, each with what it looks for."""
    return [(host, host.leaving.inspect) for host in hosts if host.leaving and host.leaving.inspect]


def _entry(inspection: Inspection) -> str:
    enforce = "true" if inspection.mode is Mode.ENFORCE else "false"
    return f"{{enforce = {enforce}, max = {inspection.max_bytes}, rules = {{{_rules(inspection)}}}}}"


def _rules(inspection: Inspection) -> str:
    return ", ".join(
        f"{{name = {quoted(name.encode())}, {_find(rule)}}}"
        for name, rule in sorted(inspection.refuse.items())
    )


def _find(rule: Unwanted) -> str:
    if rule.text is not None:
        # ASCII letters alone have a case here, as in the filter.
        found = [form.lower() if rule.ignore_case else form for form in forms(rule.text)]
        written = ", ".join(quoted(form) for form in dict.fromkeys(found))
        return f"forms = {{{written}}}{', lower = true' if rule.ignore_case else ''}"
    return f"pattern = {quoted(lua_pattern(rule.atoms))}"


def forms(text: str) -> list[bytes]:
    """A text in the character sets in which a body may have it without saying so: UTF-8; Latin-1; and UTF-16
    and UTF-32 without their zero bytes, as the filter reads them. For ASCII they are all one."""
    found = [text.encode()]
    with contextlib.suppress(UnicodeEncodeError):
        found.append(text.encode("latin-1"))
    wide = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    return list(dict.fromkeys([*found, *(text.encode(name).replace(b"\0", b"") for name in wide)]))
