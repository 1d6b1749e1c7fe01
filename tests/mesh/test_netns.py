"""Nothing stays behind: not after the end, not after a run that was killed - and nothing of a run that lives
is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.home import CHECKOUT
from tests.mesh import netns
from tests.mesh.mesh import Mesh

RUN = """
import subprocess, time
from tests.mesh.netns import Run
run = Run()
namespace = run.namespace("pod")
namespace.etc("resolv.conf", "nameserver 10.2.0.10")
child = subprocess.Popen([*namespace.prefix(), "sleep", "300"])
print(run.id, child.pid, flush=True)
time.sleep(300)
"""


def _there(run: str) -> list[str]:
    """What there is of a run, anywhere on the machine."""
    folders = [Path("/run/netns"), Path("/etc/netns"), Path(os.environ.get("TMPDIR", "/tmp"))]
    return [str(path) for folder in folders if folder.exists() for path in folder.glob(f"{run}*")]


def _program(pid: str) -> str:
    """What a process is by now; empty if it is over."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").partition("\0")[0]
    except OSError:
        return ""


def _eventually(check: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not check() and time.monotonic() < deadline:
        time.sleep(0.05)
    return check()


@pytest.mark.usefixtures("found")
def test_a_killed_run_is_cleared_away_and_a_living_one_is_not() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert run.stdout is not None
        name, sleeper = run.stdout.readline().split()
        assert name.startswith(f"{netns.PREFIX}{run.pid}.")
        made = _there(name)
        assert len(made) == 3  # the namespace, its files, the folder
        netns.remove_leftovers()
        assert _there(name) == made
        assert _eventually(lambda: _program(sleeper) == "sleep")
        run.send_signal(signal.SIGKILL)
        run.wait(10)
        assert _eventually(lambda: not _program(sleeper)), "what ran in the namespace outlived its run"
        assert _there(name) == made
        netns.remove_leftovers()
        assert _there(name) == []
    finally:
        run.kill()
        run.wait(10)


@pytest.mark.usefixtures("found")
def test_what_runs_in_a_namespace_of_a_killed_run_is_ended() -> None:
    """A program that took off the leash is found by the namespace that it is in."""
    loose = RUN.replace("[*namespace.prefix(), ", '["ip", "netns", "exec", namespace.name, ')
    run = subprocess.Popen(
        [sys.executable, "-c", loose], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        assert run.stdout is not None
        name, sleeper = run.stdout.readline().split()
        assert _eventually(lambda: _program(sleeper) == "sleep")
        run.send_signal(signal.SIGKILL)
        run.wait(10)
        assert _program(sleeper) == "sleep"
        netns.remove_leftovers()
        assert _there(name) == []
        assert _eventually(lambda: not _program(sleeper))
    finally:
        run.kill()
        run.wait(10)


def test_a_mesh_has_no_way_out_of_the_machine(mesh: Mesh) -> None:
    """The router's cables lead to pods and to the stand-in for the outside; this machine holds no end of
    any."""
    ends = {line.split(": ")[1].partition("@")[0] for line in mesh.fabric.cables()}
    assert ends == {"lo", "outside", *mesh.pods}
    assert "egressmesh" not in netns.command("ip", "-o", "link", "show", "type", "veth")
    with pytest.raises(RuntimeError, match="unreachable"):
        netns.command("ip", "-n", mesh.namespaces["gateway"].name, "-6", "route", "get", "2001:db8::1")
