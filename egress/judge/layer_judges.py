"""The judges of all layers, over the same objects."""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.names import TEAM_LABEL
from egress.judge.fields.mesh_settings import MeshSettings
from egress.judge.layers.admission import Admission
from egress.judge.layers.authorization import Authorization
from egress.judge.layers.dns import Dns
from egress.judge.layers.firewall import Firewall
from egress.judge.layers.gateway import Gateways
from egress.judge.layers.gateway_pods import GatewayPods
from egress.judge.layers.late_connect import EarlyConnections
from egress.judge.layers.mutual_tls import Namespaces
from egress.judge.layers.neighbours import Neighbours
from egress.judge.layers.network_policy import NetworkPolicies
from egress.judge.layers.path_guards import PathGuards
from egress.judge.layers.secrets import Secrets
from egress.judge.layers.sidecar import Sidecars
from egress.judge.lookup.flow_space import Space
from egress.judge.lookup.reading import Reading
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Verdict
from egress.judge.model.snapshot import Snapshot
from egress.judge.pods import Present
from egress.judge.unread import unread


class LayerJudges:
    """One judge per layer, and what they share."""

    def __init__(self, snapshot: Snapshot, *, explains: bool = True) -> None:
        self.snapshot = snapshot
        self.broken = tuple(snapshot.broken.values())
        """Objects that no judge reads, because they lack a field: nothing is proven beside them."""
        self.registry = Registry(snapshot)
        self.workloads = Workloads(snapshot)
        router = Router(self.registry, self.workloads)
        self.reading = Reading(snapshot)
        self.sidecars = Sidecars(self.registry, router, self.reading)
        self.gateways = Gateways(snapshot, self.registry, router, self.workloads)
        self.gateway_pods = GatewayPods(snapshot)
        self.secrets = Secrets(snapshot)
        self.path_guards = PathGuards(self.gateways, self.reading)
        self.early = EarlyConnections(snapshot, self.gateways)
        self.authorization = Authorization(snapshot, explains, self.registry.trust_domain)
        self.network_policies = NetworkPolicies(snapshot)
        self.firewall = Firewall(snapshot)
        self.dns = Dns(snapshot)
        self.namespaces = Namespaces(snapshot)
        self.mesh = MeshSettings(snapshot, self.registry)
        self.admission = Admission(snapshot)
        self._unread = unread(snapshot, Present(snapshot, self.admission))
        for namespace, verdict in self.workloads.unread(snapshot):
            self._unread.setdefault(namespace or ROOT_NAMESPACE, []).append(verdict)
        self.space = Space(snapshot, self.registry)
        self.neighbours = Neighbours(self.registry, self.authorization, self.namespaces)
        self._teams = frozenset(
            name for name, labels in snapshot.namespace_labels.items() if TEAM_LABEL in labels
        )

    @property
    def unread(self) -> Iterator[Verdict]:
        """Everything that the objects say and that no judge knows how to read."""
        for found in self._unread.values():
            yield from found

    def not_understood(self, *namespaces: str) -> list[Verdict]:
        """What is not understood about the proxies of some namespaces."""
        if not self._unread:
            return []
        return [
            verdict for namespace in dict.fromkeys(namespaces) for verdict in self._unread.get(namespace, ())
        ]
