"""What gateways look for in requests, read back from the extension that does it."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.lua import quoted
from egress.judge.fields.inspection_table import Entry, Wanted, read
from egress.judge.fields.inspections import inspections
from tests.judge.objects import snapshot, written
from tests.support import ROOT

FILTER = (ROOT / "egress/plan/inspect.lua").read_text(encoding="utf-8")
ONE = '{name = "key", forms = {"a", "b"}}'
PATTERN = '{name = "card", pattern = "%d%d"}'
ANY_CASE = '{name = "word", forms = {"x"}, lower = true}'


def entry(host: str = "a.example", *rules: str, enforce: str = "true", most: str = "10") -> str:
    return (
        f'  ["{host}"] = {{enforce = {enforce}, max = {most}, rules = {{{", ".join(rules or (ONE,))}}}}},\n'
    )


def table(*entries: str) -> str:
    return f"local HOSTS = {{\n{''.join(entries)}}}\n"


def extension(code: str, name: str = "inspection", namespace: str = "gw", **spec: Any) -> dict[str, Any]:
    return written("TrafficExtension", namespace, name, lua={"inlineCode": code + FILTER}, **spec)


def test_a_host_is_read_with_its_mode_its_limit_and_its_rules() -> None:
    assert read(
        table(entry("a.example", ONE, PATTERN, ANY_CASE), entry("b.example", enforce="false", most="1048576"))
    ) == {
        "a.example": Entry(
            True,
            10,
            {
                "key": Wanted(("a", "b"), False),
                "card": Wanted(("%d%d",), False),
                "word": Wanted(("x",), True),
            },
        ),
        "b.example": Entry(False, 1048576, {"key": Wanted(("a", "b"), False)}),
    }


def test_a_table_without_hosts_looks_for_nothing() -> None:
    assert read(table()) == {}


@pytest.mark.parametrize(
    "text", ["plain", 'with "quotes"', "a\\b", "müßig", "zażółć", "\n\x00\x7f", "", "{}, ]= true"]
)
def test_whatever_a_text_holds_is_read_as_it_was_written(text: str) -> None:
    rule = f"{{name = {quoted(text.encode())}, forms = {{{quoted(text.encode())}}}}}"
    found = read(table(entry("a.example", rule)))
    assert found is not None
    assert found["a.example"].rules == {text: Wanted((text,), False)}


def test_two_texts_of_bytes_that_are_no_characters_are_two() -> None:
    """Both were read as the same sign for what cannot be read, so that one in the other's place was no
    change."""
    one, other = (
        read(table(entry("a.example", f'{{name = "x", pattern = "{byte}"}}'))) for byte in ("\\252", "\\253")
    )
    assert one != other


@pytest.mark.parametrize(
    "byte", ["\\000", "\\099", "\\199", "\\200", "\\249", "\\255"], ids=lambda byte: str(byte).strip("\\")
)
def test_a_byte_is_written_as_its_number(byte: str) -> None:
    assert read(table(entry("a.example", f'{{name = "x", pattern = "{byte}"}}'))) is not None


OTHERWISE: dict[str, str] = {
    "nothing": "",
    "one line": "local HOSTS = {}\n",
    "no end of it": table(entry()).removesuffix("}\n"),
    "no line end": table(entry()).removesuffix("\n"),
    "something before it": "print()\n" + table(entry()),
    "something at the end of a line": table(entry().replace("\n", " print()\n")),
    "something behind it": table(entry()) + "print()\n",
    "another name": table(entry()).replace("HOSTS", "OTHERS"),
    "a call": table(entry(most="os.time()")),
    "a line that is no host": table(entry(), "  x = 1,\n"),
    "an empty line": table(entry(), "\n"),
    "no rules": table('  ["a.example"] = {enforce = true, max = 10},\n'),
    "a list of none": table('  ["a.example"] = {enforce = true, max = 10, rules = {}},\n'),
    "a rule of no kind": table(entry("a.example", '{name = "x"}')),
    "a rule without name": table(entry("a.example", '{forms = {"x"}}')),
    "a rule without forms": table(entry("a.example", '{name = "x", forms = {}}')),
    "a pattern in lower case, which the filter does not do": table(
        entry("a.example", PATTERN[:-1] + ", lower = true}")
    ),
    "another field": table(entry("a.example", ONE[:-1] + ", more = 1}")),
    "neither true nor false": table(entry(enforce="nil")),
    "a limit below zero": table(entry(most="-1")),
    "a text with a line end": table(entry("a.example", '{name = "x", pattern = "\n"}')),
    "a text with a quote": table(entry("a.example", '{name = "x", pattern = """}')),
    "a byte that is none": table(entry("a.example", '{name = "x", pattern = "\\256"}')),
    "another byte that is none": table(entry("a.example", '{name = "x", pattern = "\\300"}')),
    "an escape of letters": table(entry("a.example", '{name = "x", pattern = "\\n"}')),
    "a host twice, of which the filter knows the second": table(entry(), entry(enforce="false")),
    "a rule's name twice": table(entry("a.example", ONE, ONE)),
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_a_table_of_another_form_is_not_understood(how: str) -> None:
    """One without `rules` makes the filter fail, and then bodies go through."""
    assert read(OTHERWISE[how]) is None
    assert inspections(snapshot(extension(OTHERWISE[how]))) == {}


def test_every_extension_says_its_hosts_for_itself() -> None:
    """Two about one host both hold, whichever stands first."""
    first = extension(table(entry("a.example"), entry("b.example")))
    second = extension(table(entry("a.example", PATTERN)), name="more")
    elsewhere = extension(table(entry("a.example")), namespace="other")
    objects = (first, second, elsewhere)
    found = inspections(snapshot(*objects))
    assert {at: (one.by, sorted(one.entry.rules)) for at, one in found.items()} == {
        ("gw", "inspection", "a.example"): ("gw/trafficextension/inspection", ["key"]),
        ("gw", "inspection", "b.example"): ("gw/trafficextension/inspection", ["key"]),
        ("gw", "more", "a.example"): ("gw/trafficextension/more", ["card"]),
        ("other", "inspection", "a.example"): ("other/trafficextension/inspection", ["key"]),
    }
    assert inspections(snapshot(*reversed(objects))) == found


@pytest.mark.parametrize("code", ["print()", table(entry()) + "print()"])
def test_what_another_program_looks_for_is_not_known(code: str) -> None:
    assert inspections(snapshot(extension(code), extension(table(entry()), name="ours"))).keys() == {
        ("gw", "ours", "a.example")
    }
