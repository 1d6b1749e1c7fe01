"""What tests of every field share: everything that anybody says about a state, and values for a field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from egress.answers.reachability import reach
from egress.answers.reachability_inbound import inbound_rows
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.proof.intent import Intent
from egress.proof.verify import verify
from tests.judge.deployments import plan
from tests.schemas import Path_


def answers(mode: str, deployed: Snapshot) -> Iterator[object]:
    """Everything that anybody says about a state, one answer after the other."""
    judges = Judges(deployed)
    intent = Intent(plan(mode))
    yield [str(violation) for violation in verify(intent, judges).violations]
    yield json.dumps([row.as_json() for row in inbound_rows(judges)])
    services = [one for found in judges.registry.destinations.values() for one in found if one.inside]
    for team in intent.teams:
        for flow in (
            Flow(team, one.host, port, how) for one in services for port in one.ports for how in Protocol
        ):
            yield judges.trace(flow).decision
    yield json.dumps([row.as_json() for row in reach(judges, intent.teams, intent)])
    # What a person may ask for, and what nothing here names: an address that may be a node's own, and one of
    # IPv6.
    for team, address in (
        (team, address) for team in intent.teams for address in ("10.9.9.9", "2001:db8::1")
    ):
        yield judges.trace(
            Flow(team, address, 443, Protocol.TLS, Vantage.POD_WITHOUT_SIDECAR, address=address)
        ).steps
        yield judges.trace(Flow(team, address, 443, Protocol.TCP, address=address)).steps


def trial_values(path: Path_, form: str) -> Iterator[object]:
    if form == "boolean":
        yield from (True, False)
    elif form in ("integer", "number"):
        yield from (0, 1, 443, 9999)
    elif form == "any":
        yield {"a": "b"}
    elif form == "integer or string":
        yield from (1, "a")
    elif "|" in form:
        yield from form.split("|")
    elif path[-1] == "protocol" and "ports" in path:
        yield from ("SCTP", "UDP", "TCP", "HTTP", "TLS")
    elif path[-1] == "clusterIP":
        yield "None"
    elif "clusterIPs" in path:
        yield "10.9.9.9"
    elif path[-1] == "key":
        yield from ("source.ip", "connection.sni", "request.headers[x]")
    else:
        yield from (
            "somebodys.example",
            "team-y",
            "*",
            "10",
            "10.0.0.0/8",
            "127.0.0.9",
            "GET",
            "x-request-id",
        )


def is_listed(path: Path_, harmless: Mapping[str, str]) -> bool:
    """Whether a field, or one above it, is on the list of what is harmless."""
    names = [step for step in path if step not in ("[]", "{}")]
    return any(".".join(names[:length]) in harmless for length in range(1, len(names) + 1))
