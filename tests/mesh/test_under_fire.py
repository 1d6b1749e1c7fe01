"""Gateways, control plane, configuration and certificates change while clients send. What was denied never
gets through."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from egress.layers.render import render
from tests.mesh.client import curl
from tests.mesh.fire import CLIENTS, DRAIN, FIRST, SECOND, Load, Shaken, load
from tests.mesh.flow import Y
from tests.mesh.programs import Programs
from tests.support import dev_config, plan_of


@pytest.fixture(scope="module")
def shaken(found: Programs) -> Iterator[Shaken]:
    with Shaken(plan_of(dev_config()), found) as running:
        yield running
        for key in (FIRST, SECOND):
            running.kill(key)


@pytest.fixture
def both(shaken: Shaken) -> Iterator[Shaken]:
    """Two gateways, and again two afterwards."""
    yield shaken
    for key in (FIRST, SECOND):
        if not shaken.proxies[key].process.running():
            shaken.start_again(key)
    shaken.serve(FIRST, SECOND)
    time.sleep(0.5)


def _end(found: Load, what: str, capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        print(f"\n  {found.report(what)}", end="")
    assert all(told for told in found.answers.values()), "every client has asked"
    assert found.leaks() == []


def test_nothing_happens(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """So that the counts below are worth something."""
    with load(both) as found:
        time.sleep(1.5)
    _end(found, "nothing happens", capfd)
    assert found.failures() == {}


def test_scaled_to_one_and_back_to_two(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    with load(both) as found:
        time.sleep(0.5)
        both.serve(FIRST)
        time.sleep(1.5)
        both.serve(FIRST, SECOND)
        time.sleep(1.5)
    _end(found, "scaled to one and back to two", capfd)
    assert found.failures() == {}


def test_a_gateway_is_rolled(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """It is asked to end and goes out of the Service at the same time, as a pod does that is deleted; a new
    one comes in."""
    with load(both) as found:
        time.sleep(0.5)
        both.serve(SECOND)
        both.proxies[FIRST].process.ask_to_end()
        time.sleep(DRAIN + 1)
        assert not both.proxies[FIRST].process.running()
        both.start_again(FIRST)
        both.serve(FIRST, SECOND)
        time.sleep(1.0)
    _end(found, "a gateway is rolled", capfd)
    assert found.failures() == {}


def test_a_gateway_is_killed(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """One of two, without warning. Until its endpoint is gone its share fails; the config gives no
    retries."""
    with load(both) as found:
        time.sleep(0.5)
        both.kill(FIRST)
        time.sleep(1.0)
        both.serve(SECOND)
        time.sleep(1.0)
        settled = time.monotonic()
        time.sleep(1.5)
    _end(found, "one of two gateways is killed", capfd)
    assert found.failures(since=settled) == {}


def test_the_only_gateway_is_restarted(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing can be allowed while there is no gateway; and nothing goes another way instead."""
    both.serve(FIRST)
    with load(both) as found:
        time.sleep(1.0)
        both.kill(FIRST)
        time.sleep(1.0)
        both.start_again(FIRST)
        time.sleep(1.0)
        settled = time.monotonic()
        time.sleep(1.5)
    _end(found, "the only gateway is killed and restarted", capfd)
    assert found.failures()
    assert found.failures(since=settled) == {}


def test_the_control_plane_is_away(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """Proxies go on with what they know, and come back to it."""
    with load(both) as found:
        both.stop_istiod()
        time.sleep(4.0)
        both.start_istiod()
        time.sleep(0.5)
    _end(found, "istiod is away for four seconds", capfd)
    assert found.failures() == {}


def test_configuration_changes_under_load(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """team-y gets example.com and loses it again; once it is refused again it stays refused."""
    config = dev_config()
    config["gke-mesh-egress:teams"]["team-y"]["egress"]["example.com"] = {"http": {"upgrade": "tls"}}
    wider = [item.manifest for item in render(plan_of(config))]

    def answer() -> int | None:
        return curl(both, Y, "http://example.com/changed").status

    def await_status(wanted: set[int]) -> None:
        deadline = time.monotonic() + 10
        while answer() not in wanted:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    with load(both, [client for client in CLIENTS if client.name != "team-y: http://example.com"]) as found:
        assert answer() == 502
        both.control_plane.apply(wider)
        await_status({200})
        both.control_plane.apply(both.manifests)
        await_status({403, 502})
        afterwards = {answer() for _ in range(20)}
    _end(found, "configuration changes twice", capfd)
    assert found.failures() == {}
    assert afterwards <= {403, 502}


def test_certificates_are_rotated(both: Shaken, capfd: pytest.CaptureFixture[str]) -> None:
    """Every proxy's own, while connections are open."""
    before = both.serials()
    assert all(before.values())
    with load(both) as found:
        deadline = time.monotonic() + 20
        while any(both.serials()[key] == serial for key, serial in before.items()):
            assert time.monotonic() < deadline, "certificates are not renewed"
            time.sleep(0.3)
        time.sleep(1.0)
    _end(found, "every certificate is rotated", capfd)
    assert found.failures() == {}
