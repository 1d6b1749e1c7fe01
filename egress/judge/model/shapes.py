"""The shape of every object that judges read from outside, checked once at the door: a number where a number
is read, a list where a list is. What is missing is for required_fields.py to say; what nobody reads may be
anything. Google's resources are in google_shapes.py, and what one field may hold is in shape_types.py.

Source: each kind's schema (Kubernetes API reference, Istio's CustomResourceDefinitions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, create_model

from egress.judge.model.documents import mesh_config
from egress.judge.model.google_shapes import GOOGLE
from egress.judge.model.shape_types import CIDR, LABELS, MAP, NUMBER, PORT, SHARE, TEXTS, TRANSPORT, YES

MOST = 5
"""Problems of one object that are named; the rest is counted."""


def _mesh(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("text")
    try:
        found = mesh_config(value)
    except ValueError:
        raise ValueError("the mesh's configuration as YAML or JSON") from None
    if found is not None:
        _shape("MeshConfig").model_validate(found)
    return value


_EXPRESSION = {"key": str, "operator": str, "values": TEXTS}
PROXY_HEADERS = ("attemptCount", "envoyDebugHeaders", "server")
"""Headers by which proxies speak of themselves after routes have taken others out."""
_SELECTOR = {"matchLabels": LABELS, "matchExpressions": [_EXPRESSION]}
_PEER = {
    "podSelector": _SELECTOR,
    "namespaceSelector": _SELECTOR,
    "ipBlock": {"cidr": CIDR, "except": list[CIDR]},
}


_PORTS = [{"port": PORT, "endPort": NUMBER, "protocol": TRANSPORT}]
_TLS = {
    **dict.fromkeys(("mode", "sni", "credentialName", "caCertificates", "minProtocolVersion"), str),
    "subjectAltNames": TEXTS,
    "insecureSkipVerify": YES,
}
_PORT_LEVEL = [{"port": {"number": NUMBER}, "tls": _TLS}]
_TRAFFIC = {"tls": _TLS, "portLevelSettings": _PORT_LEVEL}
_DESTINATION = {"host": str, "subset": str, "port": {"number": NUMBER}}
_HEADERS = {"request": {"remove": TEXTS, "set": LABELS, "add": LABELS}}
_LEGS = [{"destination": _DESTINATION, "headers": _HEADERS, "weight": NUMBER}]
_MATCH = {
    "gateways": TEXTS,
    "port": NUMBER,
    "sniHosts": TEXTS,
    "method": LABELS,
    "uri": LABELS,
    "headers": dict[str, LABELS],
}
_MIRRORS = [{"destination": _DESTINATION, "headers": _HEADERS, "percentage": {"value": SHARE}}]
_ANSWER = {"directResponse": {"status": NUMBER}}
_ROUTE = [{"match": [_MATCH], "route": _LEGS, "mirrors": _MIRRORS, "headers": _HEADERS, **_ANSWER}]
_STRAIGHT = [{"match": [_MATCH], "route": _LEGS}]
_SERVER = {
    "port": {"number": NUMBER, "protocol": str},
    "hosts": TEXTS,
    "bind": str,
    "tls": _TLS,
}


_OPERATION = dict.fromkeys(
    ("hosts", "notHosts", "ports", "notPorts", "methods", "notMethods", "paths", "notPaths"), TEXTS
)
_SOURCE = dict.fromkeys(
    (
        *(
            "principals",
            "notPrincipals",
            "requestPrincipals",
            "notRequestPrincipals",
            "namespaces",
            "notNamespaces",
        ),
        *("serviceAccounts", "notServiceAccounts", "trustDomains", "notTrustDomains"),
        *("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"),
    ),
    TEXTS,
)
_RULE = {
    "from": [{"source": _SOURCE}],
    "to": [{"operation": _OPERATION}],
    "when": [{"key": str, "values": TEXTS, "notValues": TEXTS}],
}
_LISTENER = {
    "name": str,
    "portNumber": NUMBER,
    "filterChain": {"name": str, "sni": str, "filter": {"name": str}},
}
_ENVOY = {
    "typed_config": {"dns_cache_config": {"name": str}},
    "typed_extension_protocol_options": MAP,
    "upstream_bind_config": {"socket_options": [MAP]},
}
_PODS = {
    **dict.fromkeys(("serviceAccountName", "serviceAccount", "nodeName"), str),
    "nodeSelector": LABELS,
    "tolerations": [dict.fromkeys(("key", "operator", "value", "effect"), str)],
    "containers": [{"name": str, "ports": [{"name": str, "containerPort": NUMBER}]}],
    **dict.fromkeys(("hostNetwork", "hostPID", "hostIPC"), YES),
}
_POD = {"metadata": {"labels": LABELS, "annotations": LABELS}, "spec": _PODS}
_TEMPLATED = ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet")
KUBERNETES: Mapping[str, Any] = {
    "AuthorizationPolicy": {"selector": {"matchLabels": LABELS}, "action": str, "rules": [_RULE]},
    "APIService": {"group": str, "service": MAP},
    "CronJob": {"jobTemplate": {"spec": {"template": _POD}}},
    "CustomResourceDefinition": {"group": str, "conversion": {"strategy": str}},
    **{kind: {"template": _POD} for kind in _TEMPLATED},
    "Pod": _PODS,
    "DestinationRule": {
        "host": str,
        "exportTo": TEXTS,
        "trafficPolicy": _TRAFFIC,
        "subsets": [{"name": str, "labels": LABELS, "trafficPolicy": _TRAFFIC}],
        "workloadSelector": {"matchLabels": LABELS},
    },
    "EnvoyFilter": {
        "priority": NUMBER,
        "workloadSelector": {"labels": LABELS},
        "configPatches": [
            {
                "applyTo": str,
                "match": {
                    "context": str,
                    "listener": _LISTENER,
                    "cluster": {"portNumber": NUMBER, "service": str},
                },
                "patch": {"operation": str, "value": _ENVOY},
            }
        ],
    },
    "Gateway": {"selector": LABELS, "servers": [_SERVER]},
    "NetworkPolicy": {
        "podSelector": _SELECTOR,
        "policyTypes": TEXTS,
        "egress": [{"to": [_PEER], "ports": _PORTS}],
        "ingress": [{"from": [_PEER], "ports": _PORTS}],
    },
    "PeerAuthentication": {
        "selector": {"matchLabels": LABELS},
        "mtls": {"mode": str},
        "portLevelMtls": dict[str | int, LABELS],
    },
    "ProxyConfig": {"selector": MAP, "environmentVariables": LABELS},
    "Service": {
        "selector": LABELS,
        "type": str,
        **dict.fromkeys(("loadBalancerClass", "externalTrafficPolicy"), str),
        "clusterIP": str,
        "clusterIPs": TEXTS,
        "loadBalancerSourceRanges": list[CIDR],
        "externalIPs": TEXTS,
        "ports": [
            {
                "port": NUMBER,
                "targetPort": PORT,
                "nodePort": NUMBER,
                "name": str,
                "appProtocol": str,
                "protocol": str,
            },
        ],
    },
    "ServiceEntry": {
        "hosts": TEXTS,
        "addresses": TEXTS,
        "exportTo": TEXTS,
        "resolution": str,
        "ports": [{"number": NUMBER, "protocol": str, "targetPort": NUMBER}],
        "endpoints": [{"address": str}],
    },
    "Sidecar": {
        "egress": [{"hosts": TEXTS}],
        "outboundTrafficPolicy": {"mode": str},
        "workloadSelector": {"labels": LABELS},
    },
    "Telemetry": {},
    "TrafficExtension": {
        "selector": {"matchLabels": LABELS},
        "match": [{"mode": str, "ports": [{"number": NUMBER}]}],
        "lua": {"inlineCode": str},
    },
    "ValidatingAdmissionPolicy": {
        "failurePolicy": str,
        "validations": [{"expression": str}],
        "variables": [MAP],
        "matchConstraints": MAP,
    },
    "ValidatingAdmissionPolicyBinding": {
        "policyName": str,
        "validationActions": TEXTS,
        "matchResources": {"namespaceSelector": _SELECTOR},
    },
    "VirtualService": {
        "hosts": TEXTS,
        "gateways": TEXTS,
        "exportTo": TEXTS,
        "http": _ROUTE,
        "tls": _STRAIGHT,
        "tcp": _STRAIGHT,
    },
}
"""By kind: the spec."""
_RIGHTS = {"rules": [dict.fromkeys(("verbs", "apiGroups", "resources", "resourceNames"), TEXTS)]}
_BINDING = {
    "roleRef": {"kind": str, "name": str},
    "subjects": [dict.fromkeys(("kind", "namespace", "name"), str)],
}
OTHERS: Mapping[str, Any] = {
    **dict.fromkeys(("Role", "ClusterRole"), _RIGHTS),
    **dict.fromkeys(("RoleBinding", "ClusterRoleBinding"), _BINDING),
    "ConfigMap": {"data": {"mesh": Annotated[Any, PlainValidator(_mesh)]}},
    "MutatingWebhookConfiguration": {
        "webhooks": [
            {
                "clientConfig": {"url": str, "service": {"name": str, "namespace": str}},
                "rules": [{"apiGroups": TEXTS}],
            }
        ]
    },
    "MeshConfig": {
        "trustDomain": str,
        "outboundTrafficPolicy": {"mode": str},
        "pathNormalization": {"normalization": str},
        "defaultConfig": {
            "proxyMetadata": MAP,
            "proxyHeaders": {name: {"disabled": YES} for name in PROXY_HEADERS},
        },
        "discoverySelectors": [_SELECTOR],
        "tlsDefaults": {"minProtocolVersion": str},
        "meshMTLS": {"minProtocolVersion": str},
        **dict.fromkeys(
            (f"default{kind}ExportTo" for kind in ("Service", "VirtualService", "DestinationRule")),
            TEXTS,
        ),
    },
    "": {
        "kind": str,
        "apiVersion": str,
        "metadata": {"name": str, "namespace": str, "labels": LABELS, "annotations": LABELS},
    },
}
"""Whole objects; the last is what every object has."""
_STATED = {
    "string_type": "text",
    "int_type": "a number",
    "list_type": "a list",
    "model_type": "a mapping",
    "dict_type": "a mapping",
}


def problems(kind: str, written: Any) -> Iterator[str]:
    """What is of another shape in an object, one sentence each with the field; nothing where it can be read.

    Args:
        kind: a Kubernetes kind, or the type token of a Google resource.
        written: the object, or the resource's properties.
    """
    shapes = dict.fromkeys(("", kind)) if ":" not in kind else (kind,)
    for shape in (shape for shape in shapes if shape in KUBERNETES or shape in OTHERS or shape in GOOGLE):
        try:
            _shape(shape).model_validate(written)
        except ValidationError as error:
            found = [_sentence(detail) for detail in error.errors()]
            yield from found[:MOST]
            if len(found) > MOST:
                yield f"and {len(found) - MOST} more"


def _sentence(detail: Mapping[str, Any]) -> str:
    path = "".join(
        f"[{at}]" if isinstance(at, int) else f".{at}" for at in detail["loc"] if at != "[key]"
    ).lstrip(".")
    said = str(detail["msg"]).removeprefix("Value error, ")
    wanted = _STATED.get(detail["type"], said)
    shown = repr(detail["input"])
    return f"{path or 'it'} has to be {wanted}, and is {shown if len(shown) <= 60 else shown[:57] + '...'}"


@cache
def _shape(kind: str) -> type[BaseModel]:
    if kind in GOOGLE:
        return _model(GOOGLE[kind])
    if kind in KUBERNETES:
        return _model({"spec": KUBERNETES[kind]})
    return _model(OTHERS[kind])


def _model(fields: Mapping[str, Any]) -> type[BaseModel]:
    """A model of some fields, each of which may be absent or null; others are nobody's business."""
    made: dict[str, Any] = {key: (_type(of) | None, None) for key, of in fields.items()}
    return create_model("Object", __config__=ConfigDict(strict=True), **made)


def _type(of: Any) -> Any:
    if isinstance(of, Mapping):
        return _model(cast("Mapping[str, Any]", of))
    if isinstance(of, list):
        (entry,) = cast("list[Any]", of)
        return list[_type(entry)]  # pyright: ignore[reportInvalidTypeForm]
    return of
