"""Google's hosts for the teams that use them: straight through Private Google Access, guarded by IAM, not by
the gateway. All answer at the same addresses: the sidecar alone tells them apart, by the name in the client's
TLS."""

from __future__ import annotations

from collections.abc import Iterator

from egress.common import names
from egress.common.google_cloud import METADATA_ADDRESS, METADATA_HOST
from egress.common.objects import ISTIO_NETWORKING, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.layers.mesh.gateway import canonical_name
from egress.plan.model import Plan
from egress.plan.team import TeamPlan


def render(plan: Plan) -> Iterator[Object]:
    """ServiceEntries of the metadata server and of each host of Google's, exported to exactly the teams that
    use them."""
    if plan.google_api_teams:
        yield Object(
            Owner.egress_gateway(), _metadata_server([names.GATEWAY_NAMESPACE, *plan.google_api_teams])
        )
    for host, teams in plan.google_hosts.items():
        yield Object(Owner.egress_gateway(), _host(host, [names.GATEWAY_NAMESPACE, *teams]))


def hosts(team: TeamPlan) -> Iterator[str]:
    """The names that are exported to one team."""
    if team.uses_google_apis:
        yield METADATA_HOST
        yield from team.google_hosts


def _metadata_server(export: list[str]) -> Manifest:
    # By address: client libraries ask 169.254.169.254 as well as the name, and no DNS answer is trusted for
    # credentials.
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        "metadata-google-internal",
        names.GATEWAY_NAMESPACE,
        labels=canonical_name(METADATA_HOST),
        spec={
            "hosts": [METADATA_HOST],
            "addresses": [METADATA_ADDRESS],
            "endpoints": [{"address": METADATA_ADDRESS}],
            "ports": [{"number": HTTP_PORT, "name": "http", "protocol": "HTTP"}],
            "resolution": "STATIC",
            "location": "MESH_EXTERNAL",
            "exportTo": export,
        },
    )


def _host(host: str, export: list[str]) -> Manifest:
    # The name resolves to the VIP of Private Google Access, in the private zone of its domain or its own.
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.google_host(host),
        names.GATEWAY_NAMESPACE,
        labels=canonical_name(host),
        spec={
            "hosts": [host],
            "ports": [{"number": HTTPS_PORT, "name": "tls", "protocol": "TLS"}],
            "resolution": "DNS",
            "location": "MESH_EXTERNAL",
            "exportTo": export,
        },
    )
