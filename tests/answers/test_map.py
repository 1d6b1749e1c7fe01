"""`egress map`: one page that needs no network, shows what the evidence says, and takes free text as text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from egress.answers.evidence import evidence
from egress.answers.evidence_document import Evidence, Source
from egress.answers.evidence_markdown import markdown
from egress.answers.map import data, page
from egress.cli.app import app
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.snapshot import deployment
from tests.support import ROOT, config_with, dev_config, plan_of

SOURCE = Source(project="p", stack="dev", commit="1a2b3c4", uncommitted=False, stack_version=None, at=None)
BROWSER = next(
    filter(
        None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    ),
    None,
)
in_a_browser = pytest.mark.skipif(
    BROWSER is None, reason="no chromium or google-chrome on PATH: the map is not opened"
)
SCRIPT = (
    "</script><script>document.title='owned'</script><img src=x "
    "onerror=\"document.title='owned'\">$title & </title>"
)
"""Free text of a rule, as somebody might write it who wants more than to be read."""


def found(plan: Plan) -> Evidence:
    return evidence(plan, deployment(plan, render(plan)), SOURCE)


@pytest.fixture(scope="module")
def dev() -> str:
    plan = plan_of(dev_config())
    return page(plan, found(plan))


@pytest.fixture(scope="module")
def hostile() -> str:
    shop = {"egress": {"api.example.com": {"http": {"upgrade": "tls", "description": SCRIPT}}}}
    plan = plan_of(config_with("teams", {"shop": shop}))
    return page(plan, found(plan))


class Parsed(HTMLParser):
    """Tags that a browser would make of a page, and the text of its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_the_page_holds_what_the_evidence_says() -> None:
    plan = plan_of(dev_config())
    drawn, said = data(plan, found(plan)), found(plan)
    assert [team["name"] for team in drawn["teams"]] == ["team-x", "team-y", "any other namespace", "default"]
    for way, item in zip(drawn["ways"], said.allowed, strict=True):
        controls = [tuple(drawn["controls"][index]) for index in way["controls"]]
        assert controls == [
            (one.layer, one.allowed, one.object, one.field, one.reason) for one in item.controls
        ]
    assert sum(map(len, drawn["elsewhere"])) == len(said.elsewhere)
    assert {way["route"] for way in drawn["ways"]} == {
        "istio-egress",
        "Google's front door",
        "inside the cluster",
    }


MODES = ROOT / "examples/modes"


def mode(name: str) -> Plan:
    return plan_of(yaml.safe_load((MODES / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"])


def test_a_team_that_may_reach_any_host_is_the_loudest() -> None:
    """It declares nothing, and it is the most open of all: first row of evidence and map, in red."""
    plan = mode("open")
    said = found(plan)
    first = said.allowed[0]
    assert (first.team, first.target, first.kind, first.passes, first.gateway) == (
        "lab",
        "any host",
        "any other host",
        True,
        None,
    )
    assert {item.port for item in said.allowed if item.target == "any host"} == {80, 443}
    assert "| lab | any host | http 80 | everything |" in markdown(said)
    ways = data(plan, said)["ways"]
    assert ways[0]["risk"] == "any host"
    assert [way["risk"] for way in ways if way["team"] != ways[0]["team"]] == [""] * (len(ways) - 2)


def test_what_leaves_unencrypted_and_rules_that_are_void_are_marked() -> None:
    plan = plan_of(dev_config())
    said = found(plan)
    marked = {(item.team, item.target, item.protocol): (item.unencrypted, item.void) for item in said.allowed}
    assert marked["team-y", "httpbin.org", "http"] == (True, True)
    assert marked["team-x", "example.com", "http"] == (False, False)
    drawn = data(plan, said)
    risks = {(drawn["targets"][way["target"]]["name"], way["by"]): way["risk"] for way in drawn["ways"]}
    assert risks["httpbin.org", "http 80"] == "leaves unencrypted"
    assert "UNENCRYPTED, port 80" in markdown(said)
    assert "/status/418 (void: https passes everything)" in markdown(said)


def test_what_partners_may_connect_to_is_in_it() -> None:
    plan = mode("receive")
    said = found(plan)
    assert [(item.team, item.name, item.service, item.exposure) for item in said.received] == [
        ("orders", "mysql", "mysql:3306", "external"),
        ("orders", "price-list", "prices:80", "external"),
    ]
    assert (
        "| orders | mysql | mysql.fqdn.example, tcp 13306 | spiffe://partner.example/gateway |"
        in markdown(said)
    )
    assert [one["clients"] for one in data(plan, said)["received"]] == [
        "spiffe://partner.example/gateway",
        "client.buyer.example",
    ]


def test_it_needs_no_network(dev: str) -> None:
    tags = Parsed(dev).tags
    assert [
        attributes for _, attributes in tags if {"src", "href", "action", "onclick"} & attributes.keys()
    ] == []
    (policy,) = [
        attributes["content"]
        for _, attributes in tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "://" not in re.sub(
        r"http://www\.w3\.org/2000/svg", "", re.sub(r'type="application/json".*?</script>', "", dev)
    )


def test_free_text_cannot_end_its_element(hostile: str) -> None:
    parsed = Parsed(hostile)
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert "img" not in {tag for tag, _ in parsed.tags}
    (way,) = json.loads(parsed.scripts[0])["ways"]
    assert way["why"] == SCRIPT


def test_the_same_evidence_gives_the_same_bytes(dev: str) -> None:
    plan = plan_of(dev_config())
    assert page(plan, found(plan)) == dev


@pytest.fixture(scope="module")
def large() -> tuple[str, float]:
    """A page of 200 teams with two hosts each, one of them everybody's; and how long the page itself
    takes."""
    hosts = {"shared.example.com": {"https": "passthrough"}}
    teams: dict[str, Any] = {
        f"team-{index}": {"egress": hosts | {f"h{index}.example.com": {"https": "passthrough"}}}
        for index in range(200)
    }
    plan = plan_of(config_with("teams", teams))
    said = found(plan)
    start = time.perf_counter()
    text = page(plan, said)
    return text, time.perf_counter() - start


def test_two_hundred_teams_fit_a_page(large: tuple[str, float]) -> None:
    text, seconds = large
    print(f"map of 200 teams: {len(text) / 1e6:.2f} MB, page made in {seconds:.2f} s")
    assert len(text) < 3_000_000
    assert seconds < 10


# In a browser


def opened(text: str, folder: Path, asked: str = "") -> str:
    """The document that a browser makes of a page once its script has run."""
    assert BROWSER
    file = folder / "map.html"
    file.write_text(text, encoding="utf-8")
    quiet = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
        "--disable-component-update"
    )
    command = [
        BROWSER,
        *quiet.split(),
        "--disable-sync",
        "--disable-quic",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, f"{file.as_uri()}{asked}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        encoding="utf-8",
    )
    return done.stdout


def shown(document: str) -> list[str]:
    """Rows of the table that are not hidden, by their text."""
    rows = re.findall(r"<tr>(.*?)</tr>", document)
    return [" | ".join(re.findall(r"<td>(?:<[^>]*>)*([^<]*)", row)) for row in rows if "<td>" in row]


@in_a_browser
def test_a_browser_shows_every_way_and_who_decides(dev: str, tmp_path: Path) -> None:
    document = opened(dev, tmp_path)
    assert "each is answered as the config says" in document
    assert document.count("<path ") == 5, "one line for each team and target"
    rows = "\n".join(shown(document))
    assert (
        "httpbin.org | http 80 | /status/418 (void: https passes everything) | istio-egress | UNENCRYPTED, "
        "port 80 | passes" in rows
    )
    assert document.count("Look at these first") == 2, "once in the script, once said"
    assert len(shown(document)) == 7


@in_a_browser
def test_a_filter_leaves_one_team_with_the_trace_of_its_ways(dev: str, tmp_path: Path) -> None:
    document = opened(dev, tmp_path, "#team=team-y")
    assert "teams: 1, targets: 1, ways: 2" in document
    assert len(shown(document)) == 2
    said = re.findall(r"<summary>(.*?)</summary>", document.partition('id="said"')[2].partition("<svg")[0])
    assert len(said) == 2, "the ways come first, each with who decides below it"


@in_a_browser
def test_where_no_way_is_declared_it_says_who_refuses(dev: str, tmp_path: Path) -> None:
    document = opened(dev, tmp_path, "#team=team-y&target=example.com")
    says = (
        "team-y declares no way to example.com. What its workloads can try all the same, as for every "
        "other team's host:"
    )
    assert says in document
    assert "istio-egress/serviceentry/example-com-ext spec.exportTo" in document
    assert "istio-egress/authorizationpolicy/egress-team-y spec.rules" in document


@in_a_browser
def test_free_text_is_shown_and_never_run(hostile: str, tmp_path: Path) -> None:
    document = opened(hostile, tmp_path)
    assert "<title>Egress of stack dev</title>" in document
    assert "<img" not in document
    assert "&lt;/script&gt;&lt;script&gt;document.title='owned'" in document


@in_a_browser
def test_two_hundred_teams_are_drawn_without_a_knot_of_lines(
    large: tuple[str, float], tmp_path: Path
) -> None:
    document = opened(large[0], tmp_path)
    assert "teams: 200, targets: 201, ways: 400" in document
    assert opened(large[0], tmp_path, "#target=shared.example.com").count('class="team"') == 202, (
        "and two that are no team's"
    )
    alone = opened(large[0], tmp_path, "#team=team-17")
    assert alone.count("<path ") == 2


# The command


def test_the_command_writes_the_page_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, ["map", "--out", str(tmp_path / "m.html"), "--commit", "1a2b3c4"])
    assert result.exit_code == 0
    assert "m.html: 2 teams, 7 ways. Open it in a browser." in result.stderr
    assert "commit 1a2b3c4" in (tmp_path / "m.html").read_text(encoding="utf-8")


def test_a_folder_that_is_not_there_is_refused_with_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, ["map", "--out", str(tmp_path / "no" / "m.html")])
    assert result.exit_code == 2
    assert "Name a file in a folder that exists." in result.stderr


def test_the_page_about_the_map_says_what_the_command_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = re.findall(
        r"^```\n\$ egress (map.*)\n(.*)\n```$",
        (ROOT / "docs/map.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  gcp:project: my-project\n" + _body(), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, command[0].split())
    assert result.stderr.strip() == command[1]


def _body() -> str:
    return (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8").partition("config:\n")[2]
