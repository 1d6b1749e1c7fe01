"""What the config opens beyond the defaults, with the reasons that it gives: what an auditor asks about first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.plan import Plan, TeamPlan
from egress.settings.dns import Undeclared
from egress.settings.fences import Action
from egress.settings.inspection import Mode
from egress.settings.security import SecurityModel


@dataclass(frozen=True)
class Relaxation:
    """One setting that opens something."""

    setting: str
    """Its path in the config, below `gke-mesh-egress:`."""
    opens: str
    reason: str | None
    """None: the setting asks for no reason."""


def relaxations(plan: Plan) -> list[Relaxation]:
    """Everything that is opened, in the order of the config's reference."""
    of_teams = (item for team in plan.teams for item in _of_team(plan, team))
    return [*_of_fences(plan), *_of_network(plan), *_of_mesh(plan), *of_teams]


def _of_fences(plan: Plan) -> Iterator[Relaxation]:
    fences = plan.settings.fences
    at = "fences.admission"
    if fences.admission.action is not Action.DENY:
        said = "Admission warns of what breaks its rules, and refuses nothing."
        yield Relaxation(f"{at}.action", said, None)
    for rule, reason in sorted(fences.admission.relaxed.items()):
        yield Relaxation(f"{at}.relaxed.{rule.value}", f"Admission's rule {rule.value} holds for nobody.", reason)
    for team, rules in sorted(fences.admission.exemptions.items()):
        for rule, reason in sorted(rules.items()):
            said = f"Admission's rule {rule.value} does not hold for {team}."
            yield Relaxation(f"{at}.exemptions.{team}.{rule.value}", said, reason)
    for namespace, rules in sorted(fences.admission.namespaces.items()):
        for rule, reason in sorted(rules.items()):
            said = f"Admission's rule {rule.value} does not hold in {namespace}, which is no team's."
            yield Relaxation(f"{at}.namespaces.{namespace}.{rule.value}", said, reason)
    for fence, reason in sorted(fences.relaxed.items()):
        yield Relaxation(f"fences.relaxed.{fence.value}", f"The fence {fence.value} is not put up.", reason)
    for name, where in sorted(fences.private_hosts.items()):
        said = f"Gateways reach hosts in the private range {where}, by http and https."
        yield Relaxation(f"fences.privateHosts.{name}", said, None)
    if opened := fences.application_nodes:
        ports = ", ".join(map(str, sorted(opened.leave_on)))
        yield Relaxation("fences.applicationNodes", f"Application nodes may leave to anywhere on TCP {ports}.", opened.reason)


def _of_network(plan: Plan) -> Iterator[Relaxation]:
    dns, perimeter = plan.settings.network.dns, plan.settings.network.perimeter
    if perimeter and perimeter.dry_run:
        yield Relaxation("network.perimeter.dryRun", "VPC Service Controls log what they would refuse, and refuse nothing.", None)
    if dns.undeclared_names is not Undeclared.REFUSE:
        said = "Names that no team declares are looked up outside, and carry what they ask for to whoever owns them."
        yield Relaxation("network.dns.undeclaredNames", said, None)
    for name, reason in sorted(dns.also_resolved.items()):
        yield Relaxation(f"network.dns.alsoResolved.{name}", f"{name} resolves although no team declares it.", reason)
    for name, reason in sorted(dns.answered_elsewhere.items()):
        said = f"Names below {name} are answered by a private zone that is not made here."
        yield Relaxation(f"network.dns.answeredElsewhere.{name}", said, reason)


def _of_mesh(plan: Plan) -> Iterator[Relaxation]:
    if plan.in_cluster_mesh and not plan.structured_logs:
        yield Relaxation("mesh.accessLog.format", "Access logs name no caller, and a client can make up fields in them.", None)
    for gateway in plan.gateways:
        if gateway.settings.connect_after_authorization is False and plan.in_cluster_mesh:
            path = f"gateways.{gateway.name}" if gateway.name else "gateway"
            said = "A refused caller causes a connection to a host of passed-through TLS, and hears what it says first."
            yield Relaxation(f"{path}.connectAfterAuthorization", said, None)


def _of_team(plan: Plan, team: TeamPlan) -> Iterator[Relaxation]:
    name = team.name
    if weaker := team.settings.model:
        word, what = {
            SecurityModel.OPEN: ("open", "reach any host outside, straight from its pods"),
            SecurityModel.REGISTRY_ONLY: (
                "registryOnly",
                "reach its declared hosts past the gateway; its own sidecars alone tell them from others",
            ),
        }[weaker.model]
        yield Relaxation(f"teams.{name}.model.{word}", f"{name} may {what}.", weaker.reason)
    for host, use in team.uses:
        if use.http and use.http.inspect and use.http.inspect.mode is not Mode.ENFORCE:
            said = f"What {name} sends to {host.name} is inspected and reported, and nothing is refused for it."
            yield Relaxation(f'teams.{name}.egress."{host.name}".http.inspect.mode', said, None)
    for identity in team.identities:
        for role, reason in sorted(identity.project_roles):
            said = f"{identity.email} has {role} on the whole project {plan.project}."
            at = f"teams.{name}.googleApis.serviceAccounts.{identity.service_account}.projectRoles"
            yield Relaxation(f"{at}.{role}", said, reason)
