"""Settings of the fences beside the gateway: what admission refuses, what the network and the mesh keep shut,
and what lets application nodes leave.

Everything is on by default. Each thing that opens a fence is a setting with a name and a reason, and the
reason is rendered onto the object that carries it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from egress.common import grammar, system_namespaces
from egress.common.ip_space import SHAREABLE
from egress.settings.base import Model, Range, Words, refusal, refusals
from egress.settings.groups import Groups
from egress.settings.writers import Writers


class Rule(StrEnum):
    """One rule of admission; what each closes is in docs/security.md."""

    GATEWAY_NODES = "gateway-nodes"
    HOST_NAMESPACES = "host-namespaces"
    HOST_PORTS = "host-ports"
    HOST_VOLUMES = "host-volumes"
    PRIVILEGED = "privileged"
    CAPABILITIES = "capabilities"
    PROXY_IDENTITY = "proxy-identity"
    CONFINED_PROCESS = "confined-process"
    PROXY_CONTAINER = "proxy-container"
    PROXY_EXEC = "proxy-exec"
    PROXY_CONFIGURATION = "proxy-configuration"
    INJECTION = "injection"
    TRAFFIC_REDIRECTION = "traffic-redirection"
    NETWORK_INTERFACES = "network-interfaces"
    SYSTEM_PRIORITY = "system-priority"
    CONTROL_PLANE_NAMES = "control-plane-names"
    PROXY_TOKEN = "proxy-token"
    MESH_ROOT = "mesh-root"
    TOKEN_REQUESTS = "token-requests"
    POD_ADDRESSES = "pod-addresses"
    SERVICE_TYPES = "service-types"
    EXTERNAL_IPS = "external-ips"
    OUTSIDE_ENDPOINTS = "outside-endpoints"
    PLATFORM_KINDS = "platform-kinds"
    PLATFORM_NAMESPACES = "platform-namespaces"
    NAMESPACE_LABELS = "namespace-labels"


EVERYWHERE = {Rule.GATEWAY_NODES, Rule.PLATFORM_KINDS, Rule.NAMESPACE_LABELS}
"""Rules that hold in whatever namespace, teams' or not."""
IN_TEAMS = {*Rule} - {Rule.PLATFORM_NAMESPACES}
"""Rules that hold in team namespaces."""
ELSEWHERE = EVERYWHERE - {Rule.NAMESPACE_LABELS}
"""Rules that a namespace of no team can be exempted from."""


class Fence(StrEnum):
    """One fence that is not admission's; what relaxing it opens is in docs/security.md."""

    GATEWAY_NETWORK = "gateway-network"
    """Default-deny NetworkPolicies of the gateways' namespaces."""
    CONTROL_PLANE_NETWORK = "control-plane-network"
    """Default-deny NetworkPolicies of the control plane's namespace."""
    MESH_EXPORTS = "mesh-exports"
    """What an object of the mesh does not export stays in its namespace; a Gateway selects pods of its own
    namespace alone."""
    MESH_DISCOVERY = "mesh-discovery"
    """The control plane reads the namespaces of this stack alone."""
    POD_SECURITY = "pod-security"
    """Pod Security `restricted` on team namespaces, and proxies without init capabilities, by istio-cni."""


class Action(StrEnum):
    """What happens to an object that breaks a rule."""

    DENY = "deny"
    """The API server refuses it."""
    WARN = "warn"
    """It is accepted; its author is warned and the audit log says so. For introducing the rules into a
    running cluster."""


def _reason(value: str) -> str:
    if not value.strip():
        raise refusal(
            "Nobody could tell later why this way was opened, so nobody would dare to close it.",
            "Write the reason.",
        )
    return value


Reason = Annotated[Words, AfterValidator(_reason)]
RuleName = Annotated[Rule, Field(strict=False)]
FenceName = Annotated[Fence, Field(strict=False)]


def _private(value: IPv4Network) -> IPv4Network:
    if not any(value.subnet_of(shared) for shared in SHAREABLE):
        raise refusal(
            "This is not one of the private ranges that networks share. Internet addresses are open "
            "already, on the ports that hosts need, and outside hosts have no others.",
            "Name a range within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10.",
        )
    return value


PrivateRange = Annotated[Range, AfterValidator(_private)]


def _namespace(value: str) -> str:
    if not grammar.matches(grammar.LABEL, value):
        raise refusal(
            "No namespace has such a name, so nothing would be exempted.", "Write the namespace's name."
        )
    if value in system_namespaces.SYSTEM:
        raise refusal(
            "This namespace belongs to Kubernetes or Google, and these rules leave it out already.",
            "Leave it out.",
        )
    if value.startswith("istio-"):
        raise refusal(
            "This namespace belongs to the platform: the gateways and the control plane run in such "
            "namespaces, and anyone who can write to one decides what leaves.",
            "Put what needs this into another namespace.",
        )
    return value


NamespaceName = Annotated[str, AfterValidator(_namespace)]


class Admission(Model):
    """Which rules hold, and where they do not."""

    action: Annotated[Action, Field(strict=False)] = Field(
        default=Action.DENY,
        description="`deny`: refuse. `warn`: accept, warn the author, and note it in the audit log; "
        "nothing is closed then.",
    )
    relaxed: dict[RuleName, Reason] = Field(
        default={}, description="Rule to reason: it holds for nobody. Refused: Not a rule. No reason."
    )
    exemptions: dict[str, dict[RuleName, Reason]] = Field(
        default={},
        description="Team to rule to reason: it does not hold in this team's namespace. Refused: A team "
        "that is not declared. Not a rule. No reason. `namespace-labels`, on which the others rest; "
        "`platform-namespaces`, which holds in none of them.",
    )
    namespaces: dict[NamespaceName, dict[RuleName, Reason]] = Field(
        default={},
        description="Namespace of no team to rule to reason: `gateway-nodes` or `platform-kinds` does "
        "not hold in it. For an agent that runs on every node, for example. Refused: A team's namespace; "
        "one of the platform's (`istio-…`), of Kubernetes or of Google. Another rule. No reason.",
    )

    @field_validator("exemptions")
    @classmethod
    def exempts_what_can_be(cls, value: dict[str, dict[Rule, str]]) -> dict[str, dict[Rule, str]]:
        found = [
            ((team, rule.value), *_NEVER_EXEMPTED[rule])
            for team, rules in value.items()
            for rule in rules
            if rule in _NEVER_EXEMPTED
        ]
        if found:
            raise refusals(found)
        return value

    @field_validator("namespaces")
    @classmethod
    def exempts_from_what_holds_there(cls, value: dict[str, dict[Rule, str]]) -> dict[str, dict[Rule, str]]:
        found = [
            (
                (namespace, rule.value),
                f"In a namespace that belongs to no team, only {' and '.join(sorted(ELSEWHERE))} apply, "
                "so there is nothing to exempt it from.",
                "Leave it out, or name one of these.",
            )
            for namespace, rules in value.items()
            for rule in rules
            if rule not in ELSEWHERE
        ]
        if found:
            raise refusals(found)
        return value

    def exempted(self, rule: Rule) -> dict[str, str]:
        """Namespaces in which a rule does not hold, each with the reason."""
        return {
            namespace: rules[rule]
            for of in (self.exemptions, self.namespaces)
            for namespace, rules in of.items()
            if rule in rules
        }


_NEVER_EXEMPTED = {
    Rule.NAMESPACE_LABELS: (
        "The namespace's labels and annotations decide which rules apply in it: with this exemption, the "
        "team could lift every other rule.",
        "Exempt the team from the rule that is in its way.",
    ),
    Rule.PLATFORM_NAMESPACES: (
        "This rule applies only in the platform's own namespaces, so there is nothing to exempt a team from.",
        "Leave it out.",
    ),
}


def _ports(value: list[int]) -> list[int]:
    if not value:
        raise refusal(
            "No port is named, so nothing would leave.", "Name the ports, or remove applicationNodes."
        )
    if len(set(value)) < len(value):
        raise refusal("A port is named twice.", "Name it once.")
    return value


class ApplicationNodes(Model):
    """What the VPC firewall lets out of the nodes on which every team's pods run: it cannot tell one team's
    from another's."""

    leave_on: Annotated[list[Annotated[int, Field(ge=1, le=65535)]], AfterValidator(_ports)] = Field(
        description="TCP ports to anywhere on the internet, from every application node. Refused: Empty. "
        "Twice the same. One that no team needs; one that a team needs and is not here."
    )
    reason: Reason = Field(description="Why; the firewall rule says it. Refused: Empty.")


class Logged(StrEnum):
    """Which connections are logged."""

    DENIED = "denied"
    ALL = "all"
    NONE = "none"


class Observe(Model):
    """What the fences in the cluster write down."""

    network_policies: Annotated[Logged, Field(strict=False)] = Field(
        default=Logged.DENIED,
        description="Connections that GKE (Dataplane V2) logs, of every pod in the cluster. `denied`: "
        "those that a NetworkPolicy refused. `all`: also those that one allowed. `none`: nothing; opens "
        "nothing and hides attempts.",
    )


class Fences(Model):
    """The fences beside the gateway."""

    contact: Reason = Field(
        default="the platform team", description="Whom a refused person is told to ask. Refused: Empty."
    )
    admission: Admission = Field(default=Admission(), description="Which rules hold. All by default.")
    groups: Groups = Field(
        default=Groups(), description="Groups of people; with Google Groups for RBAC their mail addresses."
    )
    relaxed: dict[FenceName, Reason] = Field(
        default={},
        description="Fence to reason: it is not put up, and the namespace that it would stand around "
        "says why. `gateway-network`: opens the gateways' namespaces to every pod, and lets gateways "
        "connect to whatever the firewall lets their nodes. `control-plane-network`: opens every port of "
        "istiod to every pod. `mesh-exports`: every object of the mesh counts in every namespace unless "
        "it says otherwise, and any namespace's Gateway opens ports at the gateways. `mesh-discovery`: "
        "Services and mesh objects of every namespace count. `pod-security`: the namespace takes pods "
        "that Kubernetes itself would refuse, and each sidecar comes with an init container that has "
        "NET_ADMIN and NET_RAW. The last three do nothing with the managed mesh, where they are not put "
        "up. Refused: Not a fence. No reason.",
    )
    writers: Writers | None = Field(
        default=None,
        description="Who alone writes what the stack renders: docs/security.md#who-writes-fences. Absent: "
        "whoever may change admission's policies.",
    )
    observe: Observe = Field(
        default=Observe(),
        description="What the fences in the cluster write down: docs/security.md#who-logs-a-denied-attempt.",
    )
    private_hosts: dict[str, PrivateRange] = Field(
        default={},
        description="Name to private range in which declared hosts may lie, behind a VPN for example. "
        "The gateway reaches it on the ports of HTTP and TLS that hosts need; raw TCP has "
        "`privateAddresses`. A name that a private zone of your own answers needs "
        "`network.dns.answeredElsewhere`. Refused: Not within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or "
        "100.64.0.0/10. A range of the cluster. A range although no team declares a host with `http` or "
        "`https` behind a gateway: nothing could be reached there. A range within another one.",
    )
    private_addresses: dict[str, PrivateRange] = Field(
        default={},
        description="Name to private range in which `addresses` of raw TCP may lie: databases and caches of "
        "this network or behind it (docs/modes/private.md). The gateway reaches the addresses that teams "
        "name, on their ports, and nothing else there. Refused: As for `privateHosts`. A range in which no "
        "declared address lies.",
    )
    application_nodes: ApplicationNodes | None = Field(
        default=None,
        description="What lets application nodes leave, past the gateway, for teams with a weaker model "
        "(docs/modes/security-models.md). They are every team's nodes. Absent: they never leave. "
        "Refused: No team with a weaker model.",
    )

    def up(self, fence: Fence) -> bool:
        """Whether a fence is put up."""
        return fence not in self.relaxed

    @property
    def deciding(self) -> bool:
        """Whether what breaks a rule is refused; else it is told."""
        return self.admission.action is Action.DENY

    def excepted(self, namespace: str) -> set[Rule]:
        """Rules of admission that do not hold in a namespace, a team's or not."""
        admission = self.admission
        exempted = {**admission.namespaces.get(namespace, {}), **admission.exemptions.get(namespace, {})}
        return {*admission.relaxed, *exempted}

    def unknown_teams(self, teams: Container[str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Teams named here that are not declared, as refusals below the whole config."""
        for namespace in self.admission.namespaces:
            if namespace in teams:
                yield (
                    ("fences", "admission", "namespaces", namespace),
                    "This namespace belongs to a team: if its exemptions were in two lists, one list "
                    "would hide the other.",
                    "Move it to fences.admission.exemptions.",
                )
        named = {
            ("fences", "admission", "exemptions"): self.admission.exemptions,
            ("fences", "groups", "teams"): self.groups.teams,
        }
        for path, by_team in named.items():
            for team in by_team:
                if team not in teams:
                    yield (
                        (*path, team),
                        f"There is no team {team!r}: this would do nothing now, and something unforeseen "
                        "once a team of that "
                        "name is added.",
                        "Name a declared team.",
                    )
