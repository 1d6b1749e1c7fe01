"""Random programs, filters and settings of proxies and of the whole mesh, each with what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.added.mesh import istio, somewhere
from tests.fuzz.added.stacks import Change, Stack, at, nothing, opens

Draw = st.DrawFn


def code_in_proxies(draw: Draw, stack: Stack) -> Change | None:
    """Programs, filters and settings of proxies: nobody can tell what they do."""
    namespace = somewhere(draw, stack)
    value = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "somewhere"}}
    patch = {
        "operation": draw(st.sampled_from(["INSERT_FIRST", "MERGE", "ADD", "REMOVE", "REPLACE"])),
        "value": value,
    }
    applies = draw(
        st.sampled_from(
            ["NETWORK_FILTER", "HTTP_FILTER", "CLUSTER", "LISTENER", "BOOTSTRAP", "ROUTE_CONFIGURATION"]
        )
    )
    selector = draw(st.sampled_from([{}, {"workloadSelector": {"labels": {"app": "a"}}}]))
    kind, spec = draw(
        st.sampled_from(
            [
                ("EnvoyFilter", {"configPatches": [{"applyTo": applies, "patch": patch}], **selector}),
                ("WasmPlugin", {"url": "oci://elsewhere/program"}),
                ("WasmPlugin", {"url": "oci://elsewhere/program", "selector": {"matchLabels": {"app": "a"}}}),
                ("TrafficExtension", {"lua": {"inlineCode": "function envoy_on_request(handle) end"}}),
                ("ProxyConfig", {"environmentVariables": {"ISTIO_META_UNKNOWN": "1"}}),
                ("RequestAuthentication", {"jwtRules": [{"issuer": "a"}]}),
                ("WorkloadEntry", {"address": "198.51.100.66"}),
                ("Telemetry", {"tracing": [{"randomSamplingPercentage": 100}]}),
            ]
        )
    )
    return opens(f"{kind} in {namespace}", istio(kind, namespace, **spec))


def proxies_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    namespace = draw(st.sampled_from(stack.teams))
    kind, spec = draw(
        st.sampled_from(
            [
                ("Telemetry", {"accessLogging": [{"providers": [{"name": "a"}]}]}),
                ("ProxyConfig", {"concurrency": 2}),
                (
                    "DestinationRule",
                    {
                        "host": f"own.{namespace}.svc.cluster.local",
                        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}},
                    },
                ),
                (
                    "VirtualService",
                    {
                        "hosts": [f"own.{namespace}.svc.cluster.local"],
                        "exportTo": ["."],
                        "http": [
                            {
                                "timeout": "5s",
                                "route": [{"destination": {"host": f"own.{namespace}.svc.cluster.local"}}],
                            }
                        ],
                    },
                ),
            ]
        )
    )
    return nothing(f"{kind} that changes nothing", istio(kind, namespace, **spec))


def mesh_settings(draw: Draw, stack: Stack) -> Change | None:
    name = "istio-system/configmap/istio"
    if name not in stack.objects:
        return None
    mesh = json.loads(stack.objects[name]["data"]["mesh"])
    change: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},
                {"outboundTrafficPolicy": None},
                {"pathNormalization": None},
                {"pathNormalization": {"normalization": "NONE"}},
                {"tlsDefaults": {"minProtocolVersion": "TLSV1_0"}},
                {"trustDomainAliases": ["elsewhere"]},
                {"rootNamespace": "elsewhere"},
                {"enableAutoMtls": False},
                {"discoverySelectors": None},
                {"defaultServiceExportTo": ["*"]},
                {"defaultVirtualServiceExportTo": ["*"]},
                {"somethingNew": {"a": True}},
            ]
        )
    )
    if all(mesh.get(key) == value for key, value in change.items()):
        return None
    text = json.dumps({key: value for key, value in {**mesh, **change}.items() if value is not None})
    return opens(f"the mesh is told {change}", at(name, ["data", "mesh"], text))


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    code_in_proxies,
    proxies_that_change_nothing,
    mesh_settings,
)
