"""Forwarding rules (compute.googleapis.com), as GKE makes one for each Service of type LoadBalancer."""

from __future__ import annotations

from sandbox.google import checks
from sandbox.google.address import ADDRESS, address_named
from sandbox.google.kinds import Kind, Reference, named, never_changes, path
from sandbox.google.network import API, NETWORK, SUBNETWORK, link, network_named, subnetwork_named

FORWARDING_RULE = "gcp:compute/forwardingRule:ForwardingRule"
forwarding_rule_named = named("projects/{project}/regions/{region}/forwardingRules/{name}")


FORWARDING_RULE_KIND = Kind(
    token=FORWARDING_RULE,
    schema="compute.ForwardingRule",
    id=path("projects/{project}/regions/{region}/forwardingRules/{name}"),
    api=API,
    place=("project", "region"),
    checks={"name": checks.NAME, "region": checks.REGION},
    replaces=never_changes("name", "project", "region", "ipAddress", "network", "subnetwork"),
    references=(
        Reference("network", NETWORK, network_named, holds=True, output="link"),
        Reference("subnetwork", SUBNETWORK, subnetwork_named, holds=True, output="link"),
        Reference("ipAddress", ADDRESS, address_named, holds=True),
    ),
    computed=link,
)

KINDS = (FORWARDING_RULE_KIND,)
