"""The network between pods and to the outside: one router in a namespace of its own, one cable to each pod.

The router is all that lies outside a pod here: the nodes (Service addresses, NetworkPolicy) and the VPC
(firewall). A pod has a route to the router and nowhere else, so no two pods can speak past the filters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.mesh.filters import Endpoint, Refusals, refusals
from tests.mesh.netns import Namespace, Run, command

_ROUTER_ADDRESS = "169.254.1.1"
_OUTSIDE_ADDRESS = "192.0.2.1"
OUTSIDE = "outside"
_ANSWER_ALL = ("net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_msgs_per_sec=100000")
"""Refusals are answered, every one: who is left without an answer sends again a second later."""


class Fabric:
    """The router, the world outside, and a namespace per pod."""

    def __init__(self, run: Run, inside_range: str) -> None:
        """`inside_range`: every address of the network; all others are outside."""
        self._run = run
        self._router = run.namespace("router")
        self._router.run(
            "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=1", *_ANSWER_ALL
        )
        self.outside = self._cable(OUTSIDE)
        self._batch(self.outside, f"addr add {_OUTSIDE_ADDRESS}/32 dev eth0", *_way_to_router(inside_range))
        # Every other address answers here, so that whatever leaves by mistake is seen.
        self._batch(self.outside, "route add local 0.0.0.0/0 dev lo")
        self._batch(self._router, f"route add default via {_OUTSIDE_ADDRESS} dev {OUTSIDE} onlink")

    def connect(self, key: str, address: str) -> Namespace:
        """A pod's namespace with this address; `key` is the name of the router's end of its cable."""
        pod = self._cable(key)
        self._batch(pod, f"addr add {address}/32 dev eth0", *_way_to_router("default"))
        self._batch(self._router, f"route add {address}/32 dev {key}")
        return pod

    def filter(self, text: str) -> None:
        """Put packet filters in place, all at once; counters start at zero."""
        self._router.run("iptables-restore", text=text)

    def refused(self, pods: Sequence[Endpoint]) -> dict[str, Refusals]:
        return refusals(self._router.run("iptables-save", "-c", "-t", "filter"), [pod.key for pod in pods])

    def serve(self, services: Mapping[tuple[str, str, int], Sequence[tuple[str, int]]]) -> None:
        """Service addresses, as kube-proxy does it: (address, protocol, port) leads to one of its (address,
        port), by chance."""
        lines = ["*nat"]
        for (address, protocol, port), targets in sorted(services.items()):
            for index, (target, target_port) in enumerate(targets):
                left = len(targets) - index
                chance = f"-m statistic --mode random --probability {1 / left:.6f} " if left > 1 else ""
                lines.append(
                    f"-A PREROUTING -d {address}/32 -p {protocol.lower()} --dport {port} {chance}"
                    f"-j DNAT --to-destination {target}:{target_port}"
                )
        self._router.run("iptables-restore", text="\n".join([*lines, "COMMIT", ""]))

    def cables(self) -> list[str]:
        """The router's interfaces, one line each, as `ip -o link` shows them."""
        return command("ip", "-n", self._router.name, "-o", "link", "show").splitlines()

    def _cable(self, key: str) -> Namespace:
        made = self._run.namespace(key)
        command(
            "ip",
            "-n",
            self._router.name,
            "link",
            "add",
            key,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            made.name,
        )
        self._batch(self._router, f"addr add {_ROUTER_ADDRESS}/32 dev {key}", f"link set {key} up")
        self._batch(made, "link set eth0 up")
        return made

    def _batch(self, namespace: Namespace, *lines: str) -> None:
        command("ip", "-n", namespace.name, "-batch", "-", text="\n".join(lines) + "\n")


def _way_to_router(destination: str) -> tuple[str, str]:
    return (
        f"route add {_ROUTER_ADDRESS}/32 dev eth0 scope link",
        f"route add {destination} via {_ROUTER_ADDRESS} dev eth0",
    )
