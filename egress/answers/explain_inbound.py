"""One connection from outside, layer by layer, and what in the config would turn its verdict around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from egress.answers.asked import NoFlow, flow_of
from egress.judge.lookup.inbound_flow import Caller, InboundFlow, InboundTrace, Shown
from egress.judge.model.flow import Request
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges
from egress.plan.model import Plan
from egress.proof.inbound import Receiving
from egress.settings.paths import reception_path

_RANGES = "gke-mesh-egress:ingress.sourceRanges"


@dataclass(frozen=True)
class InboundExplanation:
    """The answer to "does somebody outside get to this team's Service?"."""

    team: str
    trace: InboundTrace
    advice: str

    @property
    def allowed(self) -> bool:
        """Whether it arrives, and at this team."""
        return self.trace.allowed and {at.namespace for at in self.trace.reached} == {self.team}

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        flow, request = self.trace.flow, self.trace.flow.request
        return {
            "flow": {
                "team": self.team,
                "fromOutside": flow.origin,
                "shows": flow.caller.shows.value,
                "certificate": flow.caller.name,
                "host": flow.host,
                "port": flow.port,
                "request": {
                    "host": request.host,
                    "method": request.method,
                    "path": request.path,
                    "headers": dict(request.headers),
                }
                if request
                else None,
            },
            "allowed": self.allowed,
            "reached": [str(at) for at in self.trace.reached],
            "decidedBy": self.trace.decision.as_json,
            "steps": [step.as_json for step in self.trace.steps],
            "advice": self.advice,
        }


def asked_from_outside(
    judges: Judges,
    team: str,
    url: str,
    address: str,
    *,
    certificate: str = "",
    foreign: bool = False,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
) -> InboundFlow:
    """The connection that a URL means from outside: `https://` and `tcp://` in TLS, `http://` without.

    Raises:
        NoFlow: nobody outside could try it; the message says why and what to write.
    """
    try:
        source = Ranges.of([str(ip_network(address))])
    except ValueError:
        raise NoFlow(
            f"{address} is neither an address nor a range. Write e.g. --from-outside 198.51.100.17 or "
            "198.51.100.16/28."
        ) from None
    if judges.inbound.subnets.own.meets(source):
        raise NoFlow(
            f"{address} is of the cluster's own network, not outside. Who inside reaches what is asked "
            "without --from-outside, "
            "by the team that tries."
        )
    scheme = url.partition("://")[0]
    if scheme not in ("http", "https", "tcp"):
        raise NoFlow(
            f"{url}: from outside it is https://HOST[:PORT]/path, tcp://HOST:PORT, or http:// for a request "
            "without TLS."
        )
    if scheme == "http" and (certificate or foreign):
        raise NoFlow(
            "Without TLS nobody shows a certificate. Write https:// or tcp://, or leave --certificate out."
        )
    if foreign and not certificate:
        raise NoFlow(
            "--other-authority says who signed the certificate. Say as well which name is in it, with "
            "--certificate."
        )
    port = flow_of(team, url).port
    # The Host header of https is the proxies' to see here: the gateway takes TLS off.
    sent = flow_of(team, "http" + url.removeprefix(scheme), method=method, headers=headers)
    request = None
    if scheme != "tcp":
        request = Request(sent.authority or sent.host, sent.method, sent.path, dict(sent.headers))
    shows = (
        Shown.PLAIN
        if scheme == "http"
        else Shown.FOREIGN
        if foreign
        else Shown.NAMED
        if certificate
        else Shown.NOTHING
    )
    return InboundFlow(source, address, sent.host, port, Caller(shows, certificate), request)


def explain_from_outside(
    judges: Judges, team: str, flow: InboundFlow, plan: Plan | None
) -> InboundExplanation:
    """What every layer says to a connection from outside, and what would turn it around."""
    receiving = Receiving(plan) if plan else None
    trace = judges.inbound.trace(receiving.known(flow) if receiving else flow)
    if not trace.understood:
        unread = next(step for step in trace.steps if not step.understood)
        said = (
            f"{unread.decided_by} says something that is not read here, so this answer is none to count on."
        )
    elif receiving is None:
        verb = "allows" if trace.allowed else "refuses"
        who = (
            f"{trace.decision.decided_by} {verb} it"
            if trace.decision.decided_by is not None
            else f"No object is named that {verb} it"
        )
        said = f"{who}. Judged are objects alone, without a config: what to change in one is not known."
    else:
        said = " ".join(_advice(receiving, team, flow, trace))
    return InboundExplanation(team, trace, said)


def _advice(receiving: Receiving, team: str, flow: InboundFlow, trace: InboundTrace) -> Iterator[str]:
    """Everything that the config would have to say otherwise."""
    reception = receiving.at(flow.host, flow.port)
    if reception is None:
        where = reception_path(team, "NAME")
        yield (
            f"Nothing is received at {flow.host}, port {flow.port}. {where} would: with host, port, to, "
            "credential and clients."
        )
        return
    path, wanted = reception_path(reception.team, reception.name), reception.wanted
    if trace.allowed:
        names = [name for name, san in wanted.clients.items() if san == flow.caller.name]
        yield f"{path} declares it: without clients.{' and clients.'.join(names)} there it is refused."
    if reception.team != team:
        yield f"It is {reception.team} that receives at this name and port, not {team}."
    if trace.allowed:
        return
    if not receiving.takes(flow.source):
        yield f"{_RANGES} has no range with {flow.origin}: add it there, with a name for the partner."
    match flow.caller.shows:
        case Shown.PLAIN:
            yield "The gateway takes TLS with a client's certificate alone, and no entry opens it to others."
        case Shown.NOTHING:
            yield "A client has to show a certificate (--certificate), and no entry opens it to others."
        case Shown.FOREIGN:
            yield (
                f"Who signs clients is in the key ca.crt of the Secret {wanted.credential}: add the "
                "authority there."
            )
        case Shown.NAMED if flow.caller.name not in wanted.clients.values():
            yield f"Add {flow.caller.name} to {path}.clients, with a name for it."
        case Shown.NAMED:
            pass
    if flow.request and flow.request.host.lower() not in (wanted.host, f"{wanted.host}:{wanted.port}"):
        yield (
            f"Requests on a connection for {wanted.host} are for {wanted.host} alone: leave the Host "
            "header as it is."
        )
