"""By which of a gateway's listeners names are looked up that only the client's server name says.

Source: Envoy, "SNI dynamic forward proxy"; Istio reference, EnvoyFilter.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.looked_up import LookUps
from egress.judge.model.flow import Pod
from tests.judge.objects import snapshot, written

PODS = Pod("gw", {"istio": "gw", "app": "edge"})
NAME = "envoy.filters.network.sni_dynamic_forward_proxy"


def look_up(
    listener: str = "127.0.0.1_8443",
    host: str = "*.example",
    *,
    namespace: str = "gw",
    labels: dict[str, str] | None = None,
    name: str = NAME,
    **patch: Any,
) -> dict[str, Any]:
    value = {"name": name, "typed_config": {"dns_cache_config": {"name": f"{host}_dfp_dns_cache"}}}
    inserts = {
        "applyTo": "NETWORK_FILTER",
        "match": {"listener": {"name": listener}},
        "patch": {"operation": "INSERT_BEFORE", "value": value},
        **patch,
    }
    selector = {} if labels is None else {"workloadSelector": {"labels": labels}}
    return written("EnvoyFilter", namespace, **selector, configPatches=[inserts])


def on(
    *objects: dict[str, Any],
    pod: Pod = PODS,
    address: str | None = "127.0.0.1",
    port: int = 8443,
    host: str = "*.example",
) -> bool:
    return LookUps(snapshot(*objects)).on(pod, address, port, host)


def test_at_the_listener_of_one_address_and_port_for_the_names_of_one_destination() -> None:
    assert on(look_up())
    assert not on()
    assert not on(look_up(), address="127.0.0.2")
    assert not on(look_up(), address=None)
    assert not on(look_up(), port=8444)
    assert not on(look_up(), host="*.a.example")


def test_at_every_address_by_the_name_of_such_a_listener() -> None:
    assert on(look_up("0.0.0.0_8443"), address=None)
    assert not on(look_up("0.0.0.0_8443"))


@pytest.mark.parametrize(
    ("labels", "does"),
    [
        (None, True),
        ({}, True),
        ({"istio": "gw"}, True),
        ({"istio": "gw", "app": "edge"}, True),
        ({"istio": "other"}, False),
    ],
)
def test_in_the_pods_that_its_selector_names(labels: dict[str, str] | None, does: bool) -> None:
    assert on(look_up(labels=labels)) is does
    assert on(look_up(labels=labels), pod=Pod("gw", None)) is not bool(labels)


def test_everywhere_if_it_lies_in_the_root_namespace() -> None:
    assert on(look_up(namespace="istio-system"))
    assert not on(look_up(namespace="istio-system", labels={"istio": "other"}))


def test_in_its_own_namespace() -> None:
    assert not on(look_up(namespace="shop"))
    assert not on(look_up(), pod=Pod("shop", PODS.labels))


def test_by_this_filter_alone() -> None:
    assert not on(look_up(name="envoy.filters.network.tcp_proxy"))


def test_one_patch_of_several_is_enough() -> None:
    filters = look_up(labels={"istio": "other"}), look_up(), look_up(host="*.test")
    assert on(*filters)
    assert on(*reversed(filters))
    assert on(*filters, host="*.test")
    both = look_up()
    both["spec"]["configPatches"] += look_up(host="*.test")["spec"]["configPatches"]
    assert on(both)
    assert on(both, host="*.test")


@pytest.mark.parametrize(
    "patch", [{"patch": {}}, {"patch": {"operation": "REMOVE"}}, {"match": {}}, {"match": {"listener": {}}}]
)
def test_a_patch_that_says_nothing_of_it_is_none(patch: dict[str, Any]) -> None:
    assert not on(look_up(**patch))
    assert not on(written("EnvoyFilter", "gw"))
