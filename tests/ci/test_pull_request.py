"""What a pull request is told, from recorded previews; and that the workflows are what docs/pull-requests.md
says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ci import __main__ as program
from ci import comment
from ci.release import NoSection, notes
from ci.review import APPROVAL, Change, Review, ReviewError, Step, read, slim
from egress.answers.diff import difference
from egress.cli.app import app as egress
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import ROOT, config_with, dev_config, plan_of

RECORDED = Path(__file__).parent / "recorded"
CASES = sorted(path for path in RECORDED.iterdir() if path.is_dir())
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def review(**changes: Any) -> Review:
    return Review(
        **({"stack": "dev", "steps": (), "unchanged": 99, "complaints": (), "changes": ()} | changes)
    )


WIDER = Change("team-y may reach example.org", "new host", widening=True)
NARROWER = Change("team-y no longer reaches example.org", "removed host", widening=False)


# The comment


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_comment_of_a_recorded_preview_is_the_golden_one(case: Path, regenerate: bool) -> None:
    text = comment.compose(read(case), approved=False)
    golden = case / "comment.md"
    if regenerate:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_it_begins_with_the_marker_by_which_the_workflow_finds_it() -> None:
    assert comment.compose([review()], approved=False).startswith(comment.MARKER + "\n")
    assert comment.MARKER in (ROOT / ".github/workflows/pull-request.yml").read_text(encoding="utf-8")


def test_what_has_no_effect_is_said_to_have_none() -> None:
    text = comment.compose([review()], approved=False)
    assert "Nobody can reach more or less than before." in text
    assert "Pulumi: nothing to do, 99 unchanged." in text


def test_a_widening_is_said_first_and_asks_for_the_label() -> None:
    text = comment.compose([review(changes=(NARROWER, WIDER))], approved=False)
    assert text.splitlines()[3] == f"**1 change lets more out: it needs the label `{APPROVAL}`.**"
    assert "- team-y may reach example.org (**lets more out**, new host)" in text
    assert "approved by label" in comment.compose([review(changes=(WIDER,))], approved=True)


def test_deletions_and_replacements_stand_above_the_rest() -> None:
    steps = tuple(
        Step(operation, "t", operation, ()) for operation in ("create", "update", "replace", "delete")
    )
    lines = comment.compose([review(steps=steps)], approved=False).splitlines()
    rows = [line for line in lines if line.startswith("| ") and "`" in line]
    assert [row.split("|")[1].strip() for row in rows] == ["**delete**", "**replace**", "update", "create"]
    assert (
        "<summary>Pulumi: 1 to delete, 1 to replace, 1 to update, 1 to create, 99 unchanged</summary>"
        in lines
    )


def test_words_of_the_author_cannot_become_markup_mentions_or_links() -> None:
    said = comment.plain("<img src=x> [a](http://b) @everyone `x` | a\n# b")
    assert said == "\\<img src=x\\> \\[a\\]\\(http:\u200b//b\\) @\u200beveryone \\`x\\` \\| a \\# b"
    fenced = comment.compose([review(complaints=("```\n<b>",))], approved=False)
    assert "````text\n```\n<b>\n````" in fenced


def test_it_fits_into_a_comment_and_says_what_does_not() -> None:
    many = tuple(
        Change(f"team-{number} may reach example.org", "new host", widening=True) for number in range(2000)
    )
    text = comment.compose([review(changes=many)], approved=False)
    assert len(text) < 65_536
    assert text.endswith("The rest does not fit into a comment: see the files of the workflow's run.\n")


# The gate


@pytest.mark.parametrize(
    ("found", "approved", "stops"),
    [
        (review(changes=(NARROWER,)), False, False),
        (review(changes=(WIDER,)), False, True),
        (review(changes=(WIDER,)), True, False),
        (review(complaints=("error: no such setting",)), True, True),
        (review(changes=None), True, True),
    ],
    ids=["narrower", "wider", "wider, approved", "preview failed", "not worked out"],
)
def test_what_stops_a_merge(found: Review, approved: bool, stops: bool) -> None:
    assert bool(comment.gate([found], approved)) is stops


def test_the_gate_names_each_widening_and_the_label(tmp_path: Path) -> None:
    shutil.copytree(RECORDED / "first", tmp_path / "review")
    refused = CliRunner().invoke(program.app, ["gate", str(tmp_path / "review"), "--labels", "bug,docs"])
    assert refused.exit_code == 1
    assert "Stack dev lets more out: team-y may reach httpbin.org: http /status/418, https" in refused.stderr
    assert APPROVAL in refused.stderr
    assert (
        CliRunner()
        .invoke(program.app, ["gate", str(tmp_path / "review"), "--labels", f"bug,{APPROVAL}"])
        .exit_code
        == 0
    )


OPENED: dict[str, tuple[str, Any, str]] = {
    # Each was silent once: path, value, what the gate has to name.
    "a private network": ("fences/privateHosts", {"vpn": "10.200.0.0/24"}, "10.200.0.0/24"),
    "names that nobody declares": (
        "network/dns/undeclaredNames",
        "resolve",
        "Names that no team declares are looked up outside",
    ),
    "objects that count everywhere": (
        "fences/relaxed",
        {"mesh-exports": "why"},
        "The fence mesh-exports is not put up",
    ),
    "namespaces that the mesh reads": (
        "fences/relaxed",
        {"mesh-discovery": "why"},
        "The fence mesh-discovery is not put up",
    ),
    "IPv6": ("network/firewall/ipv6", "open", "No rule stops IPv6"),
}


@pytest.mark.parametrize("change", OPENED)
def test_the_gate_asks_before_something_is_opened_that_no_team_declares(change: str, tmp_path: Path) -> None:
    path, value, named = OPENED[change]
    old, new = (plan_of(config) for config in (dev_config(), config_with(path, value)))
    folder = shutil.copytree(RECORDED / "first", tmp_path / "review") / "dev"
    gates: list[Any] = []
    for plans in ((old, new), (new, old)):
        before, after = (deployment(plan, render(plan)) for plan in plans)
        found = difference(before, after, plans)
        (folder / "diff.json").write_text(json.dumps(found.as_json()), encoding="utf-8")
        gates.append(CliRunner().invoke(program.app, ["gate", str(folder.parent), "--labels", "bug"]))
    opened, closed = gates
    assert opened.exit_code == 1
    assert named in opened.stderr
    assert APPROVAL in opened.stderr
    assert closed.exit_code == 0


# What cannot be read


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "nothing was previewed"),
        ({"dev/diff.json": "{}"}, "the preview of this stack did not run"),
        ({"dev/preview.json": ""}, "is not JSON"),
        (
            {"dev/preview.json": "{}", "dev/diff.json": '{"changes": [{"text": "a"}]}'},
            "no `widening` that is true or false",
        ),
    ],
    ids=["nothing", "no preview", "empty", "another form"],
)
def test_what_cannot_be_read_is_never_taken_for_no_change(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ReviewError, match=said):
        read(tmp_path)
    assert CliRunner().invoke(program.app, ["gate", str(tmp_path)]).exit_code == 1
    assert "could not be worked out" in CliRunner().invoke(program.app, ["comment", str(tmp_path)]).stdout


def test_recorded_previews_hold_neither_config_nor_states(tmp_path: Path) -> None:
    preview = tmp_path / "preview.json"
    step = {"op": "create", "urn": "urn:pulumi:dev::p::t::n", "newState": {"inputs": {"password": "s3cret"}}}
    preview.write_text(
        json.dumps({"config": {"a": "s3cret"}, "steps": [step], "changeSummary": {"create": 1}}),
        encoding="utf-8",
    )
    slim(preview)
    assert "s3cret" not in preview.read_text(encoding="utf-8")
    assert json.loads(preview.read_text(encoding="utf-8"))["steps"] == [
        {"op": "create", "urn": "urn:pulumi:dev::p::t::n"}
    ]


# A release


def test_the_notes_of_a_release_are_its_section() -> None:
    changelog = (
        "# Changelog\n\n## Unreleased\n\n- c\n\n## 1.1.0 (2026-11-21)\n\n- b\n- b2\n\n## 1.0.0\n\n- a\n"
    )
    assert notes(changelog, "v1.1.0") == "- b\n- b2\n"
    with pytest.raises(NoSection, match=r"nothing under `## 2\.0\.0`; it has: Unreleased, 1\.1\.0, 1\.0\.0"):
        notes(changelog, "v2.0.0")


# The workflows


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [
        step
        for job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
        for step in job["steps"]
    ]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_what_they_use_and_hold_no_key(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert [
        name
        for name, version in used
        if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) or not version.startswith(" # v")
    ] == []
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert yaml.safe_load(text)["permissions"] == {}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_that_an_author_chooses_is_pasted_into_a_shell(workflow: Path) -> None:
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_failure_is_not_lost_in_a_pipe(workflow: Path) -> None:
    """GitHub's default shell is bash without pipefail: `pulumi ... | tee` would always succeed."""
    piped = [step["run"] for step in steps(workflow) if "| tee" in step.get("run", "")]
    assert [run for run in piped if "set -o pipefail" not in run] == []


KNOWN = {
    "ci": {command.callback.__name__ for command in program.app.registered_commands if command.callback},
    "egress": {command.callback.__name__ for command in egress.registered_commands if command.callback},
}


def test_the_programs_that_workflows_call_exist() -> None:
    called = {
        call
        for workflow in WORKFLOWS
        for call in re.findall(r"python -m (ci|egress) ([a-z-]+)", workflow.read_text(encoding="utf-8"))
    }
    missing = {call for call in called if call[1] not in KNOWN[call[0]]}
    assert len(called) > 4
    assert missing == set()


LINTERS = {
    "zizmor": ["--offline", "--quiet", str(ROOT / ".github/workflows")],
    "check-jsonschema": ["--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)],
    "actionlint": list(map(str, WORKFLOWS)),
}


@pytest.mark.parametrize("linter", LINTERS)
def test_linters_of_workflows_find_nothing(linter: str) -> None:
    beside = Path(sys.executable).parent / linter
    found = str(beside) if beside.exists() else shutil.which(linter)
    if not found:
        pytest.skip(f"{linter} is not installed")
    done = subprocess.run(
        [found, *LINTERS[linter]], capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
