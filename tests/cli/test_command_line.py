"""The command as a shell sees it: from any folder of the project, with what can be completed, and its
version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT


def egress(*words: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "egress", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "TERM": "dumb", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        encoding="utf-8",
    )


def completed(*words: str) -> set[str]:
    """What bash is offered at the end of a line."""
    done = egress(
        _EGRESS_COMPLETE="complete_bash", COMP_WORDS=" ".join(("egress", *words)), COMP_CWORD=str(len(words))
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_it_says_its_version() -> None:
    done = egress("--version")
    assert done.stdout.startswith("gke-mesh-egress 0.")
    assert done.returncode == 0


@pytest.mark.parametrize(
    "command", ["explain", "reach", "verify", "diff", "doctor", "evidence", "map", "render"]
)
def test_help_names_the_stacks_file(command: str) -> None:
    said = " ".join(egress(command, "--help").stdout.split())
    assert "Pulumi.STACK.yaml" in said.replace("│ │ ", "")
    assert "Pulumi..yaml" not in said


@pytest.mark.parametrize("command", [("verify",), ("diff", "HEAD")])
def test_it_finds_the_project_from_a_folder_below(command: tuple[str, ...]) -> None:
    above, below = egress(*command), egress(*command, folder=ROOT / "docs/adr")
    assert (below.returncode, below.stdout) == (above.returncode, above.stdout)
    assert below.returncode == 0


def test_a_stack_is_named_by_its_file_as_well() -> None:
    example = ROOT / "examples/modes/Pulumi.private.yaml"
    words = (
        "explain",
        "orders",
        "tcp://10.100.0.5:5432",
        "--service-account",
        "app",
        "--stack",
        str(example),
    )
    said = egress(*words)
    assert said.returncode == 0
    assert "The policy lets TCP 5432 to 10.100.0.5 through" in said.stdout


def test_a_file_of_a_stack_that_is_not_there_is_said_to_be_missing() -> None:
    said = egress("verify", "--stack", "examples/Pulumi.none.yaml")
    assert said.returncode != 0
    assert "There is no such stack file in" in said.stderr


def test_a_shell_completes_stacks_teams_and_hosts() -> None:
    assert completed("reach", "--stack", "d") >= {"dev"}
    assert completed("explain", "team-") == {"team-x", "team-y"}
    assert completed("explain", "team-y", "http") == {"https://httpbin.org", "http://httpbin.org"}
    assert completed("reach", "--host", "ex") == {"example.com"}


def test_completion_of_a_stack_that_cannot_be_read_is_silent() -> None:
    assert completed("explain", "--stack", "nowhere", "team-") == set()


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """A target of the Makefile with the Python that runs this, so that nothing is installed."""
    line = ["make", "-s", f"RUN={sys.executable}", "READY=Makefile", *words]
    return subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
    )


def test_make_explain_answers_no_without_calling_it_a_failure() -> None:
    done = make("explain", "TEAM=team-x", "URL=https://undeclared.example")
    assert done.returncode == 0
    assert "denied by sidecar" in done.stdout
    assert "Error" not in done.stderr


def test_make_explain_takes_method_and_way() -> None:
    done = make(
        "explain",
        "TEAM=team-y",
        "URL=http://httpbin.org/status/418",
        "METHOD=POST",
        "AS=gateway-without-certificate",
    )
    assert "POST http://httpbin.org:80/status/418, by gateway-without-certificate" in done.stdout


def test_make_explain_without_a_team_says_what_to_write() -> None:
    done = make("explain")
    assert done.returncode != 0
    assert "make explain TEAM=team-x URL=https://example.com/path" in done.stderr


def test_make_reach_takes_a_team() -> None:
    said = make("reach", "TEAM=team-y").stdout
    assert any(line.startswith("team-y ") for line in said.splitlines())
    assert not any(line.startswith("team-x ") for line in said.splitlines())
