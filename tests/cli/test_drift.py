"""`egress drift` as a command."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from egress.cli.app import app
from egress.judge.model.snapshot import identity
from egress.layers.render import render
from tests.answers.drifting import Manifest
from tests.support import ROOT, dev_config, plan_of


class TestCommand:
    @pytest.fixture(autouse=True)
    def here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(ROOT)

    def run(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["drift", *words])
        return done.exit_code, done.output

    def written(self, tmp_path: Path, objects: list[Manifest]) -> str:
        path = tmp_path / "live.yaml"
        path.write_text(yaml.safe_dump({"kind": "List", "items": objects}), encoding="utf-8")
        return str(path)

    def test_prints_what_it_does_what_is_otherwise_and_what_puts_it_right(self, tmp_path: Path) -> None:
        plan = plan_of(dev_config())
        objects = [copy.deepcopy(dict(item.manifest)) for item in render(plan)]
        name = "istio-egress/authorizationpolicy/egress-team-y"
        (policy,) = (item for item in objects if identity(item) == name)
        policy["spec"]["rules"].append({})
        code, output = self.run("--from", self.written(tmp_path, objects))
        assert code == 1
        assert "Gains\n" in output
        assert "team-y may now also send all other paths" in output
        assert f"- {name}: spec.rules[2] added: {{}}" in output
        assert "What puts it right\n" in output
        assert "pulumi up --stack dev --refresh" in output
        code, output = self.run("--json", "--from", self.written(tmp_path, objects))
        told = json.loads(output[output.index("{\n") :])
        assert (code, told["drift"]) == (1, True)
        assert [item["object"] for item in told["objects"]] == [name]
        assert told["commands"][-1]["command"] == "pulumi up --stack dev --refresh"

    def test_of_an_export_it_reads_what_the_refresh_found_and_not_what_the_program_wants(
        self, tmp_path: Path
    ) -> None:
        resources: list[dict[str, Any]] = []
        for item in render(plan_of(dev_config())):
            group = item.manifest["apiVersion"]
            token = f"kubernetes:{group if '/' in group else f'core/{group}'}:{item.kind}"
            lives = copy.deepcopy(dict(item.manifest))
            if item.identity == "team-y/networkpolicy/team-boundary":
                lives["spec"]["egress"].append({})
            urn = f"urn:pulumi:dev::p::{token}::{item.identity}"
            resources.append({"type": token, "urn": urn, "inputs": item.manifest, "outputs": lives})
        export = tmp_path / "export.json"
        export.write_text(json.dumps({"deployment": {"resources": resources}}), encoding="utf-8")
        code, output = self.run("--from", str(export))
        assert code == 1
        assert "team-y/networkpolicy/team-boundary: spec.egress[4] added: {}" in output

    def test_without_drift_it_says_so(self, tmp_path: Path) -> None:
        objects = [dict(item.manifest) for item in render(plan_of(dev_config()))]
        code, output = self.run("--from", self.written(tmp_path, objects))
        assert code == 0
        assert "No drift: what lives in" in output

    def test_a_cluster_that_is_not_there_is_a_wrong_question(self, tmp_path: Path) -> None:
        code, output = self.run("--kubeconfig", str(tmp_path / "none"))
        assert code == 2
        assert "leads to no cluster" in output
        nowhere = tmp_path / "config"
        nowhere.write_text(
            yaml.safe_dump(
                {
                    "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:9"}}],
                    "users": [{"name": "a", "user": {}}],
                    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                    "current-context": "a",
                }
            ),
            encoding="utf-8",
        )
        code, output = self.run("--kubeconfig", str(nowhere))
        assert code == 2
        assert "does not answer" in output
