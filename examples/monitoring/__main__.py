"""What the people on call want of the egress platform, from its output `egress` alone:

- a metric and an alert for two of the fences that write down what they refuse: the shared gateway's
  authorization and the firewall (docs/security.md lists every log; sidecars, own gateways, NetworkPolicies,
  DNS and Cloud NAT have none here),
- in DNS, the address behind each name at which partners connect.
"""

import pulumi
import pulumi_gcp as gcp
from gke_mesh_egress_contract import OUTPUT, Contract, ContractError, parse

config = pulumi.Config()
platform = pulumi.StackReference(config.require("platform"))


def read(output: object) -> Contract:
    """The contract; what is wrong stops the update before anything is deployed."""
    try:
        return parse(output)
    except ContractError as error:
        raise pulumi.RunError(str(error)) from None


def of_gateway(contract: Contract) -> str:
    """Requests and connections that the egress gateway's authorization refused, in the gateway's access
    log."""
    # Of requests and of connections that are none; the last is for a platform whose log is text.
    places = (
        "jsonPayload.response_code_details",
        "jsonPayload.connection_termination_details",
        "textPayload",
    )
    denied = " OR ".join(f'{place}:"rbac_access_denied"' for place in places)
    return (
        f'resource.type="k8s_container" AND resource.labels.cluster_name="{contract.cluster.name}"'
        f' AND resource.labels.namespace_name="{contract.gateway.namespace}" AND ({denied})'
    )


def of_firewall(contract: Contract) -> str:
    """Connections out of the network that the VPC firewall refused, in the log of its rules."""
    network = contract.network.id.rpartition("/")[2]
    return (
        'resource.type="gce_subnetwork" AND log_id("compute.googleapis.com/firewall")'
        ' AND jsonPayload.disposition="DENIED" AND jsonPayload.rule_details.direction="EGRESS"'
        f' AND jsonPayload.vpc.vpc_name="{network}"'
    )


# What is watched: name to what it means, the kind of resource that the log belongs to, the log's filter, and
# what of an entry says who it was: refusals are counted for each of them. The firewall knows nodes alone.
WATCHED = {
    "gateway": (
        "The egress gateway refused a request that a pod was let send to it.",
        "k8s_container",
        of_gateway,
        {"principal": "EXTRACT(jsonPayload.principal)"},
    ),
    "firewall": (
        "The VPC firewall refused a connection: something went round the gateway.",
        "gce_subnetwork",
        of_firewall,
        {"node": "EXTRACT(jsonPayload.instance.vm_name)"},
    ),
}

contract = platform.get_output(OUTPUT).apply(read)
google = gcp.Provider(
    "google",
    project=contract.apply(lambda contract: contract.project),
    region=contract.apply(lambda contract: contract.region),
)
on_google = pulumi.ResourceOptions(provider=google)

for name, (meaning, resource, log, who) in WATCHED.items():
    metric = gcp.logging.Metric(
        f"refused-by-{name}",
        name=f"egress-refused-by-{name}",
        description=meaning,
        filter=contract.apply(log),
        metric_descriptor={
            "metric_kind": "DELTA",
            "value_type": "INT64",
            "unit": "1",
            "labels": [{"key": key, "value_type": "STRING"} for key in who],
        },
        label_extractors=who,
        opts=on_google,
    )
    gcp.monitoring.AlertPolicy(
        f"refused-by-{name}",
        display_name=f"Egress refused by {name}",
        combiner="OR",
        conditions=[
            {
                "display_name": meaning,
                "condition_threshold": {
                    "filter": metric.name.apply(
                        lambda name, of=resource: (
                            f'metric.type="logging.googleapis.com/user/{name}" AND resource.type="{of}"'
                        )
                    ),
                    "comparison": "COMPARISON_GT",
                    "threshold_value": 0,
                    "duration": "0s",
                    "aggregations": [{"alignment_period": "300s", "per_series_aligner": "ALIGN_DELTA"}],
                },
            }
        ],
        notification_channels=config.get_object("channels") or [],
        documentation={
            "content": f"{meaning} Who may reach what: output `{OUTPUT}` of the platform's stack."
        },
        opts=on_google,
    )


def names(contract: Contract) -> dict[str, str]:
    """Name to address of everything that partners connect to; nothing while no team receives."""
    if contract.ingress is None:
        return {}
    received = [reception for of_team in contract.ingress.receives.values() for reception in of_team.values()]
    return {reception.host: contract.ingress.address for reception in received}


def records(names: dict[str, str]) -> list[str]:
    """The names are known before the update, because the platform's stack was deployed before; so preview
    shows the records."""
    for host, address in sorted(names.items()):
        gcp.dns.RecordSet(
            f"partners-{host}",
            managed_zone=config.get("zone") or "partners",
            name=f"{host}.",
            type="A",
            ttl=300,
            rrdatas=[address],
            opts=on_google,
        )
    return sorted(names)


pulumi.export("partnerNames", contract.apply(names).apply(records))
pulumi.export(
    "hostsOfTeams",
    contract.apply(
        lambda contract: {name: list(team.hosts) for name, team in sorted(contract.teams.items())}
    ),
)
