"""What one field of an object that judges read may hold: a number, a name, a range of addresses, a map.

shapes.py and google_shapes.py put objects together of these; tests/judge/test_shapes.py holds all three.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator


def _checked(words: str, kinds: tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(words)
    return value


def _is(words: str, *kinds: type) -> Any:
    return Annotated[Any, PlainValidator(partial(_checked, words, kinds))]


def _range(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("a range of addresses, as 10.0.0.0/24") from None
    return value


NUMBER, ANY = _is("a number", int), Any
PORT = _is("a number or a name", int, str)
YES = _is("true or false", bool)
SHARE = _is("a number", int, float)
CIDR = Annotated[str, AfterValidator(_range)]
MAP = dict[str, Any]
LABELS = dict[str, str]
TEXTS = list[str]


def _transport(value: str) -> str:
    if value not in ("TCP", "UDP", "SCTP"):
        raise ValueError("TCP, UDP or SCTP")
    return value


TRANSPORT = Annotated[str, AfterValidator(_transport)]
