"""What the config opens beyond the defaults, with the reasons that it gives: what an auditor asks about
first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from egress.common import istio_advisories
from egress.common.google_hosts import everybodys
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.plan.host import TlsNames
from egress.plan.model import Plan
from egress.plan.team import TeamPlan, Way
from egress.settings.dns import Dns, Undeclared
from egress.settings.fences import Action, Logged
from egress.settings.firewall import Ipv6, Logging
from egress.settings.ingress import Exposure
from egress.settings.inspection import Mode
from egress.settings.security_model import SecurityModel


@dataclass(frozen=True)
class Relaxation:
    """One setting that opens something."""

    setting: str
    """Its path in the config, below `gke-mesh-egress:`."""
    opens: str
    reason: str | None
    """None: the setting asks for no reason."""
    range: str = ""
    """What is opened, where it is a range of addresses: a part of it is no further opening."""


def relaxations(plan: Plan) -> list[Relaxation]:
    """Everything that is opened, in the order of the config's reference."""
    of_teams = (item for team in plan.teams for item in _of_team(plan, team))
    return [
        *_of_network(plan),
        *_of_control_plane(plan),
        *_of_mesh(plan),
        *_of_ingress(plan),
        *_of_registries(plan),
        *_of_fences(plan),
        *of_teams,
    ]


def _of_fences(plan: Plan) -> Iterator[Relaxation]:
    fences = plan.settings.fences
    at = "fences.admission"
    if fences.admission.action is not Action.DENY:
        said = "Admission warns of what breaks its rules, and refuses nothing."
        yield Relaxation(f"{at}.action", said, None)
    for rule, reason in sorted(fences.admission.relaxed.items()):
        yield Relaxation(
            f"{at}.relaxed.{rule.value}", f"Admission's rule {rule.value} holds for nobody.", reason
        )
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
        yield Relaxation(f"fences.privateHosts.{name}", said, None, str(where))
    for name, where in sorted(fences.private_addresses.items()):
        said = f"Teams may name addresses in the private range {where} for raw TCP."
        yield Relaxation(f"fences.privateAddresses.{name}", said, None, str(where))
    for port in sorted(fences.application_nodes.leave_on) if fences.application_nodes else ():
        said = f"Application nodes may leave to anywhere on TCP {port}."
        reason = fences.application_nodes.reason if fences.application_nodes else None
        yield Relaxation("fences.applicationNodes", said, reason)
    if fences.observe.network_policies is Logged.NONE:
        said = "Connections that a NetworkPolicy refuses are not logged, so attempts are not seen."
        yield Relaxation("fences.observe.networkPolicies", said, None)


def _of_network(plan: Plan) -> Iterator[Relaxation]:
    network = plan.settings.network
    yield from _of_dns(network.dns)
    if network.firewall.ipv6 is Ipv6.OPEN:
        said = (
            "No rule stops IPv6: machines of a dual-stack subnet that somebody adds to the network leave "
            "by it."
        )
        yield Relaxation("network.firewall.ipv6", said, None)
    if network.firewall.logging is Logging.NONE:
        said = "Connections that the firewall refuses are not logged, so attempts are not seen."
        yield Relaxation("network.firewall.logging", said, None)
    if network.flow_logs.sampling == 0:
        yield Relaxation("network.flowLogs.sampling", "No flow of the network is logged.", None)
    if perimeter := network.perimeter:
        for level in sorted(set(perimeter.access_levels)):
            said = f"Whoever has access level {level} may call the APIs in the perimeter from outside."
            yield Relaxation("network.perimeter.accessLevels", said, None)
        if perimeter.dry_run:
            said = "VPC Service Controls log what they would refuse, and refuse nothing."
            yield Relaxation("network.perimeter.dryRun", said, None)


def _of_dns(dns: Dns) -> Iterator[Relaxation]:
    if dns.undeclared_names is not Undeclared.REFUSE:
        said = (
            "Names that no team declares are looked up outside, and carry what they ask for to whoever "
            "owns them."
        )
        yield Relaxation("network.dns.undeclaredNames", said, None)
    for name, reason in sorted(dns.also_resolved.items()):
        yield Relaxation(
            f"network.dns.alsoResolved.{name}", f"{name} resolves although no team declares it.", reason
        )
    for name, reason in sorted(dns.answered_elsewhere.items()):
        said = f"Names below {name} are answered by a private zone that is not made here."
        yield Relaxation(f"network.dns.answeredElsewhere.{name}", said, reason)


def _of_control_plane(plan: Plan) -> Iterator[Relaxation]:
    for name, where in sorted(plan.settings.cluster.control_plane.authorized_networks.items()):
        said = f"The control plane's public address answers {where}; IAM decides who may do what."
        yield Relaxation(f"cluster.controlPlane.authorizedNetworks.{name}", said, None, str(where))


def _of_ingress(plan: Plan) -> Iterator[Relaxation]:
    if plan.receptions and plan.settings.ingress and plan.settings.ingress.exposure is Exposure.EXTERNAL:
        said = "The ingress gateway is reached from the internet, by the ranges that are named."
        yield Relaxation("ingress.exposure", said, None)


def _of_registries(plan: Plan) -> Iterator[Relaxation]:
    for name, upstream in sorted(plan.settings.registries.items()):
        said = f"Pods may run any image of {upstream}, which nodes pull through Artifact Registry."
        yield Relaxation(f"registries.{name}", said, None)


def _of_mesh(plan: Plan) -> Iterator[Relaxation]:
    for advisory in istio_advisories.of(plan.mesh_version) if plan.mesh_version else ():
        said = f"Istio {plan.mesh_version} has a known hole, {advisory.name}: {advisory.about}."
        reason = plan.settings.mesh.chart.accepted_advisories.get(advisory.name)
        yield Relaxation(f"mesh.istio.acceptedAdvisories.{advisory.name}", said, reason)
    if plan.in_cluster_mesh and not plan.structured_logs:
        yield Relaxation(
            "mesh.accessLog.format",
            "Access logs name no caller, and a client can make up fields in them.",
            None,
        )
    for gateway in plan.gateways:
        if gateway.settings.connect_after_authorization is False and plan.in_cluster_mesh:
            path = "gateway" if gateway.shared else f"gateways.{gateway.name}"
            said = (
                "A refused caller causes a connection to a host of passed-through TLS, and hears what it "
                "says first."
            )
            yield Relaxation(f"{path}.connectAfterAuthorization", said, None)


def _side_doors(plan: Plan, team: TeamPlan) -> Iterator[Relaxation]:
    """Google's hosts behind which strangers keep things as well, where no perimeter tells them apart."""
    perimeter = plan.settings.network.perimeter
    if perimeter and not perimeter.dry_run:
        return
    named = team.settings.google_apis.hosts if team.settings.google_apis else []
    for host in sorted(set(named)):
        if what := everybodys(host):
            said = (
                f"{team.name} may send to any {what} at {host}, a stranger's too, with a token that its "
                "owner gives: all have this name. network.perimeter closes this."
            )
            yield Relaxation(f'teams.{team.name}.googleApis.hosts."{host}"', said, None)


def taken_for(name: str, host: str, namespace: str) -> str:
    """What it means that a host's certificate may have a name for the proxies of a namespace."""
    return f"Whoever has a certificate for {name} is taken for {host} by proxies in {namespace}."


def _other_names(team: str, way: Way) -> Iterator[Relaxation]:
    """Who else is taken for a host, because its certificate may have a name that is not its own."""
    host, use, by = way.host.name, way.use, way.gateway.namespace if way.gateway else team
    spoken = [("http", host, use.http)] if use.http else []
    ports = [(f"tcp{entry.place}", f"{host}:{entry.port}", entry) for entry in use.tcp]
    for key, called, said in [*spoken, *ports]:
        for other in sorted({*TlsNames.of(said).accepted(host)} - {host}):
            setting = f'teams.{team}.egress."{host}".{key}.subjectAltNames'
            yield Relaxation(setting, taken_for(other, called, by), None)


def _unread_names(team: str, way: Way) -> Iterator[Relaxation]:
    """Ports of the web where only the address is checked."""
    host = way.host.name
    for entry in way.use.tcp:
        if entry.port in (HTTP_PORT, HTTPS_PORT):
            addresses = ", ".join(sorted(map(str, entry.addresses or ())))
            said = (
                f"{team} may ask for any name at {addresses}: on {host}:{entry.port} nobody reads one, so "
                "whatever else is served there is reached as well."
            )
            yield Relaxation(f'teams.{team}.egress."{host}".tcp{entry.place}.port', said, None)


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
    for way in team.gateway_ways:
        host, use = way.host, way.use
        if use.http and use.http.inspect and use.http.inspect.mode is not Mode.ENFORCE:
            said = (
                f"What {name} sends to {host.name} is inspected and reported, and nothing is refused for it."
            )
            yield Relaxation(f'teams.{name}.egress."{host.name}".http.inspect.mode', said, None)
    for way in team.ways:
        yield from _other_names(name, way)
        yield from _unread_names(name, way)
    yield from _side_doors(plan, team)
    for identity in team.identities:
        for role, reason in sorted(identity.project_roles):
            said = f"{identity.email} has {role} on the whole project {plan.project}."
            at = f"teams.{name}.googleApis.serviceAccounts.{identity.service_account}.projectRoles"
            yield Relaxation(f"{at}.{role}", said, reason)
