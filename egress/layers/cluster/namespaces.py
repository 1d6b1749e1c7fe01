"""Namespaces, and the service accounts that are a team's identity towards Google."""

from __future__ import annotations

from collections.abc import Iterator

from egress.common import names
from egress.common.objects import Manifest, Object, Owner, manifest
from egress.plan.model import Plan
from egress.settings.fences import Fence, Rule

INJECTED = {"istio-injection": "enabled"}
POD_SECURITY = "pod-security.kubernetes.io/"
RESTRICTED_PODS = {f"{POD_SECURITY}enforce": "restricted"}
BASELINE = {Rule.HOST_NAMESPACES, Rule.HOST_PORTS, Rule.HOST_VOLUMES, Rule.PRIVILEGED, Rule.CAPABILITIES}
"""Rules of admission that Pod Security's level `baseline` has as well (Kubernetes, "Pod Security
Standards")."""
RESTRICTED = {Rule.CONFINED_PROCESS}
"""Those that only `restricted` has."""


def render(plan: Plan) -> Iterator[Object]:
    """One Namespace for the mesh, each egress gateway and each team; a ServiceAccount for each workload
    identity and test app."""
    relaxed = relaxations(plan, Fence.CONTROL_PLANE_NETWORK, Fence.MESH_EXPORTS, Fence.MESH_DISCOVERY)
    labels = {names.PLATFORM_LABEL: names.CONTROL_PLANE}
    yield Object(
        Owner.mesh(), manifest("v1", "Namespace", names.MESH_NAMESPACE, labels=labels, annotations=relaxed)
    )
    for gateway in plan.gateways:
        labels = {**INJECTED, **RESTRICTED_PODS, names.PLATFORM_LABEL: names.EGRESS_GATEWAY}
        relaxed = relaxations(plan, Fence.GATEWAY_NETWORK)
        namespace = manifest("v1", "Namespace", gateway.namespace, labels=labels, annotations=relaxed)
        yield Object(Owner.egress_gateway(gateway.name), namespace)
    for team in plan.teams:
        owner = Owner.team(team.name)
        labels = {
            **team.settings.labels,
            names.TEAM_LABEL: team.name,
            **INJECTED,
            **pod_security(plan, team.name),
        }
        relaxed = relaxations(plan, Fence.POD_SECURITY)
        yield Object(owner, manifest("v1", "Namespace", team.name, labels=labels, annotations=relaxed))
        acting = {identity.service_account: identity.email for identity in team.identities}
        accounts = {*acting} | ({"test"} if team.settings.test_app else set[str]())
        for account in sorted(accounts):
            yield Object(owner, _service_account(account, team.name, acting.get(account)))


def pod_security(plan: Plan, team: str) -> dict[str, str]:
    """The label by which Kubernetes itself checks a team's pods, as strictly as the team's exemptions from
    admission allow.

    `warn` is there for what makes pods, a Deployment say: nothing refuses that, and its pods would be missed
    in silence. Without istio-cni every pod with a sidecar breaks it, by the init container that redirects its
    traffic.
    """
    fences = plan.settings.fences
    if not plan.in_cluster_mesh or not fences.up(Fence.POD_SECURITY):
        return {}
    excepted = fences.excepted(team)
    level = "privileged" if excepted & BASELINE else "baseline" if excepted & RESTRICTED else "restricted"
    return {
        f"{POD_SECURITY}{mode}": level for mode in (("enforce", "warn") if fences.deciding else ("warn",))
    }


def relaxations(plan: Plan, *fences: Fence) -> dict[str, str]:
    """Annotations that say, on the namespace that they would stand around, which fences are not put up, and
    why."""
    relaxed = plan.settings.fences.relaxed
    return {f"{names.RELAXED}{fence}": relaxed[fence] for fence in fences if fence in relaxed}


def _service_account(name: str, namespace: str, google_email: str | None) -> Manifest:
    annotations = {"iam.gke.io/gcp-service-account": google_email} if google_email else None
    # What Google hands out does not come by this token, and sidecars have one of their own. A pod that speaks
    # to the API server says automountServiceAccountToken: true itself.
    return manifest(
        "v1", "ServiceAccount", name, namespace, annotations=annotations, automountServiceAccountToken=False
    )
