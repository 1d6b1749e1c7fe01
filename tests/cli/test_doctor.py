"""The doctor's table, as people read it and copy from it."""

from __future__ import annotations

from rich.markup import render

from egress.cli.doctor import table
from egress.doctor.finding import Finding, State, judged
from tests.support import ROOT

LOGIN = "gcloud auth login someone@example.com"
GRANT = (
    "gcloud projects add-iam-policy-binding my-project --member=user:someone@example.com "
    "--role=roles/iam.serviceAccountAdmin"
)
ROWS = [
    judged("login", "login for Google Cloud", True, "someone@example.com", "an account", ""),
    judged(
        "login",
        "login for the cluster",
        False,
        "other@example.com",
        "the same account as for Google Cloud",
        LOGIN,
    ),
    judged("billing", "billing", True, "on", "on", ""),
    judged(
        "access",
        "permissions",
        False,
        "without iam.serviceAccounts.setIamPolicy",
        "56, for what the plan makes",
        GRANT,
    ),
    judged(
        "quotas", "quota SSD_TOTAL_GB in europe-west1", True, "500 of 500 free", "400 more, for the disks", ""
    ),
]


def printed(rows: list[Finding]) -> str:
    return "".join(f"{render(line).plain.rstrip()}\n" for line in table(rows))


def test_the_page_shows_what_is_printed() -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert f"```text\n{printed(ROWS)}```" in page


def test_a_command_that_mends_stands_on_a_line_of_its_own() -> None:
    lines = printed(ROWS).splitlines()
    assert [line.strip() for line in lines if "->" in line] == [f"-> {LOGIN}", f"-> {GRANT}"]
    assert lines[-1] == "2 wrong of 5. Nothing was changed."


def test_what_mends_several_rows_is_said_once() -> None:
    rows = [Finding("billing", name, State.UNKNOWN, "not known, because x", "on", "log in") for name in "ab"]
    assert printed(rows).count("-> log in") == 1


def test_where_all_is_well_it_says_so() -> None:
    rows = [judged("billing", "billing", True, "on", "on", "")]
    assert printed(rows).splitlines()[-1] == "1 of 1 ok: nothing that is asked here stops `pulumi up`."


def test_brackets_in_an_answer_are_printed_as_they_are() -> None:
    row = judged("names", "names", False, "there already: [red]zone[/red]", "free", "rm [x]")
    assert "[red]zone[/red]" in printed([row])
    assert "rm [x]" in printed([row])
