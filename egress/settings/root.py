"""All settings of one stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from egress.settings.cluster import Cluster
from egress.settings.fences import Fences
from egress.settings.mesh import Gateway, Mesh
from egress.settings.model import Model, refusal, refusals
from egress.settings.network import Network
from egress.settings.receive import Ingress
from egress.settings.teams import Team, TeamName


def _region(value: str) -> str:
    if not re.match(r"^[a-z]+-[a-z]+\d+$", value):
        raise refusal("Google Cloud has no region of this form.", "Write e.g. europe-west1.")
    return value


def _project(value: str) -> str:
    if not re.match(r"^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", value):
        raise refusal(
            "Google Cloud refuses this project id: 6 to 30 lower-case letters, digits and hyphens.",
            "Write the project's id, not its display name or number.",
        )
    return value


def _label(value: str) -> str:
    if not re.match(r"^[a-z][a-z0-9_-]{0,62}$", value) or value.startswith("goog"):
        raise refusal(
            "Google Cloud refuses this label: at most 63 lower-case letters, digits, hyphens and underscores, a letter first.",
            "Write e.g. cost-centre.",
        )
    return value


def _label_value(value: str) -> str:
    if not re.match(r"^[a-z0-9_-]{0,63}$", value):
        raise refusal(
            "Google Cloud refuses this value of a label: at most 63 lower-case letters, digits, hyphens and underscores.",
            "Write e.g. platform-42.",
        )
    return value


class Settings(Model):
    """What the reader writes under `gke-mesh-egress:` - plus the project, which the gcp provider's own key names."""

    project: Annotated[str, AfterValidator(_project)]
    region: Annotated[str, AfterValidator(_region)]
    network: Network
    cluster: Cluster = Cluster()
    mesh: Mesh = Mesh()
    gateway: Gateway = Gateway()
    ingress: Ingress | None = Field(default=None, description="The gateway for partners; needed where a team receives.")
    fences: Fences = Fences()
    teams: dict[TeamName, Team] = Field(default={}, description="By name; a team's namespace has the same name.")
    labels: dict[Annotated[str, AfterValidator(_label)], Annotated[str, AfterValidator(_label_value)]] = Field(
        default={}, description="Labels of all that the stack makes in Google Cloud and that can carry some."
    )
    protect: bool = Field(
        default=True,
        description="Pulumi refuses to delete what cannot be brought back: network, cluster, addresses, buckets.",
    )

    @field_validator("teams")
    @classmethod
    def reached_teams_declared(cls, teams: dict[str, Team]) -> dict[str, Team]:
        found: list[tuple[tuple[str, ...], str, str]] = []
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
        found: list[tuple[tuple[str, ...], str, str]] = []
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
        found.extend(self._received_nowhere())
        found.extend(self.fences.unknown_teams(self.teams))
        found.extend(self._private_hosts_inside())
        groups = self.fences.groups
        if (groups.platform or groups.security or groups.teams) and self.cluster.security_group is None:
            found.append(
                (
                    ("fences", "groups"),
                    "GKE does not know anybody's Google Groups unless the cluster is told where they are: the roles would be "
                    "bound to nobody.",
                    "Set cluster.securityGroup: gke-security-groups@YOUR_DOMAIN and make the groups members of it.",
                )
            )
        if found:
            raise refusals(found)
        return self

    def _ranges_too_small(self) -> list[tuple[tuple[str, ...], str, str]]:
        """Ranges against the most nodes that the pools may grow to (a regional cluster has three zones)."""
        zones = 1 if self.cluster.zone else 3
        pools = [self.cluster.default_pool, self.cluster.gateway_pool]
        if any(team.receives for team in self.teams.values()):
            pools.append(self.cluster.ingress_pool)
        nodes = zones * sum(pool.max_nodes for pool in pools)
        subnet = self.network.subnet
        found: list[tuple[tuple[str, ...], str, str]] = []
        if subnet.nodes.num_addresses - 4 < nodes:
            found.append(
                (
                    ("network", "subnet", "nodes"),
                    f"The pools may grow to {nodes} nodes, and the range has "
                    f"{subnet.nodes.num_addresses - 4} usable addresses: autoscaling would stop in between.",
                    "Give a larger range, or lower maxNodes.",
                )
            )
        if subnet.pods.num_addresses // 256 < nodes:
            found.append(
                (
                    ("network", "subnet", "pods"),
                    f"The pools may grow to {nodes} nodes with 256 Pod addresses each, "
                    f"and the range has room for {subnet.pods.num_addresses // 256} nodes.",
                    "Give a larger range, or lower maxNodes.",
                )
            )
        return found

    def _private_hosts_inside(self) -> Iterator[tuple[tuple[str, ...], str, str]]:
        subnet = self.network.subnet
        own = {
            "nodes": subnet.nodes,
            "pods": subnet.pods,
            "services": subnet.services,
            "the control plane": self.network.control_plane,
        }
        for name, network in self.fences.private_hosts.items():
            for what, range_ in own.items():
                if network.overlaps(range_):
                    yield (
                        ("fences", "privateHosts", name),
                        f"{network} overlaps {range_}, the range of {what}: the gateway could be led back into the cluster.",
                        "Name only ranges of other networks.",
                    )

    def _received_nowhere(self) -> Iterator[tuple[tuple[str, ...], str, str]]:
        for name, team in self.teams.items():
            if team.receives and self.ingress is None:
                yield (
                    ("teams", name, "receives"),
                    "There is no ingress gateway: who may connect to it is not said.",
                    "Add ingress: {sourceRanges: {PARTNER: RANGE}}.",
                )
