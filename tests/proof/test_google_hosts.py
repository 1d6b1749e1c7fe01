"""What somebody changes about hosts of Google's, and the proof finds: each change alone, in the example's
objects."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import yaml

from egress.judge.model.snapshot import Resource, Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import ROOT, plan_of

PRICING = "pricing-abc123-ew.a.run.app"
ENTRIES = {
    "no team sees it any more": {"exportTo": ["istio-egress"]},
    "every namespace sees it": {"exportTo": ["*"]},
    "the other team sees it too": {"exportTo": ["istio-egress", "builds", "orders"]},
    "it is every name of a domain": {"hosts": ["*.run.app"]},
    "a stranger's host beside it": {"hosts": [PRICING, "stranger-abc123-ew.a.run.app"]},
    "another port": {"ports": [{"number": 8443, "name": "tls", "protocol": "TLS"}]},
    "read as HTTP": {"ports": [{"number": 443, "name": "http", "protocol": "HTTP"}]},
    "led to an address of the internet": {"resolution": "STATIC", "endpoints": [{"address": "203.0.113.9"}]},
    "led to a host of somebody else": {"endpoints": [{"address": "evil.example"}]},
    "for whatever is sent to any address": {"addresses": ["0.0.0.0/0"]},
}
"""What is changed in the ServiceEntry of a host of orders."""


@cache
def plan() -> Plan:
    read = yaml.safe_load((ROOT / "examples/modes/Pulumi.google-hosts.yaml").read_text(encoding="utf-8"))
    return plan_of(read["config"])


def found(kubernetes: list[Any], google: list[Resource]) -> bool:
    return not verify(Intent(plan()), Judges(Snapshot.of(kubernetes, google))).holds


def objects() -> tuple[list[Any], list[Resource]]:
    whole = deployment(plan(), render(plan()))
    return copy.deepcopy(list(whole.kubernetes)), copy.deepcopy(list(whole.google))


def test_as_they_are_nothing_is_found() -> None:
    assert not found(*objects())


@pytest.mark.parametrize("what", ENTRIES)
def test_a_changed_entry_is_found(what: str) -> None:
    kubernetes, google = objects()
    (entry,) = [item for item in kubernetes if item.get("spec", {}).get("hosts") == [PRICING]]
    entry["spec"] |= ENTRIES[what]
    assert found(kubernetes, google), what


def test_a_missing_entry_is_found() -> None:
    kubernetes, google = objects()
    assert found([item for item in kubernetes if item.get("spec", {}).get("hosts") != [PRICING]], google)


@pytest.mark.parametrize("field", ["dnsName", "name"])
def test_a_missing_zone_or_record_is_found(field: str) -> None:
    kubernetes, google = objects()
    rest = [item for item in google if item.properties.get(field) != f"{PRICING}."]
    assert len(rest) == len(google) - 1
    assert found(kubernetes, rest)


@pytest.mark.parametrize("address", ["203.0.113.9", "199.36.153.4", "10.0.0.9"])
def test_a_record_that_leads_elsewhere_is_found(address: str) -> None:
    kubernetes, google = objects()
    (record,) = [item for item in google if item.properties.get("name") == f"{PRICING}."]
    changed = Resource(record.type, record.name, {**record.properties, "rrdatas": [address]})
    assert found(kubernetes, [changed if item is record else item for item in google])


@pytest.mark.parametrize("name", [f"*.{PRICING}.", f"data.{PRICING}."])
def test_a_name_below_that_leads_to_somebody_is_found(name: str) -> None:
    """An answer leads where whoever wrote it likes, and a question carries data to whoever is asked."""
    kubernetes, google = objects()
    (record,) = [item for item in google if item.properties.get("name") == f"{PRICING}."]
    more = Resource(record.type, name, {**record.properties, "name": name, "rrdatas": ["203.0.113.9"]})
    assert found(kubernetes, [*google, more])


def test_a_zone_for_everybodys_services_is_found() -> None:
    kubernetes, google = objects()
    zone = next(item for item in google if item.properties.get("dnsName") == f"{PRICING}.")
    record = next(item for item in google if item.properties.get("name") == f"{PRICING}.")
    wide = Resource(zone.type, "wide", {**zone.properties, "name": "wide", "dnsName": "run.app."})
    all_of_it = Resource(
        record.type, "all", {**record.properties, "managedZone": "wide", "name": "*.run.app."}
    )
    assert found(kubernetes, [*google, wide, all_of_it])
