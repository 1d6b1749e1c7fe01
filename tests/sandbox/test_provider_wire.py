"""Property values on the wire between the engine and every provider."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given

from sandbox.provider import wire
from sandbox.provider.wire import UNKNOWN, Secret
from tests.sandbox.json_objects import objects, patient


@patient
@given(objects)
def test_what_goes_over_the_wire_comes_back(value: dict[str, Any]) -> None:
    assert wire.read(wire.write(value)) == value


def test_numbers_that_are_whole_are_whole() -> None:
    back = wire.read(wire.write({"port": 80, "weight": 0.5}))
    assert (type(back["port"]), type(back["weight"])) == (int, float)


def test_a_secret_arrives_as_its_value() -> None:
    assert wire.read(wire.write({"data": Secret({"a": "b"})})) == {"data": {"a": "b"}}


def test_unknown_values_of_every_type_are_unknown() -> None:
    boolean = "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"
    values = wire.read(wire.write({"spec": [{"enabled": boolean}]}))
    assert values == {"spec": [{"enabled": UNKNOWN}]}
    assert wire.has_unknown(values)
    assert not wire.has_unknown({"spec": [{"enabled": True}]})


def test_what_is_unknown_leaves_as_unknown_and_comes_back_as_the_same_value() -> None:
    message = wire.write({"a": UNKNOWN, "b": [UNKNOWN], "c": {"d": Secret(UNKNOWN)}})
    assert message["a"] == message["b"][0] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    values = wire.read(message)
    assert values["a"] is values["b"][0] is values["c"]["d"] is UNKNOWN
    assert copy.deepcopy(values)["b"][0] is UNKNOWN


def test_fields_that_are_null_can_be_left_out_at_any_depth() -> None:
    values = {"a": None, "b": [{"c": None, "d": 1}, None], "e": Secret({"f": None, "g": ""})}
    assert wire.without_nulls(values) == {"b": [{"d": 1}, None], "e": Secret({"g": ""})}
