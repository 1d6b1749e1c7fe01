"""Access logs: one JSON object a line, whose fields nobody but the proxy decides, with the identity of who
asked.

A request's id joins the lines of the two proxies that it passes. It does not leave the mesh: the gateway
writes it down as it arrives, and takes it out of the request before anything else happens.
Source: Istio reference, MeshConfig.ExtensionProvider (envoyFileAccessLog) and Telemetry; Envoy, "Access
logging" and "Header-To- Metadata Filter".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common.objects import ISTIO_ENVOY_FILTER, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, TARGET_PORTS
from egress.plan.model import Plan

BUILT_IN = "envoy"
"""Istio's own provider: lines of text, or as its settings say."""
GOOGLES = "stackdriver"
"""The managed mesh's, for what its pages call traffic logs. Source: Cloud Service Mesh, "Request proxy
logs"."""
STRUCTURED = "egress-access-log"
REQUEST_ID = "x-request-id"
NOTES = "gke-mesh-egress"
"""Where the gateway's proxy keeps what it noted of a request: a namespace of dynamic metadata, which no rule
reads."""
MANAGER = "envoy.filters.network.http_connection_manager"
TO_NOTES = "envoy.filters.http.header_to_metadata"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"

FIELDS = {
    "start_time": "%START_TIME%",
    # Who asked, by the certificate that was shown; on a sidecar's own way out there is none, and the proxy's
    # own names say it.
    "principal": "%DOWNSTREAM_PEER_URI_SAN%",
    "proxy_namespace": "%ENVIRONMENT(POD_NAMESPACE)%",
    "proxy_pod": "%ENVIRONMENT(POD_NAME)%",
    "proxy_service_account": "%ENVIRONMENT(SERVICE_ACCOUNT)%",
    "request_id": f"%REQ({REQUEST_ID})%%DYNAMIC_METADATA({NOTES}:{REQUEST_ID})%",
    # What was asked for
    "authority": "%REQ(:AUTHORITY)%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "user_agent": "%REQ(USER-AGENT)%",
    # What came of it
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "downstream_transport_failure_reason": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "duration": "%DURATION%",
    "request_duration": "%REQUEST_DURATION%",
    "response_duration": "%RESPONSE_DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    # By which way; the sidecar's upstream_local_address is the gateway's downstream_remote_address
    "route_name": "%ROUTE_NAME%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
}
"""Field to Envoy's word for it. A field that has nothing to say is left out of the line."""


def render(plan: Plan) -> Iterator[Object]:
    """One EnvoyFilter per gateway that reads requests, where lines have fields."""
    for gateway in plan.gateways if plan.structured_logs else ():
        if not any(host.leaving for host in gateway.hosts):
            continue
        manager = {"@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager"}
        patches = [
            # A gateway takes who calls for a stranger, and would give the request an id of its own.
            _patch("NETWORK_FILTER", "MERGE", MANAGER, {**manager, "preserve_external_request_id": True}),
            # First, so that the line of a request that is refused has it too.
            _patch("HTTP_FILTER", "INSERT_FIRST", TO_NOTES, _noting()),
        ]
        spec = {"workloadSelector": {"labels": dict(gateway.labels)}, "configPatches": patches}
        yield Object(
            Owner.egress_gateway(gateway.name),
            manifest(ISTIO_ENVOY_FILTER, "EnvoyFilter", "request-id", gateway.namespace, spec=spec),
        )


def _patch(kind: str, operation: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    chain = {"filterChain": {"filter": {"name": MANAGER}}}
    return {
        "applyTo": kind,
        "match": {"context": "GATEWAY", "listener": {"portNumber": TARGET_PORTS[HTTP_PORT], **chain}},
        "patch": {"operation": operation, "value": {"name": name, "typed_config": config}},
    }


def _noting() -> dict[str, Any]:
    note = {"metadata_namespace": NOTES, "key": REQUEST_ID, "type": "STRING"}
    return {
        "@type": f"{_FILTERS}.http.header_to_metadata.v3.Config",
        "request_rules": [{"header": REQUEST_ID, "on_header_present": note, "remove": True}],
    }


def providers(plan: Plan) -> tuple[str, ...]:
    """The names by which the mesh's Telemetry asks for logs."""
    if not plan.in_cluster_mesh:
        # Google's own writes to Cloud Logging, with the caller; the other to the proxy's output, which
        # kubectl shows. Naming one alone turns the other off.
        return (GOOGLES, BUILT_IN)
    return (STRUCTURED,) if plan.structured_logs else (BUILT_IN,)


def mesh_config(plan: Plan) -> dict[str, Any]:
    """What of MeshConfig is about access logs."""
    if not plan.structured_logs:
        return {"accessLogFile": "/dev/stdout"}
    file = {"path": "/dev/stdout", "omitEmptyValues": True, "logFormat": {"labels": FIELDS}}
    return {
        "accessLogFile": "/dev/stdout",
        # For a proxy that does not know the Telemetry yet.
        "accessLogEncoding": "JSON",
        "extensionProviders": [{"name": STRUCTURED, "envoyFileAccessLog": file}],
    }
