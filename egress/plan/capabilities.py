"""What each mesh flavor can do, in one table: a wish that the chosen flavor cannot honour is refused at
config time.

Source for the managed flavor: Google Cloud, "Cloud Service Mesh supported features using Istio APIs (managed
control plane)".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from egress.common.errors import Problem
from egress.common.hosts import is_pattern
from egress.settings.http import Slashes
from egress.settings.mesh import Flavor
from egress.settings.paths import egress_path, gateway_path, reception_path, tcp_path, team_path
from egress.settings.root import Settings
from egress.settings.upgrade import Upgrade


class Capability(StrEnum):
    """Something that a config may ask of the mesh and that not every flavor has."""

    RAW_TCP = "callers judged before the host is connected to (EnvoyFilter)"
    BODY_INSPECTION = "reading requests at the gateway (TrafficExtension)"
    CLEAN_COPIES = "copies of requests that tell nothing of the mesh (EnvoyFilter)"
    GATEWAY_CREDENTIAL = "a certificate or authority from a Secret at the gateway (credentialName)"
    PATTERN = "every host below a domain, looked up by the proxy (EnvoyFilter, DYNAMIC_DNS)"
    KEPT_SLASHES = "encoded slashes that arrive as they were sent (EnvoyFilter)"
    HTTP_1_0 = "apps that speak HTTP/1.0 (EnvoyFilter)"
    PERIMETER = "Google APIs that answer only inside a perimeter (VPC Service Controls)"
    IDLE = "connections on which nothing is sent, for longer or shorter (proxyMetadata)"
    RECEIVING = "partners' certificates checked at an ingress gateway (credentialName, EnvoyFilter)"


@dataclass(frozen=True)
class Lack:
    reason: str
    way_out: str


LACKS: dict[tuple[Flavor, Capability], Lack] = {
    (Flavor.CLOUD_SERVICE_MESH, Capability.RAW_TCP): Lack(
        "its control plane accepts no EnvoyFilter, without which the gateway would connect to the host "
        "before it refuses anybody",
        "Set mesh.flavor: istio.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.BODY_INSPECTION): Lack(
        "its control plane accepts neither TrafficExtension nor EnvoyFilter, so every request would pass "
        "uninspected",
        "Set mesh.flavor: istio.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.CLEAN_COPIES): Lack(
        "its control plane accepts no EnvoyFilter, without which a copy tells the second host the "
        "gateway pod's address (x-forwarded-for) and carries the first host's name",
        "Set mesh.flavor: istio, or let the app send its requests to both hosts.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.KEPT_SLASHES): Lack(
        "its control plane accepts no EnvoyFilter, so encoded slashes would arrive as slashes all the same",
        "Set mesh.flavor: istio, or let the app speak TLS itself (https: passthrough).",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.HTTP_1_0): Lack(
        "its control plane accepts no EnvoyFilter, so sidecars would go on ending such connections",
        "Set mesh.flavor: istio, or let the app speak HTTP/1.1.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.GATEWAY_CREDENTIAL): Lack(
        "its control plane does not read Secrets for DestinationRules, so the connection would be made "
        "without them",
        "Set mesh.flavor: istio, or let the app speak TLS itself (https: passthrough).",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.IDLE): Lack(
        "whether its control plane reads this from a gateway's pods is not known, so connections could end "
        "after an hour all the same",
        "Set mesh.flavor: istio, or leave it out.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.RECEIVING): Lack(
        "its control plane accepts no EnvoyFilter, so the gateway would connect to a Service before it "
        "checks the partner's certificate; credentials from Secrets at gateways are limited, too",
        "Set mesh.flavor: istio.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.PERIMETER): Lack(
        "proxies get their configuration and certificates from Google APIs, and it has not been tried "
        "which of those a perimeter may contain: proxies could be cut off",
        "Set mesh.flavor: istio, or create the perimeter outside this stack.",
    ),
    (Flavor.CLOUD_SERVICE_MESH, Capability.PATTERN): Lack(
        "its control plane accepts no EnvoyFilter, without which the gateway could not look up names "
        "that nobody declared, and it does not document that sidecars could",
        "Set mesh.flavor: istio, or name each host.",
    ),
}
"""What is missing where. A pair that is not here is supported."""


def unsupported(settings: Settings) -> Iterator[Problem]:
    """The wishes in a config that its mesh flavor cannot honour."""
    flavor = settings.mesh.flavor
    for path, value, capability in _wishes(settings):
        lack = LACKS.get((flavor, capability))
        if lack:
            yield Problem(
                path, value, f"mesh.flavor {flavor.value} does not support this: {lack.reason}.", lack.way_out
            )


def _wishes(settings: Settings) -> Iterator[tuple[str, object, Capability]]:
    if settings.network.perimeter:
        yield "gke-mesh-egress:network.perimeter", settings.network.perimeter.name, Capability.PERIMETER
    gateways = {"gke-mesh-egress:gateway": settings.gateway}
    gateways |= {gateway_path(name): gateway for name, gateway in settings.gateways.items()}
    for path, gateway in gateways.items():
        if gateway.connect_after_authorization:
            yield f"{path}.connectAfterAuthorization", True, Capability.RAW_TCP
        if gateway.idle_timeout:
            yield f"{path}.idleTimeout", gateway.idle_timeout, Capability.IDLE
    for team, of_team in settings.teams.items():
        for name, received in of_team.receives.items():
            yield f"{reception_path(team, name)}.credential", received.credential, Capability.RECEIVING
        if of_team.http10:
            yield f"{team_path(team)}.http10", True, Capability.HTTP_1_0
        for host, access in of_team.egress.items():
            path = egress_path(team, host)
            if access.http and access.http.upgrade is Upgrade.MTLS:
                yield f"{path}.http.upgrade", access.http.upgrade.value, Capability.GATEWAY_CREDENTIAL
            if access.http and access.http.inspect:
                yield f"{path}.http.inspect", access.http.inspect.mode.value, Capability.BODY_INSPECTION
            if access.http and access.http.mirror:
                yield f"{path}.http.mirror", access.http.mirror.host, Capability.CLEAN_COPIES
            if access.http and access.http.encoded_slashes is Slashes.KEEP:
                kept = access.http.encoded_slashes.value
                yield f"{path}.http.encodedSlashes", kept, Capability.KEPT_SLASHES
            for entry in access.tcp or ():
                yield tcp_path(team, host, entry), entry.port, Capability.RAW_TCP
            if access.http and access.http.ca:
                yield f"{path}.http.ca", access.http.ca, Capability.GATEWAY_CREDENTIAL
            if access.https and is_pattern(host):
                yield f"{path}.https", access.https, Capability.PATTERN
