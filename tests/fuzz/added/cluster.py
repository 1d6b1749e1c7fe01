"""Random objects of the cluster and of Google's side of it, each with what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from egress.settings.fences import Rule
from tests.fuzz.added.stacks import Change, Json, Stack, at, breaks, google, nothing, opens, put, take

Draw = st.DrawFn
ADMISSION = "admissionregistration.k8s.io/v1"


def thing(kind: str, api: str, namespace: str | None, name: str = "somebodys", **body: Any) -> Json:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return put({"apiVersion": api, "kind": kind, "metadata": metadata, **body})


def pod(**spec: Any) -> Json:
    return {
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [{"name": "a"}], **spec},
            }
        }
    }


def services(draw: Draw, stack: Stack) -> Change | None:
    """Services that lead outside, by name or by address."""
    team = draw(st.sampled_from(stack.teams))
    spec = draw(
        st.sampled_from(
            [
                {"type": "ExternalName", "externalName": "elsewhere.example"},
                {"ports": [{"port": 443, "name": "tls"}]},
                {"selector": {"app": "a"}, "externalIPs": ["198.51.100.9"], "ports": [{"port": 443}]},
            ]
        )
    )
    if draw(st.integers(0, 3)) == 0:
        kind, api = draw(st.sampled_from([("EndpointSlice", "discovery.k8s.io/v1")]))
        return opens("addresses by hand", thing(kind, api, team, endpoints=[{"addresses": ["198.51.100.9"]}]))
    return opens(f"a Service of {team} that leads outside: {spec}", thing("Service", "v1", team, spec=spec))


def workloads(draw: Draw, stack: Stack) -> Change | None:
    """Pods that are more than pods: in the network of their node, or on a gateway's nodes. Where a config
    admits such pods, one that is there opens nothing."""
    namespace = draw(st.sampled_from([*stack.teams, "elsewhere"]))
    nodes = {
        "nodeSelector": {"cloud.google.com/gke-nodepool": "gateway"},
        "tolerations": [
            {"key": "dedicated", "operator": "Equal", "value": "gateway", "effect": "NoSchedule"}
        ],
    }
    keeps = stack.intent.keeps
    kept = "nodepool/gateway" in stack.resources and keeps(namespace, Rule.GATEWAY_NODES)
    specs: list[Json] = [nodes] if kept else []
    if namespace != "elsewhere" and keeps(namespace, Rule.HOST_NAMESPACES):
        specs += [{"hostNetwork": True}, {"hostPID": True}]
    if not specs:
        return None
    body = pod(**draw(st.sampled_from(specs)))
    kind, api = draw(
        st.sampled_from(
            [
                ("Deployment", "apps/v1"),
                ("DaemonSet", "apps/v1"),
                ("StatefulSet", "apps/v1"),
                ("Job", "batch/v1"),
            ]
        )
    )
    return opens(
        f"{kind} in {namespace}: {body['spec']['template']['spec']}", thing(kind, api, namespace, **body)
    )


def ordinary_things_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    team = draw(st.sampled_from([*stack.teams, "elsewhere"]))
    kind, api, body = draw(
        st.sampled_from(
            [
                ("Deployment", "apps/v1", pod(volumes=[{"name": "a", "emptyDir": {}}])),
                ("StatefulSet", "apps/v1", pod()),
                ("Job", "batch/v1", pod(restartPolicy="Never")),
                (
                    "Service",
                    "v1",
                    {"spec": {"selector": {"app": "a"}, "ports": [{"port": 80, "name": "http"}]}},
                ),
                ("ConfigMap", "v1", {"data": {"a": "b"}}),
                ("Secret", "v1", {"data": {}}),
                ("ServiceAccount", "v1", {}),
                ("PodDisruptionBudget", "policy/v1", {"spec": {"minAvailable": 1}}),
                ("HorizontalPodAutoscaler", "autoscaling/v2", {"spec": {"maxReplicas": 3}}),
                ("RoleBinding", "rbac.authorization.k8s.io/v1", {}),
                ("Certificate", "cert-manager.io/v1", {"spec": {}}),
            ]
        )
    )
    return nothing(f"{kind} of an app", thing(kind, api, team, **body))


def namespace_labels(draw: Draw, stack: Stack) -> Change | None:
    """A team's namespace, or a gateway's, without what its labels ask for."""
    if not stack.in_cluster:
        return None
    namespace = draw(st.sampled_from([*stack.teams, *stack.gateways]))
    name, labels = f"namespace/{namespace}", ["metadata", "labels"]
    held = stack.objects[name]["metadata"]["labels"]
    edits: list[tuple[str, str | None]] = [
        ("istio-injection", None),
        ("istio-injection", "disabled"),
        ("istio.io/dataplane-mode", "ambient"),
        ("istio.io/rev", "canary"),
    ]
    if "pod-security.kubernetes.io/enforce" in held:
        edits += [
            ("pod-security.kubernetes.io/enforce", None),
            ("pod-security.kubernetes.io/enforce", "privileged"),
        ]
    if namespace in stack.teams:
        edits += [("gke-mesh-egress/team", None)]
    label, value = draw(st.sampled_from(edits))
    if label == "gke-mesh-egress/team":
        return breaks(f"{name} is no team's", at(name, [*labels, label], None))
    if namespace in stack.gateways and label == "pod-security.kubernetes.io/enforce" and label not in held:
        return None
    # A gateway's pods are nothing without their proxy: nobody gets out by them, or round them.
    stops = namespace in stack.gateways and not label.startswith("pod-security")
    return (breaks if stops else opens)(f"{name}: {label} is {value}", at(name, [*labels, label], value))


def labels_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    namespace = draw(st.sampled_from(stack.teams))
    if draw(st.booleans()):
        return nothing("a namespace more", thing("Namespace", "v1", None, "nobodys"))
    return nothing(
        "a label of somebody's", at(f"namespace/{namespace}", ["metadata", "labels", "cost"], "4711")
    )


def admission(draw: Draw, stack: Stack) -> Change | None:
    """A rule of admission that refuses less."""
    policies, bindings = (
        list(stack.kinds("ValidatingAdmissionPolicy")),
        list(stack.kinds("ValidatingAdmissionPolicyBinding")),
    )
    if not policies or stack.plan.settings.fences.admission.action.value != "deny":
        return None
    if draw(st.booleans()):
        name = draw(st.sampled_from(bindings))
        how = draw(st.sampled_from(["gone", "warns", "audits", "nowhere", "labels"]))
        if how == "gone":
            return opens(f"{name} is gone", take(name))
        if how in ("nowhere", "labels"):
            kind = "namespaceSelector" if how == "nowhere" else "objectSelector"
            where = {kind: {"matchLabels": {"nobodys": "yes"}}}
            return opens(f"{name} holds elsewhere", at(name, ["spec", "matchResources"], where))
        return opens(
            f"{name} {how}",
            at(name, ["spec", "validationActions"], [{"warns": "Warn", "audits": "Audit"}[how]]),
        )
    name = draw(st.sampled_from(policies))
    spec = stack.objects[name]["spec"]
    number = draw(st.integers(0, len(spec["validations"]) - 1))
    how = draw(st.sampled_from(["gone", "ignored", "true", "fewer", "condition", "or"]))
    expression = ["spec", "validations", number, "expression"]
    if how == "or":
        text = f"({spec['validations'][number]['expression']}) || request.userInfo.username == 'somebody'"
        return opens(f"{name} lets somebody through", at(name, expression, text))
    if how == "condition":
        more = {"name": "somebodys", "expression": "request.userInfo.username != 'somebody'"}
        return (
            opens(
                f"{name} does not ask somebody",
                at(name, ["spec", "matchConditions", len(spec.get("matchConditions", ()))], more),
            )
            if spec.get("matchConditions")
            else None
        )
    edit = {
        "gone": take(name),
        "ignored": at(name, ["spec", "failurePolicy"], "Ignore"),
        "true": at(name, expression, "true"),
        "fewer": at(name, ["spec", "validations", number], None),
    }[how]
    return opens(f"{name}: {how} {number}", edit)


def writers(draw: Draw, stack: Stack) -> Change | None:
    """Whoever changes objects on their way, and kinds that nobody knows."""
    service = {"clientConfig": {"service": {"namespace": "tools", "name": "a"}}, "name": "a.example.com"}
    group = draw(st.sampled_from(["", "*", "networking.istio.io", "networking.k8s.io", "apps"]))
    rules = [
        {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]}
    ]
    team = draw(st.sampled_from(stack.teams))
    kind, api, namespace, body = draw(
        st.sampled_from(
            [
                (
                    "MutatingWebhookConfiguration",
                    ADMISSION,
                    None,
                    {"webhooks": [{**service, "rules": rules}]},
                ),
                ("MutatingAdmissionPolicy", "admissionregistration.k8s.io/v1beta1", None, {"spec": {}}),
                ("HTTPRoute", "gateway.networking.k8s.io/v1", team, {"spec": {}}),
                ("CiliumNetworkPolicy", "cilium.io/v2", team, {"spec": {}}),
                ("CiliumClusterwideNetworkPolicy", "cilium.io/v2", None, {"spec": {}}),
                ("CiliumEgressGatewayPolicy", "cilium.io/v2", None, {"spec": {}}),
                ("FQDNNetworkPolicy", "networking.gke.io/v1alpha1", team, {"spec": {}}),
                ("AdminNetworkPolicy", "policy.networking.k8s.io/v1alpha1", None, {"spec": {}}),
                ("Ingress", "networking.k8s.io/v1", team, {"spec": {}}),
                ("Tunnel", "things.example.com/v1", team, {"spec": {}}),
                ("ClusterTunnel", "things.example.com/v1", None, {"spec": {}}),
            ]
        )
    )
    return opens(f"{kind} {group}", thing(kind, api, namespace, **body))


def cluster_fields(draw: Draw, stack: Stack) -> Change | None:
    """Settings of the cluster and of its nodes without which less holds."""
    cluster = next(iter(stack.kinds("Cluster")))
    pools = list(stack.kinds("NodePool"))
    gateway_pools = [name for name in pools if stack.resources[name].properties["nodeConfig"].get("taints")]
    name, path, value = draw(
        st.sampled_from(
            [
                (cluster, ["datapathProvider"], "LEGACY_DATAPATH"),
                (cluster, ["datapathProvider"], None),
                (cluster, ["enableMultiNetworking"], True),
                (cluster, ["dnsConfig"], {"clusterDns": "CLOUD_DNS"}),
                (cluster, ["clusterAutoscaling"], {"enabled": True}),
                (cluster, ["nodePools"], [{"name": "somebodys"}]),
                *((name, ["nodeConfig", "workloadMetadataConfig", "mode"], "GCE_METADATA") for name in pools),
                *(
                    (name, ["networkConfig"], {"additionalPodNetworkConfigs": [{"subnetwork": "a"}]})
                    for name in pools
                ),
                *((name, ["nodeConfig", "taints"], None) for name in gateway_pools),
            ]
        )
    )
    return opens(f"{name}: {path} is {value}", at(name, path, value))


def pools_broken(draw: Draw, stack: Stack) -> Change | None:
    """Gateway nodes that run as somebody whom no firewall rule lets out."""
    if "nodepool/gateway" not in stack.resources or not any(
        stack.of_http(team) or stack.passed(team) for team in stack.closed
    ):
        return None
    return breaks(
        "gateway nodes run as somebody else",
        at("nodepool/gateway", ["nodeConfig", "serviceAccount"], "a@b.iam.gserviceaccount.com"),
    )


def googles_things_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    type_token, fields = draw(
        st.sampled_from(
            [
                ("storage/bucket:Bucket", {"location": "EU"}),
                ("logging/metric:Metric", {}),
                ("compute/network:Network", {}),
                ("compute/instance:Instance", {}),
                ("compute/route:Route", {"network": stack.network.replace("vpc-network", "another")}),
            ]
        )
    )
    if draw(st.integers(0, 2)) == 0:
        return nothing(
            "nodes of another size",
            at(next(iter(stack.kinds("NodePool"))), ["nodeConfig", "machineType"], "e2-small"),
        )
    return nothing(f"{type_token} of somebody's", google(type_token, **fields))


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    services,
    workloads,
    ordinary_things_that_change_nothing,
    namespace_labels,
    labels_that_change_nothing,
    admission,
    writers,
    cluster_fields,
    pools_broken,
    googles_things_that_change_nothing,
)
