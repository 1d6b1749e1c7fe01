"""Stack files are read as the Pulumi CLI reads them, or refused in words.

recorded/stack_files.json: texts, and what Pulumi's own reader makes of each
(`workspace.LoadProjectStackBytes` of github.com/pulumi/pulumi/sdk/v3 v3.259.0, project gke-mesh-egress): the
config as a program gets it, or Pulumi's refusal. tests/engine/test_stack_files.py asks the CLI itself.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egress.common import stack_file
from egress.common.errors import ConfigError, Problem
from egress.settings import load, load_file
from tests.support import ROOT, dev_config

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "tests/settings/recorded/stack_files.json").read_text(encoding="utf-8")
)
ENCRYPTED = {"secure"}
STRICTER = {
    # what Pulumi reads -> why it is refused here: words of the consequence
    "both": "the same key",
    "config-module": "Pulumi reads any other form differently",
    "config-module-both": "Pulumi reads any other form differently",
    "8.5": " as 8.5, not as",
    "null": " as null, not as",
    "~": " as null, not as",
    "nullkey": " as null, not as",
    "bool str keys": " as true, not as",
    "dup int forms": " as 1, not as",
    "date": "read as a date",
    "date key": "read as a date",
    "datetime": "read as a date",
    "tagbin": "cannot be read as !!binary",
    "tagset": "cannot be read as !!set",
    "tagomap": "cannot be read as !!omap",
    "tagown": "cannot be read as !foo",
    "tagpy": "cannot be read as !!python",
    "tagmap on list": "cannot be read as !!map",
    "tagseq on map": "cannot be read as !!seq",
    "tagstr on map": "cannot be read as !!str",
    "two docs": "second document",
    "anchors on keys": "a second time",
    "dup alias key": "a second time",
    "flowtab": "a tab",
    "deep100": "more than 100 levels deep",
    "quoted number key at the top": "instead of the name of a setting",
}


def written(folder: Path, text: str | bytes, name: str = "Pulumi.x.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusals(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as refused:
        load_file(path, default_project="sandbox-project")
    return refused.value.problems


@pytest.mark.parametrize("name", RECORDED)
def test_is_read_as_pulumi_reads_it_or_refused(name: str, tmp_path: Path) -> None:
    case = RECORDED[name]
    path = written(tmp_path, case["text"])
    if "config" not in case or name in STRICTER:
        with pytest.raises(ConfigError) as refused:
            stack_file.read(path)
        said = "\n".join(problem.consequence for problem in refused.value.problems)
        assert STRICTER.get(name, "") in said
        assert "unicode string" not in said
        assert all(problem.path.startswith(str(path)) for problem in refused.value.problems)
        return
    found = stack_file.read(path).config
    assert set(found) == set(case["config"])
    for key, handed_over in case["config"].items():
        value = found[key]
        if name in ENCRYPTED:
            assert list(stack_file.encrypted(value)) == [""]
        elif isinstance(value, str):
            assert value == handed_over
        else:
            assert value == json.loads(handed_over)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("config:\n  teams:\n    a: {}\n    b: {}\n    a: {}\n", 5),
        ("config:\n  a: 1\n\tb: 2\n", 3),
        ("config: {}\nconfig: {}\n", 2),
    ],
)
def test_a_refusal_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    path = written(tmp_path, text)
    assert [problem.path for problem in refusals(path)] == [f"{path}:{line}"]


def test_a_host_that_stands_twice_is_refused_instead_of_the_last_one_winning(tmp_path: Path) -> None:
    dev = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    twice = dev.replace(
        "        httpbin.org: {https: passthrough}\n", "        httpbin.org: {https: passthrough}\n" * 2
    )
    (problem,) = refusals(written(tmp_path, twice))
    assert "httpbin.org is set here a second time" in problem.consequence


def test_bare_keys_are_the_projects(tmp_path: Path) -> None:
    dev = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    settings = load_file(
        written(tmp_path, dev.replace("gke-mesh-egress:teams", "teams")), default_project="sandbox-project"
    )
    assert sorted(settings.teams) == ["team-x", "team-y"]


def test_bare_keys_of_a_project_of_another_name_are_not_this_programs(tmp_path: Path) -> None:
    written(tmp_path, "name: acme-egress\nruntime: python\n", "Pulumi.yaml")
    dev = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    (problem,) = refusals(written(tmp_path, dev.replace("gke-mesh-egress:teams", "teams")))
    assert "acme-egress:teams" in problem.consequence
    assert problem.fix == "Write gke-mesh-egress:teams."


def test_what_the_project_file_gives_to_every_stack_is_there_as_pulumi_gives_it(tmp_path: Path) -> None:
    teams = "  gke-mesh-egress:teams:\n    type: object\n    default: {shop: {}}\n"
    written(tmp_path, f"name: gke-mesh-egress\nconfig:\n{teams}  region: europe-west4\n", "Pulumi.yaml")
    found = stack_file.read(written(tmp_path, "config:\n  gke-mesh-egress:region: europe-west1\n"))
    assert found.config == {"gke-mesh-egress:teams": {"shop": {}}, "gke-mesh-egress:region": "europe-west1"}


@pytest.mark.parametrize(
    "namespace",
    ["gke-mesh-egres", "gke-mesh-eggress", "GKE-mesh-egress", "gke-mesh", "mesh-egress", "gke_mesh_egress"],
)
def test_a_namespace_that_is_nearly_right_is_refused_by_the_program_too(namespace: str) -> None:
    config = dev_config()
    config[f"{namespace}:teams"] = config.pop("gke-mesh-egress:teams")
    with pytest.raises(ConfigError) as refused:
        load(config)
    assert refused.value.problems[0].fix == "Did you mean gke-mesh-egress:teams?"


@pytest.mark.parametrize(
    "key", ["gcp:region", "kubernetes:context", "pulumi:tags", "google-native:project", "random:seed"]
)
def test_other_namespaces_are_nobodys_business(key: str) -> None:
    load(dev_config() | {key: "x"})


ODD = [
    "9" * 5000,
    "{x: " + "9" * 5000 + "}",
    "&a [*a]",
    "[" * 20_000,
    "!!int x",
    "!!int ",
    "!!float x",
    "!!timestamp x",
    "\x00",
]
ODD += [
    "2001-01-01T99:00:00",
    "a: b: c",
    '"\\UFFFFFFFF"',
    '"\\ud83d"',
    "{[a]: 1}",
    "{a: &x {<<: *x}}",
    "\ufffe",
]
ODD += ['\'{"a": "\\ud83d"}\'']


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:20])
def test_odd_values_end_in_sentences(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, f"config:\n  gke-mesh-egress:teams: {text}\n")
    for problem in refusals(path):
        assert problem.consequence
        assert problem.fix


TOKENS = (
    "a|b|no|8|010|1e3|'q'|\"d\"|true|~||2001-01-01|0x1f|*x|&x a|&x |!!int 5|!!int x|{}|[]|[a, b]|{a: "
    "1}|<<|{<<: *x}|- a|? a"
)
TOKENS += "|# c|%|`|\t|:|\n  |\n"
KEYS = ["teams: ", "gke-mesh-egress:teams: ", "  a: ", "<<: "]


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOKENS.split("|")), max_size=12), st.lists(st.sampled_from(KEYS), max_size=6))
def test_no_text_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[str], keys: list[str]
) -> None:
    lines = "".join(f"  {key}{token}\n" for key, token in zip(keys, tokens, strict=False))
    path = written(tmp_path_factory.getbasetemp(), "config:\n" + lines + "".join(tokens))
    with contextlib.suppress(ConfigError):
        load_file(path)
