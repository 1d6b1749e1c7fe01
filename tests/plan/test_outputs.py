"""The contract with other stacks: what consumers read is what the program writes, and changing it is
noticed."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from contract.gke_mesh_egress_contract import VERSION, ContractError, parse, parse_outputs
from egress.cli.app import app
from egress.plan import contract_record
from egress.plan import outputs as written
from tests.support import PROJECT, ROOT, dev_config, plan_of

SOURCE = ROOT / "contract/gke_mesh_egress_contract.py"
STACKS = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """The output as the program exports it, with values in place of those that only Google Cloud knows."""
    output = written.planned(plan_of(config))
    output["network"] = {"id": "projects/p/global/networks/n", "subnet": "projects/p/regions/r/subnetworks/s"}
    output["cluster"] = {
        "name": "c",
        "location": "l",
        "endpoint": "https://gke-1.l.gke.goog",
        "caCertificate": "Q0E=",
    }
    for gateway in (output["gateway"], *output.get("gateways", {}).values()):
        gateway["addresses"] = {"nat-1": "203.0.113.7"}
    if "ingress" in output:
        output["ingress"]["address"] = "203.0.113.8"
    return json.loads(json.dumps(output))


@cache
def _dev() -> str:
    return json.dumps(complete(dev_config()))


def dev() -> dict[str, Any]:
    return json.loads(_dev())


def closed(node: Any) -> Any:
    """The schema, refusing keys that it does not name."""
    if not isinstance(node, Mapping):
        return node
    made = {key: closed(value) for key, value in node.items()}
    return made | {"additionalProperties": False} if isinstance(node.get("required"), list) else made


# What is written is what is published


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name)
def test_what_every_example_exports_is_in_the_published_schema_and_nothing_else(stack: Path) -> None:
    config = {"gcp:project": PROJECT} | yaml.safe_load(stack.read_text(encoding="utf-8"))["config"]
    jsonschema.validate(complete(config), closed(contract_record.schema()))


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name)
def test_what_every_example_exports_is_read_without_loss(stack: Path) -> None:
    output = complete({"gcp:project": PROJECT} | yaml.safe_load(stack.read_text(encoding="utf-8"))["config"])
    contract = parse(output)
    for name, team in output["teams"].items():
        assert contract.teams[name].hosts == tuple(sorted({way["host"] for way in team["egress"]}))
        ways = [
            (way.host, way.protocol, way.port, list(way.paths or ()) or None)
            for way in contract.teams[name].egress
        ]
        assert ways == [
            (way["host"], way["protocol"], way["port"], way.get("paths")) for way in team["egress"]
        ]
    assert (contract.ingress is not None) is ("ingress" in output)


def test_the_recorded_contract_is_the_current_one() -> None:
    assert (
        json.loads((ROOT / contract_record.RECORD).read_text(encoding="utf-8")) == contract_record.schema()
    ), "run `make schema`"
    assert written.VERSION == VERSION


# Reading


def test_numbers_arrive_as_pulumi_sends_them() -> None:
    output = dev() | {"contract": 1.0}
    output["teams"]["team-x"]["egress"][0]["port"] = 80.0
    assert parse(output).team("team-x").egress[0].port == 80


def test_a_partner_learns_the_gateway_by_which_a_team_leaves() -> None:
    stack = yaml.safe_load((ROOT / "examples/modes/Pulumi.own-gateway.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    contract = parse(complete(stack))
    assert contract.gateway_of("payments").namespace == "istio-egress-partner"
    assert contract.gateway_of("payments").hosts == ("*.files.partner.example", "api.partner.example")
    assert contract.gateway_of("shop") == contract.gateway


def test_an_image_is_named_as_nodes_can_pull_it() -> None:
    config = dev_config() | {"gke-mesh-egress:registries": {"github": "ghcr.io", "docker": "docker.io"}}
    platform = parse(complete(config))
    at = f"europe-west1-docker.pkg.dev/{PROJECT}/cluster1"
    assert platform.image("ghcr.io/org/app@sha256:0") == f"{at}-github/org/app@sha256:0"
    assert platform.image("org/app") == f"{at}-docker/org/app"
    assert platform.image("docker.io/org/app:1") == f"{at}-docker/org/app:1"
    assert platform.image("nginx") == f"{at}-docker/library/nginx"
    assert platform.image("docker.io/nginx:1.27") == f"{at}-docker/library/nginx:1.27"
    with pytest.raises(ContractError, match="an entry of localhost in `registries`"):
        platform.image("localhost/app")
    for own in ("gcr.io/google-samples/hello-app:1.0", "europe-docker.pkg.dev/p/r/app:1"):
        assert platform.image(own) == own
    with pytest.raises(ContractError, match=r"they reach gcr.io and pkg.dev.* docker.io, ghcr.io.*quay.io"):
        platform.image("quay.io/org/app")


def test_where_no_registry_is_declared_there_is_none() -> None:
    """The repository of Istio's images is the mesh's own affair, and goes with a hub of one's own."""
    assert parse(dev()).registries is None
    with pytest.raises(ContractError, match=r"repositories nothing"):
        parse(dev()).image("nginx")


def test_keys_that_a_newer_platform_adds_are_left_aside() -> None:
    output = dev() | {"clusters": {"second": {}}}
    output["teams"]["team-x"]["egress"][0]["quota"] = {"perDay": 5}
    assert parse(output) == parse(dev())


def test_another_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        ContractError, match=r"speaks contract 2, this program 1\. Read the platform's CHANGELOG"
    ):
        parse(dev() | {"contract": 2})


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    output = dev()
    del output["cluster"]["endpoint"]
    output["teams"]["team-x"]["egress"][0]["port"] = "80"
    output["gateway"]["outsidePorts"] = "443"
    output["teams"]["team-y"] = []
    with pytest.raises(ContractError) as refused:
        parse(output)
    for said in (
        "egress.cluster.endpoint is missing.",
        "egress.teams.team-x.egress[0].port is '80', and should be a whole number.",
        "egress.gateway.outsidePorts is '443', and should be a list.",
        "egress.teams.team-y is [], and should be a map.",
        "report it there",
    ):
        assert said in str(refused.value)


@pytest.mark.parametrize("output", [None, {}, [], "egress", {"teams": {}}], ids=str)
def test_what_is_no_contract_at_all_is_refused(output: Any) -> None:
    with pytest.raises(ContractError, match="Is it the right stack, and was it deployed"):
        parse(output)


@pytest.mark.parametrize(
    ("text", "said"),
    [("nothing", "not what `pulumi stack output --json` prints"), ("{}", "has no output `egress`")],
)
def test_what_the_cli_prints_is_read_or_refused(text: str, said: str) -> None:
    assert parse_outputs(json.dumps({"egress": dev()})) == parse(dev())
    with pytest.raises(ContractError, match=said):
        parse_outputs(text)


@pytest.mark.parametrize(
    ("endpoint", "trusts"), [("https://gke-1.l.gke.goog", None), ("https://192.0.2.10", "Q0E=")]
)
def test_the_kubeconfig_trusts_the_clusters_own_authority_only_where_the_endpoint_is_an_address(
    endpoint: str, trusts: str | None
) -> None:
    output = dev()
    output["cluster"]["endpoint"] = endpoint
    cluster = json.loads(parse(output).cluster.kubeconfig())["clusters"][0]["cluster"]
    assert cluster["server"] == endpoint
    assert cluster.get("certificate-authority-data") == trusts


def test_it_needs_nothing_but_python() -> None:
    """Isolated from the repository and from every installed package."""
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from gke_mesh_egress_contract import parse; "
        "print(parse(json.load(sys.stdin)).team('team-y').hosts)"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(SOURCE.parent)]
    done = subprocess.run(
        command, input=_dev(), capture_output=True, text=True, timeout=60, check=False, encoding="utf-8"
    )
    assert done.stdout.strip() == "('httpbin.org',)", done.stderr


# Changing it


def test_the_page_shows_what_is_said() -> None:
    page = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
    output = dev()
    del output["cluster"]["endpoint"]
    output["teams"]["team-x"]["egress"][0]["port"] = "80"
    for refused in (output, dev() | {"contract": 2}):
        with pytest.raises(ContractError) as error:
            parse(refused)
        assert f"```text\n{error.value}\n```" in page
    assert f"```text\n{contract_record.refusal(['egress.gateway.host is gone'])}\n```" in page


def changed(path: str, value: Any = None) -> dict[str, Any]:
    """The schema with the node at `path` replaced; None takes it away."""
    schema = copy.deepcopy(contract_record.schema())
    *parents, last = path.split("/")
    node = schema
    for part in parents:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return schema


TEAM = "properties/teams/additionalProperties"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed("properties/gateway/properties/host"), ["egress.gateway.host is gone"]),
        (changed("properties/region/type", "array"), ["egress.region was string and is array"]),
        (changed("properties/teams", {"type": "array", "items": {"type": "string"}}), ["egress.teams was map "
                                                                                       "and is array"]),
        (changed(f"{TEAM}/properties/egress/items/properties/port/type", "string"),
         ["egress.teams.<name>.egress[].port was integer and is string"]),
        (changed(f"{TEAM}/required", []), [f"egress.teams.<name>.{key} was always there and now may be "
                                           "missing"
                                           for key in ("namespace", "serviceAccounts", "egress", "reaches")]),
        (changed("properties/ingress/properties/receives/additionalProperties/additionalProperties/"
                 "properties/port"),
         ["egress.ingress.receives.<name>.<name>.port is gone"]),
        (changed("properties/contract/const", 2), ["egress.contract was 1 and is 2"]),
    ],
    ids=["gone", "retyped", "another shape", "deep", "optional", "below two maps", "version in the same "
                                                                                   "record"],
)  # fmt: skip
def test_what_would_break_consumers_is_named(now: dict[str, Any], said: list[str]) -> None:
    assert list(contract_record.breaks(contract_record.schema(), now)) == said


@pytest.mark.parametrize(
    "now",
    [
        changed("properties/more", {"type": "string"}),
        changed("properties/gateway/properties/more", {"type": "array", "items": {"type": "string"}}),
        changed("properties/project/description", "Other words."),
        changed("required", [*contract_record.schema()["required"], "ingress"]),
    ],
    ids=["a key", "a key below", "words", "always there from now on"],
)
def test_adding_breaks_nobody(now: dict[str, Any]) -> None:
    assert list(contract_record.breaks(contract_record.schema(), now)) == []


def test_ci_refuses_a_breaking_change_and_says_that_the_version_must_be_raised(tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps(changed("properties/zone", {"type": "string"})), encoding="utf-8")
    refused = CliRunner().invoke(app, ["contract", "--since", str(before)])
    assert refused.exit_code == 1
    assert "egress.zone is gone" in refused.stderr
    assert "Or raise VERSION" in refused.stderr


@pytest.mark.parametrize("change", ["properties/ingress", None], ids=["added since", "unchanged"])
def test_ci_lets_the_others_pass(tmp_path: Path, change: str | None) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps(changed(change) if change else contract_record.schema()), encoding="utf-8")
    assert CliRunner().invoke(app, ["contract", "--since", str(before)]).exit_code == 0


def test_a_record_of_another_version_is_history_and_judges_nothing(tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(
        json.dumps(changed("properties/zone", {"type": "string"}) | {"title": "Output, contract 0"}),
        encoding="utf-8",
    )
    assert CliRunner().invoke(app, ["contract", "--since", str(before)]).exit_code == 0


def test_make_schema_does_not_write_a_breaking_change_over_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record = tmp_path / contract_record.RECORD
    record.parent.mkdir()
    text = json.dumps(changed("properties/zone", {"type": "string"}))
    record.write_text(text, encoding="utf-8")
    refused = CliRunner().invoke(app, ["schema"])
    assert refused.exit_code == 1
    assert "egress.zone is gone" in refused.stderr
    assert record.read_text(encoding="utf-8") == text
