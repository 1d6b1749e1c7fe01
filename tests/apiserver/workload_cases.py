"""Pods that the rules of admission accept and refuse."""

from __future__ import annotations

from egress.settings.fences import Rule
from tests.apiserver.workloads import (
    POOL,
    Case,
    annotation,
    container,
    extra,
    in_container,
    init,
    label,
    pools,
    preferred,
    required,
    security,
    spec,
    volume,
    without_identity,
)

_CONFINED = container("x")["securityContext"]

REFUSED = (
    Case(
        "tolerates-gateway",
        spec(tolerations=[{"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}]),
        Rule.GATEWAY_NODES,
    ),
    Case(
        "tolerates-any-dedicated",
        spec(tolerations=[{"key": "dedicated", "operator": "Exists"}]),
        Rule.GATEWAY_NODES,
    ),
    Case("tolerates-everything", spec(tolerations=[{"operator": "Exists"}]), Rule.GATEWAY_NODES),
    Case("selects-gateway-pool", spec(nodeSelector={POOL: "gateway"}), Rule.GATEWAY_NODES),
    Case("names-a-node", spec(nodeName="gke-gateway-1"), Rule.GATEWAY_NODES),
    Case("affinity-in-gateway", required(pools("In", "default-pool", "gateway")), Rule.GATEWAY_NODES),
    Case(
        "affinity-second-term",
        required(pools("In", "default-pool"), pools("In", "gateway")),
        Rule.GATEWAY_NODES,
    ),
    Case("affinity-not-default", required(pools("NotIn", "default-pool")), Rule.GATEWAY_NODES),
    Case("affinity-any-pool", required(pools("Exists")), Rule.GATEWAY_NODES),
    Case("affinity-preferred", preferred(pools("In", "gateway")), Rule.GATEWAY_NODES),
    Case(
        "affinity-by-node-name",
        required({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["gke-gateway-1"]}]}),
        Rule.GATEWAY_NODES,
    ),
    Case("host-network", spec(hostNetwork=True), Rule.HOST_NAMESPACES),
    Case("host-pid", spec(hostPID=True), Rule.HOST_NAMESPACES),
    Case("host-ipc", spec(hostIPC=True), Rule.HOST_NAMESPACES),
    Case("host-port", in_container(ports=[{"containerPort": 80, "hostPort": 80}]), Rule.HOST_PORTS),
    Case("host-port-of-init", init(ports=[{"containerPort": 80, "hostPort": 8080}]), Rule.HOST_PORTS),
    Case("host-path", volume("hostPath", path="/"), Rule.HOST_VOLUMES),
    Case("nfs", volume("nfs", server="198.51.100.7", path="/"), Rule.HOST_VOLUMES),
    Case(
        "iscsi",
        volume("iscsi", targetPortal="198.51.100.7:3260", iqn="iqn.2001-04.com.example:x", lun=0),
        Rule.HOST_VOLUMES,
    ),
    Case("privileged", security(privileged=True, allowPrivilegeEscalation=True), Rule.PRIVILEGED),
    Case(
        "privileged-init",
        init(securityContext={**_CONFINED, "privileged": True, "allowPrivilegeEscalation": True}),
        Rule.PRIVILEGED,
    ),
    Case("net-admin", security(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), Rule.CAPABILITIES),
    Case("net-raw", security(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}), Rule.CAPABILITIES),
    Case("cap-prefix", security(capabilities={"drop": ["ALL"], "add": ["CAP_NET_ADMIN"]}), Rule.CAPABILITIES),
    Case("setuid", security(capabilities={"drop": ["ALL"], "add": ["SETUID"]}), Rule.CAPABILITIES),
    Case(
        "all-capabilities",
        init(securityContext={**_CONFINED, "capabilities": {"drop": ["ALL"], "add": ["ALL"]}}),
        Rule.CAPABILITIES,
    ),
    Case("proxy-uid", security(runAsUser=1337), Rule.PROXY_IDENTITY),
    Case("proxy-gid", security(runAsGroup=1337), Rule.PROXY_IDENTITY),
    Case(
        "proxy-uid-of-pod", spec(securityContext={"runAsUser": 1337, "runAsGroup": 1000}), Rule.PROXY_IDENTITY
    ),
    Case(
        "proxy-gid-of-pod", spec(securityContext={"runAsUser": 1000, "runAsGroup": 1337}), Rule.PROXY_IDENTITY
    ),
    Case(
        "proxy-fs-group",
        spec(securityContext={"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1337}),
        Rule.PROXY_IDENTITY,
    ),
    Case(
        "proxy-supplemental-group",
        spec(securityContext={"runAsUser": 1000, "runAsGroup": 1000, "supplementalGroups": [5, 1337]}),
        Rule.PROXY_IDENTITY,
    ),
    Case("proxy-uid-of-init", init(securityContext={**_CONFINED, "runAsUser": 1337}), Rule.PROXY_IDENTITY),
    Case("image-chooses-user", without_identity, Rule.CONFINED_PROCESS),
    Case("image-chooses-group", spec(securityContext={"runAsUser": 1000}), Rule.CONFINED_PROCESS),
    Case(
        "may-gain-privileges",
        in_container(securityContext={"capabilities": {"drop": ["ALL"]}}),
        Rule.CONFINED_PROCESS,
    ),
    Case(
        "keeps-capabilities",
        in_container(securityContext={"allowPrivilegeEscalation": False}),
        Rule.CONFINED_PROCESS,
    ),
    Case("unconfined-init", init(securityContext={}), Rule.CONFINED_PROCESS),
    Case("own-istio-proxy", extra("istio-proxy"), Rule.PROXY_CONTAINER),
    Case("own-istio-init", spec(initContainers=[container("istio-init")]), Rule.PROXY_CONTAINER),
    Case("own-istio-validation", spec(initContainers=[container("istio-validation")]), Rule.PROXY_CONTAINER),
    Case("own-core-dump", spec(initContainers=[container("enable-core-dump")]), Rule.PROXY_CONTAINER),
    Case("own-proxy-volume", spec(volumes=[{"name": "istio-envoy", "emptyDir": {}}]), Rule.PROXY_CONTAINER),
    Case("pretends-injection", annotation("sidecar.istio.io/status", "{}"), Rule.PROXY_CONTAINER),
    Case("no-injection-label", label("sidecar.istio.io/inject", "false"), Rule.INJECTION),
    Case("no-injection-annotation", annotation("sidecar.istio.io/inject", "false"), Rule.INJECTION),
    Case("another-revision", label("istio.io/rev", "canary"), Rule.INJECTION),
    Case("ambient", label("istio.io/dataplane-mode", "ambient"), Rule.INJECTION),
    Case("another-template", annotation("inject.istio.io/templates", "gateway"), Rule.INJECTION),
    Case(
        "exclude-ranges",
        annotation("traffic.sidecar.istio.io/excludeOutboundIPRanges", "0.0.0.0/0"),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "exclude-ports",
        annotation("traffic.sidecar.istio.io/excludeOutboundPorts", "443"),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "include-nothing",
        annotation("traffic.sidecar.istio.io/includeOutboundIPRanges", ""),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "include-some",
        annotation("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0/8"),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "exclude-inbound",
        annotation("traffic.sidecar.istio.io/excludeInboundPorts", "8080"),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "exclude-interfaces",
        annotation("traffic.sidecar.istio.io/excludeInterfaces", "eth1"),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "no-interception", annotation("sidecar.istio.io/interceptionMode", "NONE"), Rule.TRAFFIC_REDIRECTION
    ),
    Case(
        "reroute-interfaces",
        annotation("istio.io/reroute-virtual-interfaces", "tap0"),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case(
        "proxy-image",
        annotation("sidecar.istio.io/proxyImage", "registry.example/own"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case("bootstrap", annotation("sidecar.istio.io/bootstrapOverride", "own"), Rule.PROXY_CONFIGURATION),
    Case(
        "proxy-config", annotation("proxy.istio.io/config", "{binaryPath: /bin/sh}"), Rule.PROXY_CONFIGURATION
    ),
    Case("proxy-overrides", annotation("proxy.istio.io/overrides", "{}"), Rule.PROXY_CONFIGURATION),
    Case("proxy-volume", annotation("sidecar.istio.io/userVolume", "{}"), Rule.PROXY_CONFIGURATION),
    Case("status-port", annotation("status.sidecar.istio.io/port", "8080"), Rule.PROXY_CONFIGURATION),
    Case(
        "log-level-with-a-line",
        annotation("sidecar.istio.io/logLevel", "info\n    image: x"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case(
        "log-level-with-a-last-line",
        annotation("sidecar.istio.io/logLevel", "info\n"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case(
        "component-level",
        annotation("sidecar.istio.io/componentLogLevel", "misc:error -x"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case(
        "agent-level",
        annotation("sidecar.istio.io/agentLogLevel", "default:info #"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case("amount-with-a-quote", annotation("sidecar.istio.io/proxyCPU", '1"'), Rule.PROXY_CONFIGURATION),
    Case(
        "metrics-elsewhere",
        annotation("prometheus.io/port", "80@outside.example:80"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case(
        "metrics-path-elsewhere",
        annotation("prometheus.io/path", "@outside.example/"),
        Rule.PROXY_CONFIGURATION,
    ),
    Case(
        "include-ports",
        annotation("traffic.sidecar.istio.io/includeOutboundPorts", '1"\n    - "x'),
        Rule.TRAFFIC_REDIRECTION,
    ),
    Case("other-inject-label", label("sidecar.istio.io/inject", "True"), Rule.INJECTION),
    Case(
        "another-csi-driver",
        volume("csi", driver="nfs.csi.k8s.io", volumeAttributes={"server": "203.0.113.9"}),
        Rule.HOST_VOLUMES,
    ),
    Case("node-critical", spec(priorityClassName="system-node-critical"), Rule.SYSTEM_PRIORITY),
    Case("cluster-critical", spec(priorityClassName="system-cluster-critical"), Rule.SYSTEM_PRIORITY),
    Case("gateways-priority", spec(priorityClassName="egress-gateways"), Rule.SYSTEM_PRIORITY),
    *(
        Case(
            f"alias-{name}",
            spec(hostAliases=[{"ip": "10.1.0.9", "hostnames": ["fine.example", name]}]),
            Rule.CONTROL_PLANE_NAMES,
        )
        for name in (
            "istiod",
            "istiod.istio-system",
            "istiod.istio-system.svc",
            "istiod.istio-system.svc.cluster.local",
            "istiod.istio-system.svc.team-x.svc.cluster.local",
            "istio-egressgateway.istio-egress.svc",
            "kubernetes.default.svc.cluster.local",
            "metadata",
            "metadata.google.internal",
            "storage.googleapis.com",
            "europe-docker.pkg.dev",
            "gcr.io",
        )
    ),
    Case("hostname-istiod", spec(hostname="istiod"), Rule.CONTROL_PLANE_NAMES),
    Case("hostname-override", spec(hostnameOverride="istiod.istio-system.svc"), Rule.CONTROL_PLANE_NAMES),
    Case(
        "own-resolver",
        spec(dnsPolicy="None", dnsConfig={"nameservers": ["10.1.0.9"]}),
        Rule.CONTROL_PLANE_NAMES,
    ),
    Case("added-resolver", spec(dnsConfig={"nameservers": ["10.1.0.9"]}), Rule.CONTROL_PLANE_NAMES),
    Case("search-path", spec(dnsConfig={"searches": ["attacker.example"]}), Rule.CONTROL_PLANE_NAMES),
    Case("nodes-resolver", spec(dnsPolicy="Default"), Rule.CONTROL_PLANE_NAMES),
    Case(
        "proxys-token",
        volume("projected", sources=[{"serviceAccountToken": {"audience": "istio-ca", "path": "token"}}]),
        Rule.PROXY_TOKEN,
    ),
    Case(
        "proxys-token-second",
        volume(
            "projected",
            sources=[
                {"serviceAccountToken": {"audience": "bank.example", "path": "other"}},
                {"serviceAccountToken": {"audience": "istio-ca", "path": "token"}},
            ],
        ),
        Rule.PROXY_TOKEN,
    ),
    Case("multus", annotation("k8s.v1.cni.cncf.io/networks", "outside"), Rule.NETWORK_INTERFACES),
    Case("gke-interfaces", annotation("networking.gke.io/interfaces", "[]"), Rule.NETWORK_INTERFACES),
)

ACCEPTED = (
    Case("plain", spec()),
    Case(
        "tolerates-another-taint",
        spec(tolerations=[{"key": "dedicated", "operator": "Equal", "value": "batch"}]),
    ),
    Case(
        "tolerates-not-ready",
        spec(tolerations=[{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]),
    ),
    Case("selects-default-pool", spec(nodeSelector={POOL: "default-pool", "kubernetes.io/arch": "amd64"})),
    Case("affinity-default-pool", required(pools("In", "default-pool"))),
    Case("affinity-not-gateway", required(pools("NotIn", "gateway", "other"))),
    Case("host-namespaces-off", spec(hostNetwork=False, hostPID=False, hostIPC=False)),
    Case("container-port", in_container(ports=[{"containerPort": 8080}])),
    Case("empty-dir", volume("emptyDir")),
    Case("config-map", volume("configMap", name="settings")),
    Case("projected", volume("projected", sources=[{"configMap": {"name": "settings"}}])),
    Case("unprivileged", security(privileged=False, procMount="Default")),
    Case("binds-low-port", security(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})),
    Case("another-identity", security(runAsUser=1338, runAsGroup=1338)),
    Case("identity-in-container", lambda t: (without_identity(t), security(runAsUser=7, runAsGroup=7)(t))[0]),
    Case("init", init()),
    Case("a-container-called-proxy", extra("proxy")),
    Case("injection-label", label("sidecar.istio.io/inject", "true")),
    Case("canonical-name", label("service.istio.io/canonical-name", "shop")),
    Case("redirects-all", annotation("traffic.sidecar.istio.io/includeOutboundIPRanges", "*")),
    Case("proxy-resources", annotation("sidecar.istio.io/proxyCPU", "50m")),
    Case("proxy-amount", annotation("sidecar.istio.io/proxyMemoryLimit", "1.5Gi")),
    Case("log-levels", annotation("sidecar.istio.io/componentLogLevel", "rbac:debug,misc:error")),
    Case(
        "metrics",
        lambda t: (
            annotation("prometheus.io/port", "9090")(t),
            annotation("prometheus.io/path", "/m?a=b&c=d")(t),
        )[0],
    ),
    Case(
        "an-alias",
        spec(hostAliases=[{"ip": "127.0.0.1", "hostnames": ["shop.test", "istiodb.example", "localhost"]}]),
    ),
    Case("hostname", spec(hostname="shop", subdomain="shops")),
    Case("resolver-options", spec(dnsConfig={"options": [{"name": "ndots", "value": "2"}]})),
    Case("secrets-store", volume("csi", driver="secrets-store-gke.csi.k8s.io", readOnly=True)),
    Case(
        "a-token-for-another",
        volume("projected", sources=[{"serviceAccountToken": {"audience": "bank.example", "path": "token"}}]),
    ),
    Case("other-annotation", annotation("example.com/owner", "ann")),
)
