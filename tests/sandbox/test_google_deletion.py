"""What the stand-in refuses to delete or to change, because something else needs it or it is gone."""

from __future__ import annotations

import pytest

from tests.sandbox import google_resources as g
from tests.sandbox.google_engine import Engine, build, refused


@pytest.mark.parametrize(
    ("token", "user"),
    [
        (g.NETWORK, "regions/europe-west1/subnetworks/subnet-gke"),
        (g.NETWORK, "global/firewalls/deny"),
        (g.NETWORK, "routers/nat-router"),
        (g.SUBNETWORK, "clusters/cluster1"),
        (g.SUBNETWORK, f"{g.PROJECT}/europe-west1/nat-router/nat-config"),
    ],
)
def test_what_is_in_use_is_not_deleted(engine: Engine, token: str, user: str) -> None:
    made = build(engine)
    said = refused(lambda: engine.delete(made[token]), "already being used by")
    assert user in said
    assert engine.cloud.get(made[token].id)


def test_a_zone_with_records_is_only_deleted_by_force(engine: Engine) -> None:
    made = build(engine, g.RECORD)
    refused(lambda: engine.delete(made[g.ZONE]), "not empty", made[g.RECORD].id, "forceDestroy")
    engine.update(made[g.ZONE], g.having(g.ZONE_INPUTS, forceDestroy=True))
    engine.delete(made[g.ZONE])
    assert engine.read(made[g.RECORD]) is None


def test_a_protected_cluster_is_not_deleted(engine: Engine) -> None:
    build(engine, g.SUBNETWORK)
    cluster = engine.create(g.CLUSTER, g.having(g.CLUSTER_INPUTS, deletionProtection=None))
    refused(lambda: engine.delete(cluster), "deletionProtection", "deploy deletionProtection = false first")
    engine.update(cluster, g.CLUSTER_INPUTS)
    engine.delete(cluster)
    assert engine.apiserver.calls == ["start", "wipe"]


def test_deletion_policies_are_kept(engine: Engine) -> None:
    engine.enable()
    kept = engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, deletionPolicy="PREVENT"))
    refused(lambda: engine.delete(kept), "deletionPolicy", "refuses to be destroyed")
    left = engine.create(g.NETWORK, g.having(g.NETWORK_INPUTS, name="left", deletionPolicy="ABANDON"))
    engine.delete(left)
    assert engine.cloud.get(left.id)["name"] == "left"


def test_an_api_stays_on_unless_it_is_to_be_disabled(engine: Engine) -> None:
    stays = engine.create(g.SERVICE, {"service": "dns.googleapis.com"})
    goes = engine.create(g.SERVICE, {"service": "iam.googleapis.com", "disableOnDestroy": True})
    engine.delete(stays)
    engine.delete(goes)
    assert [resource["id"] for resource in engine.cloud.list()] == [stays.id]
    assert engine.cloud.leftovers() == []


def test_updating_what_was_deleted_elsewhere_is_refused(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    engine.cloud.remove(made.id)
    refused(lambda: engine.update(made, g.FIREWALL_INPUTS), "Error 404", "refresh")


def test_an_update_is_judged_as_a_creation_is(engine: Engine) -> None:
    made = build(engine, g.FIREWALL)[g.FIREWALL]
    refused(
        lambda: engine.update(made, g.having(g.FIREWALL_INPUTS, network="gone")),
        "networks/gone' was not found",
    )
    assert engine.cloud.get(made.id)["network"].endswith("/vpc-network")
