"""Every object of a snapshot is accounted for: rendered by the plan, read and found harmless, or not
understood by its name.

Each case is one object that somebody adds, or one field, and stands for its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.answers.diff import difference
from egress.answers.reachability import reach
from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.kinds import HARMLESS_GROUPS, HARMLESS_KINDS, READ, WHAT
from egress.judge.model.snapshot import identity
from egress.judge.trace import Judges
from tests.judge.deployments import rendered, violations, with_object


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
