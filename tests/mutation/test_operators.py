"""What is planted, that it changes what runs, and that a run can fail."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.listed import Listed
from tests.mutation.operators import mutants
from tests.mutation.planted import ROOT, every_module, planted

JUDGE = '''
"""Words."""
LEVEL = "strict"

class Rule:
    """More words."""
    ports: tuple[int, ...] = ()

    def allows(self, port: int, names: list[str]) -> bool:
        for name in names:
            if not name:
                continue
            if name == LEVEL and port in self.ports:
                return any(other.startswith("x") for other in names if other != name)
        raise ValueError("a message in words")
'''


def changes(source: str) -> set[str]:
    return {f"{mutant.function}: {mutant.change}" for mutant in mutants(ast.parse(source))}


@pytest.mark.parametrize(
    "change",
    [
        ": 'strict' -> 'strict-other'",
        "Rule.allows: not name -> name",
        "Rule.allows: not name -> True",
        "Rule.allows: continue -> break",
        "Rule.allows: name == LEVEL -> name != LEVEL",
        "Rule.allows: name == LEVEL -> (left out)",
        "Rule.allows: port in self.ports -> port not in self.ports",
        "Rule.allows: name == LEVEL and port in self.ports -> name == LEVEL or port in self.ports",
        "Rule.allows: any -> all",
        "Rule.allows: other.startswith('x') -> other.endswith('x')",
        "Rule.allows: other != name -> (left out)",
        "Rule.allows: return any((other.startswith('x') for other in names if other != name)) -> return "
        "False",
        "Rule.allows: raise ValueError('a message in words') -> pass",
    ],
)
def test_each_kind_of_error_is_planted(change: str) -> None:
    assert change in changes(JUDGE)


@pytest.mark.parametrize("words", ["Words.", "More words.", "a message in words"])
def test_words_are_left_alone(words: str) -> None:
    assert not [change for change in changes(JUDGE) if change.startswith(("'", '"')) and words in change]


def test_an_error_once_planted_is_what_the_source_then_says() -> None:
    for number, mutant in enumerate(mutants(ast.parse(JUDGE))):
        tree = ast.parse(JUDGE)
        before = ast.unparse(tree)
        mutants(tree)[number].plant()
        assert ast.unparse(tree) != before, mutant.change
        compile(tree, "judge.py", "exec")


def test_errors_in_every_judge_compile() -> None:
    errors = list(planted(every_module()))
    # One file holds reasons in words alone, in which there is nothing to get wrong.
    assert {error.module for error in errors} == set(every_module()) - {"google_reasons"}
    assert len(errors) > 5_000


def test_an_entry_of_the_list_needs_a_reason_and_stands_there_once(tmp_path: Path) -> None:
    file = tmp_path / "routes.toml"
    entry = '[[equivalent]]\nwhere = "routes.x"\nline = "return 1"\nchanges = ["1 -> 2"]\nreason = "{}"\n'
    file.write_text(entry.format("nobody asks"), encoding="utf-8")
    listed = Listed.read(tmp_path)
    assert ("routes.x", "return 1", "1 -> 3") not in listed
    assert listed.stale({"routes"}) == [("routes.x", "return 1", "1 -> 2")]
    assert listed.stale({"gateway"}) == []
    assert ("routes.x", "return 1", "1 -> 2") in listed
    assert listed.stale({"routes"}) == []
    for wrong in (
        entry.format(""),
        entry.format("one") + entry.format("two"),
        entry.format("one").replace("routes", "dns"),
    ):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(ValueError, match="no reason, stands there twice or is no error of that module"):
            Listed.read(tmp_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.mutation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_a_sample_of_the_errors_is_noticed() -> None:
    """The whole is `make mutants`; these sixty are the same until somebody changes their lines. docs/proof.md
    says the figure."""
    ended = run("--sample", "60", "--seed", "7", "--least", "95")
    assert ended.returncode == 0, (
        f"{ended.stdout}\n{ended.stderr}\nGive what survives a test, or its reason in equivalent/."
    )


def test_errors_that_nobody_notices_fail_the_run() -> None:
    ended = run("--module", "requests", "--tests", "tests/judge/test_dns_answers.py")
    assert ended.returncode == 1
    assert "survives: egress/judge/model/requests.py:" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("0 of ")
