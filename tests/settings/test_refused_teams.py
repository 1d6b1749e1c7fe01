"""What a team may not be called, or say about itself: names, labels, Google APIs."""

from __future__ import annotations

from typing import Any

from tests.settings.refused import Row, check_refused, each, problems_of
from tests.support import config_with, dev_config

REFUSED: list[Row] = [
    (
        "a team named as the part of names before the cluster's",
        "teams/svc",
        {},
        "in every pod of the cluster",
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
        "a bucket that only Google may name",
        "teams/team-x/googleApis/serviceAccounts/test/buckets",
        {"google-data": "roles/storage.objectViewer"},
        "contain google",
        "another key",
    ),
]


@each(REFUSED)
def test_is_refused_with_path_consequence_and_fix(path: str, value: Any, consequence: str, fix: str) -> None:
    check_refused(path, value, consequence, fix)


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
