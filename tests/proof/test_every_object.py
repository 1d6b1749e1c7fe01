"""Every object of a snapshot is accounted for: rendered by the plan, read and found harmless, or not
understood by its name.

Each case is one object that somebody adds, or one field, and stands for its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from egress.answers.diff import difference
from egress.answers.reachability import reach
from egress.common.objects import Resource
from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.kinds import HARMLESS_GROUPS, HARMLESS_KINDS, READ, WHAT
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.verify import verify
from tests.judge.deployments import plan, rendered, violations, with_change, with_object


def thing(
    kind: str, api: str, namespace: str | None = "team-x", name: str = "somebodys", **body: Any
) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def pod(**spec: Any) -> dict[str, Any]:
    return {
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [{"name": "a"}], **spec},
            }
        }
    }


CONFIG = "admissionregistration.k8s.io/v1"
ON_GATEWAY_NODES = {
    "nodeSelector": {"cloud.google.com/gke-nodepool": "gateway"},
    "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "gateway", "effect": "NoSchedule"}],
}


def webhook(client: Mapping[str, Any], *groups: str) -> dict[str, Any]:
    rules = [{"apiGroups": list(groups), "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["*"]}]
    return {"webhooks": [{"name": "a.example.com", "clientConfig": dict(client), "rules": rules}]}


SOMEBODYS = {"service": {"namespace": "tools", "name": "changes-things"}}
ADDED: dict[str, dict[str, Any]] = {
    "a rule that changes objects": thing(
        "MutatingAdmissionPolicy", "admissionregistration.k8s.io/v1beta1", None
    ),
    "its binding": thing("MutatingAdmissionPolicyBinding", "admissionregistration.k8s.io/v1beta1", None),
    "a webhook that changes pods": thing(
        "MutatingWebhookConfiguration", CONFIG, None, **webhook(SOMEBODYS, "")
    ),
    "a webhook that changes whatever there is": thing(
        "MutatingWebhookConfiguration", CONFIG, None, **webhook(SOMEBODYS, "*")
    ),
    "a webhook at an address outside": thing(
        "MutatingWebhookConfiguration",
        CONFIG,
        None,
        **webhook({"url": "https://localhost.elsewhere.example/"}, "networking.istio.io"),
    ),
    "an API server of somebody's own for Istio's kinds": thing(
        "APIService",
        "apiregistration.k8s.io/v1",
        None,
        "v1.networking.istio.io",
        spec={
            "group": "networking.istio.io",
            "version": "v1",
            "service": {"namespace": "tools", "name": "a"},
        },
    ),
    "a webhook that changes Istio's objects as they are read": thing(
        "CustomResourceDefinition",
        "apiextensions.k8s.io/v1",
        None,
        "sidecars.networking.istio.io",
        spec={"group": "networking.istio.io", "conversion": {"strategy": "Webhook"}},
    ),
    "a way in": thing("Ingress", "networking.k8s.io/v1"),
    "a gateway of another API": thing(
        "Gateway", "gateway.networking.k8s.io/v1", "istio-egress", spec={"gatewayClassName": "istio"}
    ),
    "a Service of another API": thing("Service", "serving.knative.dev/v1", spec={"template": {}}),
    "a network policy of another API": thing("NetworkPolicy", "crd.projectcalico.org/v1", spec={"order": 1}),
    "a policy of names": thing("FQDNNetworkPolicy", "networking.gke.io/v1alpha1"),
    "another way for packets": thing("CiliumEgressGatewayPolicy", "cilium.io/v2", None),
    "another way for a namespace": thing("GCPEgressPolicy", "networking.gke.io/v1alpha1"),
    "a network policy of Cilium's": thing("CiliumNetworkPolicy", "cilium.io/v2"),
    "a network card for pods": thing("ResourceClaim", "resource.k8s.io/v1"),
    "a kind that nobody knows": thing("Tunnel", "things.example.com/v1"),
    "a kind that nobody knows, for the whole cluster": thing("ClusterTunnel", "things.example.com/v1", None),
    "a firewall rule written as an object": thing("ComputeFirewall", "compute.cnrm.cloud.google.com/v1beta1"),
    "a kind of Istio's that is none": thing("Waypoint", "networking.istio.io/v1"),
    "spans of requests, and headers for them": thing(
        "Telemetry", "telemetry.istio.io/v1", spec={"tracing": [{"randomSamplingPercentage": 100}]}
    ),
    "a policy that its revision alone reads": {
        **thing("PeerAuthentication", "security.istio.io/v1", spec={"mtls": {"mode": "STRICT"}}),
        "metadata": {"name": "somebodys", "namespace": "team-x", "labels": {"istio.io/rev": "canary"}},
    },
    "pods in the network of their node": thing("DaemonSet", "apps/v1", **pod(hostNetwork=True)),
    "a pod that sees its node's processes": thing(
        "Pod", "v1", spec={"hostPID": True, "containers": [{"name": "a"}]}
    ),
    "a job in the network of its node": thing("Job", "batch/v1", **pod(hostNetwork=True)),
    "a job of every night in the network of its node": thing(
        "CronJob", "batch/v1", spec={"jobTemplate": pod(hostNetwork=True)}
    ),
    "pods on a gateway's nodes": thing("StatefulSet", "apps/v1", **pod(**ON_GATEWAY_NODES)),
    "pods that may be on any node": thing(
        "DaemonSet", "apps/v1", "elsewhere", **pod(tolerations=[{"operator": "Exists"}])
    ),
    "a pod that is taken for a gateway's": thing(
        "Pod",
        "v1",
        "istio-egress",
        spec={"containers": [{"name": "a"}]},
    )
    | {
        "metadata": {
            "name": "somebodys",
            "namespace": "istio-egress",
            "labels": {"app": "istio-egressgateway", "istio": "egressgateway"},
        }
    },
}
"""What somebody adds, and what nobody knows the effect of."""


@pytest.mark.parametrize("what", ADDED)
def test_what_nobody_knows_is_named_by_verify_reach_and_diff(what: str) -> None:
    written = ADDED[what]
    changed, name = with_object("dev", written), identity(written)
    steps = [step for violation in violations("dev", changed) for step in violation.steps]
    assert any(step.decided_by == name and not step.understood for step in steps)
    namespace = written["metadata"].get("namespace")
    if namespace in (None, "team-x"):
        rows = list(reach(Judges(changed), ["team-x"]))
        assert any(cell.unread for row in rows for cell in row.cells)
        trace = Judges(changed).trace(Flow("team-x", "example.com", 443, Protocol.TLS))
        assert any(step.decided_by == name and not step.understood for step in trace.steps)
    found = difference(rendered("dev"), changed)
    assert found.widens
    assert name in " ".join(
        [*(item.text for item in found.unjudged), *(change.text for change in found.changes)]
    )


def test_an_object_of_one_namespace_says_nothing_about_others() -> None:
    judges = Judges(with_object("dev", thing("Tunnel", "things.example.com/v1", "elsewhere")))
    assert judges.trace(Flow("team-x", "example.com", 443, Protocol.TLS)).understood


ORDINARY: dict[str, dict[str, Any]] = {
    "an application": thing("Deployment", "apps/v1", **pod(volumes=[{"name": "a", "emptyDir": {}}])),
    "what the cluster makes of it": thing("ReplicaSet", "apps/v1", **pod()),
    "its pod": thing(
        "Pod", "v1", spec={"containers": [{"name": "a"}], "nodeName": "gke-1", "hostNetwork": False}
    ),
    "a job": thing("Job", "batch/v1", **pod()),
    "a database": thing("StatefulSet", "apps/v1", **pod()),
    "its Service without an address of its own": thing(
        "Service", "v1", spec={"clusterIP": "None", "selector": {"app": "a"}}
    ),
    "Google's agent on every node": thing(
        "DaemonSet", "apps/v1", "kube-system", **pod(hostNetwork=True, tolerations=[{"operator": "Exists"}])
    ),
    "somebody else's agent on application nodes": thing(
        "DaemonSet", "apps/v1", "monitoring", **pod(hostNetwork=True)
    ),
    "a Secret": thing("Secret", "v1", data={}),
    "settings": thing("ConfigMap", "v1", data={"a": "b"}),
    "a disk": thing("PersistentVolumeClaim", "v1"),
    "a node": thing("Node", "v1", None),
    "an event": thing("Event", "v1"),
    "a lease": thing("Lease", "coordination.k8s.io/v1"),
    "a role": thing("Role", "rbac.authorization.k8s.io/v1"),
    "a certificate": thing("Certificate", "cert-manager.io/v1"),
    "what is measured": thing("PodMonitoring", "monitoring.googleapis.com/v1"),
    "an endpoint of Cilium's": thing("CiliumEndpoint", "cilium.io/v2"),
    "a webhook that refuses": thing(
        "ValidatingWebhookConfiguration", CONFIG, None, **webhook(SOMEBODYS, "*")
    ),
    "istiod's webhook": thing(
        "MutatingWebhookConfiguration",
        CONFIG,
        None,
        "istio-sidecar-injector",
        **webhook({"service": {"namespace": "istio-system", "name": "istiod", "path": "/inject"}}, ""),
    ),
    "a webhook of the control plane": thing(
        "MutatingWebhookConfiguration", CONFIG, None, **webhook({"url": "https://localhost:5443/a"}, "*")
    ),
    "a webhook for certificates": thing(
        "MutatingWebhookConfiguration",
        CONFIG,
        None,
        **webhook(SOMEBODYS, "cert-manager.io", "acme.cert-manager.io"),
    ),
    "an API server for figures": thing(
        "APIService",
        "apiregistration.k8s.io/v1",
        None,
        spec={"group": "metrics.k8s.io", "service": {"name": "a"}},
    ),
    "Istio's own kind": thing(
        "CustomResourceDefinition",
        "apiextensions.k8s.io/v1",
        None,
        spec={"group": "networking.istio.io", "conversion": {"strategy": "None"}},
    ),
    "the API server's Service": thing(
        "Service", "v1", "default", "kubernetes", spec={"ports": [{"port": 443}]}
    ),
    "the API server's addresses": {
        **thing("EndpointSlice", "discovery.k8s.io/v1", "default", "kubernetes"),
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
    },
    "what is logged": thing(
        "Telemetry", "telemetry.istio.io/v1", spec={"accessLogging": [{"providers": [{"name": "a"}]}]}
    ),
}
"""What an ordinary cluster holds besides."""


@pytest.mark.parametrize("what", ORDINARY)
def test_what_an_ordinary_cluster_holds_is_no_surprise(what: str) -> None:
    assert violations("dev", with_object("dev", ORDINARY[what])) == []


def test_no_kind_is_two_things_at_once() -> None:
    kinds = {(group, kind) for kind, group in READ.items()}
    assert not kinds & HARMLESS_KINDS.keys()
    assert not {group for group, _ in kinds} & HARMLESS_GROUPS.keys()
    assert not {kind for _, kind in HARMLESS_KINDS} & WHAT.keys()


# Google's resources.

NETWORK = "projects/sandbox-project/global/networks/vpc-network"


def with_resource(*more: Resource) -> Snapshot:
    deployed = rendered("dev")
    return Snapshot.of(deployed.kubernetes, [*deployed.google, *more])


def google(type_token: str, **properties: Any) -> Resource:
    return Resource(f"gcp:{type_token}", "somebodys", {"name": "somebodys", **properties})


GOOGLE: dict[str, Resource] = {
    "a rule of a policy of its own": google(
        "compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule", priority=1
    ),
    "a policy of a region": google(
        "compute/regionNetworkFirewallPolicyWithRules:RegionNetworkFirewallPolicyWithRules"
    ),
    "a rule above the project": google("compute/firewallPolicyRule:FirewallPolicyRule", priority=1),
    "a policy above the project": google("compute/firewallPolicyWithRules:FirewallPolicyWithRules"),
    "a route": google("compute/route:Route", destRange="0.0.0.0/1", network=NETWORK),
    "a route by a rule": google("networkconnectivity/policyBasedRoute:PolicyBasedRoute", network=NETWORK),
    "other servers for names": google(
        "dns/policy:Policy", alternativeNameServerConfig={"targetNameServers": [{}]}
    ),
    "another network": google("compute/networkPeering:NetworkPeering", network=NETWORK),
    "services of another network": google("servicenetworking/connection:Connection", network=NETWORK),
    "a tunnel": google("compute/vPNTunnel:VPNTunnel"),
    "a line": google("compute/interconnectAttachment:InterconnectAttachment"),
    "an address that leads elsewhere": google("compute/forwardingRule:ForwardingRule", network=NETWORK),
    "other addresses for some hosts": google("compute/routerNat:RouterNat", rules=[{"ruleNumber": 1}]),
    "a copy of packets": google("compute/packetMirroring:PacketMirroring"),
    "a proxy of Google's": google("networkservices/gateway:Gateway"),
    "a type that nobody knows": google("things/tunnel:Tunnel"),
    "another provider's": Resource("google-native:compute/v1:Route", "somebodys", {}),
    "a chart that nobody knows": Resource(
        "kubernetes:helm.sh/v3:Release", "somebodys", {"chart": "somebodys", "values": {}}
    ),
    "a setting of istiod that nobody knows": Resource(
        "kubernetes:helm.sh/v3:Release",
        "somebodys",
        {"chart": "istiod", "values": {"pilot": {"env": {"ENABLE_TUNNEL": "true"}}}},
    ),
    "a policy that is put on another network": google(
        "compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation",
        attachmentTarget="projects/sandbox-project/global/networks/another",
    ),
}
"""What somebody adds at Google."""


@pytest.mark.parametrize("what", GOOGLE)
def test_what_nobody_knows_at_google_is_named_by_verify_reach_and_diff(what: str) -> None:
    changed, name = with_resource(GOOGLE[what]), GOOGLE[what].identity
    steps = [step for violation in violations("dev", changed) for step in violation.steps]
    assert any(step.decided_by == name and not step.understood for step in steps)
    assert any(cell.unread for row in reach(Judges(changed), ["team-x"]) for cell in row.cells)
    found = difference(rendered("dev"), changed)
    assert found.widens
    assert name in " ".join(
        [*(item.text for item in found.unjudged), *(change.text for change in found.changes)]
    )


HARMLESS: dict[str, Resource] = {
    "a bucket": google("storage/bucket:Bucket", location="EU"),
    "a role": google("compute/subnetworkIAMMember:SubnetworkIAMMember"),
    "a figure": google("logging/metric:Metric"),
    "a network": google("compute/network:Network"),
    "another network's route": google("compute/route:Route", network="projects/p/global/networks/another"),
    "a machine": google("compute/instance:Instance"),
    "a NAT": google("compute/routerNat:RouterNat", minPortsPerVm=64, type="PUBLIC"),
    "a policy of names that logs": google("dns/policy:Policy", enableLogging=True),
    "Istio's chart": Resource(
        "kubernetes:helm.sh/v3:Release",
        "somebodys",
        {"chart": "oci://a.example.com/charts/istiod", "values": {"pilot": {"autoscaleMin": 2}}},
    ),
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_decides_nothing_at_google_is_no_surprise(what: str) -> None:
    assert violations("dev", with_resource(HARMLESS[what])) == []


def _google_with(type_name: str, change: Mapping[str, Any]) -> Snapshot:
    deployed = rendered("dev")
    items = [
        Resource(item.type, item.name, {**item.properties, **change})
        if item.type.endswith(f":{type_name}")
        else item
        for item in deployed.google
    ]
    return Snapshot.of(deployed.kubernetes, items)


WEAKER: dict[str, tuple[str, dict[str, Any]]] = {
    "no NetworkPolicy holds": ("Cluster", {"datapathProvider": "LEGACY_DATAPATH"}),
    "no NetworkPolicy holds, by default": ("Cluster", {"datapathProvider": None}),
    "no NetworkPolicy holds, whatever the add-on's object says": (
        "Cluster",
        {
            "datapathProvider": "LEGACY_DATAPATH",
            "networkPolicy": {"enabled": True},
            "addonsConfig": {"networkPolicyConfig": {"disabled": True}},
        },
    ),
    "pods have the node's own identity": (
        "NodePool",
        {"nodeConfig": {"serviceAccount": "a", "workloadMetadataConfig": {"mode": "GCE_METADATA"}}},
    ),
    "pods have a second network card": (
        "NodePool",
        {"networkConfig": {"additionalPodNetworkConfigs": [{"subnetwork": "a"}]}},
    ),
    "pods have several networks": ("Cluster", {"enableMultiNetworking": True}),
    "names are answered by Cloud DNS": ("Cluster", {"dnsConfig": {"clusterDns": "CLOUD_DNS"}}),
    "nodes come by themselves": ("Cluster", {"clusterAutoscaling": {"enabled": True}}),
    "a node pool that is no resource": ("Cluster", {"nodePools": [{"name": "somebodys"}]}),
    "a zone for one cluster": (
        "ManagedZone",
        {"privateVisibilityConfig": {"gkeClusters": [{"gkeClusterName": "a"}]}},
    ),
    "names answered by a directory": ("ManagedZone", {"serviceDirectoryConfig": {"namespace": {}}}),
    "answers that depend on who asks": ("RecordSet", {"routingPolicy": {"geos": []}}),
    "Google's APIs by IPv6": (
        "Subnetwork",
        {"privateIpv6GoogleAccess": "ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE"},
    ),
}


@pytest.mark.parametrize("what", WEAKER)
def test_a_setting_of_google_that_means_another_cluster_is_not_understood(what: str) -> None:
    steps = [step for violation in violations("dev", _google_with(*WEAKER[what])) for step in violation.steps]
    assert any(not step.understood for step in steps)


def test_the_network_policy_add_on_does_where_there_is_no_dataplane_v2() -> None:
    change = {"datapathProvider": "LEGACY_DATAPATH", "networkPolicy": {"enabled": True, "provider": "CALICO"}}
    assert violations("dev", _google_with("Cluster", change)) == []


def test_declared_apis_of_google_do_not_arrive_without_private_access() -> None:
    for value in (False, None):
        found = violations("dev", _google_with("Subnetwork", {"privateIpGoogleAccess": value}))
        assert any("storage.googleapis.com" in violation.flow for violation in found)
        assert all(step.understood for violation in found for step in violation.steps)
    closed = violations(
        "dev",
        _google_with("Subnetwork", {"purpose": "REGIONAL_MANAGED_PROXY", "privateIpGoogleAccess": None}),
    )
    assert closed == []


# What gateways' pods and namespaces say.

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


def test_verify_reads_a_state_with_all_that_is_ordinary_in_it() -> None:
    deployed = rendered("dev")
    everything = Snapshot.of(
        [*deployed.kubernetes, *ORDINARY.values()], [*deployed.google, *HARMLESS.values()]
    )
    assert verify(Intent(plan("dev")), Judges(everything)) == []
