"""What two configs write down: who is not seen is not stopped. Less is a gain, since it is what somebody
would want to hide."""

from __future__ import annotations

from collections.abc import Iterator

from egress.answers.diff.facts import Fact, more_or_less
from egress.answers.words import Aspect
from egress.plan.model import Plan
from egress.settings import fences, firewall, network

LEVEL = "level"
_NAT = {
    network.NatLogging.NONE: (),
    network.NatLogging.ERRORS: ("packets that found no source port",),
    network.NatLogging.TRANSLATIONS: ("connections that it let out",),
    network.NatLogging.ALL: ("packets that found no source port", "connections that it let out"),
}
_FIREWALL = {
    firewall.Logging.NONE: (),
    firewall.Logging.DENIED: ("refused connections", "partners' connections"),
    firewall.Logging.ALL: (
        "refused connections",
        "partners' connections",
        "connections by which gateway nodes leave",
    ),
}
_POLICIES = {
    fences.Logged.NONE: (),
    fences.Logged.DENIED: ("connections that a NetworkPolicy refused",),
    fences.Logged.ALL: ("connections that a NetworkPolicy refused", "connections that one allowed"),
}


def facts(old: Plan, new: Plan) -> Iterator[Fact]:
    """Of every log that the config turns up or down."""
    before, after = _written(old), _written(new)
    for log in before:
        yield from more_or_less(Aspect.LOG, "", log, after[log], before[log])
    flows = [plan.settings.network.flow_logs for plan in (old, new)]
    shares, seconds = [of.sampling for of in flows], [_seconds(of.interval) for of in flows]
    yield from _level(
        "the share of flows in the VPC flow logs", shares[0], shares[1], [f"{share:g}" for share in shares]
    )
    names = [of.interval.value for of in flows]
    yield from _level("over how long VPC flow logs add a flow up", -seconds[0], -seconds[1], names)


def _level(target: str, old: float, new: float, names: list[str]) -> Iterator[Fact]:
    """A fact whose words are the weaker value and the stronger, by turns."""
    if old != new:
        weak, strong = names if old < new else reversed(names)
        yield Fact(Aspect.LOG, new < old, "", target, f"{weak} instead of {strong}", LEVEL)


def _written(plan: Plan) -> dict[str, tuple[str, ...]]:
    settings = plan.settings
    fields = (
        ("who called, in a field of its own",) if plan.structured_logs or not plan.in_cluster_mesh else ()
    )
    return {
        "Cloud NAT": _NAT[settings.network.nat.logging],
        "Cloud DNS": ("every question of nodes and pods",) if settings.network.dns.query_logging else (),
        "the firewall": _FIREWALL[settings.network.firewall.logging],
        "the access log of proxies": fields,
        "GKE": _POLICIES[settings.fences.observe.network_policies],
    }


def _seconds(interval: network.FlowLogInterval) -> int:
    count, unit = int(interval.value[:-1]), interval.value[-1]
    return count * (60 if unit == "m" else 1)
