"""The two stacks of examples/partner fit together: each one's config says what the program reads from the
other's outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import yaml

from tests.program_runner import run_program
from tests.support import ROOT

FOLDER = ROOT / "examples/partner"
ASKED = ("--port", "3306", "--service-account", "mysql-client", "--credential", "client-credential")


def config(side: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / side / f"Pulumi.{side}.yaml").read_text(encoding="utf-8"))["config"]


@cache
def outputs(side: str) -> str:
    """What `pulumi stack output --json` prints of the deployed example."""
    run = run_program(config(side))
    assert run.error is None
    return json.dumps(run.outputs)


def link(given: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "link.py"), *words]
    return subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8"
    )


def test_the_client_connects_where_the_server_listens() -> None:
    done = link(outputs("server"), "egress", "--team", "orders", "--name", "mysql", *ASKED)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout) == config("client")["gke-mesh-egress:teams"]["shop"]


def test_the_server_lets_in_the_addresses_from_which_the_client_connects() -> None:
    done = link(outputs("client"), "ingress")
    assert done.returncode == 0, done.stderr
    wanted = yaml.safe_load(done.stdout)["gke-mesh-egress:ingress"]
    assert config("server")["gke-mesh-egress:ingress"] == {"exposure": "external", **wanted}


def changed(side: str, *path: str, to: Any) -> str:
    made = json.loads(outputs(side))
    node = made
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = to
    return json.dumps(made)


@pytest.mark.parametrize(
    ("given", "words", "said"),
    [
        (lambda: "{}", ["ingress"], "no output `egress`"),
        (lambda: "nothing", ["ingress"], "not JSON"),
        (lambda: changed("client", "egress", "contract", to=2), ["ingress"], "contract 2"),
        (
            lambda: changed("client", "egress", "gateway", "addresses", to={}),
            ["ingress"],
            "no reserved address",
        ),
        (
            lambda: outputs("client"),
            ["egress", "--team", "orders", "--name", "mysql", *ASKED],
            "No team of the partner receives",
        ),
        (
            lambda: outputs("server"),
            ["egress", "--team", "orders", "--name", "nosql", *ASKED],
            "it receives: orders mysql",
        ),
        (
            lambda: changed("server", "egress", "ingress", "exposure", to="internal"),
            ["egress", "--team", "orders", "--name", "mysql", *ASKED],
            "public addresses only",
        ),
    ],
    ids=[
        "no outputs",
        "no JSON",
        "another contract",
        "no address",
        "receives nothing",
        "unknown name",
        "internal",
    ],
)
def test_it_says_what_is_missing(given, words: list[str], said: str) -> None:
    done = link(given(), *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""
