"""Which Secrets a gateway is handed: istiod asks the API server whether the proxy's own account may list
those of its namespace.

Istio 1.30 asks for the verb `list` of `secrets` and names none, so RBAC says no where a role is for Secrets
by their names.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.secrets import Secrets
from egress.judge.model.flow import Layer, Pod, Verdict
from tests.judge.objects import snapshot, written

GATEWAY = Pod("gw", {"istio": "gw"}, "edge")
READING = {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["secrets"]}
EDGE = {"kind": "ServiceAccount", "namespace": "gw", "name": "edge"}
Written = dict[str, Any]


def role(*rules: Written, kind: str = "Role", name: str = "reader", namespace: str | None = "gw") -> Written:
    return {"kind": kind, "metadata": _metadata(kind, name, namespace), "rules": list(rules)}


def bound(
    *subjects: Written, kind: str = "RoleBinding", to: Written | None = None, namespace: str | None = "gw"
) -> Written:
    ref = to or {"kind": "Role", "name": "reader"}
    return {
        "kind": kind,
        "metadata": _metadata(kind, "to-edge", namespace),
        "subjects": list(subjects),
        "roleRef": ref,
    }


def _metadata(kind: str, name: str, namespace: str | None) -> Written:
    return (
        {"name": name}
        if kind.startswith("Cluster") or namespace is None
        else {"name": name, "namespace": namespace}
    )


def judged(*objects: Written, secret: str = "certificate", pod: Pod = GATEWAY) -> Verdict:
    return Secrets(snapshot(*objects)).judge(pod, secret)


def of_cluster(name: str = "reader") -> Written:
    return {"kind": "ClusterRole", "name": name}


BOUND = bound(EDGE)
READS: dict[str, tuple[Written, ...]] = {
    "a Role of the namespace": (role(READING), BOUND),
    "whichever stands first": (BOUND, role(READING)),
    "a ClusterRole in the namespace": (role(READING, kind="ClusterRole"), bound(EDGE, to=of_cluster())),
    "a ClusterRole everywhere": (
        role(READING, kind="ClusterRole"),
        bound(EDGE, kind="ClusterRoleBinding", to=of_cluster()),
    ),
    "an account of the binding's own namespace": (
        role(READING),
        bound({"kind": "ServiceAccount", "name": "edge"}),
    ),
    "one subject of several": (role(READING), bound({"kind": "User", "name": "edge"}, EDGE)),
    "every verb": (role({**READING, "verbs": ["*"]}), BOUND),
    "more verbs": (role({**READING, "verbs": ["create", "get", "list", "watch"]}), BOUND),
    "every group": (role({**READING, "apiGroups": ["*"]}), BOUND),
    "every resource": (role({**READING, "resources": ["*"]}), BOUND),
    "several resources": (
        role({**READING, "resources": ["configmaps", "secrets"], "apiGroups": ["apps", ""]}),
        BOUND,
    ),
    "list alone": (role({**READING, "verbs": ["list"]}), BOUND),
    "a second rule": (role({**READING, "resources": ["configmaps"]}, READING), BOUND),
    "a second role": (
        role({**READING, "resources": ["pods"]}),
        BOUND,
        role(READING, name="second"),
        bound(EDGE, to={"kind": "Role", "name": "second"}),
    ),
    "after a binding of another namespace": (bound(EDGE, namespace="other"), role(READING), BOUND),
    "after a binding of somebody else's": (bound({**EDGE, "name": "other"}), role(READING), BOUND),
    "after a binding to a role that is not there": (
        bound(EDGE, to={"kind": "Role", "name": "none"}),
        role(READING),
        BOUND,
    ),
}


@pytest.mark.parametrize("how", READS)
def test_a_gateway_that_may_read_a_secret_is_handed_it(how: str) -> None:
    verdict = judged(*READS[how])
    assert (verdict.layer, verdict.allowed, verdict.understood) == (Layer.GATEWAY, True, True)


READS_NOT: dict[str, tuple[Written, ...]] = {
    "nothing": (),
    "a role that nobody bound": (role(READING),),
    "a binding without its role": (BOUND,),
    "a role without rules": (role(), BOUND),
    "a binding without subjects": (role(READING), bound()),
    "another account": (role(READING), bound({**EDGE, "name": "other"})),
    "an account of another namespace": (role(READING), bound({**EDGE, "namespace": "other"})),
    "a person of the account's name": (role(READING), bound({**EDGE, "kind": "User"})),
    "a binding of another namespace": (
        role(READING, namespace="other"),
        bound(EDGE, namespace="other"),
    ),
    "a Role of another namespace": (role(READING, namespace="other"), BOUND),
    "another role": (role(READING, name="other"), BOUND),
    "a Role where a ClusterRole is meant": (role(READING), bound(EDGE, to=of_cluster())),
    "a ClusterRole where a Role is meant": (role(READING, kind="ClusterRole"), BOUND),
    "a cluster's binding to a Role": (role(READING), bound(EDGE, kind="ClusterRoleBinding")),
    "an account without namespace in a cluster's binding": (
        role(READING, kind="ClusterRole"),
        bound({"kind": "ServiceAccount", "name": "edge"}, kind="ClusterRoleBinding", to=of_cluster()),
    ),
    "no list": (role({**READING, "verbs": ["get", "watch"]}), BOUND),
    "no verbs": (role({**READING, "verbs": []}), BOUND),
    "another group": (role({**READING, "apiGroups": ["apps"]}), BOUND),
    "another resource": (role({**READING, "resources": ["configmaps"]}), BOUND),
    "this Secret alone, by its name": (role({**READING, "resourceNames": ["certificate"]}), BOUND),
    "verbs in one rule and the resource in another": (
        role({**READING, "resources": ["pods"]}, {**READING, "verbs": ["get"]}),
        BOUND,
    ),
}


@pytest.mark.parametrize("how", READS_NOT)
def test_a_gateway_that_may_not_is_not_handed_it(how: str) -> None:
    verdict = judged(*READS_NOT[how])
    assert (verdict.layer, verdict.allowed, verdict.understood, verdict.decided_by) == (
        Layer.GATEWAY,
        False,
        True,
        None,
    )


def test_the_rule_that_lets_it_is_named() -> None:
    verdict = judged(role({**READING, "resources": ["pods"]}, READING), BOUND)
    assert (verdict.decided_by, verdict.field) == ("gw/role/reader", "rules[1]")
    of_all = judged(
        role(READING, kind="ClusterRole"), bound(EDGE, kind="ClusterRoleBinding", to=of_cluster())
    )
    assert (of_all.decided_by, of_all.field) == ("clusterrole/reader", "rules[0]")


def test_the_refusal_names_who_asks_for_which_secret() -> None:
    verdict = judged(pod=Pod("gw", {}, "front"), secret="other")
    assert "gw/front" in verdict.reason
    assert "the Secret other" in verdict.reason
    assert verdict.field == ""


def _to_bank(**tls: Any) -> Written:
    return {"tls": {"mode": "MUTUAL", **tls}}


ASKED: dict[str, tuple[Written, list[str]]] = {
    "for the whole host": ({"trafficPolicy": _to_bank(credentialName="bank")}, ["bank"]),
    "for one port": (
        {
            "trafficPolicy": {
                "portLevelSettings": [{"port": {"number": 443}, **_to_bank(credentialName="port")}]
            }
        },
        ["port"],
    ),
    "for the whole host and for ports": (
        {
            "trafficPolicy": {
                **_to_bank(credentialName="z"),
                "portLevelSettings": [{"port": {"number": 443}, **_to_bank(credentialName="a")}],
            }
        },
        ["a", "z"],
    ),
    "for a subset": (
        {
            "subsets": [
                {"name": "a", "trafficPolicy": _to_bank()},
                {"name": "b", "trafficPolicy": _to_bank(credentialName="b")},
            ]
        },
        ["b"],
    ),
    "for one port of a subset": (
        {
            "subsets": [
                {
                    "name": "a",
                    "trafficPolicy": {
                        "portLevelSettings": [{"port": {"number": 443}, **_to_bank(credentialName="deep")}]
                    },
                }
            ]
        },
        ["deep"],
    ),
    "the same twice": (
        {
            "trafficPolicy": _to_bank(credentialName="one"),
            "subsets": [{"name": "a", "trafficPolicy": _to_bank(credentialName="one")}],
        },
        ["one"],
    ),
    "none": ({"trafficPolicy": _to_bank(caCertificates="system")}, []),
    "none, as it opens no TLS": ({}, []),
}


@pytest.mark.parametrize("where", ASKED)
def test_secrets_are_asked_for_where_a_destination_rule_of_the_namespace_names_them(where: str) -> None:
    spec, names = ASKED[where]
    judge = Secrets(snapshot(written("DestinationRule", "gw", host="bank.example", **spec)))
    assert judge.asked("gw") == names
    assert judge.asked("elsewhere") == []


def test_every_rule_of_the_namespace_counts() -> None:
    rules = [
        written(
            "DestinationRule", "gw", name, host=f"{name}.example", trafficPolicy=_to_bank(credentialName=name)
        )
        for name in ("b", "a")
    ]
    assert Secrets(snapshot(*rules)).asked("gw") == ["a", "b"]


def test_no_other_kind_names_them() -> None:
    edge = written("Gateway", "gw", trafficPolicy=_to_bank(credentialName="bank"))
    assert Secrets(snapshot(edge)).asked("gw") == []
