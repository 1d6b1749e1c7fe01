"""Filters that the program renders are compared by what they keep: one that goes with its host opens
nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from egress.answers.diff import Difference, difference
from egress.judge.model.snapshot import Snapshot, identity
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.answers.config_keys import base, put
from tests.support import plan_of

TCP = {"tcp": {"port": 5432, "addresses": ["203.0.113.10"], "serviceAccounts": ["importer"]}}
OTHER_TCP = {"tcp": {"port": 3306, "addresses": ["203.0.113.11"], "serviceAccounts": ["importer"]}}


def deployed(config: dict[str, Any]) -> Snapshot:
    plan = plan_of(config)
    return deployment(plan, render(plan))


def found(old: dict[str, Any], new: dict[str, Any]) -> Difference:
    plans = plan_of(old), plan_of(new)
    return difference(deployed(old), deployed(new), plans)


def gains(of: Difference) -> list[str]:
    return [change.text for change in of.changes if change.widening] + [
        item.text for item in of.unjudged if item.widening
    ]


TWO = put(base("tcp"), "teams|reports|egress|mysql.partner.example", OTHER_TCP)
EARLY = put(base("passthrough"), "gateway|connectAfterAuthorization", False)
NARROWER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a pattern is gone": (
        base("wildcard"),
        put(base("wildcard"), "teams|shop|egress|*.partner.example", None),
    ),
    "copies are no longer sent": (
        base("mirror"),
        put(base("mirror"), "teams|shop|egress|geo.old.example|http|mirror", None),
    ),
    "one of two hosts of raw TCP is gone": (TWO, base("tcp")),
    "the only host of raw TCP is gone": (base("tcp"), put(base("tcp"), "teams|reports|egress", {})),
    "the gateway connects late": (EARLY, base("passthrough")),
    "everything that is inspected is gone": (
        base("inspection"),
        put(base("inspection"), "teams|shop|egress", {}),
    ),
    "the only host of plain HTTP is gone": (base("http-tls"), put(base("http-tls"), "teams|shop|egress", {})),
    "nothing is received any more": (base("receive"), put(base("receive"), "teams|orders|receives", None)),
}


@pytest.mark.parametrize("case", NARROWER)
def test_a_config_that_only_takes_away_lets_nobody_do_more(case: str) -> None:
    """A filter that goes with the host that it is for, or comes to hold more, was called a removed fence or
    not understood."""
    old, new = NARROWER[case]
    of = found(old, new)
    assert of.changes
    assert gains(of) == []
    assert not of.widens


@pytest.mark.parametrize("case", NARROWER)
def test_the_way_back_lets_somebody_do_more(case: str) -> None:
    old, new = NARROWER[case]
    assert found(new, old).widens


ALONE = {
    (
        "tcp",
        "connect-late",
    ): "The gateway in istio-egress now connects to postgres.partner.example:5432 before it knows who calls",
    (
        "passthrough",
        "connect-late",
    ): "The gateway in istio-egress now connects to updates.example.com and vault.example.com before it",
    (
        "wildcard",
        "never-to-itself",
    ): "The gateway in istio-egress may now be led to itself by the name of *.eu.example.org, port 443",
    (
        "wildcard",
        "connect-late",
    ): "The gateway in istio-egress now connects to *.eu.example.org, *.example.org, *.partner.example and",
    (
        "mirror",
        "clean-copies",
    ): "Copies to geo.new.example from the gateway in istio-egress now have the headers",
    ("mirror", "request-id"): "The gateway in istio-egress no longer logs the id of a request",
    (
        "inspection",
        "body-inspection",
    ): "Requests to api.partner.example are no longer inspected for card-number, internal-note and",
}


OPENS_NOTHING = {"plain-http"}
"""Filters without which somebody is refused and nobody does more: `verify` misses them."""


@pytest.mark.parametrize(("example", "name"), ALONE)
def test_a_filter_that_goes_alone_is_said_by_what_it_kept(example: str, name: str) -> None:
    whole = deployed(base(example))
    rest = [
        item
        for item in whole.kubernetes
        if not (item["metadata"]["name"] == name and "spec" in item and _is_filter(item))
    ]
    assert len(rest) == len(whole.kubernetes) - 1
    gone = difference(whole, Snapshot.of(rest, whole.google))
    assert any(ALONE[example, name] in text for text in gains(gone)), gains(gone)
    assert not difference(Snapshot.of(rest, whole.google), whole).widens


def _is_filter(item: Any) -> bool:
    return item["kind"] in ("EnvoyFilter", "TrafficExtension")


def test_copies_from_which_less_is_removed_are_said_header_by_header() -> None:
    whole = deployed(base("mirror"))

    def weaker(item: Any) -> Any:
        changed = copy.deepcopy(dict(item))
        text = repr(changed)
        assert 'headers:remove("x-forwarded-for")' in text
        for patch in changed["spec"]["configPatches"]:
            options = next(iter(patch["patch"]["value"]["typed_extension_protocol_options"].values()))
            for entry in options["http_filters"]:
                if source := entry["typed_config"].get("default_source_code"):
                    source["inline_string"] = source["inline_string"].replace(
                        '  headers:remove("x-forwarded-for")\n', ""
                    )
        return changed

    items = [
        weaker(item) if item["metadata"]["name"] == "clean-copies" else item for item in whole.kubernetes
    ]
    of = difference(whole, Snapshot.of(items, whole.google))
    said = "Copies to geo.new.example from the gateway in istio-egress now have the headers x-forwarded-for"
    assert gains(of) == [said]


@pytest.mark.parametrize("namespace", ["istio-egress", "istio-ingress", "team-x", "elsewhere"])
@pytest.mark.parametrize("kind", ["EnvoyFilter", "WasmPlugin"])
def test_code_that_nobody_reads_is_named_when_it_comes_goes_or_changes(kind: str, namespace: str) -> None:
    """Where no team's flow showed it, code that was new was called a fence more, and nothing widened."""
    whole = deployed(base("http-tls"))
    code = {
        "apiVersion": "extensions.istio.io/v1alpha1"
        if kind == "WasmPlugin"
        else "networking.istio.io/v1alpha3",
        "kind": kind,
        "metadata": {"name": "own", "namespace": namespace},
        "spec": {"url": "oci://x"}
        if kind == "WasmPlugin"
        else {"configPatches": [{"applyTo": "LISTENER", "patch": {}}]},
    }
    other = {**code, "spec": {**code["spec"], "priority": 7}}
    states = [Snapshot.of([*whole.kubernetes, *more], whole.google) for more in ([], [code], [other])]
    for one, two in ((0, 1), (1, 0), (1, 2), (2, 1)):
        of = difference(states[one], states[two])
        assert any(
            f"{namespace}/{kind.lower()}/own" in text
            for text in [*gains(of), *(change.text for change in of.changes)]
        )
        assert of.widens


def test_names_that_only_the_mesh_has_are_no_hosts_to_reach() -> None:
    """The name under which sidecars of an open team log TLS to any host was said to be a host that the team
    may now reach."""
    closed = base("registry-only")
    opened = put(
        put(closed, "teams|media|model", {"open": "a reason"}), "network|dns|undeclaredNames", "resolve"
    )
    for of in (found(closed, opened), found(opened, closed)):
        assert of.changes
        own = [change.text for change in of.changes if ".internal" in change.text]
        # The refusing zone holds the metadata server's name; without it Google answers what lies below.
        assert not [text for text in own if "metadata.google.internal" not in text]


def test_the_examples_hold_every_filter_that_the_program_renders() -> None:
    names = {name for _, name in ALONE} | {"wildcard-look-up"} | OPENS_NOTHING
    examples = ("wildcard", "mirror", "tcp", "inspection", "receive", "passthrough", "http-tls")
    rendered = {
        identity(item).rpartition("/")[2]
        for name in examples
        for item in deployed(base(name)).kubernetes
        if _is_filter(item)
    }
    assert rendered == names
