"""python -m bench: how the program grows. Figures are ratios; absolute times are only printed beside them.

Objects are counted against the tutorial's hand-written way: 4 per host and user, 9 per team. The program's
time is held against registering as many bare resources under Pulumi's mocks.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from egress.layers.render import render
from egress.plan.make import make_plan
from egress.proof.verify import prove
from egress.settings import load

ROOT = Path(__file__).resolve().parent.parent
HOSTS = 10
RUNS = 3
OBJECTS_GOAL = 0.40
TIME_GOAL = 1.15

BARE = """
import asyncio, sys
loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop)
import pulumi
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack
class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        certificate = {"clusterCaCertificate": "x"}
        known = {"endpoint": "x", "masterAuth": certificate, "controlPlaneEndpointsConfig": {}}
        return args.name, {**args.inputs, **(known if args.typ.endswith(":Cluster") else {})}
    def call(self, args): return {}
pulumi.runtime.set_mocks(Mocks())
set_root_resource(None)
class Bare(pulumi.CustomResource):
    def __init__(self, name): super().__init__("test:index:Bare", name, {"value": name})
def program():
    for index in range(int(sys.argv[1])): Bare(f"bare-{index}")
loop.run_until_complete(run_in_stack(program))
"""
PROGRAM = (
    BARE.partition("class Bare")[0]
    + """
import json, runpy
pulumi.runtime.set_all_config(json.load(sys.stdin))
loop.run_until_complete(run_in_stack(lambda: runpy.run_path("__main__.py", run_name="__main__")))
"""
)


def _missed(ratio: float, goal: float) -> str:
    """What stands behind a figure that does not reach its goal."""
    return f" (goal {goal:.2f} missed)" if ratio > goal else ""


def config(teams: int, shared: bool, access: dict[str, Any], hosts: int = HOSTS) -> dict[str, Any]:
    """dev's foundation with `teams` teams of some hosts each: the same ones, or each its own."""
    base = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]
    of_team = {
        f"team-{team}": {
            "egress": {
                f"h{host}.{'shared' if shared else f't{team}'}.example.com": access for host in range(hosts)
            }
        }
        for team in range(teams)
    }
    return base | {"gcp:project": "bench-project", "gke-mesh-egress:teams": of_team}


def best(action: Callable[[], object]) -> float:
    """The shortest of a few runs, in seconds: noise only ever adds."""
    times: list[float] = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def child(program: str, argument: str = "", stdin: str = "") -> None:
    subprocess.run(
        [sys.executable, "-c", program, argument],
        input=stdin,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=900,
        encoding="utf-8",
    )


def counts() -> None:
    print(
        "Kubernetes objects at 100 teams x 10 hosts, against the tutorial's 4 per host and user + 9 per "
        "team "
        f"(goal {OBJECTS_GOAL:.2f})"
    )
    by_hand = 100 * (4 * HOSTS + 9)
    for words, shared in (("the same ten hosts for all", True), ("ten hosts of its own for each", False)):
        for mode, access in (
            ("passthrough", {"https": "passthrough"}),
            ("upgraded http", {"http": {"upgrade": "tls"}}),
        ):
            objects = len(render(make_plan(load(config(100, shared, access)))))
            ratio = objects / by_hand
            print(
                f"  {words:30} {mode:14} {objects:5} / {by_hand} = {ratio:.2f}{_missed(ratio, OBJECTS_GOAL)}"
            )


def growth() -> None:
    print(
        "plan and render, time per team against 100 teams (1.0: linear); Python's collector walks all that "
        "lives, so apart"
    )
    for collector in (False, True):
        floor = 0.0
        for teams in (100, 300, 1000):
            settings = load(config(teams, False, {"http": {"upgrade": "tls"}}))
            if not collector:
                gc.disable()
            per_team = best(lambda settings=settings: render(make_plan(settings))) / teams
            gc.enable()
            floor = floor or per_team
            words = "with" if collector else "without"
            print(
                f"  {words:7} collector, {teams:4} teams x {HOSTS}: {per_team / floor:.2f}   "
                f"({per_team * teams:.2f} s)"
            )


def proving() -> None:
    print(
        "proving every flow, against making and rendering the same plan, and per team against 100 teams "
        "(1.0: linear); CPU time"
    )
    for words, shared, hosts in (
        ("one host of its own each", False, 1),
        ("the same ten hosts for all", True, 10),
    ):
        floor = 0.0
        for teams in (100, 300, 1000):
            settings = load(config(teams, shared, {"http": {"upgrade": "tls"}}, hosts))
            gc.disable()
            start = time.process_time()
            plan = make_plan(settings)
            objects = render(plan)
            rendered = time.process_time()
            prove(plan, objects)
            end = time.process_time()
            gc.enable()
            per_team = (end - rendered) / teams
            floor = floor or per_team
            ratio = (end - rendered) / (rendered - start)
            print(
                f"  {words:26}, {teams:4} teams: {ratio:.1f}   per team {per_team / floor:.2f}   "
                f"({end - rendered:.2f} s)"
            )


def registering(sizes: tuple[int, ...]) -> None:
    print(f"the program under mocks, against as many bare resources (goal {TIME_GOAL:.2f})")
    for teams in sizes:
        wanted = config(teams, False, {"https": "passthrough"})
        text = json.dumps(
            {key: value if isinstance(value, str) else json.dumps(value) for key, value in wanted.items()}
        )
        resources = len(render(make_plan(load(wanted)))) + 70  # and the foundation
        start = time.perf_counter()
        child(PROGRAM, stdin=text)
        ours = time.perf_counter() - start
        start = time.perf_counter()
        child(BARE, str(resources))
        bare = time.perf_counter() - start
        ratio = f"{ours / bare:.2f}{_missed(ours / bare, TIME_GOAL)}"
        print(
            f"  {teams:5} teams x {HOSTS} hosts, {resources} resources: {ratio}   ({ours:.1f} s / {bare:.1f} "
            "s)"
        )


if __name__ == "__main__":
    counts()
    growth()
    proving()
    registering((100, 1000) if "--full" in sys.argv else (100,))
