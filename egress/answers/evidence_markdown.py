"""The evidence as Markdown, for people. It says less than the JSON: of each way only who decided last, and
digests at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from egress.answers.evidence_document import (
    Allowed,
    Elsewhere,
    Evidence,
    Leaves,
    Received,
    ReceivedElsewhere,
    Source,
)
from egress.common.words import VOID


def markdown(found: Evidence) -> str:
    """One document, headings and tables; nothing in it comes from anywhere but the evidence."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Evidence) -> Iterator[str]:
    yield f"# Evidence of egress: stack {_text(found.source.stack)}"
    yield ""
    yield from (f"- {line}" for line in _source(found.source))
    yield f"- digest of all {len(found.objects)} objects: `{found.digest}`"
    wrong = found.proof.violations
    said = (
        f"{len(wrong)} are answered otherwise than the config says"
        if wrong
        else "each is answered as the config says"
    )
    yield f"- proof: {found.proof.questions} questions about every way out, {said}"
    yield from (f"    - {_text(item.flow)}: {_text(item.says)}" for item in wrong)
    yield from ("", "## Who may reach what")
    heads = ("team", "target", "by", "requests and callers", "why", "leaves", "controls passed")
    yield from _table(heads, ((*_way(item), _controls(item)) for item in found.allowed))
    if found.received:
        yield from ("", "## Who may connect from outside")
        heads = ("team", "what", "at", "clients", "from", "led to", "why", "controls passed")
        yield from _table(heads, (_from_outside(item) for item in found.received))
    if found.grants:
        yield from ("", "## What service accounts may do in Google Cloud")
        rows = (
            (
                item.team,
                item.service_account,
                item.google_service_account,
                item.role,
                item.resource,
                item.reason or "",
            )
            for item in found.grants
        )
        yield from _table(("team", "service account", "acts as", "role", "on", "reason"), rows)
    yield from ("", "## What is opened beyond the defaults", "")
    if found.relaxations:
        rows = (
            (f"`{item.setting}`", item.opens, item.reason or "(the setting asks for none)")
            for item in found.relaxations
        )
        yield from _table(("setting", "what it opens", "reason"), rows)
    else:
        yield "Nothing."
    yield from ("", "## What else workloads can try")
    rows = (
        (item.team, item.target, item.way, _ports(item), item.wanted, _refused(item))
        for item in found.elsewhere
    )
    yield from _table(("team", "target", "way", "ports", "wanted", "refused by"), rows)
    if found.received_elsewhere:
        yield from ("", "## What else those outside can try")
        yield from _table(
            ("by", "at", "who", "to be refused by", "refused by"),
            map(_tried_outside, found.received_elsewhere),
        )
    yield from ("", "## Objects")
    yield from _table(("object", "sha256"), ((item.object, item.sha256) for item in found.objects))


def _source(source: Source) -> Iterator[str]:
    changed = ", and files that differ from it" if source.uncommitted else ""
    yield f"project: {_text(source.project)}"
    yield f"commit: {_text(source.commit or 'not known')}{changed}"
    yield f"stack version: {_text(source.stack_version or 'not given')}"
    if source.at:
        yield f"made at: {_text(source.at)}"


def _way(item: Allowed) -> tuple[str, ...]:
    why = ": ".join(filter(None, (item.rule, item.description, strangers(item))))
    port = f"{item.protocol} {item.port}" if item.port else "every port"
    return item.team, item.target, port, requests(item), why, leaves(item)


def _from_outside(item: Received) -> tuple[str, ...]:
    at, ranges = f"{item.host}, {item.protocol} {item.port}", ", ".join(item.source_ranges.values())
    clients, why = ", ".join(item.clients.values()), item.description or ""
    return (
        item.team,
        item.name,
        at,
        clients,
        f"{ranges} ({item.exposure})",
        item.service,
        why,
        _controls(item),
    )


def _tried_outside(item: ReceivedElsewhere) -> tuple[str, ...]:
    at = (
        f"{item.host or 'any name'}, {'port' if len(item.ports) == 1 else 'ports'} "
        f"{', '.join(map(str, item.ports))}"
    )
    return item.by, at, item.who, ", ".join(item.wanted), _refused(item)


def requests(item: Allowed) -> str:
    """Which requests and callers, in words, and whether that holds anything."""
    return f"{_requests(item)} ({VOID})" if item.void else _requests(item)


def _requests(item: Allowed) -> str:
    said = [", ".join(item.methods)] if item.methods else []
    said += [", ".join(item.paths)] if item.paths else []
    said += [f"{name}: {' or '.join(values)}" for name, values in item.headers.items()]
    said += [f"as {' or '.join(item.service_accounts)}"] if item.service_accounts else []
    return "; ".join(said) or "everything"


def strangers(item: Allowed) -> str:
    """Whose things are behind a name of Google's besides, and what closes that; empty: nobody's."""
    return (
        f"any {item.strangers} there, a stranger's too; network.perimeter closes this"
        if item.strangers
        else ""
    )


def leaves(item: Allowed) -> str:
    """How it goes out, in words; nothing where no gateway and no sidecar opens a connection of its own."""
    if item.leaves is None:
        return ""
    if item.unencrypted:
        return f"UNENCRYPTED, port {item.leaves.port}"
    ways = {"SIMPLE": "in TLS", "MUTUAL": "in mutual TLS", "": "as the app sends it"}
    how = f"{ways.get(item.leaves.tls, item.leaves.tls)}, port {item.leaves.port}"
    return how + _known(item.leaves, item.target)


def _known(left: Leaves, host: str) -> str:
    """By which names it is sent and taken, where these are not the host's own."""
    sent = f", as {left.sni}" if left.sni and left.sni != host else ""
    own = not sent and left.subject_alt_names in ([], [host])
    return "" if own else f"{sent}, with a certificate for {' or '.join(left.subject_alt_names)}"


def _controls(item: Allowed | Received) -> str:
    said = [f"{one.layer}: {one.object}" for one in item.controls if one.allowed]
    refused = [f"REFUSED by {one.layer}: {one.object}" for one in item.controls if not one.allowed]
    return "; ".join(dict.fromkeys((*refused, *said)))


def _ports(item: Elsewhere) -> str:
    return f"{item.protocol} {', '.join(map(str, item.ports))}"


def _refused(item: Elsewhere | ReceivedElsewhere) -> str:
    return "; ".join(f"{one.layer}: {one.object}" for one in item.refused_by) or "nothing"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(map(_text, row))} |"


def _text(value: str) -> str:
    """Free text that stays in its cell and is no markup: descriptions and reasons are written by many
    people."""
    flat = " ".join(value.split())
    flat = (
        flat
        if flat.startswith("`") and flat.endswith("`") and flat.count("`") == 2
        else re.sub(r"([\\`*_\[\]])", r"\\\1", flat)
    )
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
