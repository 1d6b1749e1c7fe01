"""What the Pulumi CLI itself makes of stack files, held against the reader that the commands and the sandbox
share."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from egress.common import stack_file
from egress.common.errors import ConfigError
from sandbox import tools

READ = {
    "bare keys": "config:\n  teams: {shop: {}}\n",
    "the project's own values": "config:\n  gke-mesh-egress:region: europe-west1\n",
    "words that older readers take for "
    "others": "config:\n  teams: {no: {}, on: yes, 8: {}, y: 010, z: 1e3, s: 1:30, o: 0o17}\n",
    "nothing": "config:\n  teams:\n  gke-mesh-egress:protect: ~\n",
    "numbers": "config: {teams: {a: 1.0, b: 0.1, c: 1e21, d: 18446744073709551616}, e: 1e-7, f: "
    "123456789012}\n",
    "anchors and merges": "x: &x {a: {k: v}, b: {}}\nconfig:\n  teams: {<<: *x, b: {l: m}}\n",
    "line ends and a mark of Windows": "\ufeffconfig:\r\n  teams: {shop: {}}\r\n",
    "JSON text": "config: {teams: '{\"a\": {}}'}\n",
}
REFUSED = {
    "a key twice": "config:\n  teams:\n    a: {}\n    a: {}\n",
    "an anchor within itself": "config: {teams: &a [*a]}\n",
    "a tag that does not fit": "config: {teams: !!int x}\n",
    "a number as a setting": "config: {1: 2}\n",
    "a tab": "config:\n\tteams: {}\n",
    "no number": "config: {teams: {a: .nan}}\n",
    "three colons": "config: {a:b:c: 1}\n",
}
PROJECT = """name: gke-mesh-egress
runtime: python
config:
  gke-mesh-egress:teams: {type: object, default: {}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    (made / "state").mkdir()
    (made / "Pulumi.yaml").write_text(PROJECT, encoding="utf-8")
    _pulumi(made, "stack", "init", "x")
    return made


def _pulumi(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    own = {
        "PULUMI_BACKEND_URL": f"file://{folder}/state",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_HOME": str(folder / "home"),
    }
    env = {
        **os.environ,
        **own,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    pulumi = str(tools.ensure("pulumi")["pulumi"])
    return subprocess.run(
        [pulumi, "--non-interactive", *words],
        cwd=folder,
        env=env,
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", READ)
def test_both_read_the_same(folder: Path, name: str) -> None:
    path = folder / "Pulumi.x.yaml"
    path.write_bytes(READ[name].encode())
    done = _pulumi(folder, "config", "--json", "--stack", "x")
    assert done.returncode == 0, done.stderr
    handed_over = {key: said["value"] for key, said in json.loads(done.stdout).items()}
    found = stack_file.read(path).config
    assert set(found) == set(handed_over)
    for key, value in found.items():
        assert (value if isinstance(value, str) else _plain(value)) == (
            handed_over[key] if isinstance(value, str) else json.loads(handed_over[key])
        )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(folder: Path, name: str) -> None:
    path = folder / "Pulumi.x.yaml"
    path.write_bytes(REFUSED[name].encode())
    assert _pulumi(folder, "config", "--json", "--stack", "x").returncode != 0
    with pytest.raises(ConfigError):
        stack_file.read(path)
