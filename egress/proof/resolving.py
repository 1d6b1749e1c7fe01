"""Who has to answer for names: the internet for those that are declared, Google's own addresses for Google's.

Whoever answers for a name decides where it leads. A gateway that connects to a declared host, and a node that
fetches an image, believe what they are told; a certificate tells them the truth only where TLS is opened and
checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.google_cloud import METADATA_ADDRESS, METADATA_HOST, PRIVATE_ZONES
from egress.judge.distinctions import Distinctions
from egress.judge.lookup.host_shapes import BELOW, concrete
from egress.judge.model.flow import Outcome, Verdict
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.invariants import Invariant

_OF_NODES = ("gcr.io", *(f"{BELOW}.{domain}" for domain in PRIVATE_ZONES))
"""What nodes fetch images from, and Google's services."""


def of_names(intent: Intent, judges: Judges) -> Iterator[Invariant]:
    """Every name that some zone or record tells from others, as far as somebody is to reach it."""
    hosts = {host for team in intent.teams for host in intent.hosts(team)}
    declared = {concrete(host) for host in (*hosts, *intent.also_resolved)}
    needed = {*_OF_NODES, *(api for team in intent.teams for api in intent.apis(team))}
    for name in sorted({*declared, *needed, *Distinctions([judges]).names}):
        if intent.is_googles(name):
            if name in needed or judges.dns.judge(name).allowed:
                yield _leads(
                    judges,
                    name,
                    all(map(intent.at_google, judges.dns.addresses(name))),
                    "Google's own addresses",
                )
        elif intent.is_declared(name):
            verdict = judges.dns.outside(name, intent.resolving_network)
            yield _held(verdict, f"{name} is declared, so it has to be answered as the internet answers it.")
    asked = any(intent.asks_metadata(team) for team in intent.teams)
    if asked or judges.dns.judge(METADATA_HOST).allowed:
        honest = judges.dns.addresses(METADATA_HOST) == (METADATA_ADDRESS,)
        yield _leads(judges, METADATA_HOST, honest, "the metadata server's address")


def _leads(judges: Judges, name: str, honest: bool, where: str) -> Invariant:
    verdict = judges.dns.judge(name)
    honest = honest and bool(judges.dns.addresses(name))
    if verdict.understood and not honest:
        verdict = verdict.but(Outcome.DENIED)
    return _held(verdict, f"{name} has to be answered with {where}.")


def _held(verdict: Verdict, says: str) -> Invariant:
    """A verdict that has to allow."""
    return Invariant("names", verdict.turned, says)
