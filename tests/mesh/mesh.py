"""A mesh on one machine: what the stack renders, on a real control plane, in front of real proxies, between
packet filters."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from egress.common.names import MESH_NAMESPACE
from egress.common.objects import Manifest
from egress.layers.google import dns as dns_layer
from egress.layers.google import firewall
from egress.layers.google.firewall import Nodes
from egress.layers.mesh.mesh_config import istiod_environment, mesh_config
from egress.layers.render import render
from egress.plan.model import Plan
from sandbox.home import Home
from tests.mesh import netns
from tests.mesh.authority import Authority
from tests.mesh.cluster import (
    CLUSTER_DNS,
    ControlPlane,
    Pod,
    default_account,
    interface_name,
    stack_pods,
    system_objects,
)
from tests.mesh.dns import Lookup, Responder, first_of, from_table, from_zones
from tests.mesh.fabric import Fabric
from tests.mesh.filters import METADATA_SERVER, restore_text
from tests.mesh.netns import Namespace
from tests.mesh.programs import Programs
from tests.mesh.proxies import Istiod, Proxy, copied
from tests.mesh.websites import Site

WEBSITES = {
    "example.com": "93.184.216.34",
    "httpbin.org": "203.0.113.10",
    "example.org": "203.0.113.20",
    "other.example": "203.0.113.30",
}
"""Sites outside, each with an address of its own. Names that no team declared are there as well: DNS knows
the whole world."""
_MORE_WEBSITES = ipaddress.ip_network("198.18.0.0/16")
ELSEWHERE = "elsewhere"
"""The site that answers at every other address outside."""
IDENTITY = "/computeMetadata/v1/instance/service-accounts/default/email"
"""Where the metadata server says as whom a pod acts at Google; here it is the first that the plan names."""
_SYSTEM_LABELS = {"security.istio.io/tlsMode": "disabled"}


def websites_of(plan: Plan) -> dict[str, str]:
    """Every site outside with its address: those above, and one for each other host of the plan, which lies
    where the plan says."""
    ways = [way for team in plan.teams for way in team.ways]
    named = {
        way.host.name: str(entry.addresses[0]) for way in ways for entry in way.use.tcp if entry.addresses
    }
    own = {name: address for name, address in named.items() if address not in WEBSITES.values()}
    taken = own | WEBSITES
    more = sorted({way.host.name for way in ways if not way.host.name.startswith("*")} - taken.keys())
    return {
        **taken,
        **{name: str(address) for name, address in zip(more, _MORE_WEBSITES.hosts(), strict=False)},
    }


class Mesh:
    """One mesh. Use it as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        plan: Plan,
        programs: Programs,
        change: Callable[[list[Manifest]], Iterable[Manifest]] = list,
        certified: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`change`: what to do to the rendered objects before they are applied, to try something out.
        `certified`: sites whose certificate has other names than their own."""
        self._certified = certified or {}
        self.plan, self._programs = plan, programs
        self.manifests: list[Manifest] = list(change([item.manifest for item in render(plan)]))
        self._mesh_config = mesh_config(plan)
        self._websites = websites_of(plan)
        self._closing = contextlib.ExitStack()
        self.pods: dict[str, Pod] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.proxies: dict[str, Proxy] = {}
        self.sites: dict[str, Site] = {}
        self.timings: dict[str, float] = {}
        self.proxy_environment: dict[str, str] = {}
        """What every agent is told besides, for those who want it otherwise."""
        self.drain = "0s"
        """How long gateways go on after they were asked to end."""
        self._starts = itertools.count(1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, ready to be asked. On any failure everything is removed again."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process that was started and remove every namespace and file."""
        self._closing.close()

    @property
    def gateways(self) -> dict[str, Pod]:
        """The egress gateways by name; the shared one's is empty."""
        routers = {pod.nodes: pod for pod in self.pods.values() if pod.proxy == "router"}
        return {gateway.name: routers[gateway.nodes] for gateway in self.plan.gateways}

    @property
    def gateway(self) -> Pod:
        """The shared egress gateway."""
        return self.gateways[""]

    def address_of(self, site: str) -> str:
        return self._websites[site]

    @property
    def folder(self) -> Path:
        return self._run.folder

    # Steps of the start; each says how long it took

    def _start(self) -> None:
        self._run = netns.Run()
        self._closing.callback(self._run.remove)
        self.control_plane = ControlPlane(Home(self._run.folder / "home"))
        self._closing.callback(self.control_plane.stop)
        with ThreadPoolExecutor(2) as pool:
            network = pool.submit(self._network)
            with self._timed("API server"):
                self.control_plane.start()
            with self._timed("objects"):
                teams = [team.name for team in self.plan.teams]
            self.control_plane.apply(
                [*self.manifests, *system_objects(MESH_NAMESPACE), *map(default_account, teams)]
            )
            network.result()
        with self._timed("pods and filters"):
            self._connect()
        with self._timed("istiod"):
            self._start_istiod()
        with self._timed("proxies"):
            self._start_proxies()

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.timings[step] = time.monotonic() - start

    def _network(self) -> None:
        """Pods, their cables, and the sites outside."""
        self.authority = Authority(self._run.folder / "authorities", "trusted-test-authority")
        self.stranger = Authority(self._run.folder / "authorities", "unknown-authority")
        for pod in self._all_pods():
            self.pods[pod.key] = pod
        inside = ipaddress.ip_network("10.0.0.0/8")
        self.fabric = Fabric(self._run, str(inside))
        for pod in self.pods.values():
            self.namespaces[pod.key] = self._pod_namespace(pod)
        for site in self._all_sites():
            self.sites[site.name] = site
            site.open(self.fabric.outside)
            self._closing.callback(site.close)
        for pod in self.pods.values():
            if pod.proxy != "router" and pod.namespace in {team.name for team in self.plan.teams}:
                app = Site(pod.key, ("0.0.0.0",), self.authority.issue(pod.key), (80,))
                app.open(self.namespaces[pod.key])
                self.sites[pod.key] = app
                self._closing.callback(app.close)

    def _all_pods(self) -> Iterator[Pod]:
        pods = ipaddress.ip_network(self.plan.addresses.pods)
        # Each node has a /24 of the Pod range, or of its own subnet's.
        ranges = dict(zip(firewall.nodes(self.plan), pods.subnets(new_prefix=24), strict=False))
        for gateway in self.plan.gateways:
            if gateway.subnet:
                ranges[gateway.nodes] = next(ipaddress.ip_network(gateway.subnet.pods).subnets(new_prefix=24))
        free = {nodes: map(str, list(of_node.hosts())[9:]) for nodes, of_node in ranges.items()}
        application = free[Nodes.APPLICATION]
        rendered = list(stack_pods(self.manifests, free))
        yield from rendered
        for team in self.plan.teams:
            if team.name not in {pod.namespace for pod in rendered}:
                yield Pod(
                    key=interface_name(f"test-{team.name}"),
                    namespace=team.name,
                    address=next(application),
                    labels={"app": "test", "security.istio.io/tlsMode": "istio"},
                    nodes=Nodes.APPLICATION,
                    name="test-0",
                    service_account="default",
                    proxy="sidecar",
                )
            # A pod that asked not to have a proxy, and came past whatever refuses such pods.
            yield Pod(
                key=interface_name(f"cheat-{team.name}"),
                namespace=team.name,
                address=next(application),
                labels={"app": "cheat", "sidecar.istio.io/inject": "false"},
                nodes=Nodes.APPLICATION,
                name="cheat-0",
                service_account="test",
                admitted=False,
            )
        for key, namespace, labels in (
            ("istiod", MESH_NAMESPACE, {"app": "istiod"}),
            ("kube-dns", "kube-system", {"k8s-app": "kube-dns"}),
        ):
            given = {**labels, **_SYSTEM_LABELS}
            yield Pod(
                key,
                namespace,
                next(application),
                given,
                Nodes.APPLICATION,
                name=f"{key}-0",
                service_account=key,
            )

    def _pod_namespace(self, pod: Pod) -> Namespace:
        made = self.fabric.connect(pod.key, pod.address)
        search = f"{pod.namespace}.svc.cluster.local svc.cluster.local cluster.local"
        made.etc(
            "resolv.conf",
            f"nameserver {CLUSTER_DNS}\nsearch {search}\noptions ndots:5 timeout:2 attempts:2\n",
        )
        made.etc("hosts", "127.0.0.1 localhost\n")
        # The public authorities, as an image carries them; here there is one.
        made.etc("ssl/certs/ca-certificates.crt", self.authority.pem)
        made.etc("ssl/openssl.cnf", "")
        return made

    def _all_sites(self) -> Iterator[Site]:
        for name, address in self._websites.items():
            yield Site(name, (address,), self.authority.issue(*self._certified.get(name, [name])))
        vip = self.plan.addresses.google_apis
        google = self.authority.issue(vip.domain, "*.googleapis.com", *self.plan.google_hosts)
        yield Site("googleapis", vip.addresses, google)
        emails = [identity.email for team in self.plan.teams for identity in team.identities]
        answers = {"/": "", IDENTITY: "".join(emails[:1])}
        yield Site("metadata", (METADATA_SERVER,), google, (80,), answers=answers)
        yield Site(ELSEWHERE, ("0.0.0.0",), self.stranger.issue(ELSEWHERE))

    def filter(
        self, network_policies: bool = True, vpc_firewall: bool = True, without: Container[str] = ()
    ) -> None:
        """Put the packet filters in place; without one of the two kinds, or the policies of some namespaces,
        to see whether the others hold alone."""
        policies = [
            item
            for item in self.manifests
            if item["kind"] == "NetworkPolicy"
            and network_policies
            and item["metadata"]["namespace"] not in without
        ]
        rules = list(firewall.render(self.plan)) if vpc_firewall else []
        self.fabric.filter(
            restore_text(list(self.pods.values()), policies, rules, self.control_plane.namespace_labels())
        )

    def _connect(self) -> None:
        pods = list(self.pods.values())
        self.filter()
        self.control_plane.register([pod for pod in pods if pod.admitted])
        self.fabric.serve(self.control_plane.endpoints(pods))
        responder = Responder(self.namespaces["kube-dns"], self._lookup())
        self._closing.callback(responder.close)
        self.dns = responder

    def _lookup(self) -> Lookup:
        """What the cluster's DNS answers: Services itself, and everything else as the VPC's private zones
        say."""
        inside = {**self.control_plane.service_names(), "metadata.google.internal": (METADATA_SERVER,)}
        zones = list(dns_layer.render(self.plan))
        return first_of(from_table(inside), from_zones(zones, from_table(self._world())))

    def _world(self) -> dict[str, tuple[str, ...]]:
        """What the internet's name servers answer."""
        return {name: (address,) for name, address in self._websites.items()}

    def _start_istiod(self) -> None:
        server = self.control_plane.server
        self.istiod = Istiod(
            self._programs,
            self.namespaces["istiod"],
            self._run.folder / "istiod",
            server.kubeconfig,
            server.endpoint,
            self._mesh_config,
            istiod_environment(self.plan),
        )
        self._closing.callback(self.istiod.stop)
        self.istiod.await_ready()

    def _start_proxies(self) -> None:
        self._readable = copied(self._programs, self._run.folder / "programs")
        (self._run.folder / "proxies").mkdir()
        for pod in self.pods.values():
            if pod.proxy:
                self.start_proxy(pod)
        for proxy in self.proxies.values():
            proxy.await_ready()

    def _variables(self, namespace: str) -> dict[str, str]:
        """What a ProxyConfig gives to every proxy of a namespace, as injection hands it on."""
        found: dict[str, str] = {}
        for item in self.manifests:
            if item["kind"] == "ProxyConfig" and item["metadata"]["namespace"] == namespace:
                found |= item["spec"]["environmentVariables"]
        return found

    def start_proxy(self, pod: Pod) -> None:
        folder = self._run.folder / "proxies" / f"{pod.key}-{next(self._starts)}"
        folder.mkdir()
        token = self.control_plane.token(pod.namespace, pod.service_account)
        root = self.control_plane.mesh_root(pod.namespace)
        defaults = self._mesh_config.get("defaultConfig", {})
        variables = {**self._variables(pod.namespace), **self.proxy_environment}
        drain = self.drain if pod.proxy == "router" else "0s"
        proxy = Proxy(
            self._readable, pod, self.namespaces[pod.key], folder, token, root, defaults, variables, drain
        )
        self.proxies[pod.key] = proxy
        self._closing.callback(proxy.stop)
