"""What a reader wants to know once a stack is up: its outputs, who may reach what, and where to go from here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from pulumi.automation import OutputMap
from rich.console import Console
from rich.table import Table

CONTRACT = "egress"
"""The output that holds what the stack promises to others; its `teams` say what each may reach."""

ANY_OTHER = "any other host"
"""Row for what a team with the security model `open` may reach besides what it names."""
_LONGEST = 76
Rows = Sequence[Sequence[str]]


def show(outputs: OutputMap, kubeconfig: Path, out: TextIO) -> None:
    """Prints the summary; as drawn tables on a terminal, as aligned text in a pipe."""
    values = {name: "[secret]" if output.secret else output.value for name, output in outputs.items()}
    _print_table("Outputs (all of them, in full: make outputs)", ("name", "value"), _outputs(values), out)
    reach = who_reaches_what(values.get(CONTRACT))
    if reach:
        _print_table("Who may reach what (everything else is refused)", reach[0], reach[1:], out)
    print(f"Look around:     export KUBECONFIG={kubeconfig}; kubectl get namespaces", file=out)
    print('A real project:  README.md, "A real project": the same program with `pulumi up`', file=out)


def _outputs(values: Mapping[str, Any]) -> Rows:
    rows = []
    for name, value in sorted(values.items()):
        if isinstance(value, Mapping):
            text = "{" + ", ".join(sorted(value)) + "}"
        else:
            text = " ".join(value.split()) if isinstance(value, str) else json.dumps(value)
        rows.append((name, text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"))
    return rows


def who_reaches_what(contract: object) -> Rows:
    """A heading and one row for each host: by team, how it may be reached. Empty where the stack promises nothing."""
    teams = contract.get("teams") if isinstance(contract, Mapping) else None
    if not isinstance(teams, Mapping) or not teams:
        return []
    names = sorted(teams)
    ways: dict[str, dict[str, list[str]]] = {}
    for team in names:
        for way in teams[team].get("egress") or []:
            ways.setdefault(str(way.get("host")), {}).setdefault(team, []).append(_way(way))
    for team in names:
        past = teams[team].get("pastGateway") or {}
        if past.get("model") == "open":
            ways.setdefault(ANY_OTHER, {})[team] = ["tcp " + " ".join(map(str, past.get("ports", [])))]
    rows = [(host, *(", ".join(by_team.get(team, ["-"])) for team in names)) for host, by_team in sorted(ways.items())]
    return [("host", *names), *rows]


def _way(way: Mapping[str, Any]) -> str:
    """`http to https GET /status/418`: what the app speaks, what leaves if that differs, and the rules."""
    protocol = str(way.get("protocol") or way.get("port"))
    leaves = way.get("leaves")
    parts = [protocol if leaves in (None, protocol) else f"{protocol} (leaves as {leaves})"]
    parts += [" ".join(map(str, way[rule])) for rule in ("methods", "paths") if way.get(rule)]
    return " ".join(parts)


def _print_table(title: str, heading: Sequence[str], rows: Rows, out: TextIO) -> None:
    if out.isatty():
        table = Table(*heading, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        Console(file=out).print(table)
    else:
        widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
        print(f"\n{title}", file=out)
        for row in [heading, *rows]:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  " + "  ".join(cells).rstrip(), file=out)
    print(file=out)
