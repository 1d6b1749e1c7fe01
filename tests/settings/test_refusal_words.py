"""Refusals speak the language of the file: no class, no type and no sentence of the library that checks the
values."""

from __future__ import annotations

import contextlib
import copy
import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.common import stack_file
from egress.common.errors import ConfigError, Problem
from egress.plan.make import make_plan
from egress.settings import load, words
from egress.settings.base import Model
from egress.settings.schema_nodes import schema
from tests.support import PROJECT, ROOT, config_with, dev_config

HOSTS = "teams/team-x/egress"
MISTAKES: list[tuple[str, Any, str, str]] = [
    # path, value, words of the consequence, the line to write
    (
        f"{HOSTS}/x.example.com",
        "passthrough",
        "a mapping of its settings (http, https, httpsPorts, tcp, serviceAccounts), not a string",
        "x.example.com: {https: passthrough}",
    ),
    (f"{HOSTS}/x.example.com", None, "The value is missing", "x.example.com: {https: passthrough}"),
    (
        HOSTS,
        ["x.example.com"],
        "This must be a mapping of hosts to http, https or tcp, not a list",
        "egress: {x.example.com: {https: passthrough}}",
    ),
    (f"{HOSTS}/x.example.com", {"http": True}, ", not true.", "http: {upgrade: tls}"),
    (
        "teams/shop",
        None,
        "The value is missing",
        "shop: {egress: {example.com: {https: passthrough}}}",
    ),
    ("teams", "", "The value is missing", "gke-mesh-egress:teams: {shop:"),
    ("network/controlPlane", ["10.5.0.0/28"], "a range of addresses", "controlPlane: 10.5.0.0/28"),
    (
        "network/subnet",
        ["10.5.0.0/28"],
        "a mapping of its settings (name, nodes, pods, services)",
        "subnet: {nodes:",
    ),
    ("teams/team-x/reaches", "team-y", "This must be a list, not a string", "reaches: [team-y]"),
    ("gateway/minReplicas", "3", "must be a whole number", "minReplicas: 3"),
    ("cluster/deletionProtection", "no", "must be true or false", "deletionProtection: false"),
    (
        "projectNumber",
        123456789,
        "must be a string, not a number",
        'gke-mesh-egress:projectNumber: "123456789"',
    ),
    ("teams", {1: {}}, "The key 1 is not a name", 'Put it in quotes: "1"'),
]
NEEDS: list[tuple[str, Any, str]] = [
    # what people need and write first, words of what to write instead
    ("x.example.com", {"udp": {"port": 123}}, "use TCP"),
    ("x.example.com", {"http": {"port": 8080}}, "tcp: {port: 8443"),
    (
        "*.kafka.example",
        {"tcp": {"port": 9093, "byName": True, "serviceAccounts": ["a"]}},
        "each host by its full name",
    ),
]


def problems_of(config: dict[Any, Any]) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as refused:
        make_plan(load(config))
    return refused.value.problems


@pytest.mark.parametrize(
    ("path", "value", "consequence", "line"), MISTAKES, ids=[row[3][:30] for row in MISTAKES]
)
def test_the_commonest_mistakes_end_in_the_line_to_write(
    path: str, value: Any, consequence: str, line: str
) -> None:
    (problem,) = problems_of(config_with(path, value))
    assert consequence in problem.consequence
    assert line in problem.fix


@pytest.mark.parametrize(("host", "value", "instead"), NEEDS, ids=[f"{row[0]} {row[2]}" for row in NEEDS])
def test_what_the_language_cannot_say_is_not_supported_with_what_to_write_instead(
    host: str, value: Any, instead: str
) -> None:
    said = [
        problem.consequence + problem.fix for problem in problems_of(config_with(f"{HOSTS}/{host}", value))
    ]
    assert any("Not supported" in text and instead in text for text in said), said
    for entry in (entry for text in said for entry in re.findall(r"tcp: \{[^}.]*(?:\.\d[^}]*)?\}", text)):
        # What is written instead has to be accepted itself: byName on a port of the gateway's own was not.
        if "..." not in entry:
            make_plan(load(config_with(f"{HOSTS}/x.example.com", yaml.safe_load(f"{{{entry}}}"))))


@pytest.mark.parametrize(
    "written", [{"https": {"port": 9243}}, {"port": 9243, "https": "passthrough"}, {"ports": [443, 9243]}]
)
def test_https_on_another_port_is_sent_to_the_key_that_says_so(written: dict[str, Any]) -> None:
    (problem,) = problems_of(config_with(f"{HOSTS}/x.example.com", written))
    assert "https: passthrough" in problem.fix
    assert "httpsPorts: [9243]" in problem.fix


def test_ports_of_one_entry_are_sent_to_a_list_of_entries() -> None:
    tcp = {"tcp": {"ports": [9092, 9094], "port": 9092, "byName": True, "serviceAccounts": ["a"]}}
    (problem,) = problems_of(config_with(f"{HOSTS}/x.example.com", tcp))
    assert "for each port by itself" in problem.consequence
    assert "a list with an entry for each port: tcp: [{port:" in problem.fix


def test_a_port_in_a_host_is_sent_to_the_way_that_has_ports() -> None:
    tcp = {"tcp": {"port": 9093, "byName": True, "serviceAccounts": ["a"]}}
    (problem,) = problems_of(config_with(f"{HOSTS}/b1.kafka.example:9093", tcp))
    assert "tcp: {port: 9093, ...}" in problem.fix


def test_a_refused_default_is_shown_and_called_one() -> None:
    problems = problems_of(config_with("gateway", {"maxConnections": 10}))
    assert [problem.path.rpartition(":")[2] for problem in problems] == [
        "teams.team-x.limits.connections",
        "teams.team-y.limits.connections",
    ]
    assert "= 200 (the default)\n" in str(problems[0])


def test_a_value_is_refused_where_it_stands_in_the_file() -> None:
    (problem,) = problems_of(
        config_with("teams/team-x/googleApis/serviceAccounts/test/datasets", {"sales": "nonsense"})
    )
    assert problem.path.endswith("test.datasets.sales")
    assert problem.value == "nonsense"


@cache
def _configs() -> list[dict[str, Any]]:
    whole = re.search(
        r"```yaml\n(# yaml-language-server.*?)```",
        (ROOT / "docs/config.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert whole
    modes = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))
    return [
        yaml.safe_load(whole[1])["config"],
        dev_config(),
        *({"gcp:project": PROJECT} | stack_file.read(mode).config for mode in modes),
    ]


def _paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*at, key))


@cache
def _places() -> list[tuple[int, tuple[Any, ...]]]:
    found = [(index, path) for index, config in enumerate(_configs()) for path in _paths(config)]
    return [(index, path) for index, path in found if str(path[0]).startswith("gke-mesh-egress:")]


def _with(index: int, path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    config = copy.deepcopy(_configs()[index])
    node: Any = config
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    return config


def _classes(of: type = Model) -> Iterator[str]:
    for one in of.__subclasses__():
        yield one.__name__
        yield from _classes(one)


ALSO_WORDS = {
    "Istio",
    "Access",
    "Team",
    "Network",
    "Mesh",
    "Gateway",
    "Gateways",
    "Cluster",
    "Limits",
    "Rule",
    "Credential",
    "Firewall",
    "Dns",
    "Names",
}
OF_THE_LIBRARY = re.compile(
    r"Input should|instance of|valid (dictionary|string|list|integer|boolean|number)|unicode string|Field "
    r"required|Extra inputs"
    r"|IPv4(Network|Address|Interface)\b|NoneType|\bdict\b|\bstr\b|\bint\b|Traceback|object at 0x|Correct "
    r"it; docs|pydantic"
)
BROKEN = [
    None,
    5,
    "x",
    True,
    [],
    ["x"],
    {},
    {"x": 1},
    1.5,
    -1,
    "",
    [1],
    {"x": {}},
    [None],
    {"": ""},
    "5",
    "no",
    "10.0.0.0/8",
    2**70,
    [[]],
]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_refusal_speaks_of_the_program_and_each_has_path_value_consequence_and_fix(
    data: st.DataObject,
) -> None:
    index, path = data.draw(st.sampled_from(_places()))
    value = data.draw(st.sampled_from(BROKEN))
    try:
        make_plan(load(_with(index, path, value)))
    except ConfigError as error:
        for problem in error.problems:
            text = f"{problem.consequence} {problem.fix}"
            assert not OF_THE_LIBRARY.search(text), text
            assert not (
                set(re.findall(r"\w+", text))
                & (set(_classes()) - ALSO_WORDS - {"Backend", "Form", "Share", "Retries"})
            ), text
            assert problem.path.startswith(("gke-mesh-egress:", "gcp:project"))
            assert problem.consequence.strip().endswith((".", "?", "!"))
            assert problem.fix.strip()
            assert "TEXT" not in problem.fix, problem


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_line_to_write_has_the_right_form(data: st.DataObject) -> None:
    index, path = data.draw(st.sampled_from(_places()))
    value = data.draw(st.sampled_from([None, True, [], ["x"], "passthrough", 5]))
    wrong = ("This must be", "The value is missing")
    try:
        load(_with(index, path, value))
    except ConfigError as error:
        here = [
            problem
            for problem in error.problems
            if problem.value == value and any(word in problem.consequence for word in wrong)
        ]
        for problem in here:
            line = re.fullmatch(r"Write (.*?)(, or remove the line)?\.", problem.fix)
            assert line, problem
            written = yaml.safe_load(line[1])
            meant = written if isinstance(path[-1], int) else next(iter(written.values()))
            with contextlib.suppress(ConfigError):
                load(_with(index, path, meant))
                continue
            with pytest.raises(ConfigError) as again:
                load(_with(index, path, meant))
            left = [
                one
                for one in again.value.problems
                if one.path == problem.path and any(word in one.consequence for word in wrong)
            ]
            assert not left, (problem, left)


def test_every_example_names_a_part_of_the_settings() -> None:
    assert set(words.EXAMPLES) <= set(schema()["$defs"])
    assert {part for part, _ in words.NEEDS} <= set(schema()["$defs"])
    assert inspect.getdoc(words)
