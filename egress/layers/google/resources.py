"""Google resources in the words of Pulumi: one translation for the components that make them and for the
judges that read them.

Functions of one resource take what is known only once it exists (ids, emails) as it comes, and return its
arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from egress.common import names
from egress.common.objects import Resource
from egress.layers.google import dns, firewall, node_pools
from egress.layers.google.dns import TTL, PrivateZone, Record
from egress.layers.google.firewall import FirewallRule
from egress.layers.google.node_pools import Pool
from egress.plan.gateway import GatewaySubnet
from egress.plan.model import Plan
from egress.settings.firewall import Form
from egress.settings.network import Network

DATAPATH = "ADVANCED_DATAPATH"
"""Dataplane V2: without it no NetworkPolicy holds."""
CLUSTER_DNS = "KUBE_DNS"
"""Pods ask kube-dns, to which NetworkPolicies lead. With Cloud DNS for GKE they would ask 169.254.169.254."""
Arguments = dict[str, Any]
"""Names as Python's Pulumi has them: lower case with underscores."""


def google_objects(plan: Plan) -> list[Resource]:
    """The resources that judges read, as a stack export would hold them: what decides where packets and names
    lead.

    Of the cluster only what gives nodes and pods their addresses, and what makes NetworkPolicies hold.
    """
    return [
        Resource(
            type_token,
            arguments["name"],
            {key: value for key, value in _exported(arguments).items() if value is not None},
        )
        for type_token, arguments in _all(plan)
    ]


def _all(plan: Plan) -> Iterator[tuple[str, Arguments]]:
    project, settings = f"projects/{plan.project}", plan.settings
    google = settings.google_names
    network = f"{project}/global/networks/{settings.network.name}"
    subnet = f"{project}/regions/{settings.region}/subnetworks/{settings.network.subnet.name}"
    emails = {
        nodes: names.service_account_email(google.node_account(nodes), plan.project)
        for nodes in firewall.nodes(plan)
    }
    yield "gcp:compute/subnetwork:Subnetwork", subnetwork(settings.network, settings.region, network)
    further: dict[str, str] = {}
    for own in (gateway.subnet for gateway in plan.gateways if gateway.subnet):
        further[own.name] = f"{project}/regions/{settings.region}/subnetworks/{own.name}"
        yield "gcp:compute/subnetwork:Subnetwork", subnetwork(settings.network, settings.region, network, own)
    rules = list(firewall.render(plan))
    if settings.network.firewall.form is Form.POLICY:
        policy = google.firewall_policy
        yield (
            "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules",
            firewall_policy(policy, rules, emails),
        )
    else:
        for rule in rules:
            yield "gcp:compute/firewall:Firewall", firewall_rule(rule, network, emails)
    resolving = f"{project}/global/networks/{google.resolving_network}"
    for zone in dns.render(plan):
        yield "gcp:dns/managedZone:ManagedZone", managed_zone(zone, network, resolving)
        for record in zone.records:
            yield "gcp:dns/recordSet:RecordSet", record_set(record, zone.name)
    placed = list(node_pools.render(plan))
    yield (
        "gcp:container/cluster:Cluster",
        {
            "name": settings.cluster.name,
            "datapath_provider": DATAPATH,
            "dns_config": {"cluster_dns": CLUSTER_DNS},
            "workload_identity_config": {"workload_pool": plan.workload_pool},
            **addressing(network, subnet, placed, further),
        },
    )
    for pool in placed:
        location = settings.cluster.zone or settings.region
        yield (
            "gcp:container/nodePool:NodePool",
            node_pool(pool, settings.cluster.name, location, emails, further),
        )


def firewall_rule(rule: FirewallRule, network: Any, emails: Mapping[str, Any]) -> Arguments:
    what = {
        "protocol": rule.protocol,
        **({"ports": [str(port) for port in rule.ports]} if rule.ports else {}),
    }
    return {
        "name": rule.name,
        "description": rule.description,
        "network": network,
        "direction": "EGRESS" if rule.egress else "INGRESS",
        "priority": rule.priority,
        "destination_ranges": list(rule.ranges) if rule.egress else None,
        "source_ranges": None if rule.egress else list(rule.ranges),
        "target_service_accounts": [emails[nodes] for nodes in rule.targets] or None,
        "allows": [what] if rule.allow else None,
        "denies": None if rule.allow else [what],
        "log_config": {"metadata": "INCLUDE_ALL_METADATA"} if rule.log else None,
    }


def firewall_policy(name: str, rules: Iterable[FirewallRule], emails: Mapping[str, Any]) -> Arguments:
    """One network firewall policy that says what the rules say."""
    return {
        "name": name,
        "description": "What nodes may connect to.",
        "rules": [
            {
                "rule_name": rule.name,
                "description": rule.description,
                "priority": priority,
                "direction": "EGRESS" if rule.egress else "INGRESS",
                "action": "allow" if rule.allow else "deny",
                "enable_logging": rule.log,
                **(
                    {"target_service_accounts": [emails[nodes] for nodes in rule.targets]}
                    if rule.targets
                    else {}
                ),
                "match": {
                    "dest_ip_ranges" if rule.egress else "src_ip_ranges": list(rule.ranges),
                    "layer4_configs": [
                        {
                            "ip_protocol": rule.protocol,
                            **({"ports": [str(port) for port in rule.ports]} if rule.ports else {}),
                        }
                    ],
                },
            }
            for priority, rule in firewall.in_order(rules)
        ],
    }


def managed_zone(zone: PrivateZone, network: Any, resolving_network: Any) -> Arguments:
    """`resolving_network`: in whose place a zone that only resolves is answered."""
    return {
        "name": zone.name,
        "dns_name": zone.dns_name,
        "description": zone.description,
        "visibility": "private",
        "private_visibility_config": {"networks": [{"network_url": network}]},
        "peering_config": {"target_network": {"network_url": resolving_network}} if zone.resolved else None,
    }


def record_set(record: Record, zone: Any) -> Arguments:
    return {
        "managed_zone": zone,
        "name": record.name,
        "type": record.type,
        "ttl": TTL,
        "rrdatas": list(record.data),
    }


def subnetwork(settings: Network, region: str, network: Any, own: GatewaySubnet | None = None) -> Arguments:
    """The cluster's subnet, or a gateway's own."""
    subnet, logs = settings.subnet, settings.flow_logs
    secondary = (
        {own.pods_name: own.pods}
        if own
        else {names.PODS_RANGE: subnet.pods, names.SERVICES_RANGE: subnet.services}
    )
    return {
        "name": own.name if own else subnet.name,
        "network": network,
        "region": region,
        "ip_cidr_range": own.nodes if own else str(subnet.nodes),
        "secondary_ip_ranges": [
            {"range_name": name, "ip_cidr_range": str(cidr)} for name, cidr in secondary.items()
        ],
        "private_ip_google_access": True,
        "stack_type": "IPV4_ONLY",
        "log_config": {
            "aggregation_interval": logs.interval.google_name,
            "flow_sampling": logs.sampling,
            "metadata": "INCLUDE_ALL_METADATA",
        },
    }


def addressing(network: Any, subnet: Any, placed: Sequence[Pool], further: Mapping[str, Any]) -> Arguments:
    """The part of a cluster that says which addresses its nodes and pods have. `further`: gateways' subnets,
    by name."""
    beside = [
        # GKE answers with the status, and what is left out here would be taken away by every update.
        {"subnetwork": further[own.name], "pod_ipv4_range_names": [own.pods_name], "status": "ACTIVE"}
        for own in (pool.subnet for pool in placed)
        if own
    ]
    return {
        "network": network,
        "subnetwork": subnet,
        "networking_mode": "VPC_NATIVE",
        "ip_allocation_policy": {
            "cluster_secondary_range_name": names.PODS_RANGE,
            "services_secondary_range_name": names.SERVICES_RANGE,
            **({"additional_ip_ranges_configs": beside} if beside else {}),
            "stack_type": "IPV4",
        },
    }


def node_pool(
    pool: Pool, cluster: Any, location: str, emails: Mapping[str, Any], further: Mapping[str, Any]
) -> Arguments:
    settings, own = pool.settings, pool.subnet
    node_config = {
        "machine_type": settings.machine_type,
        "disk_size_gb": settings.disk_gb,
        "service_account": emails[pool.nodes],
        "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "workload_metadata_config": {"mode": "GKE_METADATA"},
        "shielded_instance_config": {"enable_secure_boot": True, "enable_integrity_monitoring": True},
    }
    if pool.taint:
        # Google writes a taint's effect in its own way.
        node_config["taints"] = [{**pool.taint, "effect": "NO_SCHEDULE"}]
    return {
        "name": pool.name,
        "cluster": cluster,
        "location": location,
        "initial_node_count": max(1, settings.min_nodes),
        "autoscaling": {"min_node_count": settings.min_nodes, "max_node_count": settings.max_nodes},
        "network_config": {"subnetwork": further[own.name], "pod_range": own.pods_name} if own else None,
        "management": {"auto_repair": True, "auto_upgrade": True},
        # Google refuses its lengths of time in projects that it was not asked for; the budgets count an hour.
        "node_drain_configs": [{"respect_pdb_during_node_pool_deletion": True}],
        "node_config": node_config,
    }


def _exported(value: Any) -> Any:
    """The same with names as exports have them: `node_config` is `nodeConfig`."""
    if isinstance(value, dict):
        return {_camel(key): _exported(of) for key, of in cast("Arguments", value).items()}
    return [_exported(of) for of in cast("list[Any]", value)] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
