"""All settings of one stack."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from egress.common.google_names import GoogleNames
from egress.settings import sources
from egress.settings.base import Form, Model, ProjectId, Refusal, Words, refusals
from egress.settings.cluster import Cluster
from egress.settings.credentials import Credential
from egress.settings.fences import Fences
from egress.settings.gateways import MOST_SUBNETS, GatewayName, TeamGateway
from egress.settings.ingress import Ingress
from egress.settings.kubernetes_names import ObjectName, SecretName
from egress.settings.mesh import Gateway, Mesh
from egress.settings.names import Names, completed, one_address_twice, unfit
from egress.settings.network import Network, overlaps
from egress.settings.registries import RegistryName, Upstream
from egress.settings.service_perimeter import Number
from egress.settings.teams import Team, TeamName

Region = Annotated[
    str, Form("[a-z]+-[a-z]+[0-9]+", "Google Cloud has no region of this form.", "Write e.g. europe-west1.")
]
LabelKey = Annotated[
    str,
    Form(
        "(?!goog)[a-z][a-z0-9_-]{0,62}",
        "Google Cloud refuses this label: at most 63 lower-case letters, digits, hyphens and underscores, a "
        "letter first.",
        "Write e.g. cost-centre.",
    ),
]
LabelValue = Annotated[
    str,
    Form(
        "[a-z0-9_-]{0,63}",
        "Google Cloud refuses this value of a label: at most 63 lower-case letters, digits, hyphens and "
        "underscores.",
        "Write e.g. platform-42.",
    ),
]


def _outgrown(path: tuple[str, ...], nodes: IPv4Network, pods: IPv4Network, most: int) -> Iterator[Refusal]:
    """A subnet's ranges that have no room for `most` nodes."""
    if nodes.num_addresses - 4 < most:
        yield (
            (*path, "nodes"),
            f"The pools may grow to {most} nodes, but the range has only {nodes.num_addresses - 4} usable "
            "addresses: autoscaling would stop before that.",
            "Give a larger range, or lower maxNodes.",
        )
    if pods.num_addresses // 256 < most:
        yield (
            (*path, "pods"),
            f"The pools may grow to {most} nodes with 256 Pod addresses each, but the range has room for "
            f"only {pods.num_addresses // 256}.",
            "Give a larger range, or lower maxNodes.",
        )


class Settings(Model):
    """What the reader writes under `gke-mesh-egress:` - plus the project, which the gcp provider's own key
    names."""

    project: ProjectId = Field(
        description="Project id. A real `pulumi up` needs it; `make render` and the sandbox put a "
        "placeholder there. Refused: Not a project id (a display name, a number)."
    )
    project_number: Number | None = Field(
        default=None,
        description="Number of the project, in quotes. IAM knows the gateways' accounts by it. Refused: "
        "Not a number. Absent although there are `credentials`. Another one than "
        "`network.perimeter.projectNumber`.",
    )
    region: Region = Field(
        description="Region of network, cluster and buckets. Refused: Not of the form `europe-west1`."
    )
    names: Names = Field(default=Names(), description="What the stack's names in Google Cloud begin with.")
    network: Network = Field(description="The VPC network and its address plan.")
    cluster: Cluster = Field(default=Cluster(), description="The private GKE cluster.")
    mesh: Mesh = Field(default=Mesh(), description="Who runs the service mesh.")
    gateway: Gateway = Field(default=Gateway(), description="The shared egress gateway's Deployment.")
    gateways: dict[GatewayName, TeamGateway] = Field(
        default={},
        description="Egress gateways beside the shared one, by name: each has a namespace, pods, nodes "
        "and a service account of its own. A team names the one by which it leaves. Refused: A name of more "
        "than 20 characters, or not of lower-case letters, digits and hyphens.",
    )
    ingress: Ingress | None = Field(
        default=None,
        description="The gateway for partners who connect to a team. Refused: A team receives and this "
        "is absent.",
    )
    credentials: dict[SecretName, Credential] = Field(
        default={},
        description="Secrets of gateways that GKE copies from Secret Manager, by the name by which hosts "
        "name them. Each is made beside every gateway that names it. Refused: Named by no host and by "
        "nothing received. Without `cluster.secretSync` and `projectNumber`.",
    )
    registries: dict[RegistryName, Upstream] = Field(
        default={},
        description="Registries of images outside Google Cloud, by a name for each: `docker.io`, `ghcr.io`, "
        "`quay.io`, `registry.k8s.io`, or another one's `https://` address. For each the stack makes a "
        "repository that fetches from it; pods name that repository (docs/pods.md#images). Opens every "
        "image of the registry to every pod. Refused: A name of more than 20 characters, or `istio`. "
        "A registry of Google's, which nodes reach themselves. A path.",
    )
    fences: Fences = Field(
        default=Fences(), description="Admission rules, and people's rights in the cluster."
    )
    teams: dict[TeamName, Team] = Field(
        default={},
        description="Team name to team. The namespace has the same name. Refused: A name of the platform "
        "(`default`, `istio-…`, `kube-…`, `gke-…`, …). More than 40 characters. Not a namespace name.",
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Labels of all that the stack makes in Google Cloud and that can carry some: "
        "cluster, addresses, zones, buckets. Refused: What Google refuses in a label.",
    )
    repair: dict[ObjectName, Words] = Field(
        default={},
        description="Object, as `egress drift` names it, to a text. The next update applies the object "
        "whole, and with it takes away what somebody added; each other text does it once more. `egress "
        "drift` prints what to write here. Refused: Not of the form `[namespace/]kind/name`. An object that "
        "is not rendered.",
    )
    protect: bool = Field(
        default=True,
        description="Pulumi refuses to delete network, subnet, cluster, reserved addresses, buckets and "
        "namespaces of teams. "
        "To destroy: set it to false, `pulumi up`, then `pulumi destroy`.",
    )

    @property
    def google_names(self) -> GoogleNames:
        """Every name in Google Cloud that is not written as it is."""
        network = self.network.name
        prefix = network if self.names.prefix is None else self.names.prefix
        return GoogleNames(self.project, prefix, network, self.network.subnet.name, self.cluster.name)

    @model_validator(mode="before")
    @classmethod
    def names_that_follow(cls, raw: Any) -> Any:
        return completed(raw)

    @field_validator("teams")
    @classmethod
    def reached_teams_declared(cls, teams: dict[str, Team]) -> dict[str, Team]:
        found: list[Refusal] = []
        for name, team in teams.items():
            for other in team.reaches:
                if other == name:
                    found.append(((name, "reaches"), "A team always reaches its own pods.", "Remove it."))
                elif other not in teams:
                    found.append(
                        (
                            (name, "reaches"),
                            f"There is no team {other!r}: the rule would open nothing now, and "
                            "something unforeseen once a team of that name is added.",
                            "Name a declared team.",
                        )
                    )
        if found:
            raise refusals(found)
        return teams

    @model_validator(mode="after")
    def parts_agree(self) -> Self:
        found: list[Refusal] = []
        zone = self.cluster.zone
        if zone is not None and zone.rpartition("-")[0] != self.region:
            found.append(
                (
                    ("cluster", "zone"),
                    f"The zone is not in {self.region}, where the subnet and Cloud NAT are: "
                    "GKE refuses a cluster in another region than its subnet.",
                    f"Write e.g. {self.region}-b.",
                )
            )
        found.extend(self._ranges_too_small())
        found.extend(self._gateways_apart())
        found.extend(self._unknown_gateways())
        found.extend(self._taken_whole())
        found.extend(self._received_nowhere())
        found.extend(self.fences.unknown_teams(self.teams))
        found.extend(self._private_ranges_inside())
        found.extend(self._sources_inside())
        found.extend(one_address_twice(self.google_names, self._addresses()))
        found.extend(unfit(self.names, self.network.name, self._addresses()))
        groups = self.fences.groups
        if (groups.platform or groups.security or groups.teams) and self.cluster.security_group is None:
            found.append(
                (
                    ("fences", "groups"),
                    "GKE knows Google Groups only if the cluster's security group is set: without it, "
                    "these roles would be bound to nobody.",
                    "Set cluster.securityGroup: gke-security-groups@YOUR_DOMAIN and make the groups members "
                    "of it.",
                )
            )
        if found:
            raise refusals(found)
        return self

    def _ranges_too_small(self) -> Iterator[Refusal]:
        """Ranges against the most nodes that the pools may grow to (a regional cluster has three zones)."""
        zones = 1 if self.cluster.zone else 3
        pools = [self.cluster.default_pool, self.cluster.gateway_pool]
        if any(team.receives for team in self.teams.values()):
            pools.append(self.cluster.ingress_pool)
        for name, gateway in self.gateways.items():
            if gateway.nat:
                path = ("gateways", name, "nat")
                yield from _outgrown(
                    path, gateway.nat.nodes, gateway.nat.pods, zones * gateway.pool.max_nodes
                )
            else:
                pools.append(gateway.pool)
        subnet = self.network.subnet
        yield from _outgrown(
            ("network", "subnet"), subnet.nodes, subnet.pods, zones * sum(pool.max_nodes for pool in pools)
        )

    def _own_ranges(self) -> dict[str, IPv4Network]:
        """Every range of the cluster, by what has it."""
        subnet = self.network.subnet
        own = {
            "nodes": subnet.nodes,
            "pods": subnet.pods,
            "services": subnet.services,
            "the control plane": self.network.control_plane,
        }
        for name, gateway in self.gateways.items():
            if gateway.nat:
                own |= {
                    f"the nodes of gateway {name}": gateway.nat.nodes,
                    f"the pods of gateway {name}": gateway.nat.pods,
                }
        return own

    def _sources_inside(self) -> Iterator[Refusal]:
        """Who may connect from outside, named so widely that the cluster's own pods may."""
        named = {
            ("ingress", "sourceRanges"): self.ingress.source_ranges if self.ingress else {},
            ("cluster", "controlPlane", "authorizedNetworks"): self.cluster.control_plane.authorized_networks,
        }
        for path, ranges in named.items():
            for at, consequence, fix in sources.own(ranges, self._own_ranges()):
                yield (*path, *at), consequence, fix

    def _addresses(self) -> dict[tuple[str, ...], list[str]]:
        """Names of reserved addresses of Cloud NAT, by where they are."""
        pools: dict[tuple[str, ...], list[str]] = {
            ("network", "nat", "addresses"): list(self.network.nat.addresses)
        }
        for name, gateway in self.gateways.items():
            if gateway.nat:
                pools[("gateways", name, "nat", "addresses")] = list(gateway.nat.addresses)
        return pools

    def _private_ranges_inside(self) -> Iterator[Refusal]:
        own = self._own_ranges()
        opened = {("fences", "privateHosts", name): to for name, to in self.fences.private_hosts.items()}
        opened |= {
            ("fences", "privateAddresses", name): to for name, to in self.fences.private_addresses.items()
        }
        for path, network in opened.items():
            for what, range_ in own.items():
                if network.overlaps(range_):
                    yield (
                        path,
                        f"{network} overlaps {range_}, the range of {what}: the gateway could be led back "
                        "into the cluster.",
                        "Name only ranges of other networks.",
                    )

    def _gateways_apart(self) -> Iterator[Refusal]:
        """Two gateways, or a gateway and the cluster, that would share a range or an address."""
        own = {name: gateway.nat for name, gateway in self.gateways.items() if gateway.nat}
        ranges = {("network", *path): network for path, network in self.network.ranges().items()}
        for name, nat in own.items():
            ranges |= {
                ("gateways", name, "nat", "nodes"): nat.nodes,
                ("gateways", name, "nat", "pods"): nat.pods,
            }
        yield from overlaps(ranges)
        owners = dict.fromkeys(self.network.nat.addresses, "network.nat")
        for name, nat in own.items():
            for address in nat.addresses:
                first = owners.setdefault(address, f"gateways.{name}.nat")
                if first != f"gateways.{name}.nat":
                    yield (
                        ("gateways", name, "nat", "addresses", address),
                        f"{first}.addresses has an address of this name: a partner that lets one in would "
                        "let in the other.",
                        "Choose another name.",
                    )
        for name in list(own)[MOST_SUBNETS:]:
            yield (
                ("gateways", name, "nat"),
                f"This gateway needs a subnet of its own, and a GKE cluster has at most {MOST_SUBNETS} "
                "besides its first one.",
                "Leave nat out: the gateway then leaves as the shared one does.",
            )

    def _unknown_gateways(self) -> Iterator[Refusal]:
        for name, team in self.teams.items():
            if team.gateway is not None and team.gateway not in self.gateways:
                known = ", ".join(sorted(self.gateways))
                yield (
                    ("teams", name, "gateway"),
                    "There is no gateway of this name through which the team could leave.",
                    f"Name one of gateways ({known}), or leave it out for the shared one."
                    if known
                    else f"Add gateways: {{{team.gateway}: {{}}}}, or leave it out for the shared one.",
                )

    def _taken_whole(self) -> Iterator[Refusal]:
        """Gateways of which a single pod could take everything."""
        for name, team in self.teams.items():
            gateway = self.gateways.get(team.gateway or "", self.gateway)
            if team.model is None and team.egress and team.limits.connections >= gateway.max_connections:
                of = f"gateways.{team.gateway}" if team.gateway else "gateway"
                yield (
                    ("teams", name, "limits", "connections"),
                    f"A replica of the team's gateway accepts {gateway.max_connections} connections "
                    f"({of}.maxConnections): one pod of the team could take them all, and no other pod "
                    "could connect.",
                    f"Write fewer, or raise {of}.maxConnections and the gateway's memory.",
                )

    def _received_nowhere(self) -> Iterator[Refusal]:
        for name, team in self.teams.items():
            if team.receives and self.ingress is None:
                yield (
                    ("teams", name, "receives"),
                    "There is no ingress gateway, because the config does not say who may connect to it.",
                    "Add ingress: {sourceRanges: {PARTNER: RANGE}}.",
                )
