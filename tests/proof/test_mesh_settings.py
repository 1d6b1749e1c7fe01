"""What a gateway's pods, a filter of a proxy's, a namespace's labels and a policy's annotation ask of the
mesh: what is more than rendered is found.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from egress.judge.model.snapshot import Snapshot, identity
from tests.judge.deployments import rendered, violations, with_change, with_object
from tests.proof.test_every_object import thing

GATEWAY = "istio-egress/deployment/istio-egressgateway"


def _template(item: Any) -> Any:
    return item["spec"]["template"]


PODS: dict[str, Any] = {
    "another program in the proxy's place": lambda item: _template(item)["spec"]["containers"][0].update(
        image="elsewhere/proxy"
    ),
    "a program beside the proxy": lambda item: _template(item)["spec"]["containers"].append(
        {"name": "another"}
    ),
    "a program before the proxy": lambda item: _template(item)["spec"].update(initContainers=[{"name": "a"}]),
    "an environment for the proxy": lambda item: _template(item)["spec"]["containers"][0].update(
        env=[{"name": "ISTIO_META_ROUTER_MODE", "value": "sni-dnat"}]
    ),
    "files for the proxy": lambda item: _template(item)["spec"]["containers"][0].update(
        volumeMounts=[{"name": "a"}]
    ),
    "other servers for names": lambda item: _template(item)["spec"].update(
        dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.1"]}
    ),
    "a setting of the proxy": lambda item: _template(item)["metadata"]["annotations"].update(
        {"proxy.istio.io/config": '{"discoveryAddress": "istiod.elsewhere.svc:15012"}'}
    ),
    "headers that the proxy adds": lambda item: _template(item)["metadata"]["annotations"].update(
        {"proxy.istio.io/config": '{"proxyHeaders": {"server": {"disabled": false, "value": "a"}}}'}
    ),
    "traffic that the proxy does not see": lambda item: _template(item)["metadata"]["annotations"].update(
        {"traffic.sidecar.istio.io/excludeOutboundPorts": "443"}
    ),
    "another revision's proxy": lambda item: _template(item)["metadata"]["labels"].update(
        {"istio.io/rev": "canary"}
    ),
    "the network of the node": lambda item: _template(item)["spec"].update(hostNetwork=True),
}


@pytest.mark.parametrize("what", PODS)
def test_whatever_a_gateways_pod_says_more_is_not_understood(what: str) -> None:
    found = violations("dev", with_change("dev", GATEWAY, PODS[what]))
    assert any(step.decided_by == GATEWAY for violation in found for step in violation.steps)


def test_how_a_gateways_pods_are_kept_is_no_surprise() -> None:
    def kept(item: Any) -> None:
        item["spec"].update(replicas=5, minReadySeconds=3)
        _template(item)["spec"].update(
            dnsPolicy="ClusterFirst", restartPolicy="Always", affinity={"podAntiAffinity": {"a": 1}}
        )
        _template(item)["spec"]["containers"][0].update(
            readinessProbe={"httpGet": {"port": 15021}}, imagePullPolicy="Always"
        )

    assert violations("dev", with_change("dev", GATEWAY, kept)) == []


def test_a_filter_for_every_port_that_connects_before_it_knows_who_calls_is_found() -> None:
    early = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "upstream_connect_mode": "IMMEDIATE",
        },
    }
    match = {
        "context": "GATEWAY",
        "listener": {"filterChain": {"filter": {"name": "envoy.filters.network.tcp_proxy"}}},
    }
    patch = {"applyTo": "NETWORK_FILTER", "match": match, "patch": {"operation": "MERGE", "value": early}}
    written = thing(
        "EnvoyFilter", "networking.istio.io/v1alpha3", "istio-egress", spec={"configPatches": [patch]}
    )
    found = violations("dev", with_object("dev", written))
    assert any(step.decided_by == identity(written) for violation in found for step in violation.steps)


NAMESPACES: dict[str, Any] = {
    "no proxy beside its pods": lambda labels: labels.pop("istio-injection"),
    "no proxy, in so many words": lambda labels: labels.update({"istio-injection": "disabled"}),
    "another revision": lambda labels: labels.update({"istio.io/rev": "canary"}),
    "no sidecar, and a proxy of the node": lambda labels: labels.update(
        {"istio.io/dataplane-mode": "ambient"}
    ),
    "a proxy of the namespace": lambda labels: labels.update({"istio.io/use-waypoint": "waypoint"}),
}


@pytest.mark.parametrize("what", NAMESPACES)
@pytest.mark.parametrize("namespace", ["team-x", "istio-egress"])
def test_a_namespace_whose_pods_have_another_proxy_or_none_is_not_understood(
    what: str, namespace: str
) -> None:
    name = f"namespace/{namespace}"
    found = violations(
        "dev", with_change("dev", name, lambda item: NAMESPACES[what](item["metadata"]["labels"]))
    )
    assert any(
        step.decided_by == name and not step.understood for violation in found for step in violation.steps
    )


def test_a_policy_that_only_watches_refuses_nothing() -> None:
    """With this annotation Istio writes down what the policy would do, and does not do it."""
    name = "istio-egress/authorizationpolicy/egress-team-y"

    def watch(item: Any) -> None:
        item["metadata"].setdefault("annotations", {})["istio.io/dry-run"] = "true"

    found = violations("dev", with_change("dev", name, watch))
    assert any("a layer refuses it" in violation.says for violation in found)
    deployed = rendered("dev")
    objects = [deepcopy(dict(item)) for item in deployed.kubernetes]
    for item in objects:
        if item["kind"] == "AuthorizationPolicy":
            watch(item)
    found = violations("dev", Snapshot.of(objects, deployed.google))
    assert any("no layer refuses it" in violation.says for violation in found)
