"""What a config may not say. Each row: where, what, and words of the answer a person needs."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError, Problem
from egress.plan.make import make_plan
from egress.settings import load
from tests.support import config_with, dev_config, plan_of, teams

HOSTS = "teams/team-x/egress"

REFUSED: list[tuple[str, str, Any, str, str]] = [
    # name, path below gke-mesh-egress:, value, words of the consequence, words of the fix
    ("a misspelled section", "netwrk", {}, "no such setting", "Did you mean network?"),
    (
        "a misspelled field",
        "cluster/releaseChanel",
        "regular",
        "no such setting",
        "Did you mean releaseChannel?",
    ),
    ("a value that is no choice", "cluster/releaseChannel", "weekly", "not one of the choices", "regular"),
    ("a region that is none", "region", "Belgium", "no region of this form", "europe-west1"),
    ("a label with capitals", "labels", {"CostCentre": "42"}, "refuses this label", "cost-centre"),
    (
        "a label's value with a space",
        "labels",
        {"cost-centre": "the platform"},
        "refuses this value",
        "platform-42",
    ),
    ("a zone of another region", "cluster/zone", "us-east1-b", "not in europe-west1", "europe-west1-b"),
    ("a name with capitals", "network/name", "VPC", "lower-case", "another name"),
    (
        "a range with host bits",
        "network/subnet/pods",
        "10.1.2.3/16",
        "bits set behind the prefix",
        "10.1.0.0/16",
    ),
    ("a range that is none", "network/subnet/pods", "ten", "not an IPv4 range", "10.0.0.0/24"),
    ("overlapping ranges", "network/subnet/pods", "10.0.0.0/16", "overlaps", "range of its own"),
    (
        "a control plane inside the Pods",
        "network/controlPlane",
        "10.1.5.0/28",
        "overlaps",
        "range of its own",
    ),
    (
        "a control plane of another size",
        "network/controlPlane",
        "10.5.0.0/24",
        "exactly a /28",
        "10.5.0.0/28",
    ),
    ("a node range too small for Google", "network/subnet/nodes", "10.0.0.0/30", "too small", "/29"),
    (
        "a node range too small for the pools",
        "network/subnet/nodes",
        "10.0.0.0/29",
        "6 nodes",
        "larger range",
    ),
    (
        "a Pod range too small for the pools",
        "network/subnet/pods",
        "10.1.0.0/22",
        "room for 4 nodes",
        "larger range",
    ),
    ("a Service range too small", "network/subnet/services", "10.2.0.0/28", "too small", "/27"),
    ("ports per VM out of range", "network/nat", {"minPortsPerVm": 16}, "at least 32", "at least 32"),
    (
        "ports per VM no power of two",
        "network/nat",
        {"minPortsPerVm": 100, "dynamicPortAllocation": True},
        "powers of two",
        "128",
    ),
    (
        "a maximum without dynamic allocation",
        "network/nat",
        {"maxPortsPerVm": 128},
        "ignored",
        "dynamicPortAllocation: true",
    ),
    (
        "a maximum below the minimum",
        "network/nat",
        {"minPortsPerVm": 128, "maxPortsPerVm": 64, "dynamicPortAllocation": True},
        "must be more",
        "more than 128",
    ),
    (
        "a control plane nobody reaches",
        "cluster/controlPlane",
        {"dnsEndpoint": False},
        "Nobody could reach",
        "dnsEndpoint: true",
    ),
    (
        "a control plane open to all",
        "cluster/controlPlane",
        {"authorizedNetworks": {"all": "0.0.0.0/0"}},
        "whole internet",
        "dnsEndpoint",
    ),
    ("a maintenance window that is no time", "cluster/maintenanceStart", "3am", "HH:MM", "03:00"),
    (
        "more nodes at least than at most",
        "cluster/gatewayPool",
        {"minNodes": 5, "maxNodes": 2},
        "at least 5",
        "maxNodes",
    ),
    ("a single replica", "gateway", {"minReplicas": 1}, "at least 2", "at least 2"),
    (
        "a chart for a managed mesh",
        "mesh",
        {"flavor": "cloud-service-mesh", "istio": {}},
        "ignored",
        "flavor: istio",
    ),
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
    ("the same host in another case", f"{HOSTS}/EXAMPLE.com", {"http": {}}, "no case", "Merge"),
    ("no way at all", f"{HOSTS}/example.org", {}, "nothing would be allowed", "passthrough"),
    (
        "a path on passthrough",
        f"{HOSTS}/example.org",
        {"https": {"paths": ["/x"]}},
        "never opened",
        "upgrade: tls",
    ),
    (
        "a method on passthrough",
        f"{HOSTS}/example.org",
        {"https": {"methods": ["GET"]}},
        "never opened",
        "upgrade: tls",
    ),
    ("an unknown way", f"{HOSTS}/example.org", {"https": "terminate"}, "passthrough", "https: passthrough"),
    (
        "an unknown upgrade",
        f"{HOSTS}/example.org",
        {"http": {"upgrade": "ssl"}},
        "not one of the choices",
        "tls",
    ),
    (
        "a path without a slash",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["ok"]}},
        "starts with a slash",
        "/ok",
    ),
    (
        "a path with a star inside",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a/*/b"]}},
        "at its end",
        "/ok/*",
    ),
    (
        "a path that is normalised away",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a/../b"]}},
        "normalises",
        "without",
    ),
    (
        "a path that is written in escapes",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/%61dmin"]}},
        "decodes",
        "Write a",
    ),
    (
        "a path beyond ASCII",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/grün/*"]}},
        "compared exactly",
        "/ok/*",
    ),
    (
        "a path with dots and parameters",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a/..;/{*}"]}},
        "normalises",
        "without",
    ),
    ("a path with a query", f"{HOSTS}/example.org", {"http": {"paths": ["/a?b=c"]}}, "query", "/status/418"),
    (
        "a method in lower case",
        f"{HOSTS}/example.org",
        {"http": {"methods": ["get"]}},
        "letter by letter",
        "GET",
    ),
    ("an unknown method", f"{HOSTS}/example.org", {"http": {"methods": ["FETCH"]}}, "never sent", "GET"),
    ("a tunnel", f"{HOSTS}/example.org", {"http": {"methods": ["CONNECT"]}}, "tunnel", "passthrough"),
    (
        "an empty list of paths",
        f"{HOSTS}/example.org",
        {"http": {"paths": []}},
        "allow nothing",
        "Leave the field out",
    ),
    (
        "a team named as the part of names before the cluster's",
        "teams/svc",
        {},
        "for every pod of the cluster",
        "another name",
    ),
    ("a reserved team name", "teams/kube-system", {}, "belongs to the platform", "another name"),
    (
        "the gateway's namespace as a team",
        "teams/istio-egress",
        {},
        "belongs to the platform",
        "another name",
    ),
    ("a team name that is too long", f"teams/{'t' * 41}", {}, "40 are left", "shorter"),
    ("a team name that is no label", "teams/Team_X", {}, "refuses it as a namespace", "another name"),
    ("an unknown team to reach", "teams/team-x/reaches", ["team-z"], "no team 'team-z'", "declared team"),
    ("itself as a team to reach", "teams/team-x/reaches", ["team-x"], "always reaches", "Remove"),
    (
        "a label with a meaning",
        "teams/team-x/labels",
        {"istio-injection": "disabled"},
        "decide who may do what",
        "Remove",
    ),
    (
        "a role that is none",
        "teams/team-x/googleApis/serviceAccounts/test/buckets/bucket",
        "objectViewer",
        "no role",
        "roles/storage.objectViewer",
    ),
    (
        "Google APIs for nobody",
        "teams/team-y/googleApis",
        {"serviceAccounts": {}},
        "nobody could call",
        "leave googleApis out",
    ),
    (
        "an API by its whole host",
        "teams/team-x/googleApis/apis",
        ["pubsub.googleapis.com"],
        "first part of its host",
        "pubsub.",
    ),
    (
        "an account id that is too short",
        "teams/team-x/googleApis/serviceAccounts/test/accountId",
        "sa",
        "6 to 30",
        "another",
    ),
    (
        "private hosts inside the cluster",
        "fences",
        {"privateHosts": {"vpn": "10.1.0.0/24"}},
        "back into the cluster",
        "other networks",
    ),
    (
        "private hosts everywhere",
        "fences",
        {"privateHosts": {"vpn": "0.0.0.0/0"}},
        "private ones",
        "within 10.0.0.0/8",
    ),
    ("a fence that is none", "fences", {"relaxed": {"gateway": "because"}}, "not one of", "gateway-network"),
    (
        "a fence without a reason",
        "fences",
        {"relaxed": {"gateway-network": " "}},
        "Nobody could tell",
        "reason",
    ),
    (
        "an empty header value",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"cookie": [""]}}},
        "empty header",
        "`*`",
    ),
    (
        "a header value with two stars",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": ["*shop*"]}}},
        "one `*`",
        "shop-*",
    ),
    (
        "a header value with a star inside",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": ["a*b"]}}},
        "one `*`",
        "shop-*",
    ),
    (
        "a header value of stars",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": ["**"]}}},
        "one `*`",
        "shop-*",
    ),
    (
        "a header value in spaces",
        f"{HOSTS}/example.org",
        {"http": {"headers": {"x-a": [" shop"]}}},
        "never match",
        "arrives",
    ),
    (
        "a path that is decoded",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/%61"]}},
        "decodes %61",
        "Write a instead",
    ),
    (
        "a path with an encoded slash",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/a%2Fb"]}},
        "decodes %2F",
        "Write / instead",
    ),
    ("a path in Unicode", f"{HOSTS}/example.org", {"http": {"paths": ["/ü"]}}, "sent as %XX", "/status/418"),
    (
        "one segment behind any number",
        f"{HOSTS}/example.org",
        {"http": {"paths": ["/{**}/{*}"]}},
        "behind those",
        "/status/418",
    ),
    (
        "a time below a millisecond",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"timeout": "0.5ms"}}},
        "thousandths",
        "5s",
    ),
    (
        "a time past any end",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"timeout": "99999999h"}}},
        "longer than a year",
        "less",
    ),
    (
        "a time in other digits",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"timeout": "٣s"}}},
        "not a length of time",
        "5s",
    ),
    (
        "a silence that TCP cannot wait for",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"keepalive": "500ms"}}},
        "whole seconds",
        "60s",
    ),
    (
        "more connections than a number holds",
        f"{HOSTS}/example.org",
        {"http": {"traffic": {"limits": {"connections": 9999999999999}}}},
        "out of range",
        "at most",
    ),
    ("a share that no number holds", "teams/team-x/limits", {"requests": 2**31}, "out of range", "at most"),
    (
        "a namespace's label with a space",
        "teams/team-x/labels",
        {"bad key!": "x"},
        "refuses this key",
        "cost-centre",
    ),
    (
        "a namespace's label without a key",
        "teams/team-x/labels",
        {"": "x"},
        "refuses this key",
        "cost-centre",
    ),
    (
        "a namespace's label that is too long",
        "teams/team-x/labels",
        {"a" * 64: "x"},
        "refuses this key",
        "cost-centre",
    ),
    (
        "a namespace's label with a wrong domain",
        "teams/team-x/labels",
        {"A.b/c": "x"},
        "refuses this key",
        "cost-centre",
    ),
    (
        "a label's value that Kubernetes refuses",
        "teams/team-x/labels",
        {"k": "bad value!"},
        "refuses this value",
        "platform-42",
    ),
    (
        "a test app without an image",
        "teams/team-x/testApp",
        {"image": ""},
        "No container image",
        "registry.example",
    ),
    (
        "nodes at no machine's address",
        "network/subnet/nodes",
        "0.0.0.0/8",
        "this machine itself",
        "10.0.0.0/8",
    ),
    ("Pods at the loopback", "network/subnet/pods", "127.0.0.0/9", "every machine's own", "10.0.0.0/8"),
    ("Services at multicast", "network/subnet/services", "224.0.0.0/16", "multicast", "10.0.0.0/8"),
    ("nodes at broadcast", "network/subnet/nodes", "255.255.255.0/24", "broadcast", "10.0.0.0/8"),
    (
        "nodes beside the metadata server",
        "network/subnet/nodes",
        "169.254.0.0/16",
        "metadata server",
        "10.0.0.0/8",
    ),
    (
        "nodes where Google APIs answer",
        "network/subnet/nodes",
        "199.36.153.0/24",
        "Google APIs answer",
        "10.0.0.0/8",
    ),
    (
        "nodes in examples' addresses",
        "network/subnet/nodes",
        "198.51.100.0/24",
        "documentation",
        "10.0.0.0/8",
    ),
    (
        "Pods where Istio's own addresses are",
        "network/subnet/pods",
        "240.240.0.0/16",
        "Istio gives",
        "10.0.0.0/8",
    ),
    (
        "Services for everybody",
        "network/subnet/services",
        "10.64.0.0/10",
        "larger than Google takes",
        "/16 at most",
    ),
    (
        "a control plane on the internet",
        "network/controlPlane",
        "34.118.0.0/28",
        "addresses of the internet",
        "10.0.0.0/8",
    ),
    (
        "a control plane in examples' addresses",
        "network/controlPlane",
        "198.51.100.16/28",
        "documentation",
        "10.0.0.0/8",
    ),
    (
        "a control plane on nodes' own bridge",
        "network/controlPlane",
        "172.17.0.0/28",
        "own bridge",
        "another range",
    ),
    (
        "a control plane open to half the internet",
        "cluster/controlPlane",
        {"authorizedNetworks": {"half": "128.0.0.0/1"}},
        "whole internet",
        "dnsEndpoint",
    ),
    (
        "a control plane open to half the internet by eighths of it",
        "cluster/controlPlane",
        {"authorizedNetworks": {f"n{at}": f"{at * 8}.0.0.0/5" for at in range(1, 16)}},
        "Together they hold",
        "dnsEndpoint",
    ),
    (
        "a control plane open to pods",
        "cluster/controlPlane",
        {"authorizedNetworks": {"office": "10.0.0.0/8"}},
        "pods of this cluster",
        "from outside",
    ),
    (
        "an ingress open to pods",
        "ingress",
        {"sourceRanges": {"partner": "10.1.7.0/24"}},
        "pods of this cluster",
        "from outside",
    ),
    (
        "an ingress for multicast",
        "ingress",
        {"sourceRanges": {"partner": "239.0.0.0/16"}},
        "let in nobody",
        "partner's ranges",
    ),
    (
        "a name for two addresses",
        "network/nat",
        {"addresses": {"cluster1-ingress": "out"}},
        "gives a name once",
        "another name",
    ),
    (
        "a bucket that only Google may name",
        "teams/team-x/googleApis/serviceAccounts/test/buckets",
        {"google-data": "roles/storage.objectViewer"},
        "holds google",
        "another key",
    ),
    (
        "a reason that no object can carry",
        "fences",
        {"relaxed": {"gateway-network": "a" * 1001}},
        "1001 characters",
        "1000",
    ),
    (
        "a description with a bell",
        f"{HOSTS}/example.org",
        {"http": {"description": "\x07"}},
        "control character",
        "plain text",
    ),
    (
        "an address's description past any end",
        "network/nat",
        {"addresses": {"out": "a" * 1001}},
        "1001 characters",
        "1000",
    ),
    (
        "a text where a number belongs",
        "gateway",
        {"minReplicas": "two"},
        "where a whole number belongs",
        "minReplicas: 2",
    ),
    (
        "a text where a mapping belongs",
        "teams",
        "team-x",
        "where a mapping of names to values belongs",
        "teams: {shop: {egress:",
    ),
]


def problems_of(config: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    return refused.value.problems


@pytest.mark.parametrize(
    ("path", "value", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    problems = problems_of(config_with(path, value))
    assert len(problems) == 1, problems
    problem = problems[0]
    assert problem.path.startswith("gke-mesh-egress:" + path.split("/", 1)[0])
    assert consequence in problem.consequence
    assert fix in problem.fix


def test_a_url_instead_of_a_host_is_refused() -> None:
    config = dev_config()
    config["gke-mesh-egress:teams"]["team-x"]["egress"]["https://example.org/x"] = {"https": "passthrough"}
    (problem,) = problems_of(config)
    assert "URL" in problem.consequence


def test_a_missing_project_is_refused_with_the_command_that_sets_it() -> None:
    config = dev_config()
    del config["gcp:project"]
    (problem,) = problems_of(config)
    assert (problem.path, problem.fix) == ("gcp:project", "pulumi config set gcp:project YOUR_PROJECT_ID")


def test_missing_ranges_are_refused_by_name() -> None:
    config = dev_config()
    del config["gke-mesh-egress:network"]["subnet"]["pods"]
    (problem,) = problems_of(config)
    assert problem.path == "gke-mesh-egress:network.subnet.pods"
    assert "required" in problem.consequence


def test_all_problems_are_reported_at_once_also_those_between_parts() -> None:
    config = config_with("teams/team-x/reaches", ["nobody"])
    config["gcp:project"] = "X"
    config["gke-mesh-egress:network"]["controlPlane"] = "10.1.0.0/28"
    config["gke-mesh-egress:cluster"]["releaseChannel"] = "weekly"
    config["gke-mesh-egress:teams"]["team-x"]["egress"]["intranet"] = {"htp": {}}
    assert {problem.path for problem in problems_of(config)} == {
        "gcp:project",
        "gke-mesh-egress:cluster.releaseChannel",
        "gke-mesh-egress:network.controlPlane",
        "gke-mesh-egress:teams.team-x.egress.intranet",
        "gke-mesh-egress:teams.team-x.egress.intranet.htp",
        "gke-mesh-egress:teams.team-x.reaches",
    }


def test_the_message_names_path_value_consequence_and_fix() -> None:
    with pytest.raises(ConfigError) as refused:
        load(config_with("cluster/zone", "us-east1-b"))
    text = str(refused.value)
    assert text.startswith("1 problem in the stack's config. Nothing was changed.")
    assert 'gke-mesh-egress:cluster.zone = "us-east1-b"' in text
    assert "Fix: Write e.g. europe-west1-b." in text


def test_two_teams_that_disagree_about_the_upgrade_are_both_named() -> None:
    config = teams(team_a={"example.com": {"http": {"upgrade": "tls"}}}, team_b={"example.com": {"http": {}}})
    (problem,) = problems_of(config)
    assert problem.path == 'gke-mesh-egress:teams.team-b.egress["example.com"].http.upgrade'
    assert "teams.team-a" in problem.consequence


def test_two_accounts_of_the_same_id_are_refused() -> None:
    config = dev_config()
    config["gke-mesh-egress:teams"]["team-y"]["googleApis"] = {
        "serviceAccounts": {"other": {"accountId": "sa-test-app-team-x"}}
    }
    (problem,) = problems_of(config)
    assert problem.path.endswith("team-y.googleApis.serviceAccounts.other.accountId")
    assert "team-x" in problem.consequence


def test_an_account_of_the_nodes_cannot_be_a_teams() -> None:
    config = config_with("teams/team-x/googleApis/serviceAccounts/test/accountId", "sa-gateway-nodes")
    (problem,) = problems_of(config)
    assert "gateway nodes" in problem.consequence


def test_two_teams_cannot_make_the_same_bucket() -> None:
    config = dev_config()
    accounts = {"serviceAccounts": {"test": {"buckets": {"bucket": "roles/storage.objectUser"}}}}
    config["gke-mesh-egress:teams"]["team-y"]["googleApis"] = accounts
    (problem,) = problems_of(config)
    assert "share its data" in problem.consequence


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


def test_structured_values_may_come_as_json_text_as_pulumi_hands_them_over() -> None:
    import json

    config = dev_config()
    as_text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    assert make_plan(load(as_text)) == make_plan(load(config))
