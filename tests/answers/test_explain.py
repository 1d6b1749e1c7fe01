"""`egress explain`: one flow, layer by layer, in words and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from egress.answers.asked import NoFlow, flow_of
from egress.answers.explain import explain
from egress.cli.app import app
from egress.judge.model.flow import Layer, Protocol
from egress.judge.trace import Judges
from egress.layers.render import render, to_yaml
from egress.proof.snapshot import deployment
from tests.support import ROOT, dev_config, plan_of, teams


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_an_allowed_flow_names_every_layer_and_ends_with_zero() -> None:
    code, text = run("explain", "team-x", "https://example.com/path")
    assert code == 0
    for layer in ("DNS", "sidecar", "NetworkPolicy", "gateway", "authorization", "firewall"):
        assert layer in text
    assert 'allowed. To take it away, remove or narrow teams.team-x.egress."example.com".' in text


def test_a_refusal_names_the_object_the_field_and_the_words_to_add() -> None:
    code, text = run("explain", "team-y", "https://example.com")
    assert code == 1
    assert "istio-egress/serviceentry/example-com-ext spec.exportTo" in text
    assert (
        'denied by sidecar. To allow it, add teams.team-y.egress."example.com": {https: passthrough}.' in text
    )


def test_a_path_that_no_rule_allows_points_at_the_paths() -> None:
    code, text = run("explain", "team-y", "http://httpbin.org/status/200")
    assert code == 1
    assert "egress-team-y spec.rules[0].to[0].operation.paths" in text
    assert 'To allow it, add /status/200 to teams.team-y.egress."httpbin.org".http.paths.' in text


def images(host: str, registries: dict[str, str]) -> str:
    config = dev_config() | {"gke-mesh-egress:registries": registries}
    plan = plan_of(config)
    judges = Judges(deployment(plan, render(plan)))
    return explain(judges, flow_of("team-x", f"https://{host}/v2/"), plan).advice


def test_a_registry_s_host_is_no_way_for_images() -> None:
    advice = images("ghcr.io", {})
    assert advice.startswith("To allow it, add teams.team-x.egress")
    assert advice.endswith(
        "Pods' images are another matter: nodes pull them, whatever a team declares, and reach Google's "
        "registries alone. registries: {github: ghcr.io} makes a repository by which they get those of "
        "ghcr.io."
    )
    assert "registries: {docker: docker.io}" in images("registry-1.docker.io", {})
    assert "registries: {quay: quay.io}" in images("quay.io", {})


def test_where_a_registry_is_declared_the_address_is_told() -> None:
    at = "europe-west1-docker.pkg.dev/sandbox-project/cluster1"
    assert f"nodes pull them, by {at}-gh/ before" in images("ghcr.io", {"gh": "ghcr.io"})
    assert f"by {at}-own/ before" in images("registry.example", {"own": "https://registry.example:5000"})
    assert f"by {at}-hub/ before" in images("auth.docker.io", {"hub": "index.docker.io"})


def test_other_hosts_are_no_registries() -> None:
    assert "images" not in images("example.net", {"gh": "ghcr.io"}).lower()


def test_a_cheating_pod_is_told_that_no_entry_opens_its_way() -> None:
    code, text = run("explain", "team-x", "https://example.com", "--as", "pod-without-sidecar")
    assert code == 1
    assert "team-x/networkpolicy/team-boundary" in text
    assert "Ways past the sidecar are closed" in text


def test_the_metadata_server_belongs_to_google_apis() -> None:
    code, text = run("explain", "team-x", "http://169.254.169.254/")
    assert code == 0
    assert "To take it away, remove teams.team-x.googleApis" in text
    assert run("explain", "team-y", "http://169.254.169.254/")[0] == 1


def test_what_a_weaker_model_opens_is_said_to_be_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.lab.yaml").write_text(
        (ROOT / "examples/modes/Pulumi.open.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    code, text = run("explain", "lab", "https://anything.example", "--stack", "lab")
    assert code == 0
    assert "remove teams.lab.model, which opens this port" in text


def test_machines_read_the_same_with_stable_keys() -> None:
    code, text = run("explain", "team-y", "http://httpbin.org/status/418", "--json")
    answer = json.loads(text[text.index("{") :])
    assert code == 0
    assert answer["allowed"] is True
    assert answer["flow"]["path"] == "/status/418"
    assert [step["layer"] for step in answer["steps"]][:3] == ["DNS", "sidecar", "NetworkPolicy"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com", "says no protocol that is known here"),
        ("example.com", "says no protocol"),
        ("tcp://db.example.com", "names no port"),
        ("https:///path", "names no host"),
        ("http://example.com:99999", "the port is no number from 1 to 65535"),
    ],
)
def test_what_is_no_flow_is_refused_with_what_to_write(url: str, words: str) -> None:
    with pytest.raises(NoFlow, match=words):
        flow_of("team-x", url)
    assert run("explain", "team-x", url)[0] == 2


def test_a_team_that_is_not_there_is_named_with_those_that_are() -> None:
    code, text = run("explain", "team-z", "https://example.com")
    assert code == 2
    assert "There is no team team-z. Teams: team-x, team-y." in text


def test_a_host_that_is_only_passed_through_has_no_routes_for_plain_requests() -> None:
    """Its VirtualService names it and has no `http`, so proxies answer 502 by themselves: no packet leaves
    the pod."""
    plan = plan_of(
        teams(shop={"plain.example.net": {"http": {}}, "sealed.example.net": {"https": "passthrough"}})
    )
    judges = Judges(deployment(plan, render(plan)))
    decision = judges.trace(flow_of("shop", "http://sealed.example.net/")).decision
    assert (decision.layer, decision.allowed) == (Layer.SIDECAR, False)


def test_https_means_the_apps_own_tls() -> None:
    assert flow_of("team-x", "https://example.com/secret").protocol is Protocol.TLS


def test_objects_from_a_folder_are_judged_as_they_are(tmp_path: Path) -> None:
    objects = list(render(plan_of(dev_config())))
    items = [item.manifest for item in objects if item.kind != "Sidecar"]
    (tmp_path / "list.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}), encoding="utf-8"
    )
    (tmp_path / "sidecars.yaml").write_text(
        to_yaml(item.manifest for item in objects if item.kind == "Sidecar"), encoding="utf-8"
    )
    code, text = run("explain", "team-y", "https://example.com", "--from", str(tmp_path))
    assert code == 1
    assert "istio-egress/serviceentry/example-com-ext" in text


def test_a_file_that_holds_no_objects_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("replicas: 3\n", encoding="utf-8")
    code, text = run("explain", "team-x", "https://example.com", "--from", str(file))
    assert code == 2
    assert "values.yaml holds neither Kubernetes objects" in text
