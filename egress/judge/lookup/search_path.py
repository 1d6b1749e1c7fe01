"""Names as a pod resolves them: a Service by its short name, by the search path of the pod's resolv.conf.

Source: Kubernetes, "DNS for Services and Pods" (`ndots:5`; NAMESPACE.svc.cluster.local, svc.cluster.local,
cluster.local).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from egress.judge.lookup.host_names import CLUSTER_DOMAIN, SERVICES
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Flow, Pod, Protocol, Vantage, is_address

_NDOTS = 5
"""A name with fewer dots is tried below the search path first."""


def resolved(flow: Flow, registry: Registry, workloads: Workloads, namespaces: frozenset[str]) -> Flow:
    """The flow with the Service that its name is for a pod of its namespace, if it is one.

    Args:
        namespaces: those whose pods write Services of their own, so that not every Service is among the
        objects.
    """
    if (
        is_address(flow.host)
        or flow.to
        or flow.authority.endswith(".")
        or flow.vantage in (Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE)
    ):
        return flow
    names = list(_tried(flow.host, flow.namespace))
    for name in names:
        service = next((found for found in registry.destinations.get(name, ()) if found.inside), None)
        if service:
            return _to(replace(flow, host=name), service, workloads)
    if next(registry.named(flow.host), None) is None:
        for name in names:
            service, _, namespace = name.removesuffix(SERVICES).partition(".")
            if service and namespace in namespaces:
                return replace(flow, host=name, to=Pod(namespace, None))
    return flow


def _tried(name: str, namespace: str) -> Iterator[str]:
    """What is asked for, in order; whatever answers first is where the pod connects."""
    below = [
        f"{name}.{domain}" for domain in (f"{namespace}{SERVICES}", f"svc.{CLUSTER_DOMAIN}", CLUSTER_DOMAIN)
    ]
    yield from [*below, name] if name.count(".") < _NDOTS else [name, *below]


def _to(flow: Flow, service: Destination, workloads: Workloads) -> Flow:
    """Past the sidecar a Service is the pods behind it, on their own port."""
    port = service.ports.get(flow.port)
    if flow.vantage is Vantage.APP or port is None or flow.protocol is Protocol.UDP:
        return flow
    return replace(flow, port=port.target, to=workloads.behind(service.namespace, service.selector or {}))
