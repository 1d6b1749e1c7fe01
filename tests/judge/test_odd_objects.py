"""Files from outside: whatever they hold, the answer is an answer or one sentence with file, object and
field."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from egress.answers.diff import difference
from egress.answers.reachability import reach
from egress.cli.app import app
from egress.cli.sources import teams_of
from egress.judge.model.kinds import READ
from egress.judge.model.load import KUBECTL, Unreadable, read
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.support import ROOT, plan_of

NAMED = {"metadata": {"name": "it", "namespace": "team-y"}}


def kubernetes(kind: str, **fields: Any) -> dict[str, Any]:
    version = f"{group}/v1" if (group := READ.get(kind)) else "v1"
    return {"apiVersion": version, "kind": kind, **NAMED, **fields}


def export(*resources: Any) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": list(resources)}}


def google(type_token: str, **outputs: Any) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:dev::egress::{type_token}::it",
        "type": type_token,
        "inputs": {},
        "outputs": outputs,
    }


POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
SHAPES: dict[str, tuple[Any, str]] = {
    # what the file holds; what has to be in the sentence
    "a kind that is a number": ({**kubernetes("x"), "kind": 5}, "kind has to be text, and is 5"),
    "a name that is a number": (
        {"kind": "Secret", "metadata": {"name": 1}},
        "metadata.name has to be text, and is 1",
    ),
    "a list without items": ({"kind": "List", "items": 5}, "items has to be a list, and is 5"),
    "an item that is no object": (
        {"kind": "List", "items": [5]},
        "items[0] holds something that is no object: 5",
    ),
    "a resource without a type": (export({"urn": "x"}), "deployment.resources[0].type has to be text"),
    "a resource without a urn": (export({"type": "gcp:x"}), "deployment.resources[0].urn has to be text"),
    "no list of resources": ({"deployment": {"resources": {}}}, "deployment.resources has to be a list"),
    "labels as a list": (
        {"kind": "Namespace", "metadata": {"name": "a", "labels": []}},
        "Namespace a is of another form than any API takes: metadata.labels has to be a mapping, and is []",
    ),
    "rules as text": (
        kubernetes("NetworkPolicy", spec={"egress": "x"}),
        "spec.egress has to be a list, and is 'x'",
    ),
    "a port as text in a list": (
        kubernetes("NetworkPolicy", spec={"egress": [{"ports": ["x"]}]}),
        "spec.egress[0].ports[0] has to be a mapping",
    ),
    "a protocol as a number": (
        kubernetes("ServiceEntry", spec={"hosts": ["a"], "ports": [{"number": 1, "protocol": 5}]}),
        "spec.ports[0].protocol has to be text, and is 5",
    ),
    "rules as a number": (
        kubernetes("AuthorizationPolicy", spec={"rules": 5}),
        "spec.rules has to be a list, and is 5",
    ),
    "a destination's port": (
        kubernetes("VirtualService", spec={"http": [{"route": [{"destination": {"host": "a", "port": 1}}]}]}),
        "spec.http[0].route[0].destination.port has to be a mapping, and is 1",
    ),
    "a mesh that is no YAML": (
        {"kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": "a: [b"}},
        "data.mesh has to be the mesh's configuration as YAML or JSON",
    ),
    "a mesh that is no JSON": (
        {"kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": "{"}},
        "data.mesh has to be the mesh's configuration as YAML or JSON",
    ),
    "a proxy's settings as a number": (
        kubernetes("ProxyConfig", spec=5),
        "spec has to be a mapping, and is 5",
    ),
    "an inspection's program as a list": (
        kubernetes("TrafficExtension", spec={"lua": {"inlineCode": []}}),
        "spec.lua.inlineCode has to be text, and is []",
    ),
    "ports of containers as text": (
        kubernetes("Deployment", spec={"template": {"spec": {"containers": [{"name": "a", "ports": "x"}]}}}),
        "spec.template.spec.containers[0].ports has to be a list, and is 'x'",
    ),
    "Envoy's settings as a number": (
        kubernetes(
            "EnvoyFilter", spec={"configPatches": [{"patch": {"value": {"upstream_bind_config": 5}}}]}
        ),
        "spec.configPatches[0].patch.value.upstream_bind_config has to be a mapping, and is 5",
    ),
    "addresses of a Service as a number": (
        kubernetes("Service", spec={"clusterIPs": 5}),
        "spec.clusterIPs has to be a list, and is 5",
    ),
    "rights as text": ({**kubernetes("Role"), "rules": "x"}, "rules has to be a list, and is 'x'"),
    "whoever has a role as text": (
        {**kubernetes("RoleBinding"), "subjects": ["x"]},
        "subjects[0] has to be a mapping, and is 'x'",
    ),
    "a range that is none": (
        export(google("gcp:compute/subnetwork:Subnetwork", ipCidrRange="zzz")),
        "ipCidrRange has to be a range of addresses, as 10.0.0.0/24, and is 'zzz'",
    ),
    "rules of a firewall policy": (export(google(POLICY, rules="x")), "rules has to be a list, and is 'x'"),
    "a priority as text": (
        export(google("gcp:compute/firewall:Firewall", priority="x")),
        "priority has to be a number, and is 'x'",
    ),
}
"""Every one of these once ended in a traceback."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_file_of_another_shape_is_refused_in_one_sentence(shape: str, ending: str, tmp_path: Path) -> None:
    held, says = SHAPES[shape]
    file = tmp_path / f"given.{ending}"
    file.write_text(json.dumps(held) if ending == "json" else yaml.safe_dump(held), encoding="utf-8")
    with pytest.raises(Unreadable) as refused:
        read(file)
    assert str(refused.value).startswith(str(file))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- 5\n",
        "a: b\n",
        "5: 6\n",
        "kind: List\n",
        "\0",
        "{",
        "&a [*a]",
        "- " * 100_000,
        '{"a":' * 500 + "5" + "}" * 500,
    ],
)
@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_what_holds_no_objects_is_refused(text: str, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"given.{ending}"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Unreadable):
        read(file)


@pytest.mark.parametrize(
    "written",
    [
        google(POLICY),
        google(POLICY, rules=[{"match": {"layer4Configs": [{}]}}]),
        google(POLICY, rules=[{"priority": 1}]),
    ],
    ids=["without rules", "without a protocol", "without a match"],
)
def test_a_firewall_policy_that_lacks_a_field_is_answered_and_never_proven(
    written: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "given.json"
    file.write_text(json.dumps(export(written)), encoding="utf-8")
    deployed = read(file)
    Judges(deployed)
    assert difference(deployed, Snapshot.of((), ())) is not None


def test_a_folder_without_objects_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["diff", str(tmp_path)])
    assert done.exit_code == 2
    assert f"{tmp_path} holds no file that ends in .json, .yaml, .yml." in done.stderr


@pytest.mark.parametrize("command", [["diff"], ["reach", "--from"]])
def test_objects_of_no_stack_are_said_to_be_that(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "secret.yaml"
    file.write_text(yaml.safe_dump({"kind": "Secret", "metadata": {"name": "a"}}), encoding="utf-8")
    done = CliRunner().invoke(app, [*command, str(file)])
    assert done.exit_code == 0
    assert f"{file} holds no team" in done.stderr
    assert KUBECTL in done.stderr


def test_a_kind_that_a_cluster_did_not_print_is_not_called_removed(tmp_path: Path) -> None:
    """kubectl prints what it is asked for: of the rest nobody knows."""
    (old, *_) = _bases()
    lacking = [
        {**item, "metadata": {**item["metadata"], "uid": "1", "resourceVersion": "1"}}
        for item in old.kubernetes
        if item["kind"] not in ("PeerAuthentication", "ValidatingAdmissionPolicy")
    ]
    found = difference(Snapshot.of(lacking, old.google), old)
    assert found.changes == ()
    assert any(
        "OLD holds no PeerAuthentication and ValidatingAdmissionPolicy: not compared." in note
        for note in found.notes
    )
    assert any(KUBECTL in note for note in found.notes)


def test_the_line_for_kubectl_stands_where_people_look() -> None:
    assert KUBECTL in (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    command = app.registered_commands[3].callback
    assert command
    assert KUBECTL in " ".join((command.__doc__ or "").split())


@cache
def _bases() -> tuple[Snapshot, ...]:
    found: list[Snapshot] = []
    for mode in ("receive", "tcp-by-name", "wildcard"):
        config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{mode}.yaml").read_text(encoding="utf-8"))[
            "config"
        ]
        plan = plan_of(config)
        found.append(deployment(plan, render(plan)))
    return tuple(found)


def _exported(deployed: Snapshot) -> dict[str, Any]:
    of_cluster = [
        {
            "urn": f"urn:pulumi:a::b::kubernetes:core/v1:X::{at}",
            "type": "kubernetes:core/v1:X",
            "inputs": item,
        }
        for at, item in enumerate(deployed.kubernetes)
    ]
    of_google = [google(item.type, **item.properties) for item in deployed.google]
    return json.loads(json.dumps(export(*of_cluster, *of_google)))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _paths(below, (*path, key))
    elif isinstance(value, list):
        for at, below in enumerate(value):
            yield from _paths(below, (*path, at))


ODD = st.sampled_from(
    [
        None,
        5,
        -1,
        1.5,
        True,
        "x",
        "",
        [],
        {},
        [5],
        ["x"],
        [None],
        {"a": None},
        [{}],
        [[]],
        {"x": {"y": 1}},
        10**30,
        "*",
        "\0",
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_an_object_says_the_answer_is_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    base = data.draw(st.sampled_from(_bases()))
    held = copy.deepcopy(_exported(base))
    resource = data.draw(st.sampled_from(held["deployment"]["resources"]))
    *above, last = data.draw(st.sampled_from(list(_paths(resource))))
    node = resource
    for part in above:
        node = node[part]
    if data.draw(st.booleans()):
        node[last] = data.draw(ODD)
    else:
        del node[last]
    file = tmp_path_factory.mktemp("given") / "deployed.json"
    file.write_text(json.dumps(held), encoding="utf-8")
    try:
        deployed = read(file)
    except Unreadable:
        return
    list(reach(Judges(deployed), teams_of(deployed)))
    difference(base, deployed)
