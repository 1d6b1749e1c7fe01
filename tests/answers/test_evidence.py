"""`egress evidence`: what an auditor gets, that it keeps its published form, and that digests tell objects
apart."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from egress.answers.evidence import evidence, sha256
from egress.answers.evidence_document import SCHEMA, Evidence, Source, schema
from egress.answers.evidence_markdown import markdown
from egress.answers.posture import relaxations
from egress.cli.app import app
from egress.judge.model.snapshot import Snapshot, identity
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from egress.settings import load_file
from tests.support import ROOT, config_with, dev_config, plan_of

EXAMPLES = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))
SOURCE = Source(project="p", stack="dev", commit=None, uncommitted=False, stack_version=None, at=None)


def of(plan: Plan, deployed: Snapshot | None = None) -> Evidence:
    return evidence(plan, deployed or deployment(plan, render(plan)), SOURCE)


@pytest.fixture(scope="module")
def dev() -> Evidence:
    return of(plan_of(dev_config()))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evidence", *arguments])
    return result.exit_code, result.stdout if result.exit_code != 2 else result.stderr


def test_it_lists_exactly_the_ways_of_the_tutorial(dev: Evidence) -> None:
    assert [(item.team, item.target, item.protocol, item.port, item.paths) for item in dev.allowed] == [
        ("team-x", "example.com", "http", 80, None),
        ("team-x", "example.com", "tls", 443, None),
        ("team-x", "httpbin.org", "tls", 443, None),
        ("team-x", "storage.googleapis.com", "tls", 443, None),
        ("team-x", "team-y", "tcp", None, None),
        ("team-y", "httpbin.org", "http", 80, ["/status/418"]),
        ("team-y", "httpbin.org", "tls", 443, None),
    ]
    assert all(item.passes for item in dev.allowed)


def test_a_way_names_every_control_that_it_passes_with_object_and_field(dev: Evidence) -> None:
    passed = [(one.layer, one.object) for one in dev.allowed[0].controls]
    assert passed == [
        ("DNS", "managedzone/egress-example-com"),
        ("sidecar", "istio-egress/virtualservice/example-com-through-egress-gateway"),
        ("NetworkPolicy", "team-x/networkpolicy/team-boundary"),
        ("authorization", "istio-egress/authorizationpolicy/egress-team-x"),
        ("gateway", "istio-egress/virtualservice/example-com-through-egress-gateway"),
        ("NetworkPolicy", "istio-egress/networkpolicy/gateway-boundary"),
        ("firewall", "firewall/gateway-allow-egress-web"),
    ]
    assert all(one.field and one.reason for one in dev.allowed[0].controls)


def test_what_is_not_declared_names_every_layer_that_refuses_it(dev: Evidence) -> None:
    pods = [
        item
        for item in dev.elsewhere
        if (item.team, item.target) == ("team-y", "any other host") and item.protocol == "tls"
    ]
    refused = {item.way: [one.layer for one in item.refused_by] for item in pods}
    assert refused["pod-without-sidecar"] == ["DNS", "NetworkPolicy", "firewall"]
    assert refused["application-node"] == ["admission", "firewall"]
    through = {(item.team, item.target) for item in dev.elsewhere if not item.refused_by}
    iam = {("team-x", "storage.googleapis.com"), ("team-x", "199.36.153.8/30"), ("team-x", "metadata server")}
    assert through == iam, "IAM guards these, and nothing before"


def test_a_rule_says_who_and_why_in_the_words_of_the_config() -> None:
    rule = {
        "serviceAccounts": ["worker"],
        "methods": ["POST"],
        "paths": ["/v1/*"],
        "description": "orders, ticket 12",
    }
    egress = {"api.example.com": {"http": {"upgrade": "tls", "allow": {"orders": rule}}}}
    (item,) = of(plan_of(config_with("teams", {"shop": {"egress": egress}}))).allowed
    assert (item.rule, item.description, item.service_accounts) == ("orders", "orders, ticket 12", ["worker"])
    assert (item.methods, item.paths, item.passes) == (["POST"], ["/v1/*"], True)
    assert "orders: orders, ticket 12" in markdown(
        of(plan_of(config_with("teams", {"shop": {"egress": egress}})))
    )


OPENED = {
    "fences/admission/action": "warn",
    "fences/admission/relaxed": {"host-ports": "because 1"},
    "fences/admission/exemptions": {"team-x": {"capabilities": "because 2"}},
    "fences/admission/namespaces": {"monitoring": {"gateway-nodes": "because 9"}},
    "fences/relaxed": {"pod-security": "because 3"},
    "fences/privateHosts": {"office": "10.200.0.0/16"},
    "fences/applicationNodes": {"leaveOn": [443], "reason": "because 4"},
    "network/dns/undeclaredNames": "resolve",
    "network/dns/alsoResolved": {"also.example.com": "because 5"},
    "network/dns/answeredElsewhere": {"corp.example.com": "because 6"},
    "teams/team-y/model": {"open": "because 7"},
    "teams/team-y/egress": {},
    "teams/team-x/googleApis/serviceAccounts/test/projectRoles": {"roles/logging.viewer": "because 8"},
}


def everything_opened() -> Plan:
    config = dev_config()
    for path, value in OPENED.items():
        first, *rest = path.split("/")
        node, key = config, f"gke-mesh-egress:{first}"
        for part in rest:
            node = node.setdefault(key, {})
            key = part
        node[key] = value
    return plan_of(config)


def test_everything_that_is_opened_is_listed_with_its_reason() -> None:
    found = {item.setting: item.reason for item in relaxations(everything_opened())}
    assert found == {
        "fences.admission.action": None,
        "fences.admission.relaxed.host-ports": "because 1",
        "fences.admission.exemptions.team-x.capabilities": "because 2",
        "fences.admission.namespaces.monitoring.gateway-nodes": "because 9",
        "fences.relaxed.pod-security": "because 3",
        "fences.privateHosts.office": None,
        "fences.applicationNodes": "because 4",
        "network.dns.undeclaredNames": None,
        "network.dns.alsoResolved.also.example.com": "because 5",
        "network.dns.answeredElsewhere.corp.example.com": "because 6",
        "teams.team-y.model.open": "because 7",
        "teams.team-x.googleApis.serviceAccounts.test.projectRoles.roles/logging.viewer": "because 8",
    }


def test_the_dev_stack_opens_nothing(dev: Evidence) -> None:
    assert dev.relaxations == []
    assert "## What is opened beyond the defaults\n\nNothing." in markdown(dev)


def test_every_reason_that_the_config_can_give_is_listed() -> None:
    """A setting with a reason that is added later has to come here too."""
    text = json.dumps(json.loads((ROOT / "schema/stack.schema.json").read_text(encoding="utf-8")))
    asked = {
        said for said in re.findall(r'"description": "([^"]*)"', text) if re.search(r"\breason\b|^Why;", said)
    }
    assert {said.split(".")[0].split(":")[0] for said in asked} == {
        "Rule to reason",
        "Team to rule to reason",
        "Namespace of no team to rule to reason",
        "Fence to reason",
        "Why; the firewall rule says it",
        "Name, or `*",
        "Domain to reason",
        "The reason",
        "A weaker security model (docs/modes/security-models",
        "Role on the whole project, to the reason why no smaller one will do",
        "Groups of people who may, with the reason in the object's annotation "
        "`gke-mesh-egress/break-glass`; the audit log has name and reason",
        "Holes of this version that are known and may stay, by the name of Istio's bulletin, as "
        "`ISTIO-SECURITY-2026-007`, to the reason",
    }


# Form


def test_the_schema_in_the_repository_is_the_generated_one() -> None:
    assert json.loads((ROOT / SCHEMA).read_text(encoding="utf-8")) == schema(), "run `make schema`"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem.removeprefix("Pulumi."))
def test_every_example_gives_evidence_of_the_published_form_and_every_declared_way_passes(file: Path) -> None:
    found = of(make_plan(load_file(file, default_project="sandbox-project")))
    jsonschema.validate(found.as_json(), json.loads((ROOT / SCHEMA).read_text(encoding="utf-8")))
    assert [item for item in found.allowed if not item.passes] == []


def test_the_schema_refuses_what_is_no_evidence(dev: Evidence) -> None:
    wrong = dev.as_json() | {"digest": "none"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())


# Digests


def changed(plan: Plan, name: str) -> Snapshot:
    deployed = deployment(plan, render(plan))
    manifests: list[Any] = [deepcopy(dict(manifest)) for manifest in deployed.kubernetes]
    (one,) = (manifest for manifest in manifests if identity(manifest) == name)
    one["metadata"]["labels"]["changed"] = "yes"
    return Snapshot.of(manifests, deployed.google)


def test_a_changed_object_changes_its_digest_and_the_one_over_all_and_nothing_else(dev: Evidence) -> None:
    name = "team-x/serviceaccount/test"
    other = of(plan_of(dev_config()), changed(plan_of(dev_config()), name))
    assert {item.object for item in set(other.objects) ^ set(dev.objects)} == {name}
    assert other.digest != dev.digest
    assert other.model_dump(exclude={"objects", "digest"}) == dev.model_dump(exclude={"objects", "digest"})


def test_the_digest_is_of_canonical_json_and_of_nothing_that_the_order_of_keys_says() -> None:
    assert sha256({"b": [1], "a": "ü"}) == sha256({"a": "ü", "b": [1]})
    # printf '{"a":"ü"}' | sha256sum
    assert sha256({"a": "ü"}) == "fd621823002706e24604cb868a9f4f8850d6f01fb5040d49ba050482e1472437"


def test_every_object_that_is_rendered_has_a_digest(dev: Evidence) -> None:
    named = {item.object for item in dev.objects}
    assert {item.identity for item in render(plan_of(dev_config()))} - named == set()
    assert {
        "firewall/global-deny-egress-all",
        "managedzone/refuse-undeclared-names",
        "istio-system/configmap/istio",
    } <= named


# A hole, and free text


def test_a_hole_is_in_the_proof_and_the_command_says_so(dev: Evidence) -> None:
    plan = plan_of(dev_config())
    deployed = deployment(plan, render(plan))
    without = [
        manifest
        for manifest in deployed.kubernetes
        if identity(manifest) != "team-x/networkpolicy/team-boundary"
    ]
    found = of(plan, Snapshot.of(without, deployed.google))
    assert found.proof.violations
    assert "answered otherwise than the config says" in markdown(found)
    assert dev.proof.violations == []
    assert dev.proof.questions > 50


def test_free_text_stays_in_its_cell_and_is_no_markup() -> None:
    said = "a | b\n\n# <script>alert(1)</script> [x](y) `z`"
    egress = {"api.example.com": {"http": {"description": said}}}
    text = markdown(of(plan_of(config_with("teams", {"shop": {"egress": egress}}))))
    assert r"a \| b # &lt;script>alert(1)&lt;/script> \[x\](y) \`z\`" in text
    assert "<script" not in text
    (row,) = [line for line in text.splitlines() if "alert(1)" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 8


# The command


@pytest.fixture
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("in_the_checkout")
@pytest.mark.parametrize("form", ["json", "markdown"])
def test_the_same_config_gives_the_same_bytes(form: str) -> None:
    arguments = ("--format", form, "--commit", "abc", "--at", "2030-01-31T12:00:00Z", "--stack-version", "17")
    code, once = run(*arguments)
    assert code == 0
    assert once == run(*arguments)[1]
    for given in ("abc", "2030-01-31T12:00:00Z", "17"):
        assert given in once


@pytest.mark.usefixtures("in_the_checkout")
def test_without_being_told_it_says_no_time_and_the_commit_that_git_says() -> None:
    found = json.loads(run()[1])
    assert found["source"]["at"] is None
    assert found["source"]["stackVersion"] is None
    assert (ROOT / ".git").exists() is (found["source"]["commit"] is not None)


def test_outside_of_a_checkout_the_commit_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert json.loads(run()[1])["source"]["commit"] is None
    assert "commit: not known" in run("--format", "markdown")[1]


@pytest.mark.usefixtures("in_the_checkout")
def test_a_time_that_is_none_is_refused_with_what_to_write() -> None:
    code, said = run("--at", "yesterday")
    assert code == 2
    assert "Write it as ISO 8601 has it, e.g. 2030-01-31T12:00:00Z." in said


# The page

SHOWN = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("in_the_checkout")
def test_the_page_shows_what_the_command_prints() -> None:
    """Shortened: `...` stands for lines that are left out; everything else is there, in this order."""
    told, shown, in_words = [
        block[2] for block in SHOWN.finditer((ROOT / "docs/evidence.md").read_text(encoding="utf-8"))
    ]
    arguments = [line.removeprefix("egress evidence ").split() for line in told.splitlines()]
    for given, block in zip(arguments, (shown, in_words), strict=True):
        printed = iter(run(*given)[1].splitlines())
        missing = [
            line for line in block.splitlines() if line.strip() not in ("", "...") and line not in printed
        ]
        assert missing == []
