"""What opens something is listed: each key of the config either makes an entry, or there is a reason why it
opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from egress.answers.diff import difference
from egress.answers.posture import relaxations
from egress.judge.model.snapshot import Snapshot
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.answers.config_keys import ROWS, Config, base, put
from tests.docs.test_docs import schema_keys
from tests.support import plan_of

DECLARED = "it is what is declared, which reach, evidence and map list by itself"
SIZE = "how many, how large, how long or how often"
CERTIFICATES = "whose certificates count; none is no certificate at all"
WHERE = "where things are, or how they are called"
DEFAULT = "the default is the more open one, so writing it opens nothing beyond it"
SEEN = "how much is seen; that nothing is seen is listed"
OPENS_NOTHING: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "gcp:project",
            "projectNumber",
            "region",
            "labels",
            "names.prefix",
            "network.name",
            "network.subnet",
            "cluster.name",
        ),
        WHERE,
    ),
    **dict.fromkeys(
        ("network.controlPlane", "cluster.zone", "gateways.*.nat", "network.nat.addresses"), WHERE
    ),
    **dict.fromkeys(
        ("network.perimeter.name", "network.perimeter.accessPolicy", "network.perimeter.projectNumber"), WHERE
    ),
    "repair": "which objects the next update applies whole, with what they say anyhow",
    "protect": "who may delete what, which lets nothing out",
    "cluster.deletionProtection": "who may delete what, which lets nothing out",
    **dict.fromkeys(
        (
            "network.nat.minPortsPerVm",
            "network.nat.maxPortsPerVm",
            "network.nat.dynamicPortAllocation",
            "network.nat.tcpTimeWait",
            "network.nat.tcpEstablishedIdle",
            "network.nat.tcpTransitoryIdle",
            "mesh.keepalive",
            "gateway.idleTimeout",
            "gateways.*.idleTimeout",
        ),
        SIZE,
    ),
    **dict.fromkeys(("network.nat.logging", "network.dns.queryLogging", "network.flowLogs.interval"), SEEN),
    "network.firewall.form": DEFAULT,
    "network.googleApis": DEFAULT,
    "network.perimeter.alsoRestricted": "closes from outside what it opens from inside, to the project's own "
    "data",
    "cluster.controlPlane.dnsEndpoint": DEFAULT,
    "cluster.releaseChannel": "when Google brings new versions",
    "cluster.maintenanceStart": "when Google brings new versions",
    "cluster.securityGroup": "names whose groups count; `fences.groups` gives rights",
    "cluster.secretSync": "copies what `credentials` names, and nothing by itself",
    **dict.fromkeys(
        ("cluster.defaultPool", "cluster.gatewayPool", "cluster.ingressPool", "gateways.*.pool"), SIZE
    ),
    "mesh.flavor": "another control plane; what it cannot do is refused, and fences that it lacks are seen "
    "in objects",
    **dict.fromkeys(
        ("mesh.istio.version", "mesh.istio.repository", "mesh.istio.hub"),
        "which programs run; other programs are no setting that opens",
    ),
    "mesh.minTlsVersion": DEFAULT,
    **{
        f"{gateway}.{key}": SIZE
        for gateway in ("gateway", "gateways.*", "ingress")
        for key in ("minReplicas", "maxReplicas", "cpu", "memory", "maxConnections")
    },
    "gateways.*.hosts": DEFAULT,
    "ingress.sourceRanges": DECLARED,
    "credentials": CERTIFICATES,
    "fences.contact": "words",
    "fences.applicationNodes.reason": "words",
    "fences.writers": "nobody may write more than without it; diff says who is let in again",
    "fences.groups": "rights of people in the cluster, by roles that are the same for every stack; diff says "
    "who gets them",
    "teams.*.labels": "labels that no fence goes by",
    "teams.*.gateway": "another gateway with the same fences",
    "teams.*.http10": "an older form of the same requests",
    "teams.*.limits": SIZE,
    "teams.*.testApp": "a pod that the team could run anyhow",
    "teams.*.reaches": DECLARED,
    "teams.*.receives": DECLARED,
    "teams.*.googleApis.apis": DECLARED,
    "teams.*.googleApis.serviceAccounts.*.accountId": WHERE,
    **{
        f"teams.*.googleApis.serviceAccounts.*.{kind}": DECLARED
        for kind in ("buckets", "topics", "subscriptions", "secrets", "datasets")
    },
    **dict.fromkeys(
        (
            "teams.*.egress.*.https",
            "teams.*.egress.*.httpsPorts",
            "teams.*.egress.*.serviceAccounts",
            "teams.*.egress.*.tcp",
        ),
        DECLARED,
    ),
    **{
        f"teams.*.egress.*.http.{key}": DECLARED
        for key in (
            "methods",
            "paths",
            "headers",
            "serviceAccounts",
            "description",
            "upgrade",
            "protocol",
            "allow",
            "split",
            "mirror",
            "outsidePort",
            "encodedSlashes",
        )
    },
    **dict.fromkeys((f"teams.*.egress.*.http.{key}" for key in ("credential", "ca")), CERTIFICATES),
    "teams.*.egress.*.http.sni": "another name that is sent; whose certificate is taken, another key says",
    "teams.*.egress.*.http.traffic": SIZE,
    "teams.*.egress.*.http.inspect.refuse": "which requests are refused; without it none is, which is the "
    "default",
    "teams.*.egress.*.http.inspect.maxBytes": "a larger body is still read whole",
}
"""Keys by which nothing is opened beyond the defaults, each with the reason. Below a key everything is
meant."""
PLACES: Mapping[str, tuple[str, str, object]] = {
    # Of keys that open something by one value alone, or whose rows change the reason: example, place, value.
    "network.flowLogs.sampling": ("dev", "network|flowLogs|sampling", 0),
    "teams.*.model.open": ("open", "teams|lab|model", {"open": "why"}),
    "teams.*.model.registryOnly": ("registry-only", "teams|media|model", {"registryOnly": "why"}),
}


def pairs(key: str) -> Iterator[tuple[Config, Config]]:
    """Configs without and with what a key may open."""
    if key in PLACES:
        example, path, value = PLACES[key]
        team = path.split("|")[1]
        shut = put(put(base(example), path, None), "fences|applicationNodes", None)
        if example == "registry-only":
            shut = put(shut, f"teams|{team}|egress", {})
        yield shut, put(base(example), path, value)
    yield from (row.configs() for row in ROWS if row.key == key and row.says)


def opened(closed: Config, opening: Config) -> set[str]:
    """Settings of what the second opens and the first does not."""
    before = {item.opens for item in relaxations(plan_of(closed))}
    return {item.setting for item in relaxations(plan_of(opening)) if item.opens not in before}


@pytest.mark.parametrize("key", sorted(key for key, value in schema_keys().items() if value.leaf))
def test_each_key_opens_something_that_is_listed_or_nothing_for_a_reason(key: str) -> None:
    reasons = [reason for of, reason in OPENS_NOTHING.items() if key == of or key.startswith(f"{of}.")]
    if reasons:
        assert len(reasons) == 1
        return
    named = re.compile("^" + re.escape(key).replace(r"\*", ".+").removesuffix(r"\.leaveOn") + r"(\.|$)")
    found = set[str]().union(*(opened(*pair) for pair in pairs(key)))
    assert any(named.search(setting) for setting in found), found


def test_each_reason_is_of_a_key() -> None:
    assert [key for key in OPENS_NOTHING if key not in schema_keys()] == []


def test_the_dev_stack_opens_nothing() -> None:
    assert relaxations(plan_of(base("dev"))) == []


def test_a_new_stack_is_told_what_it_opens_and_gives() -> None:
    """Before there is any config nobody had declared anything: all of it is new, openings and roles too."""
    plan = plan_of(
        put(
            put(base("google-apis"), "network|firewall|ipv6", "open"),
            "fences|relaxed",
            {"mesh-exports": "why"},
        )
    )
    nothing, whole = Snapshot.of((), ()), deployment(plan, render(plan))
    for of, gain in (
        (difference(nothing, whole, (None, plan)), True),
        (difference(whole, nothing, (plan, None)), False),
    ):
        said = {(change.risk, change.widening) for change in of.changes}
        assert {
            ("new opening" if gain else "closed opening", gain),
            ("new role" if gain else "lost role", gain),
        } <= said
        named = {fact.target for change in of.changes for fact in change.facts}
        assert {item.setting for item in relaxations(plan) if ".projectRoles." not in item.setting} <= named
