"""Settings of the VPC network: ranges, Cloud NAT, Google APIs' address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import Field, model_validator

from egress.common.google_cloud import Vip
from egress.common.ip_space import DOCKER, nobodys, taken
from egress.settings.base import Model, Range, Refusal, ResourceName, Words, refusal, refusals
from egress.settings.dns import Dns
from egress.settings.duration import WholeSeconds
from egress.settings.firewall import Firewall
from egress.settings.service_perimeter import Perimeter


class Subnet(Model):
    """The cluster's subnet. Each range is a fixed choice: changing one replaces the subnet and the cluster in
    it."""

    name: ResourceName = Field(
        default_factory=str,  # what a config leaves out follows from the stack's prefix: settings/names.py
        description="Name of the subnet. Absent: `subnet` behind the stack's prefix. Refused: Not a Compute "
        "Engine name.",
    )
    nodes: Range = Field(
        description="Primary range: one address per node. Refused: Smaller than /29, larger than /4. "
        "What no network may have. Overlaps another range. Too small for the most nodes that both pools "
        "may grow to (four addresses are Google's own)."
    )
    pods: Range = Field(
        description="Secondary range `pods`: a /24 per node. Refused: Smaller than /24, larger than /9. "
        "What no network may have. Overlaps. Too small for the most nodes."
    )
    services: Range = Field(
        description="Secondary range `services`: one address per Service. Refused: Smaller than /27, "
        "larger than /16. What no network may have. Overlaps."
    )

    @model_validator(mode="after")
    def can_be_had(self) -> Self:
        found = list(unfit(nodes=self.nodes, pods=self.pods, services=self.services))
        if found:
            raise refusals(found)
        return self


SMALLEST = {
    "nodes": (29, "Google Cloud reserves four addresses of every subnet and refuses ranges smaller than /29"),
    "pods": (24, "one node alone takes a /24 for its 110 Pods"),
    "services": (27, "GKE refuses a Service range smaller than /27"),
}
"""Longest prefix of each range of a subnet, and why."""
LARGEST = {"nodes": 4, "pods": 9, "services": 16}
"""Shortest prefix of each range that Google takes. Sources: VPC, "Subnets"; GKE, "VPC-native clusters",
"Cluster sizing"."""
PRIVATE = "Choose one within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10."


def unfit(**ranges: IPv4Network) -> Iterator[Refusal]:
    """Ranges of a subnet that Google refuses whatever is in them, by the names of `SMALLEST`."""
    for field, network in ranges.items():
        shortest, why = SMALLEST[field]
        if network.prefixlen > shortest:
            yield (field,), f"The range is too small: {why}.", f"Give at least a /{shortest}."
        if network.prefixlen < LARGEST[field]:
            yield (
                (field,),
                "Google Cloud does not accept a range this large here.",
                f"Give a /{LARGEST[field]} at most.",
            )
        if why := taken(network):
            yield (field,), f"No machine, Pod or Service may have an address of this range: {why}.", PRIVATE


class FlowLogInterval(StrEnum):
    """Over how long the packets of one flow are added up into one log entry."""

    SECONDS_5 = "5s"
    SECONDS_30 = "30s"
    MINUTES_1 = "1m"
    MINUTES_5 = "5m"
    MINUTES_10 = "10m"
    MINUTES_15 = "15m"

    @property
    def google_name(self) -> str:
        unit = "SEC" if self.value.endswith("s") else "MIN"
        return f"INTERVAL_{self.value[:-1]}_{unit}"


class FlowLogs(Model):
    """VPC flow logs of the subnet: who talked to whom, also for traffic that no proxy saw."""

    interval: Annotated[FlowLogInterval, Field(strict=False)] = Field(
        default=FlowLogInterval.SECONDS_5,
        description="Over how long the packets of one flow are added up into one entry.",
    )
    sampling: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(
        default=0.5, description="Share of flows that is logged, from 0 (none) to 1 (all)."
    )


class NatLogging(StrEnum):
    """What Cloud NAT writes to Cloud Logging."""

    ERRORS = "errors"
    """Packets that found no free source port."""
    TRANSLATIONS = "translations"
    """Connections that it let out."""
    ALL = "all"
    NONE = "none"

    @property
    def google_name(self) -> str:
        """The filter; Google wants one also where nothing is logged."""
        return {"translations": "TRANSLATIONS_ONLY", "all": "ALL"}.get(self.value, "ERRORS_ONLY")


MOST_PORTS = 32768
"""The most ports a node takes where the config does not say."""
DYNAMIC_LIMIT = 32768
STATIC_LIMIT = 57344
"""The most ports that a node may always have. Source: Cloud NAT, "Set up and manage", gcloud's
`--min-ports-per-vm`."""
ADDRESS_PORTS = 64512
"""Source ports of one outside address: all but the first 1024. Source: Cloud NAT, "IP addresses and
ports"."""


class Nat(Model):
    """Cloud NAT for the cluster's subnet - and for no other subnet of the network."""

    min_ports_per_vm: int = Field(
        default=1024,
        ge=32,
        le=65536,
        description="Source ports that each node always has: how many connections to one outside address "
        "and port it has at a time. Refused: With dynamic allocation: not a power of two, or more than "
        "32768. Without: more than 57344. More, for the most nodes that the pools may grow to, than "
        "`addresses` have (64512 each).",
    )
    max_ports_per_vm: int | None = Field(
        default=None,
        ge=64,
        le=65536,
        description="With dynamic allocation: the most ports a node may take. Absent: 32768, or 65536 where "
        "it always has 32768. Refused: Without `dynamicPortAllocation`. Not a power of two. Not more than "
        "`minPortsPerVm`.",
    )
    dynamic_port_allocation: bool = Field(
        default=True,
        description="Nodes take and give back ports as they need them. False: each has `minPortsPerVm`.",
    )
    tcp_time_wait: WholeSeconds = Field(
        default="30s",
        description="How long a port rests after its connection was closed, before it is used for the same "
        "outside address and port again. Refused: Not whole seconds.",
    )
    tcp_established_idle: WholeSeconds = Field(
        default="20m",
        description="How long Cloud NAT knows a connection on which nothing is sent; after that its bytes go "
        "nowhere, and nobody is told. Refused: Not whole seconds. Not longer than a keepalive.",
    )
    tcp_transitory_idle: WholeSeconds = Field(
        default="30s",
        description="The same for a connection that is being opened or closed. Refused: Not whole seconds.",
    )
    logging: Annotated[NatLogging, Field(strict=False)] = Field(
        default=NatLogging.ERRORS,
        description="What Cloud NAT logs. `errors`: packets that found no free source port. "
        "`translations`: connections that it let out. `all`: both. `none`: nothing.",
    )
    addresses: dict[ResourceName, Words] = Field(
        default={},
        description="Reserved outside addresses, which partners can allow-list: name to description. "
        "Empty: Cloud NAT takes automatic ones. Refused: A name that is not a Compute Engine name.",
    )

    @property
    def ports(self) -> int:
        """The most source ports that a node may have, and so the most connections to one address and port."""
        if not self.dynamic_port_allocation:
            return self.min_ports_per_vm
        return self.max_ports_per_vm or max(MOST_PORTS, 2 * self.min_ports_per_vm)

    @model_validator(mode="after")
    def ports_agree(self) -> Self:
        most = DYNAMIC_LIMIT if self.dynamic_port_allocation else STATIC_LIMIT
        if self.min_ports_per_vm > most:
            how = "With" if self.dynamic_port_allocation else "Without"
            raise refusal(
                f"{how} dynamic port allocation Cloud NAT gives each node at most {most} ports from the "
                "first minute on.",
                f"Write {most} or less.",
                ("minPortsPerVm",),
            )
        if not self.dynamic_port_allocation:
            if self.max_ports_per_vm is not None:
                raise refusal(
                    "Without dynamic allocation each node has exactly minPortsPerVm ports; this would be "
                    "ignored.",
                    "Set dynamicPortAllocation: true, or leave maxPortsPerVm out.",
                    ("maxPortsPerVm",),
                )
            return self
        for field, ports in (
            ("minPortsPerVm", self.min_ports_per_vm),
            ("maxPortsPerVm", self.max_ports_per_vm),
        ):
            if ports is not None and ports & (ports - 1):
                raise refusal(
                    "With dynamic port allocation Cloud NAT accepts only powers of two.",
                    f"Write {1 << (ports - 1).bit_length()}, or set dynamicPortAllocation: false.",
                    (field,),
                )
        if self.max_ports_per_vm is not None and self.max_ports_per_vm <= self.min_ports_per_vm:
            raise refusal(
                "maxPortsPerVm must be greater than minPortsPerVm.",
                f"Write more than {self.min_ports_per_vm}.",
                ("maxPortsPerVm",),
            )
        return self


class Network(Model):
    """The VPC network and its address plan."""

    name: ResourceName = Field(
        default_factory=str,
        description="Name of the VPC network. Absent: `network` behind `names.prefix`; without one "
        "`vpc-network`. Refused: Not a Compute Engine name: 1 to 63 lower-case "
        "letters, digits, hyphens; first a letter, last no hyphen.",
    )
    subnet: Subnet = Field(
        description="The cluster's subnet. Changing a range replaces the subnet and the cluster in it."
    )
    control_plane: Range = Field(
        description="A /28 for the cluster's control plane, outside the subnet's ranges. Refused: Not a "
        "/28. What no network may have; addresses of the internet; 172.17.0.0/16. Overlaps."
    )
    nat: Nat = Field(default=Nat(), description="Cloud NAT, for the cluster's subnet only.")
    dns: Dns = Field(
        default=Dns(), description="Which names Cloud DNS answers in the network: docs/security.md#names."
    )
    firewall: Firewall = Field(
        default=Firewall(), description="What nodes may connect to: docs/security.md#firewall."
    )
    flow_logs: FlowLogs = Field(default=FlowLogs(), description="VPC flow logs of the subnet.")
    google_apis: Annotated[Vip, Field(strict=False)] = Field(
        default=Vip.PRIVATE,
        description="Which addresses answer for Google's names. `private`: 199.36.153.8/30, all APIs. "
        "`restricted`: 199.36.153.4/30, those that VPC Service Controls supports.",
    )

    perimeter: Perimeter | None = Field(
        default=None,
        description="VPC Service Controls around the project: docs/security.md#google-apis. Refused: "
        "With `mesh.flavor: cloud-service-mesh`.",
    )

    @model_validator(mode="after")
    def perimeter_has_no_door_beside(self) -> Self:
        if self.perimeter and not self.perimeter.dry_run and self.google_apis is Vip.PRIVATE:
            raise refusal(
                "These addresses also serve Google APIs that no perimeter can protect, so data could "
                "leave past the perimeter.",
                "Write googleApis: restricted.",
                ("googleApis",),
            )
        return self

    @model_validator(mode="after")
    def ranges_disjoint(self) -> Self:
        found: list[Refusal] = []
        if self.control_plane.prefixlen != 28:
            found.append(
                (
                    ("controlPlane",),
                    "GKE accepts exactly a /28 for the control plane.",
                    f"Write {self.control_plane.network_address}/28.",
                )
            )
        if why := taken(self.control_plane):
            found.append(
                (("controlPlane",), f"The control plane may have no address of this range: {why}.", PRIVATE)
            )
        elif not nobodys(self.control_plane):
            found.append(
                (
                    ("controlPlane",),
                    "These are internet addresses: GKE's peering with the control plane accepts private "
                    "ones only, and internet hosts with these addresses could not be reached.",
                    PRIVATE,
                )
            )
        elif self.control_plane.overlaps(DOCKER):
            found.append(
                (
                    ("controlPlane",),
                    f"GKE refuses {DOCKER} here: nodes use it for their own bridge.",
                    "Choose another range.",
                )
            )
        found.extend(overlaps(self.ranges()))
        if found:
            raise refusals(found)
        return self

    def ranges(self) -> dict[tuple[str, ...], IPv4Network]:
        """Every range of the network, by its path below this setting."""
        return {
            ("subnet", "nodes"): self.subnet.nodes,
            ("subnet", "pods"): self.subnet.pods,
            ("subnet", "services"): self.subnet.services,
            ("controlPlane",): self.control_plane,
        }


def overlaps(ranges: Mapping[tuple[str, ...], IPv4Network]) -> Iterator[Refusal]:
    """Ranges that share an address with another one, each found at its path."""
    # Sorted by first address, wider first, a range that overlaps any other overlaps the widest one before it.
    ordered = sorted(ranges.items(), key=lambda item: (item[1].network_address, item[1].prefixlen))
    before, widest = ordered[0]
    for path, network in ordered[1:]:
        if network.overlaps(widest):
            yield (
                path,
                f"{network} overlaps {widest} ({'.'.join(before)}): one address would belong to two "
                "things, and a firewall rule for one would open the other.",
                "Choose a range of its own.",
            )
        else:
            before, widest = path, network
