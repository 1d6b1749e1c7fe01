"""Hosts with a star: judges look up whole labels, and say so of what Istio takes beside them
(`*-a.example.org`)."""

from __future__ import annotations

import pytest

from egress.judge.trace import Judges
from tests.judge.asking import EDGE, GATEWAY, GATEWAY_PODS, Written, entry, gateway, rule, server, virtual
from tests.judge.objects import snapshot


def unread(*objects: Written) -> set[tuple[str, str]]:
    return {(said.decided_by, said.field) for said in Judges(snapshot(GATEWAY_PODS, *objects)).unread}


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("*.example", True),
        ("*.a.example", True),
        ("*a.example", False),
        ("*-a.example", False),
        ("a.example", True),
    ],
)
def test_a_host_of_which_a_star_is_part_of_a_label_is_not_understood(host: str, read: bool) -> None:
    known = entry(host, resolution="NONE")
    said = {("shop/serviceentry/" + known["metadata"]["name"], "spec.hosts")}
    assert unread(known) & said == (set() if read else said)
    for written, field in (
        (virtual("bank", host), "spec.hosts"),
        (rule("bank", host), "spec.host"),
        (gateway(server(f"./{host}"), server("a.test")), "spec.servers[0].hosts"),
    ):
        by = f"{written['metadata']['namespace']}/{written['kind'].lower()}/{written['metadata']['name']}"
        assert ((by, field) in unread(known, written)) is not read


def test_a_server_for_every_name_is_read() -> None:
    assert ("gw/gateway/edge", "spec.servers[0].hosts") not in unread(
        gateway(server("*")), virtual(GATEWAY, "a.test", gateways=[EDGE])
    )
