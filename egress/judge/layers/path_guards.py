"""How gateways read paths whose slashes are encoded, and whether they refuse those that a host may read as
others than the rules did.

Rules compare a path as it is sent on. A host that decodes what a proxy did not, or decodes it twice, may
read `..` in it, and so another path than the rules let through.
Understood: a route of HTTP that takes exactly the paths that are known as ambiguous, refuses them itself, and
stands before every other route of the host.
Source: Istio reference, VirtualService (HTTPDirectResponse); egress/common/normal_form.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.normal_form import AMBIGUOUS, Normalization
from egress.judge.layers.gateway import Gateways
from egress.judge.lookup.match import answers
from egress.judge.lookup.reading import Reading
from egress.judge.lookup.servers import Server
from egress.judge.model.flow import Layer, Misread, Outcome, Pod, Verdict

_HOW = Normalization.DECODE_AND_MERGE_SLASHES


class PathGuards:
    """Judges gateways by the paths that they send on."""

    def __init__(self, gateways: Gateways, reading: Reading) -> None:
        self._gateways = gateways
        self._reading = reading

    def judge(self, namespace: str, host: str) -> Iterator[Verdict]:
        """For each server of a namespace's gateways that has routes for a host whether it sends ambiguous
        paths on; that it does not is the refusal."""
        for pod in self._gateways.pods:
            if pod.namespace == namespace:
                for port in self._gateways.listening(pod):
                    yield from self._at(pod, port, host)

    def kept(self, namespace: str) -> dict[str, Verdict]:
        """By host, whether some server of a namespace's gateways that is for this host alone sends encoded
        slashes on as they are."""
        found: dict[str, Verdict] = {}
        for pod in self._gateways.pods:
            servers = self._gateways.listening(pod).items() if pod.namespace == namespace else ()
            for port, server in ((port, one) for port, of in servers for one in of if one.reads_http):
                kept = self._reading.in_gateway(pod, port, server.hosts, _HOW) is not _HOW
                reason = f"It sends encoded slashes on {'as they are' if kept else 'as slashes'}."
                verdict = Verdict(Layer.GATEWAY, Outcome.of(kept), server.by, server.field, reason)
                found |= {host: verdict for host in server.hosts if kept or host not in found}
        return found

    def _at(self, pod: Pod, port: int, host: str) -> Iterator[Verdict]:
        try:
            listener = self._gateways.listener(pod, port)
            for server in listener.servers if listener else ():
                if server.reads_http:
                    yield from self._judge(server, pod, host)
        except Misread as error:
            yield Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason)

    def _judge(self, server: Server, pod: Pod, host: str) -> Iterator[Verdict]:
        routes = self._gateways.routes(server, pod, host)
        if routes:
            rule, first = routes[0]
            asked = {key: what for key, what in first.match.items() if key not in ("gateways", "port")}
            held = answers(first) and asked == {"uri": {"regex": AMBIGUOUS}}
            reason = f"It {'refuses' if held else 'sends on'} paths that could mean others to {host}."
            yield Verdict(Layer.GATEWAY, Outcome.of(not held), rule.by, first.field, reason)
