"""The tables of docs/config.md say what the settings say of themselves."""

from __future__ import annotations

import re

import pytest

from egress.cli.reference import with_tables
from tests.support import ROOT

PAGE = ROOT / "docs/config.md"
TEXT = PAGE.read_text(encoding="utf-8")


def _row(key: str) -> list[str]:
    table = with_tables(f"<!-- keys: {key.partition('.')[0]} -->\n<!-- end of keys -->")
    line = next(line for line in table.splitlines() if line.startswith(f"| `{key}` |"))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_the_page_has_the_tables_of_today() -> None:
    assert with_tables(TEXT) == TEXT, "run `make schema`"


def test_a_table_that_says_something_else_is_written_anew() -> None:
    stale = TEXT.replace("Source ports that each node always has", "Something else", 1)
    assert stale != TEXT
    assert with_tables(stale) == TEXT


def test_what_stands_between_the_tables_stays() -> None:
    page = f"Before.\n\n<!-- keys: protect -->\n<!-- end of keys -->\n\nBehind, with {TEXT.splitlines()[0]}\n"
    written = with_tables(page)
    assert written.startswith("Before.\n\n<!-- keys: protect -->\n| Key |")
    assert written.endswith("|\n<!-- end of keys -->\n\nBehind, with # Config of a stack\n")


def test_every_key_says_what_it_means() -> None:
    rows = [line for line in TEXT.splitlines() if re.match(r"\| `", line)]
    assert len(rows) > 200
    assert [row for row in rows if not row.split("|")[4].strip()] == []


@pytest.mark.parametrize(
    ("key", "kind", "default"),
    [
        ("region", "text", "required"),
        ("protect", "boolean", "`true`"),
        ("network.subnet.nodes", "range", "required"),
        ("network.name", "name", "absent"),
        ("network.nat", "object", "see below"),
        ("network.nat.maxPortsPerVm", "integer", "absent"),
        ("network.googleApis", "one of `private`, `restricted`", "`private`"),
        ("cluster.maintenanceStart", "text", '`"03:00"`'),
        ("mesh.minTlsVersion", "one of `1.2`, `1.3`", '`"1.2"`'),
        ("teams", "map of objects", "`{}`"),
        ("teams.<team>.egress.<host>.https", "`passthrough`", "absent"),
        ("teams.<team>.egress.<host>.http.headers", "map of lists of text", "absent"),
        ("teams.<team>.egress.<host>.http.traffic.timeout", "duration", "absent"),
        ("fences.applicationNodes.leaveOn", "list of integers", "required"),
    ],
)
def test_type_and_default_are_those_of_the_settings(key: str, kind: str, default: str) -> None:
    assert _row(key)[1:3] == [kind, default]


def test_a_list_of_choices_names_them() -> None:
    assert _row("teams.<team>.egress.<host>.http.traffic.retries.retryOn")[1].startswith(
        "any of `connect-failure`, `refused-stream`, "
    )


@pytest.mark.parametrize(
    ("key", "refused"),
    [
        ("network.nat.logging", "Anything else."),
        ("network.flowLogs.sampling", "Below 0 or above 1."),
        ("teams.<team>.egress.<host>.http.traffic.limits.requests", "Below 1."),
        ("teams.<team>.egress.<host>.http.description", "More than 200 characters."),
        (
            "network.nat.minPortsPerVm",
            "Below 32 or above 65536. With dynamic allocation: not a power of two, or more than 32768. "
            "Without: more than 57344. More, for the most nodes that the pools may grow to, than `addresses` "
            "have (64512 each).",
        ),
        (
            "teams.<team>.egress.<host>.http.split",
            "Below 1 or above 99. More than 99 together. The host itself. A host to which the team may not "
            "send the same requests itself. Two teams that disagree.",
        ),
    ],
)
def test_bounds_come_from_the_settings_and_what_validators_refuse_from_the_words(
    key: str, refused: str
) -> None:
    assert _row(key)[4] == refused


def test_what_is_long_and_was_said_of_another_key_is_referred_to() -> None:
    assert _row("teams.<team>.egress.<host>.http.allow.<rule>.paths")[3:] == [
        "As `teams.<team>.egress.<host>.http.paths`.",
        "",
    ]


def test_a_page_that_is_named_becomes_a_link_below_docs() -> None:
    assert _row("network.dns")[3] == (
        "Which names Cloud DNS answers in the network: [security](security.md#names)."
    )
    assert "docs/" not in "".join(line for line in TEXT.splitlines() if line.startswith("| `"))
