"""Names that no host of a team may have."""

from __future__ import annotations

from typing import Any

from tests.settings.refused import HOSTS, Row, check_refused, each, problems_of
from tests.support import dev_config, plan_of, teams

REFUSED: list[Row] = [
    ("a host that is an address", f"{HOSTS}/93.184.216.34", {"https": "passthrough"}, "no name", "DNS name"),
    (
        "a host that is an IPv6 address",
        f"{HOSTS}/2001:db8::1",
        {"https": "passthrough"},
        "no name",
        "DNS name",
    ),
    (
        "a host with a trailing dot",
        f"{HOSTS}/example.org.",
        {"https": "passthrough"},
        "no trailing dot",
        "example.org",
    ),
    (
        "a host in Unicode",
        f"{HOSTS}/bücher.example",
        {"https": "passthrough"},
        "ASCII form",
        "xn--bcher-kva.example",
    ),
    ("a host of one label", f"{HOSTS}/intranet", {"https": "passthrough"}, "single label", "fully qualified"),
    (
        "a host of the cluster",
        f"{HOSTS}/db.team-y.svc.cluster.local",
        {"http": {}},
        "inside the cluster",
        "reaches",
    ),
    (
        "a Service by its namespace",
        f"{HOSTS}/db.team-y",
        {"http": {}},
        "Service in namespace team-y",
        "another name",
    ),
    (
        "a pod behind a Service",
        f"{HOSTS}/pod-0.db.team-y",
        {"https": "passthrough"},
        "namespace team-y",
        "another name",
    ),
    (
        "all pods behind a Service",
        f"{HOSTS}/*.db.team-y",
        {"https": "passthrough"},
        "namespace team-y",
        "another name",
    ),
    ("a Service by its short form", f"{HOSTS}/db.team-y.svc", {"http": {}}, "inside the cluster", "reaches"),
    (
        "the gateway itself",
        f"{HOSTS}/istio-egressgateway.istio-egress",
        {"http": {}},
        "Service in namespace istio-egress",
        "outside host",
    ),
    (
        "the gateway by its full name",
        f"{HOSTS}/istio-egressgateway.istio-egress.svc.cluster.local",
        {"http": {}},
        "inside the cluster",
        "outside host",
    ),
    (
        "the API server",
        f"{HOSTS}/kubernetes.default",
        {"https": "passthrough"},
        "Service in namespace default",
        "outside host",
    ),
    (
        "the metadata server",
        f"{HOSTS}/metadata.google.internal",
        {"http": {}},
        "inside the cluster",
        "outside host",
    ),
    (
        "every name of the cluster",
        f"{HOSTS}/*.cluster.local",
        {"https": "passthrough"},
        "inside the cluster",
        "reaches",
    ),
    ("a host of the VPC", f"{HOSTS}/vm.c.p.internal", {"http": {}}, "inside the cluster", "outside host"),
    (
        "a Google API",
        f"{HOSTS}/storage.googleapis.com",
        {"https": "passthrough"},
        "Private Google Access",
        "googleApis",
    ),
    (
        "an image registry of Google",
        f"{HOSTS}/europe-docker.pkg.dev",
        {"https": "passthrough"},
        "pkg.dev",
        "googleApis",
    ),
    (
        "a wildcard inside a name",
        f"{HOSTS}/a.*.example.org",
        {"https": "passthrough"},
        "wildcard",
        "full name",
    ),
    ("a host with a port", f"{HOSTS}/example.org:8443", {"http": {}}, "port", "example.org"),
    ("a host with an underscore", f"{HOSTS}/a_b.example", {"http": {}}, "not a DNS label", "Check"),
    ("a label that is too long", f"{HOSTS}/{'a' * 64}.example", {"http": {}}, "not a DNS label", "Check"),
    ("a name that is too long", f"{HOSTS}/{'.'.join(['a' * 60] * 5)}", {"http": {}}, "253", "Check"),
    ("the same host in another case", f"{HOSTS}/EXAMPLE.com", {"http": {}}, "not case-sensitive", "Merge"),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


def test_a_url_instead_of_a_host_is_refused() -> None:
    config = dev_config()
    config["gke-mesh-egress:teams"]["team-x"]["egress"]["https://example.org/x"] = {"https": "passthrough"}
    (problem,) = problems_of(config)
    assert "URL" in problem.consequence


def test_a_team_named_like_a_top_level_domain_does_not_get_what_is_meant_for_hosts_in_it() -> None:
    (problem,) = problems_of(teams(com={}, team_a={"example.com": {"https": "passthrough"}}))
    assert problem.path == 'gke-mesh-egress:teams.team-a.egress["example.com"]'
    assert problem.fix == "Give team com another name."
    # No Service has a name of more labels.
    plan_of(teams(com={}, team_a={"www.api.example.com": {"https": "passthrough"}}))


def test_two_teams_that_write_one_host_in_two_cases_share_it() -> None:
    way = {"https": "passthrough"}
    plan = plan_of(teams(team_a={"XN--Bcher-KVA.example": way}, team_b={"xn--bcher-kva.EXAMPLE": way}))
    assert [(host.name, host.teams) for host in plan.hosts] == [
        ("xn--bcher-kva.example", ("team-a", "team-b"))
    ]


def test_upper_case_hosts_are_normalised() -> None:
    assert [
        host.name for host in plan_of(teams(team_a={"API.Example.ORG": {"https": "passthrough"}})).hosts
    ] == ["api.example.org"]
