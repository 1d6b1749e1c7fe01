"""Every kind of object, and every type of Google resource, is read, harmless for a written reason, or not
understood."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from egress.judge.fields import google_types
from egress.judge.model import kinds

GROUP_OF = {
    "v1": "ConfigMap Namespace Pod ReplicationController Service",
    "apps/v1": "DaemonSet Deployment ReplicaSet StatefulSet",
    "batch/v1": "CronJob Job",
    "admissionregistration.k8s.io/v1": (
        "MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding"
    ),
    "apiregistration.k8s.io/v1": "APIService",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "discovery.k8s.io/v1": "EndpointSlice",
    "networking.k8s.io/v1": "NetworkPolicy",
    "networking.istio.io/v1": "DestinationRule EnvoyFilter Gateway ProxyConfig ServiceEntry Sidecar "
    "VirtualService",
    "security.istio.io/v1": "AuthorizationPolicy PeerAuthentication",
    "telemetry.istio.io/v1": "Telemetry",
    "extensions.istio.io/v1alpha1": "TrafficExtension",
}
"""By API: its kinds that judges read."""
READ = [(api, kind) for api, names in GROUP_OF.items() for kind in names.split()]


def thing(api: str | None, kind: str) -> dict[str, str]:
    return {"kind": kind, **({} if api is None else {"apiVersion": api})}


@pytest.mark.parametrize(("api", "kind"), READ)
def test_a_kind_is_read_of_its_own_api_alone(api: str, kind: str) -> None:
    assert kinds.is_read(thing(api, kind))
    assert kinds.is_read(thing(None, kind)), "an object that names no API is taken for the one that is known"
    assert not kinds.is_foreign(thing(api, kind))
    assert not kinds.is_foreign(thing(None, kind))
    other = thing("things.example.com/v1", kind)
    assert kinds.is_foreign(other)
    assert not kinds.is_read(other)
    assert kinds.unknown(other)


def test_no_other_kind_is_read() -> None:
    assert set(kinds.READ) == {kind for _, kind in READ}
    assert not kinds.is_read(thing("v1", "Secret"))
    assert not kinds.is_read(thing(None, "Secret"))
    assert not kinds.is_foreign(thing("things.example.com/v1", "Secret"))


@pytest.mark.parametrize(
    ("api", "group"),
    [("v1", ""), ("apps/v1", "apps"), ("networking.istio.io/v1", "networking.istio.io"), (None, None)],
)
def test_the_group_of_an_api_stands_before_its_version(api: str | None, group: str | None) -> None:
    assert kinds.group(thing(api, "Thing")) == group


HARMLESS = {
    "v1": (
        "Secret ServiceAccount PersistentVolume PersistentVolumeClaim LimitRange ResourceQuota Event "
        "ComponentStatus "
        "Node PodTemplate Endpoints"
    ),
    "apps/v1": "ControllerRevision",
    "admissionregistration.k8s.io/v1": "ValidatingWebhookConfiguration",
    "networking.k8s.io/v1": "IngressClass IPAddress ServiceCIDR",
    "gateway.networking.k8s.io/v1": "GatewayClass ReferenceGrant",
    "resource.k8s.io/v1": "DeviceClass ResourceSlice",
    "cilium.io/v2": "CiliumNode CiliumEndpoint CiliumEndpointSlice CiliumIdentity CiliumNodeConfig",
    "networking.gke.io/v1": (
        "NetworkLogging FrontendConfig HealthCheckPolicy ManagedCertificate ServiceNetworkEndpointGroup"
    ),
    "cloud.google.com/v1": "BackendConfig",
    # Groups of which nothing matters, each with one of its kinds.
    "rbac.authorization.k8s.io/v1": "ClusterRole",
    "certificates.k8s.io/v1": "CertificateSigningRequest",
    "policy/v1": "PodDisruptionBudget",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "autoscaling.k8s.io/v1": "VerticalPodAutoscaler",
    "autoscaling.gke.io/v1beta1": "MultidimPodAutoscaler",
    "autoscaling.x-k8s.io/v1": "ProvisioningRequest",
    "scheduling.k8s.io/v1": "PriorityClass",
    "keda.sh/v1alpha1": "ScaledObject",
    "storage.k8s.io/v1": "StorageClass",
    "snapshot.storage.k8s.io/v1": "VolumeSnapshot",
    "populator.storage.k8s.io/v1beta1": "VolumePopulator",
    "storage.gke.io/v1": "Thing",
    "filestore.csi.storage.gke.io/v1": "ShareInfo",
    "velero.io/v1": "Backup",
    "gkebackup.gke.io/v1": "BackupJob",
    "events.k8s.io/v1": "Event",
    "metrics.k8s.io/v1beta1": "PodMetrics",
    "custom.metrics.k8s.io/v1beta1": "MetricValueList",
    "external.metrics.k8s.io/v1beta1": "ExternalMetricValueList",
    "monitoring.coreos.com/v1": "ServiceMonitor",
    "monitoring.googleapis.com/v1": "PodMonitoring",
    "opentelemetry.io/v1beta1": "OpenTelemetryCollector",
    "grafana.integreatly.org/v1beta1": "GrafanaDashboard",
    "coordination.k8s.io/v1": "Lease",
    "flowcontrol.apiserver.k8s.io/v1": "FlowSchema",
    "internal.apiserver.k8s.io/v1alpha1": "StorageVersion",
    "migration.k8s.io/v1alpha1": "StorageState",
    "storagemigration.k8s.io/v1alpha1": "StorageVersionMigration",
    "nodemanagement.gke.io/v1alpha1": "UpdateInfo",
    "hub.gke.io/v1": "Membership",
    "node.k8s.io/v1": "RuntimeClass",
    "authentication.k8s.io/v1": "TokenReview",
    "authorization.k8s.io/v1": "SubjectAccessReview",
    "cert-manager.io/v1": "Certificate",
    "acme.cert-manager.io/v1": "Order",
    "trust.cert-manager.io/v1alpha1": "Bundle",
    "secrets-store.csi.x-k8s.io/v1": "SecretProviderClass",
    "secret-sync.gke.io/v1": "SecretSync",
    "external-secrets.io/v1": "ExternalSecret",
    "bitnami.com/v1alpha1": "SealedSecret",
    "constraints.gatekeeper.sh/v1beta1": "K8sRequiredLabels",
    "templates.gatekeeper.sh/v1": "ConstraintTemplate",
    "config.gatekeeper.sh/v1alpha1": "Config",
    "status.gatekeeper.sh/v1beta1": "ConstraintPodStatus",
    "auto.gke.io/v1": "AllowlistedV2Workload",
    "warden.gke.io/v1": "Audit",
}
"""By API: kinds that decide nothing about who reaches what."""


@pytest.mark.parametrize(
    ("api", "kind"), [(api, kind) for api, names in HARMLESS.items() for kind in names.split()]
)
def test_what_decides_nothing_is_harmless_in_its_own_api_alone(api: str, kind: str) -> None:
    assert kinds.unknown(thing(api, kind)) is None
    assert kinds.unknown(thing("somebodys.example.com/v1", kind))


def test_an_object_that_names_no_api_is_the_cores() -> None:
    assert kinds.unknown(thing(None, "Secret")) is None
    assert kinds.unknown(thing(None, "Lease"))


NOT_READ = {
    "extensions.istio.io/v1alpha1": "WasmPlugin",
    "networking.istio.io/v1": "WorkloadEntry WorkloadGroup",
    "security.istio.io/v1": "RequestAuthentication",
    "gateway.networking.k8s.io/v1": "HTTPRoute TLSRoute TCPRoute UDPRoute GRPCRoute",
    "cilium.io/v2": (
        "CiliumEnvoyConfig CiliumClusterwideEnvoyConfig CiliumLocalRedirectPolicy CiliumEgressGatewayPolicy "
        "CiliumNetworkPolicy "
        "CiliumClusterwideNetworkPolicy"
    ),
    "networking.gke.io/v1": "GCPEgressPolicy FQDNNetworkPolicy",
    "admissionregistration.k8s.io/v1beta1": "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
    "networking.k8s.io/v1": "Ingress",
    # Who schedules pods puts one on a node by it, and no taint is asked.
    "v1": "Binding",
    "policy.networking.k8s.io/v1alpha1": "AdminNetworkPolicy BaselineAdminNetworkPolicy ClusterNetworkPolicy",
    "resource.k8s.io/v1": "ResourceClaim ResourceClaimTemplate",
}
"""By API: kinds of which it is said what they do."""


@pytest.mark.parametrize(
    ("api", "kind"), [(api, kind) for api, names in NOT_READ.items() for kind in names.split()]
)
def test_what_is_not_read_is_said_with_what_it_does(api: str, kind: str) -> None:
    assert str(kinds.unknown(thing(api, kind))).startswith(f"A {kind} is ")


def test_what_nobody_knows_is_said_with_its_api() -> None:
    assert "things.example.com" in str(kinds.unknown(thing("things.example.com/v1", "Tunnel")))
    assert "core" in str(kinds.unknown(thing("v1", "Tunnel")))


# Google's.


@cache
def of_provider() -> set[str]:
    """Every type of the installed provider, by its token."""
    found = find_spec("pulumi_gcp")
    assert found
    assert found.origin
    return set(re.findall(r'"(gcp:[^"]+/[^"]+:[^"]+)"', Path(found.origin).read_text(encoding="utf-8")))


def test_every_type_and_module_that_is_listed_is_the_providers() -> None:
    """A token that is misspelt would be about nothing."""
    modules = {token.removeprefix("gcp:").partition("/")[0] for token in of_provider()}
    assert not google_types.HARMLESS_MODULES.keys() - modules
    assert not google_types.HARMLESS_TYPES.keys() - of_provider()
    assert not google_types.READ - of_provider() - {"kubernetes:helm.sh/v3:Release"}
    assert not google_types.READ & google_types.HARMLESS_TYPES.keys()
    assert all(google_types.unknown(token) is None for token in google_types.HARMLESS_TYPES)


NAMED = """
Route PolicyBasedRoute RouterPeer RouterInterface NetworkPeering NetworkPeeringRoutesConfig Connection
PeeredDnsDomain VPNTunnel VPNGateway HaVpnGateway InterconnectAttachment Interconnect Spoke Hub Connector
ForwardingRule GlobalForwardingRule ServiceAttachment FirewallPolicyRule FirewallPolicyWithRules
NetworkFirewallPolicyRule RegionNetworkFirewallPolicyRule RegionNetworkFirewallPolicy
RegionNetworkFirewallPolicyWithRules PacketMirroring
"""


@pytest.mark.parametrize("name", NAMED.split())
def test_a_type_of_google_that_leads_packets_elsewhere_is_said_with_what_it_does(name: str) -> None:
    assert str(google_types.unknown(f"gcp:compute/a:{name}")).startswith(f"A {name} is ")
    assert str(google_types.unknown(f"other:compute/a:{name}")).startswith(
        f"other:compute/a:{name} is nothing"
    )


@pytest.mark.parametrize("name", ["IAMMember", "IAMBinding", "IAMPolicy", "IamMember", "IamAuditConfig"])
def test_who_may_do_what_is_iams(name: str) -> None:
    assert google_types.unknown(f"gcp:somewhere/subnetwork{name}:Subnetwork{name}") is None
    assert google_types.unknown(f"gcp:somewhere/a:Subnetwork{name}Rule")


@pytest.mark.parametrize(
    "token",
    [
        "gcp:things/network:Network",
        "gcp:compute/thing:Thing",
        "gcp:networkservices/gateway:Gateway",
        "gcp:compute/route:Network",
    ],
)
def test_what_is_in_no_list_is_not_understood(token: str) -> None:
    assert google_types.unknown(token)


MODULES = """
iam serviceaccount binaryauthorization iap oslogin accesscontextmanager monitoring logging projects
organizations vertex recaptcha folder kms secretmanager storage bigquery pubsub artifactregistry cloudbuild
gkebackup certificatemanager
"""


@pytest.mark.parametrize("module", MODULES.split())
def test_of_services_that_lead_no_packets_every_type_is_harmless(module: str) -> None:
    assert google_types.unknown(f"gcp:{module}/whatever:Whatever") is None
    assert google_types.unknown(f"gcp:{module}s/whatever:Whatever")


COMPUTE = """
Network Router Address GlobalAddress Disk RegionDisk Image Snapshot ResourcePolicy
DiskResourcePolicyAttachment InstantSnapshot StoragePool Instance InstanceTemplate InstanceGroup
InstanceGroupManager RegionInstanceGroupManager Autoscaler NodeGroup Reservation RegionCommitment
InstanceSettings HealthCheck SSLCertificate SSLPolicy ManagedSslCertificate SecurityPolicy SecurityPolicyRule
ProjectCloudArmorTier SharedVPCHostProject NetworkFirewallPolicy FirewallPolicy
"""


@pytest.mark.parametrize("name", COMPUTE.split())
def test_machines_disks_and_how_load_balancers_treat_what_comes_in_lead_no_packets(name: str) -> None:
    assert google_types.unknown(f"gcp:compute/{name[0].lower()}{name[1:]}:{name}") is None
    assert google_types.unknown(f"gcp:things/{name[0].lower()}{name[1:]}:{name}")
