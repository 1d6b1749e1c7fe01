"""What the command says before it asks anything, and how its table ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from egress.cli.app import app
from egress.cli.probe import report
from egress.probe.row import Row, State


def test_a_team_that_is_not_there_is_named_with_those_that_are() -> None:
    done = CliRunner().invoke(app, ["probe", "--team", "team-z"])
    assert done.exit_code == 2
    assert "There is no team team-z. Teams: team-x, team-y." in done.stderr


def test_without_a_cluster_it_says_where_one_comes_from(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["probe", "--kubeconfig", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "gcloud container clusters get-credentials" in done.stderr
    file = tmp_path / "kubeconfig"
    file.write_text("apiVersion: v1\nkind: Config\ncontexts: []\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["probe", "--kubeconfig", str(file), "--context", "nowhere"])
    assert done.exit_code == 2
    assert done.stdout == ""


def test_jobs_are_printed_for_one_team_without_a_cluster() -> None:
    done = CliRunner().invoke(
        app, ["probe", "--print", "--team", "team-y", "--image", "own.example/python:3"]
    )
    assert done.exit_code == 0
    (job,) = yaml.safe_load_all(done.stdout)
    assert job["metadata"]["namespace"] == "team-y"
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "own.example/python:3"


def test_the_table_ends_with_what_is_wrong_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    report(
        [
            Row("a", State.OK, "passes", "200"),
            Row("b [c]", State.LEAK, "refused", "200", says="a rule has to refuse it"),
            Row("d", State.NOT_ASKED, says="only POST"),
        ]
    )
    printed = capsys.readouterr().out
    assert "LEAK: b [c]: a rule has to refuse it" in printed
    assert "not asked: d: only POST" in printed
    assert "egress drift" in printed
    assert "2 asked, 1 as expected, 0 not, 1 leak; 1 not asked" in printed
