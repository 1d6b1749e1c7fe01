"""The policy pack in the real engine: `make policies`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.apiserver import ApiServer
from tests.engine.stack import Sandbox
from tests.support import ROOT, config_with

PACK = ROOT / "policies"

pytestmark = pytest.mark.skipif(
    not (PACK / ".venv").exists(), reason="policies/.venv is not there: `make policies` makes it"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("policies"))
    try:
        yield sandbox
    finally:
        ApiServer(sandbox.home).wipe()


def preview(sandbox: Sandbox, settings: Path | None = None, *, fails: bool = False) -> str:
    more = ["--policy-pack", str(PACK), *(["--policy-pack-config", str(settings)] if settings else [])]
    return sandbox.run("preview", fails=fails, more=more)


def test_the_dev_stack_satisfies_every_rule(sandbox: Sandbox) -> None:
    output = preview(sandbox)
    assert sandbox.changes(output)["create"] > 90
    assert "mandatory" not in output


def test_an_open_api_server_is_refused_and_let_pass_where_the_pack_s_settings_say_so(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.configure(
        config_with("cluster/controlPlane", {"authorizedNetworks": {"office": "198.51.100.0/24"}})
    )
    output = preview(sandbox, fails=True)
    assert "private-endpoint" in output
    assert "Reach it by its DNS-based endpoint" in output
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"private-endpoint": {"publicEndpoints": ["cluster1"]}}), encoding="utf-8")
    assert sandbox.changes(preview(sandbox, settings))["create"] > 90


def test_labels_are_read_from_the_provider(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"labels": {"requiredLabels": ["cost-centre"]}}), encoding="utf-8")
    sandbox.configure(config_with("labels", {"team": "platform"}))
    assert "Label cost-centre is missing" in preview(sandbox, settings, fails=True)
    sandbox.configure(config_with("labels", {"cost-centre": "42"}))
    assert "mandatory" not in preview(sandbox, settings)
