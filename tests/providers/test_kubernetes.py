"""What the real kubernetes plugin does with the stack's objects, and that the sandbox's stand-in does the
same: told in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kubernetes.cluster import FIELD_MANAGER
from tests.providers.plugins import Missing
from tests.providers.small_cluster import Both, World, manifests, worlds

JSON = dict[str, Any]
POLICY = ("networking.k8s.io/v1", "NetworkPolicy", "team-y", "team-boundary")
RULES = ("security.istio.io/v1", "AuthorizationPolicy", "istio-egress", "egress-team-y")
ADMISSION = ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", None, "egress-gateway-nodes")
ROLE = ("rbac.authorization.k8s.io/v1", "ClusterRole", None, "egress-team-member")
SIDECAR = ("networking.istio.io/v1", "Sidecar", "team-y", "default")
NAMESPACE = ("v1", "Namespace", None, "team-y")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    try:
        with worlds(tmp_path_factory.mktemp("kubernetes")) as both:
            yield both
    except Missing as missing:
        pytest.skip(str(missing))


def edit(world: World, which: tuple[str, str, str | None, str], change: Any) -> None:
    """As an administrator would with `kubectl edit`: the whole object, by another field manager."""
    api_version, kind, namespace, name = which
    served = world.client.kind(api_version, kind, 0)
    live = world.client.get(served, namespace, name)
    assert live
    change(live)
    world.client.request("PUT", served.path(namespace, name), live, fieldManager="kubectl-edit")


def live(world: World, which: tuple[str, str, str | None, str]) -> JSON:
    api_version, kind, namespace, name = which
    found = world.client.get(world.client.kind(api_version, kind, 0), namespace, name)
    assert found
    return found


def changed(kind: str, name: str, change: Any) -> list[JSON]:
    objects = manifests()
    change(next(item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)))
    return objects


def test_a_preview_makes_nothing(both: Both) -> None:
    assert set(both.run("preview").ops.values()) == {"create"}
    assert both.real.client.get(both.real.client.kind("v1", "Namespace"), None, "team-y") is None


def test_what_is_there_already_stops_its_creation_and_what_gke_made_is_taken_over(both: Both) -> None:
    """The cluster was born with NetworkLogging/default; somebody made a ClusterRole by hand."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "egress-team-member"},
        "rules": [],
    }
    both.do(
        lambda world: world.client.create(world.client.kind(role["apiVersion"], "ClusterRole"), None, role)
    )
    run = both.run("up", fails=True)
    said = [error for error in run.errors if "already exists" in error]
    assert len(said) == 1
    assert "was not successfully created by the Kubernetes API server" in said[0]
    assert 'clusterroles.rbac.authorization.k8s.io "egress-team-member" already exists' in said[0]
    both.do(
        lambda world: world.client.delete(world.client.kind(role["apiVersion"], "ClusterRole"), None, ROLE[3])
    )
    both.run("up", after_failure=True)
    logging = ("networking.gke.io/v1alpha1", "NetworkLogging", None, "default")
    assert live(both.real, logging)["spec"]["cluster"]["deny"]["log"] is True


def test_again_nothing_changes_and_nothing_has_drifted(both: Both) -> None:
    assert not both.run("preview").changes
    assert not both.run("refresh", "--preview-only", "--expect-no-changes").changes


def test_another_way_to_the_same_cluster_replaces_nothing(both: Both) -> None:
    both.do(lambda world: world.configure(kubeconfig=world.kubeconfig(way="/")))
    run = both.run("preview")
    assert set(run.ops) == {"pulumi:providers:kubernetes::plain", "pulumi:providers:kubernetes::upserting"}
    assert set(run.ops.values()) == {"update"}


def test_without_an_identifier_it_would_be_another_cluster_and_everything_replaced(both: Both) -> None:
    """Why the program states one: this is what the plugin does where none is stated."""
    both.do(lambda world: world.configure(identifier="two"))
    ops = both.run("preview").ops
    assert all(op.endswith(("replace", "replaced")) for op in ops.values()), ops
    both.do(lambda world: world.configure())


def test_a_changed_rule_changes_one_object(both: Both) -> None:
    def open_a_port(policy: JSON) -> None:
        policy["spec"]["egress"].append({"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]})

    both.do(lambda world: world.deploy(changed("NetworkPolicy", "team-boundary", open_a_port)))
    run = both.run("up")
    assert run.ops == {
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::team-y/networkpolicy/team-boundary": "update"
    }
    both.do(lambda world: world.deploy(manifests()))
    both.run("up")
    cidrs = [str(rule) for rule in live(both.real, POLICY)["spec"]["egress"]]
    assert not any("192.0.2.0/24" in rule for rule in cidrs)


def test_other_data_replaces_a_map_and_a_secret(both: Both) -> None:
    objects = manifests()
    for item in objects:
        for data in ("data", "stringData"):
            if data in item:
                item[data] = {"key": "two"}
    both.do(lambda world: world.deploy(objects))
    ops = both.run("preview").ops
    assert {name.partition("::")[0] for name in ops} == {
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Secret",
    }
    both.do(lambda world: world.deploy(manifests()))


WIDENED: dict[tuple[str, str, str | None, str], Any] = {
    POLICY: lambda item: item["spec"]["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}),
    RULES: lambda item: item["spec"]["rules"].append({}),
    ADMISSION: lambda item: (
        item["spec"].setdefault("matchConditions", []).append({"name": "never", "expression": "false"})
    ),
    ROLE: lambda item: item["rules"].append({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}),
    SIDECAR: lambda item: item["spec"]["egress"][-1]["hosts"].append("*/*"),
    NAMESPACE: lambda item: item["metadata"]["labels"].update({"somebody": "was-here"}),
}


def test_what_somebody_adds_is_seen_by_no_refresh_and_left_by_the_next_up(both: Both) -> None:
    """The plugin compares what the program states, and no more: a drift check has to read what lives."""
    for which, change in WIDENED.items():
        both.do(lambda world, which=which, change=change: edit(world, which, change))
    assert not both.run("refresh", "--preview-only", "--expect-no-changes").changes
    both.run("up", "--refresh")
    assert {} in live(both.real, RULES)["spec"]["rules"]
    assert "0.0.0.0/0" in str(live(both.real, POLICY)["spec"]["egress"])
    assert "never" in str(live(both.real, ADMISSION)["spec"].get("matchConditions"))


def test_an_update_for_another_reason_takes_out_what_somebody_added(both: Both) -> None:
    """The whole object is applied as soon as one field of it differs."""

    def annotated() -> list[JSON]:
        objects = manifests()
        for item in objects:
            item["metadata"].setdefault("annotations", {})["example.com/seen"] = "once"
        return [item for item in objects if item["kind"] not in ("ConfigMap", "Secret")] + objects[-2:]

    both.do(lambda world: world.deploy(annotated()))
    both.run("up")
    for world in (both.real, both.stand_in):
        assert {} not in live(world, RULES)["spec"]["rules"]
        assert "0.0.0.0/0" not in str(live(world, POLICY)["spec"]["egress"])
    both.do(lambda world: world.deploy(manifests()))
    both.run("up")


def test_what_somebody_changes_is_seen_and_put_right(both: Both) -> None:
    def privileged(namespace: JSON) -> None:
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged"

    def first(item: JSON) -> None:
        item["spec"]["egress"].insert(0, {})

    both.do(lambda world: edit(world, NAMESPACE, privileged))
    both.do(lambda world: edit(world, POLICY, first))
    found = both.run("refresh", "--preview-only")
    assert {name.rpartition("::")[2] for name in found.ops} == {
        "namespace/team-y",
        "team-y/networkpolicy/team-boundary",
    }
    both.run("up", "--refresh")
    assert live(both.real, POLICY)["spec"]["egress"][0] != {}
    assert (
        live(both.real, NAMESPACE)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] != "privileged"
    )


def test_what_somebody_deletes_is_made_again(both: Both) -> None:
    both.do(lambda world: world.client.delete(world.client.kind(*POLICY[:2]), *POLICY[2:]))
    assert set(both.run("refresh", "--preview-only").ops.values()) == {"delete"}
    assert set(both.run("up", "--refresh").ops.values()) == {"create"}


def test_a_field_that_another_one_owns_stops_an_update_unless_it_is_forced(both: Both) -> None:
    def widen(world: World) -> None:
        kind = world.client.kind(*ROLE[:2])
        role = {"apiVersion": ROLE[0], "kind": ROLE[1], "metadata": {"name": ROLE[3]}, "rules": []}
        world.client.request("PATCH", kind.path(None, ROLE[3]), role, fieldManager="somebody", force="true")

    def stricter(role: JSON) -> None:
        role["rules"] = role["rules"][:1]

    assert FIELD_MANAGER != "somebody"
    both.do(widen)
    both.do(lambda world: world.configure(force=""))
    both.do(lambda world: world.deploy(changed("ClusterRole", ROLE[3], stricter)))
    run = both.run("up", fails=True)
    assert any("conflict" in error and "somebody" in error for error in run.errors), run.errors
    both.do(lambda world: world.configure())
    both.run("up", after_failure=True)
    assert len(live(both.real, ROLE)["rules"]) == 1
    both.do(lambda world: world.deploy(manifests()))
    both.run("up")


def test_destroy_takes_all_of_it_away(both: Both) -> None:
    assert set(both.run("destroy").ops.values()) == {"delete"}
    assert both.real.client.get(both.real.client.kind("v1", "Namespace"), None, "team-y") is None
