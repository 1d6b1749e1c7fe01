"""Namespaces, and the service accounts that are a team's identity towards Google."""

from __future__ import annotations

from collections.abc import Iterator

from egress import names
from egress.manifest import Manifest, Object, Owner, manifest
from egress.plan import Plan

INJECTED = {"istio-injection": "enabled"}


def render(plan: Plan) -> Iterator[Object]:
    """One Namespace for the mesh, each egress gateway and each team; a ServiceAccount for each workload identity and test app."""
    yield Object(Owner.mesh(), manifest("v1", "Namespace", names.MESH_NAMESPACE))
    for gateway in plan.gateways:
        labels = {**INJECTED, "pod-security.kubernetes.io/enforce": "restricted"}
        yield Object(Owner.egress_gateway(gateway.name), manifest("v1", "Namespace", gateway.namespace, labels=labels))
    for team in plan.teams:
        owner = Owner.team(team.name)
        labels = {**team.settings.labels, names.TEAM_LABEL: team.name, **INJECTED}
        yield Object(owner, manifest("v1", "Namespace", team.name, labels=labels, annotations=exemptions(plan, team.name)))
        acting = {identity.service_account: identity.email for identity in team.identities}
        accounts = {*acting} | ({"test"} if team.settings.test_app else set[str]())
        for account in sorted(accounts):
            yield Object(owner, _service_account(account, team.name, acting.get(account)))


def exemptions(plan: Plan, team: str) -> dict[str, str]:
    """Annotations that take the team's namespace out of rules of admission, each with its reason."""
    excepted = plan.settings.fences.admission.exemptions.get(team, {})
    return {f"{names.EXEMPT}{rule}": reason for rule, reason in sorted(excepted.items())}


def _service_account(name: str, namespace: str, google_email: str | None) -> Manifest:
    annotations = {"iam.gke.io/gcp-service-account": google_email} if google_email else None
    return manifest("v1", "ServiceAccount", name, namespace, annotations=annotations)
