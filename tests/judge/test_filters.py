"""Extensions of proxies that are understood, field by field: without one, or with another value or field,
they are not.

Source: Istio reference, EnvoyFilter and TrafficExtension; Envoy, the filters' own pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from egress.judge.fields.filters import removed_from_copies, unread_of_extension, unread_of_filter
from tests.judge.filter_patches import (
    COPIES,
    HTTP_1_0,
    IDS,
    LATE,
    LOOKS_UP,
    LUA,
    NOTES,
    OFFERS,
    OPTIONS,
    RECOGNISED,
    SCRIPT,
    keeping,
)
from tests.judge.objects import written
from tests.support import ROOT

PATCHES = {
    "connects late": LATE,
    "keeps ids": IDS,
    "ignores offers": OFFERS,
    "takes HTTP/1.0": HTTP_1_0,
    "recognises HTTP/1.0": RECOGNISED,
    "keeps slashes in sidecars": keeping("SIDECAR_OUTBOUND"),
    "keeps slashes at a gateway": keeping("GATEWAY", sni="a.example"),
    "notes": NOTES,
    "looks names up": LOOKS_UP,
    "clean copies": COPIES,
}
MAY_BE_ABSENT = {
    *("portNumber", "sni", "upstream_connect_mode", "max_early_data_bytes", "remove"),
    *("common_http_protocol_options", "http_protocol_options", "http2_protocol_options"),
}
MAY_BE_OTHER: dict[str, set[Any]] = {
    "connects late": {"context", "portNumber", "sni", "upstream_connect_mode", "max_early_data_bytes"},
    "keeps ids": {"portNumber", "preserve_external_request_id"},
    "ignores offers": set(),
    "takes HTTP/1.0": set(),
    "recognises HTTP/1.0": set(),
    "keeps slashes in sidecars": {"portNumber"},
    "keeps slashes at a gateway": {"portNumber", "sni"},
    "notes": {"portNumber", "header", "key", "remove"},
    "looks names up": {("dns_cache_config", "name")},
    "clean copies": {"portNumber", "max_requests_per_connection"},
}
"""Fields of which another value of the same type is as good."""


def unread(*patches: Any, **spec: Any) -> list[str]:
    return list(unread_of_filter(written("EnvoyFilter", "istio-egress", configPatches=list(patches), **spec)))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for key, of in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield (*path, key), of
        yield from places(of, (*path, key))


def changed(patch: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = deepcopy(patch)
    here = made
    for step in path[:-1]:
        here = here[step]
    if value is None:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return made


EVERY = [(name, path, of) for name, patch in PATCHES.items() for path, of in places(patch)]


@pytest.mark.parametrize("name", PATCHES)
def test_each_is_understood_as_it_is(name: str) -> None:
    assert unread(PATCHES[name]) == []
    assert unread(PATCHES[name], workloadSelector={"labels": {"a": "b"}}, priority=1) == []


@pytest.mark.parametrize(
    ("name", "path", "of"), EVERY, ids=[" ".join(map(str, (name, *path))) for name, path, _ in EVERY]
)
def test_without_a_field_it_is_understood_only_where_it_may_be_absent(
    name: str, path: tuple[Any, ...], of: Any
) -> None:
    if path in (("applyTo",), ("patch",)):
        return  # No API takes it: egress/judge/model/required_fields.py.
    # Of filters and rules in a list each is understood by itself.
    needed = {
        "connects late": set[str](),
        "ignores offers": {"http_protocol_options"},
        "takes HTTP/1.0": {"http_protocol_options"},
        "recognises HTTP/1.0": set[str](),
        "keeps slashes at a gateway": {"portNumber", "sni"},
    }
    optional = path[-1] in MAY_BE_ABSENT - needed.get(name, {"portNumber"}) or isinstance(path[-1], int)
    assert (unread(changed(PATCHES[name], path, None)) == []) is optional


@pytest.mark.parametrize(
    ("name", "path", "of"), EVERY, ids=[" ".join(map(str, (name, *path))) for name, path, _ in EVERY]
)
def test_with_another_value_or_one_field_more_it_is_not(name: str, path: tuple[Any, ...], of: Any) -> None:
    if isinstance(of, dict):
        assert unread(changed(PATCHES[name], path, {**of, "more": 1})) == ["spec.configPatches[0]"]
        if path not in (
            ("match",),
            ("patch",),
            ("patch", "value"),
        ):  # Of another form than any API takes: egress/judge/model/shapes.py.
            assert unread(changed(PATCHES[name], path, "text")) == ["spec.configPatches[0]"]
    elif isinstance(of, list):
        assert unread(changed(PATCHES[name], path, [*of, {"more": 1}])) == ["spec.configPatches[0]"]
        assert unread(changed(PATCHES[name], path, {})) == ["spec.configPatches[0]"]
        assert unread(changed(PATCHES[name], path, "text")) == ["spec.configPatches[0]"]
    else:
        assert unread(changed(PATCHES[name], path, ["of another type"])) == ["spec.configPatches[0]"]
        other = (
            {"127.0.0.1_9443": "10.0.0.1_9443", "ON_DOWNSTREAM_TLS_HANDSHAKE": "IMMEDIATE"}.get(of)
            if isinstance(of, str)
            else None
        )
        other = other or (f"{of}x" if isinstance(of, str) else not of if isinstance(of, bool) else of + 1)
        good = bool({path[-1], path[-2:]} & MAY_BE_OTHER[name])
        assert (unread(changed(PATCHES[name], path, other)) == []) is good


@pytest.mark.parametrize("mode", ["IMMEDIATE", "ON_DOWNSTREAM_DATA", "ON_DOWNSTREAM_TLS_HANDSHAKE"])
def test_every_mode_of_connecting_is_read(mode: str) -> None:
    path = ("patch", "value", "typed_config", "upstream_connect_mode")
    assert unread(changed(LATE, path, mode)) == []
    assert unread(changed(LATE, path, "SOMETIME")) != []


@pytest.mark.parametrize(
    "listener", ["127.0.0.1", "127.0.0.1_", "127.0.1_9443", "0.0.0.0_9443", "127.0.0.1_9443x", "x127.0.0.1_1"]
)
def test_names_are_looked_up_behind_a_loopback_listener_alone(listener: str) -> None:
    assert unread(changed(LOOKS_UP, ("match", "listener", "name"), listener)) != []


class TestCopies:
    PATH = (
        *("patch", "value", "typed_extension_protocol_options", OPTIONS, "http_filters", 0),
        *("typed_config", "default_source_code", "inline_string"),
    )

    @pytest.mark.parametrize(
        "script",
        [
            SCRIPT + "-- more\n",
            SCRIPT + "os.execute()\n" + SCRIPT,
            "-- more\n" + SCRIPT,
            SCRIPT.replace("request:headers()", "request:body()"),
            SCRIPT.replace("copy.example", "other.example"),
            SCRIPT.replace('headers:remove("cookie")', 'headers:add("cookie", "x")'),
            SCRIPT.replace("replace", "add"),
            "",
        ],
    )
    def test_a_script_that_does_anything_else_is_not_understood(self, script: str) -> None:
        assert unread(changed(COPIES, self.PATH, script)) == ["spec.configPatches[0]"]

    def test_a_script_need_not_remove_anything(self) -> None:
        assert unread(changed(COPIES, self.PATH, LUA.format("", "copy.example"))) == []

    def test_what_is_removed_from_copies_is_known(self) -> None:
        assert list(removed_from_copies(COPIES)) == ["x-request-id", "cookie"]
        assert list(removed_from_copies(LATE)) == []


def test_what_ties_clusters_to_the_network_card_is_understood() -> None:
    option = {"level": 1, "name": 25, "state": "STATE_PREBIND", "buf_value": "ZXRoMA=="}
    value = {"upstream_bind_config": {"socket_options": [option]}}
    patch = {
        "applyTo": "CLUSTER",
        "match": {"context": "GATEWAY"},
        "patch": {"operation": "MERGE", "value": value},
    }
    assert unread(patch) == []
    assert unread(changed(patch, ("patch", "operation"), "ADD")) == ["spec.configPatches[0]"]


def test_the_patch_that_is_not_understood_is_named_and_so_is_every_other_field() -> None:
    assert unread(LATE, {"applyTo": "ROUTE"}, IDS, {"applyTo": "ROUTE"}) == [
        "spec.configPatches[1]",
        "spec.configPatches[3]",
    ]
    assert unread(LATE, targetRefs=[], another=1) == ["spec.another", "spec.targetRefs"]


class TestExtensions:
    RULE = '{name = "a", pattern = "x\\092"}'
    TABLE = f'local HOSTS = {{\n  ["a.example"] = {{enforce = true, max = 10, rules = {{{RULE}}}}},\n}}\n'

    @staticmethod
    def shipped() -> str:
        return Path(ROOT / "egress/plan/inspect.lua").read_text(encoding="utf-8")

    @staticmethod
    def unread(code: Any, **spec: Any) -> list[str]:
        lua = code if isinstance(code, dict) else {"inlineCode": code}
        return list(unread_of_extension(written("TrafficExtension", "istio-egress", lua=lua, **spec)))

    def test_the_filter_that_refuses_bodies_with_a_table_of_data_is_understood(self) -> None:
        assert self.unread(self.TABLE + self.shipped()) == []
        assert self.unread(self.TABLE + self.shipped(), selector={"matchLabels": {}}, match=[]) == []

    @pytest.mark.parametrize(
        ("was", "becomes"),
        [
            ('"a"', "os.execute()"),
            ("10", "10 + 1"),
            ("true", "nil"),
            ('"x\\092"', '"x\\n"'),
            ("local HOSTS = {\n", "local OTHERS = {\n"),
            ("local HOSTS = {\n", "{\n"),
            ("local HOSTS = {\n", "print()\nlocal HOSTS = {\n"),
        ],
    )
    def test_a_table_that_calls_or_names_anything_is_not(self, was: str, becomes: str) -> None:
        assert self.unread(self.TABLE.replace(was, becomes, 1) + self.shipped()) == ["spec.lua.inlineCode"]

    def test_another_program_is_not(self) -> None:
        assert self.unread(self.TABLE + self.shipped() + "x") == ["spec.lua.inlineCode"]
        assert self.unread(self.shipped()) == ["spec.lua.inlineCode"]
        assert self.unread("") == ["spec.lua.inlineCode"]

    def test_other_fields_are_not(self) -> None:
        code = self.TABLE + self.shipped()
        assert self.unread(code, phase="AUTHZ", targetRefs=[]) == ["spec.phase", "spec.targetRefs"]
        assert self.unread({"inlineCode": code, "more": 1}) == ["spec.lua"]
        assert self.unread({}) == ["spec.lua"]
