"""The sandbox's API server, for real: started, found again, stopped, restarted, wiped - and no stranger
harmed."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.apiserver import ApiServer, ApiServerError
from sandbox.home import CHECKOUT, Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of its own; whatever a test leaves running in it is ended."""
    home = Home(tmp_path / "a home with spaces")
    yield home
    ApiServer(home).wipe()


def ask(
    server: ApiServer, path: str, body: dict[str, Any] | None = None, token: str | None = None
) -> dict[str, Any]:
    """One request with only what ApiServer hands out: address, authority and token."""
    request = urllib.request.Request(server.url + path, data=json.dumps(body).encode() if body else None)
    request.add_header("Authorization", f"Bearer {token or server.token}")
    request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=server.ca_pem)),
    )
    with opener.open(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def pids(home: Home) -> list[int]:
    return [
        int((home.apiserver / f"{name}.pid").read_text(encoding="utf-8"))
        for name in ("etcd", "kube-apiserver")
    ]


def eventually(check: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not check() and time.monotonic() < deadline:
        time.sleep(0.05)
    return check()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def run_python(home: Home, code: str) -> subprocess.Popen[str]:
    """Another process that uses the same home; `s` is its ApiServer."""
    prelude = (
        "import sys\nfrom pathlib import Path\nfrom sandbox.apiserver import ApiServer\nfrom sandbox.home "
        "import Home\n"
        "s = ApiServer(Home(Path(sys.argv[1])))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code, str(home.root)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        encoding="utf-8",
    )


def test_its_life(home: Home) -> None:
    server = ApiServer(home)
    assert not server.running()
    with pytest.raises(ApiServerError, match="no API server in"):
        _ = server.url
    server.start()
    assert server.running()
    first, url, authority, token = pids(home), server.url, server.ca_pem, server.token
    ask(server, "/api/v1/namespaces", {"metadata": {"name": "team-x"}})

    # another object, as another command would make: the same server
    again = ApiServer(home)
    started = time.monotonic()
    again.start()
    assert time.monotonic() - started < 2
    assert pids(home) == first
    assert (again.url, again.ca_pem, again.token) == (url, authority, token)

    server.stop()
    assert not server.running()
    assert all(gone(pid) for pid in first)
    server.stop()  # once more is no error

    server.start()
    assert (server.url, server.ca_pem) == (url, authority)  # so a recorded endpoint stays true
    assert ask(server, "/api/v1/namespaces/team-x")["metadata"]["name"] == "team-x"

    last = pids(home)
    server.wipe()
    assert all(gone(pid) for pid in last)
    assert not home.apiserver.exists()
    server.wipe()

    server.start()
    assert server.ca_pem != authority
    with pytest.raises(urllib.error.HTTPError) as missing:
        ask(server, "/api/v1/namespaces/team-x")
    assert missing.value.code == 404


def test_who_may_use_it(home: Home) -> None:
    server = ApiServer(home)
    server.start()
    for name in ("token", "tokens.csv", "kubeconfig", "certificates/apiserver.key"):
        assert stat.S_IMODE((home.apiserver / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.apiserver.stat().st_mode) == 0o700
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(server, "/api/v1/namespaces", token="wrong")
    assert refused.value.code == 401
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        urllib.request.urlopen(f"{server.url}/readyz", timeout=10, context=ssl.create_default_context())

    # RBAC decides about everybody else: a service account's token is accepted as itself and may do nothing
    ask(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "app"}})
    path = "/api/v1/namespaces/default/serviceaccounts/app/token"
    issued = ask(server, path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    with pytest.raises(urllib.error.HTTPError) as forbidden:
        ask(server, "/api/v1/namespaces", token=issued["status"]["token"])
    assert forbidden.value.code == 403
    assert "system:serviceaccount:default:app" in forbidden.value.read().decode()

    kubeconfig = json.loads(server.kubeconfig.read_text(encoding="utf-8"))
    assert kubeconfig["clusters"][0]["cluster"]["server"] == server.url


def test_it_outlives_the_command_that_started_it_and_its_terminal(home: Home) -> None:
    command = run_python(home, "s.start(); print('up', flush=True); import time; time.sleep(60)")
    assert command.stdout is not None
    assert command.stdout.readline() == "up\n"
    started = pids(home)
    os.killpg(command.pid, signal.SIGINT)  # Ctrl-C goes to the whole foreground group
    command.communicate(timeout=20)
    time.sleep(0.5)
    assert ApiServer(home).running()
    assert pids(home) == started


def test_two_commands_start_one_server(home: Home) -> None:
    commands = [run_python(home, "s.start(); print(s.url, s._etcd.pid(), s._server.pid())") for _ in range(2)]
    answers = [command.communicate(timeout=150) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert ApiServer(home).running()


def test_a_start_that_was_killed_is_taken_up_again(home: Home) -> None:
    command = run_python(home, "s.start()")
    pid_file = home.apiserver / "kube-apiserver.pid"
    assert eventually(pid_file.exists, 60)
    command.kill()
    command.communicate(timeout=20)
    orphans = pids(home)
    server = ApiServer(home)
    server.start()
    assert server.running()
    assert all(pid in pids(home) or gone(pid) for pid in orphans)  # used or ended, never left beside


def test_a_program_that_died_is_replaced(home: Home) -> None:
    server = ApiServer(home)
    server.start()
    ask(server, "/api/v1/namespaces", {"metadata": {"name": "team-y"}})
    etcd, api = pids(home)
    os.kill(etcd, signal.SIGKILL)
    assert eventually(lambda: server._etcd.pid() is None)
    assert not server.running()
    server.start()
    assert gone(api)
    assert ask(server, "/api/v1/namespaces/team-y")["metadata"]["name"] == "team-y"


def test_a_stranger_with_a_recorded_pid_is_left_alone(home: Home) -> None:
    """After a reboot the pid files name processes that are somebody else's, even ones that look into our
    folder."""
    home.apiserver.mkdir(parents=True)
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(300)", str(home.apiserver / "etcd")]
    )
    try:
        for name in ("etcd", "kube-apiserver"):
            (home.apiserver / f"{name}.pid").write_text(f"{stranger.pid}\n", encoding="utf-8")
        server = ApiServer(home)
        assert not server.running()
        server.stop()
        assert stranger.poll() is None
        for name in ("etcd", "kube-apiserver"):
            (home.apiserver / f"{name}.pid").write_text(f"{stranger.pid}\n", encoding="utf-8")
        server.wipe()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "not a number", "0", "-1", "99999999"])
def test_a_damaged_pid_file_is_no_pid(home: Home, content: str) -> None:
    home.apiserver.mkdir(parents=True)
    for name in ("etcd", "kube-apiserver"):
        (home.apiserver / f"{name}.pid").write_text(content, encoding="utf-8")
    server = ApiServer(home)
    assert not server.running()
    server.stop()


def test_a_port_that_was_taken_meanwhile_is_given_up(home: Home) -> None:
    server = ApiServer(home)
    server.start()
    before = server.endpoint
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(before.partition(":")[2])))
        other.listen()
        assert not server.running()
        server.start()
        assert server.endpoint != before
        assert (
            json.loads(server.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"]
            == server.url
        )


def test_a_start_that_fails_shows_the_log_and_leaves_nothing_running(home: Home) -> None:
    (home.apiserver / "etcd" / "member").mkdir(parents=True)
    (home.apiserver / "etcd" / "member" / "snap").write_text("not a folder", encoding="utf-8")
    with pytest.raises(ApiServerError, match=r"(?s)etcd did not get ready.*snap.*make clean"):
        ApiServer(home).start()
    assert not list(home.apiserver.glob("*.pid"))
