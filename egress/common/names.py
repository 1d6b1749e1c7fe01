"""Every name that the program gives in a cluster, in one place; those in Google Cloud are in google_names.py.

Each function is injective: two different inputs never give the same name. Where an API limits the length, the
tail of a SHA-256 takes the place of what was cut, and a name of exactly the limit's length is always such a
cut name - so a short name and a cut one cannot meet. No name depends on a position in a list or on anything
but its own inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

KUBERNETES_NAME = 253
"""Longest name of a Kubernetes object whose name is a DNS subdomain (characters)."""
DNS_LABEL = 63
"""Longest DNS label: namespaces, subsets, Services, Gateways, Google Compute Engine resources
(characters)."""
LABELS = frozenset({"Gateway", "Namespace", "Service"})
"""Kinds whose names are DNS labels. Sources: Kubernetes, "Object names and IDs"; Istio, validation of gateway
names."""
SERVICE_ACCOUNT_ID = 30
"""Longest account id of a Google service account (characters); the shortest is 6."""

OWN_DOMAIN = "gke-mesh-egress"
"""Prefix of the labels and annotations that mean something to this program's own policies."""
TEAM_LABEL = f"{OWN_DOMAIN}/team"
"""On a namespace, and only set by the platform: the team's fences hold here."""
PLATFORM_LABEL = f"{OWN_DOMAIN}/platform"
"""On a namespace, and only set by the platform: its own workloads are here. The values are the three
below."""
CONTROL_PLANE, EGRESS_GATEWAY, INGRESS_GATEWAY = "control-plane", "egress-gateway", "ingress-gateway"
EXEMPT = f"{OWN_DOMAIN}/exempt."
"""On a policy, followed by a rule's name: the namespaces in which it does not enforce this rule, with
reasons. What holds is the rule's expression, which names them; this is for people."""
RELAXED = f"{OWN_DOMAIN}/relaxed."
"""On a policy or a namespace, followed by a rule's or a fence's name: the stack's config takes it out, for
the reason that it says."""
REPAIRED = f"{OWN_DOMAIN}/repaired"
"""On an object that the config's `repair` names, with its text: another text is a change of the object, and
with any change the whole object is applied."""

SHARED_GATEWAY = ""
"""Name of the egress gateway that every team without one of its own leaves by; the parts of names that say
which gateway are then left out."""
GATEWAY = "istio-egressgateway"
GATEWAY_NAMESPACE = "istio-egress"
MESH_NAMESPACE = "istio-system"
MANAGED_MESH_CONFIGS = ("istio-asm-managed", "istio-asm-managed-rapid", "istio-asm-managed-stable")
"""ConfigMaps of which managed Cloud Service Mesh reads one: that of its channel (regular, rapid, stable), or
with Traffic Director as its control plane that of rapid, whatever the channel. Which of them, nobody can
choose, and it may change: all say the same. Source: Cloud Service Mesh, "Enable optional features on managed
control plane"."""
GATEWAY_CONFIG = "egress-gateway"
ISTIOD_LABELS = {"app": "istiod"}
"""What the chart's pods of the control plane are selected by."""
PRIORITY_CLASS = "egress-gateways"
INGRESS = "istio-ingressgateway"
INGRESS_NAMESPACE = "istio-ingress"
ISTIO_REGISTRY = "istio"
"""By what the stack calls the repository of Istio's images."""
HTTP_SUBSET = "target-egress-gateway-mtls"
"""Subset of the gateway's Service that carries plain HTTP inside mutual TLS."""


def gateway_namespace(gateway: str) -> str:
    """Namespace of an egress gateway. No team's namespace begins like this."""
    return GATEWAY_NAMESPACE if gateway == SHARED_GATEWAY else f"{GATEWAY_NAMESPACE}-{gateway}"


def gateway_host(gateway: str) -> str:
    """The Service of an egress gateway, as proxies know it."""
    return f"{GATEWAY}.{gateway_namespace(gateway)}.svc.cluster.local"


def gateway_label(gateway: str) -> str:
    """Value of the label `istio` by which an egress gateway's pods are told from every other gateway's, in
    any namespace."""
    return "egressgateway" if gateway == SHARED_GATEWAY else f"egressgateway-{gateway}"


def gateway_nodes(gateway: str) -> str:
    """The kind of node that an egress gateway runs on: value of the taint, part of the service account's
    name, and the beginning of the node pool's."""
    return "gateway" if gateway == SHARED_GATEWAY else f"gateway-{gateway}"


def node_pool(nodes: str, fixed: Sequence[str] = ()) -> str:
    """The node pool of a kind of node. `fixed`: what a pool cannot change, where it is not the cluster's:
    other nodes are another pool, which is there before the old one goes."""
    return f"{nodes}-{digest(' '.join(fixed))}" if fixed else nodes


PODS_RANGE = "pods"
SERVICES_RANGE = "services"
"""Secondary ranges of the cluster's subnet."""


def longest(kind: str) -> int:
    """How many characters the name of an object of a kind may have."""
    return DNS_LABEL if kind in LABELS else KUBERNETES_NAME


def digest(text: str, length: int = 8) -> str:
    """The first `length` hexadecimal characters of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def fit(text: str, limit: int) -> str:
    """`text` if it is shorter than `limit`, else its head and a hash tail, exactly `limit` characters
    long."""
    if len(text) < limit:
        return text
    head = text[: limit - 9].rstrip("-.")
    return f"{head}{'-' * (limit - 8 - len(head))}{digest(text)}"


def host_label(host: str) -> str:
    """A host name without dots: `.` becomes `-`, and `-` becomes `--`; the `*.` of a pattern becomes
    `any---`.

    Injective, because a label of a valid host neither starts nor ends with a hyphen: an odd run of hyphens is
    a dot, and a run of three does not occur.
    """
    label = host.replace("-", "--").replace(".", "-")
    return f"any--{label[1:]}" if label.startswith("*") else label


def pattern_name(pattern: str) -> str:
    """The one name by which sidecars and gateway speak of a pattern: `*.example.org` is
    `example.org.wildcard.internal`.

    No outside host has it, because names below `internal` are refused as hosts.
    """
    return f"{pattern.removeprefix('*.')}{_OF_PATTERN}"


def pattern_called(name: str) -> str:
    """What people call a name of the mesh's own for a pattern; any other name as it is."""
    return f"*.{name.removesuffix(_OF_PATTERN)}" if name.endswith(_OF_PATTERN) else name


_OF_PATTERN = ".wildcard.internal"


def port_name(port: int, host: str) -> str:
    """The one name by which sidecars and gateway speak of raw TCP to one port of a host: port 22 of
    `example.org` is `22.example.org.port.internal`.

    From nothing but its own port and host, so it stays whatever else anybody declares for the host.
    """
    return f"{port}.{host}{_OF_PORT}"


def tls_name(host: str) -> str:
    """The name under which sidecars know TLS to a host at every address, where the host itself has an address
    of the mesh."""
    return f"{host}{_OF_TLS}"


def port_of(name: str) -> tuple[int, str] | None:
    """Port and host of a name of the mesh's own for raw TCP; None: it is no such name."""
    port, _, host = name.removesuffix(_OF_PORT).partition(".")
    if not name.endswith(_OF_PORT) or not host or not (port.isascii() and port.isdigit()):
        return None
    return int(port), host


def meant_by(name: str) -> str:
    """The outside host that a name of the mesh's own stands for; any other name as it is."""
    if name.endswith(_OF_TLS):
        return name.removesuffix(_OF_TLS)
    found = port_of(name)
    return found[1] if found else name


def called(name: str) -> str:
    """What people call a name of the mesh's own; any other name as it is."""
    found = port_of(name)
    return f"{found[1]}:{found[0]}" if found else pattern_called(meant_by(name))


_OF_PORT, _OF_TLS = ".port.internal", ".tls.internal"
PORT_LIMIT = KUBERNETES_NAME - len(f"65535.{_OF_PORT}")
"""Longest host of raw TCP (characters): the gateway's name for it is longer."""


def pattern_gateway(pattern: str) -> str:
    return fit(f"{host_label(pattern)}-gateway", longest("Gateway"))


def resolved_entry(pattern: str) -> str:
    return fit(f"{host_label(pattern)}-resolved", KUBERNETES_NAME)


def loopback_entry(pattern: str) -> str:
    return fit(f"{host_label(pattern)}-loopback", KUBERNETES_NAME)


def service_entry(host: str) -> str:
    return fit(f"{host_label(host)}-ext", KUBERNETES_NAME)


def google_api(api: str) -> str:
    return f"{api}-googleapis-com"


def google_host(host: str) -> str:
    """ServiceEntry of a host of Google's, by its full name."""
    api = host.removesuffix(".googleapis.com")
    return google_api(api) if "." not in api else fit(f"{host_label(host)}-google", KUBERNETES_NAME)


def virtual_service(host: str) -> str:
    return fit(f"{host_label(host)}-through-egress-gateway", KUBERNETES_NAME)


def direct_route(host: str) -> str:
    """VirtualService of a host that a team reaches past the gateway, in the team's namespace."""
    return fit(f"{host_label(host)}-straight", KUBERNETES_NAME)


OPEN_TLS = "server-names-in-the-log"
"""ServiceEntry of an open team; no host's entry has this name, because those end in `-ext`."""
OPEN_TLS_HOST = "server-names.log.internal"
"""The host of it, which nobody asks for: names below `internal` are refused as hosts."""


def security_model(model: str) -> str:
    """Annotation on what a weaker security model opens for a team, with the reason as its value."""
    return f"{OWN_DOMAIN}/model.{model}"


def origination_rule(host: str) -> str:
    return fit(f"{host_label(host)}-originate-tls", KUBERNETES_NAME)


def treatment_rule(host: str) -> str:
    return fit(f"{host_label(host)}-traffic", KUBERNETES_NAME)


def passthrough_subset(host: str) -> str:
    """Subset of the gateway's Service whose connections carry `host` as the outer SNI."""
    return fit(f"tls-{host_label(host)}", DNS_LABEL)


def kept_subset(host: str) -> str:
    """Subset of the gateway's Service whose connections carry requests to `host` alone."""
    return fit(f"http-{host_label(host)}", DNS_LABEL)


def kept_port(host: str) -> str:
    """Name of the gateway server that reads requests to `host` alone; unique within the Gateway."""
    return fit(f"http-{host_label(host)}", DNS_LABEL)


def server_port(host: str) -> str:
    """Name of the gateway server that receives `host` as passed-through TLS; unique within the Gateway."""
    return fit(f"tls-{host_label(host)}", DNS_LABEL)


def inner_port(pattern: str) -> str:
    """Name of the gateway server that reads inner names of a pattern; unique within the Gateway."""
    return fit(f"inner-{host_label(pattern)}", DNS_LABEL)


def team_authorization(team: str) -> str:
    return f"egress-{team}"


def ingress_authorization(team: str) -> str:
    return f"ingress-{team}"


def reception(team: str, name: str) -> str:
    """Gateway and VirtualService of what a team receives. Neither part has a dot, so the host's rule keeps
    them apart."""
    return fit(host_label(f"{team}.{name}"), DNS_LABEL)


def gateway_pods(gateway: str) -> str:
    """The range of a gateway's own subnet from which its Pods have their addresses."""
    return f"pods-{gateway_nodes(gateway)}"


def service_account_email(account_id: str, project: str) -> str:
    # A project of a domain-scoped organisation is `example.com:name`; its mail domain is written
    # `name.example.com`.
    domain, _, name = project.rpartition(":")
    return (
        f"{account_id}@{name}.{domain}.iam.gserviceaccount.com"
        if domain
        else (f"{account_id}@{project}.iam.gserviceaccount.com")
    )


def spiffe_id(trust_domain: str, namespace: str, service_account: str) -> str:
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"
