"""Rules for clusters and their nodes (Google Kubernetes Engine)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from egress_policies.addresses import anywhere
from egress_policies.rule import UNKNOWN, Resource, Rule, Setting, Settings, at, known, matches

CLUSTER = "gcp:container/cluster:Cluster"
NODE_POOL = "gcp:container/nodePool:NodePool"
_DEFAULT_ACCOUNT = re.compile(r"default|\d+-compute@developer\.gserviceaccount\.com")


def _private_nodes(resource: Resource, settings: Settings) -> Iterator[str]:
    cluster = resource.props.get("name" if resource.type == CLUSTER else "cluster")
    if matches(cluster, settings["publicNodes"]):
        return
    if resource.type == CLUSTER and not at(resource.props, "privateClusterConfig.enablePrivateNodes"):
        yield (
            "Nodes would have addresses of the internet, so Cloud NAT and its reserved addresses are not the "
            "only way out. "
            "Set privateClusterConfig.enablePrivateNodes, or name the cluster in publicNodes of this "
            "policy's config."
        )
    if resource.type == NODE_POOL and at(resource.props, "networkConfig.enablePrivateNodes") is False:
        yield "This pool's nodes would have addresses of the internet although the cluster's have none."


def _private_endpoint(resource: Resource, settings: Settings) -> Iterator[str]:
    if resource.type != CLUSTER:
        return
    if not at(resource.props, "privateClusterConfig.enablePrivateEndpoint") and not matches(
        resource.props.get("name"), settings["publicEndpoints"]
    ):
        yield (
            "The API server would have an address of the internet. Reach it by its DNS-based endpoint, which "
            "IAM guards, or name "
            "the cluster in publicEndpoints of this policy's config."
        )
    ranges = [
        at(block, "cidrBlock")
        for block in known(at(resource.props, "masterAuthorizedNetworksConfig.cidrBlocks"))
    ]
    if anywhere(ranges):
        yield (
            "masterAuthorizedNetworksConfig lets everybody connect to the API server. Name the ranges of "
            "those who must."
        )


def _own_account(resource: Resource, _settings: Settings) -> Iterator[str]:
    if resource.type not in (CLUSTER, NODE_POOL):
        return
    account = at(resource.props, "nodeConfig.serviceAccount")
    if account is not UNKNOWN and (not account or _DEFAULT_ACCOUNT.fullmatch(str(account))):
        yield (
            "Nodes would run as the project's default service account, which may edit most of the project, "
            "and firewall rules "
            "could not tell these nodes from others. Set nodeConfig.serviceAccount to an account made for "
            "them."
        )


RULES = (
    Rule(
        "private-nodes",
        "Nodes have no addresses of the internet.",
        of_one=_private_nodes,
        settings={"publicNodes": Setting((), "Names of clusters whose nodes may.")},
    ),
    Rule(
        "private-endpoint",
        "The Kubernetes API server has no address of the internet, and never lets everybody connect.",
        of_one=_private_endpoint,
        settings={"publicEndpoints": Setting((), "Names of clusters whose API server may have one.")},
    ),
    Rule(
        "own-service-account",
        "Nodes do not run as the project's default service account.",
        of_one=_own_account,
    ),
)
