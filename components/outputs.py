"""Stack outputs: one versioned object for other stacks, and the plain values that people look for."""

from __future__ import annotations

from typing import Any

import pulumi

from components.foundation import Foundation
from egress.plan.model import Plan
from egress.plan.outputs import planned


def contract(plan: Plan, foundation: Foundation) -> dict[str, Any]:
    """`contract: 1`, complete: the planned part and what only Google Cloud knows. Nothing in it is secret."""
    parts, nat = planned(plan), foundation.nat
    ingress = (
        {"ingress": {**parts["ingress"], "address": foundation.ingress_address}} if "ingress" in parts else {}
    )
    # A gateway without a subnet of its own leaves by the addresses of the shared one.
    addresses = {
        gateway.name: nat.gateway_addresses[gateway.subnet.name] if gateway.subnet else nat.addresses
        for gateway in plan.gateways
    }
    gateways = {
        name: {**of_gateway, "addresses": addresses[name]}
        for name, of_gateway in parts.get("gateways", {}).items()
    }
    return {
        **parts,
        "network": {"id": foundation.network.network_id, "subnet": foundation.network.subnet_id},
        "cluster": {
            "name": plan.settings.cluster.name,
            "location": plan.settings.cluster.zone or plan.settings.region,
            "endpoint": foundation.cluster.endpoint,
            "caCertificate": foundation.cluster.ca_certificate,
        },
        "gateway": {**parts["gateway"], "addresses": nat.addresses},
        **({"gateways": gateways} if gateways else {}),
        **ingress,
    }


def export(plan: Plan, foundation: Foundation) -> None:
    """Export the contract as `egress`, and its most wanted values by themselves."""
    pulumi.export("egress", contract(plan, foundation))
    pulumi.export("clusterName", plan.settings.cluster.name)
    pulumi.export("clusterEndpoint", foundation.cluster.endpoint)
    pulumi.export("networkId", foundation.network.network_id)
    pulumi.export("workloadPool", plan.workload_pool)
    pulumi.export("gatewayAddresses", foundation.nat.addresses)
    if foundation.ingress_address is not None:
        pulumi.export("ingressAddress", foundation.ingress_address)
    if registries := planned(plan).get("registries"):
        pulumi.export("registries", {name: registry["address"] for name, registry in registries.items()})
    pulumi.export("teamNamespaces", [team.name for team in plan.teams])
