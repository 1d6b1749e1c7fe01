"""`egress doctor` against the sandbox: Google's REST APIs on loopback, over the stand-in cloud, and programs
that stand in for Google's command line.

The doctor is a process of its own and knows nothing of the sandbox: it is led here by the variables that lead
the Google provider elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox import project, tools
from sandbox.apiserver import ApiServer
from sandbox.command import without_foreign
from sandbox.engine import Engine
from sandbox.google_rest import GoogleRest
from sandbox.google_rest.beside import SUPPLY
from sandbox.home import CHECKOUT, Home

PROGRAMS = Path(__file__).parent / "programs"
ELSEWHERE = "EGRESS_DOCTOR_SUPPLY_ENDPOINT"
SWITCHED_ON = frozenset(
    f"{api}.googleapis.com"
    for api in (
        "accesscontextmanager",
        "artifactregistry",
        "bigquery",
        "cloudbilling",
        "cloudresourcemanager",
        "compute",
        "container",
        "dns",
        "gkehub",
        "iam",
        "iamcredentials",
        "logging",
        "mesh",
        "meshconfig",
        "monitoring",
        "networksecurity",
        "networkservices",
        "pubsub",
        "secretmanager",
        "trafficdirector",
    )
)
"""What is on in the sandbox's project, as in a real one that is made ready for its first `up`."""
_MINUTES = 5


def run(directory: Path, stack: str) -> int:
    """Ask the doctor about a stack; its exit code."""
    home = Home.from_env()
    engine = Engine(home, project.copy(directory, stack, home))
    with GoogleRest(home, ApiServer(home)) as google:
        google.switched_on.update(SWITCHED_ON)
        done = subprocess.run(
            command(stack),
            cwd=engine.project.work,
            env=environment(engine, google),
            check=False,
            timeout=60 * _MINUTES,
        )
    return done.returncode


def command(stack: str, *more: str) -> list[str]:
    """The doctor, as a process of its own."""
    return [sys.executable, "-m", "egress", "doctor", "--stack", stack, *more]


def environment(engine: Engine, google: GoogleRest) -> Mapping[str, str]:
    """What leads the doctor to the sandbox, and keeps this machine's own accounts from it."""
    pulumi = tools.ensure("pulumi")["pulumi"]
    path = os.pathsep.join([str(PROGRAMS), str(Path(pulumi).parent), os.environ.get("PATH", "")])
    return {
        **without_foreign(os.environ),
        **engine.environment,
        **google.environment(),
        ELSEWHERE: google.endpoint(SUPPLY),
        "PATH": path,
        "PYTHONPATH": str(CHECKOUT),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
