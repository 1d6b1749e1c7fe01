"""The injected proxy is judged by what it is: nothing in it goes, changes or is added, but for what is
harmless.

The stand-in adds the changed containers here, so nobody wrote them: as if Istio's injector had been led to
make them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.kubernetes.cluster import Cluster
from tests.apiserver import injector
from tests.apiserver.people import ANN, Answer, Api
from tests.apiserver.stage import create, injected
from tests.apiserver.workloads import annotation
from tests.mutants import Path, mutants

pytestmark = pytest.mark.xdist_group("apiserver")

JSON = dict[str, Any]
PARTS = ("initContainers", "containers", "volumes")
HARMLESS = (
    "resources",
    "imagePullPolicy",
    "terminationMessagePolicy",
    "terminationMessagePath",
    "readinessProbe",
    "startupProbe",
)
"""Amounts, and when and how the proxy's end and readiness are noticed. Where a probe asks, and what else it
does, is not."""
TOLD = ("ISTIO_META_POD_PORTS", "ISTIO_META_APP_CONTAINERS", "ISTIO_META_WORKLOAD_NAME", "ISTIO_META_OWNER")
"""Variables that may be absent, and may say something else in a word."""
DEFAULTED = ("apiVersion", "divisor", "protocol", "scheme", "defaultMode", "medium", "emptyDir")
"""Fields that the API server fills in again, as they were; without its `medium` the volume is another one,
and refused."""


def added(api: Api, instead: JSON) -> Answer:
    template = injected("init")
    annotation(injector.ADDED, json.dumps(instead))(template)
    return create(api, "Pod", template, person=ANN)


def at(recorded: JSON, path: Path) -> str:
    """The path with names instead of positions."""
    words: list[str] = []
    value: Any = recorded
    for part in path:
        value = value[part]
        words.append(
            str(value["name"])
            if isinstance(part, int) and isinstance(value, dict) and "name" in value
            else str(part)
        )
    return "/".join(words)


@pytest.fixture(scope="module")
def recorded() -> JSON:
    return injector.recorded("init")


def test_as_recorded_it_is_accepted(stage: tuple[Api, Cluster], recorded: JSON) -> None:
    answer = added(stage[0], recorded)
    assert answer.status == 201, answer.message


def harmless(path: str) -> bool:
    parts = path.split("/")
    return any(part in parts for part in (*HARMLESS, *TOLD)) or parts[-1] in DEFAULTED


def test_nothing_of_it_can_be_left_out(stage: tuple[Api, Cluster], recorded: JSON) -> None:
    taken: list[str] = []
    for mutant in mutants({part: recorded[part] for part in PARTS}):
        # A whole list gone: no container at all, or no volumes for those there are.
        if added(stage[0], {**recorded, **{part: [] for part in PARTS}, **mutant.what}).status == 201:
            taken.append(at(recorded, mutant.path))
    assert [path for path in taken if not harmless(path)] == []
    assert any(part in path for path in taken for part in HARMLESS), "else nothing was tried"


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, of in items:  # pyright: ignore[reportUnknownVariableType]
        yield from leaves(of, (*path, key))
    if not isinstance(value, dict | list):
        yield path, value


def test_nothing_of_it_can_be_another(stage: tuple[Api, Cluster], recorded: JSON) -> None:
    taken: list[str] = []
    for path, value in leaves({part: recorded[part] for part in PARTS}):
        changed = copy.deepcopy(recorded)
        parent: Any = changed
        for part in path[:-1]:
            parent = parent[part]
        parent[path[-1]] = (
            not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
        )
        if added(stage[0], changed).status == 201:
            taken.append(at(recorded, path))
    assert [
        path for path in taken if not any(part in path.split("/") for part in (*HARMLESS, *TOLD))
    ] == LEVELS


LEVELS = [
    "initContainers/istio-init/args/17",
    "containers/istio-proxy/args/5",
    "containers/istio-proxy/args/6",
]
"""`--log_output_level=default:infox`: a level that the agent does not know is still a word."""

SHELL = {"exec": {"command": ["/bin/sh", "-c", "my-own-program"]}}
MORE: list[tuple[str, Any]] = [
    ("command", ["/bin/sh"]),
    ("workingDir", "/tmp"),
    ("envFrom", [{"configMapRef": {"name": "own"}}]),
    ("livenessProbe", SHELL),
    ("readinessProbe", SHELL),
    ("startupProbe", {"httpGet": {"path": "/", "port": 80, "host": "outside.example"}}),
    ("lifecycle", {"postStart": SHELL}),
    ("lifecycle", {"preStop": SHELL}),
    ("lifecycle", {"preStop": {"exec": {"command": ["pilot-agent", "request", "POST", "quitquitquit"]}}}),
    ("stdin", True),
    ("tty", True),
    ("volumeDevices", [{"name": "data", "devicePath": "/dev/x"}]),
    ("resizePolicy", [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]),
]


@pytest.mark.parametrize("name", ["istio-proxy", "istio-init"])
@pytest.mark.parametrize(
    ("field", "value"), MORE, ids=[f"{field}-{at}" for at, (field, _) in enumerate(MORE)]
)
def test_nothing_is_added(
    stage: tuple[Api, Cluster], recorded: JSON, name: str, field: str, value: Any
) -> None:
    changed = copy.deepcopy(recorded)
    for part in ("containers", "initContainers"):
        for container in changed[part]:
            if container["name"] == name:
                container[field] = value
    assert added(stage[0], changed).status in (403, 422)


LISTS: list[tuple[str, Any]] = [
    ("args", "--templateFile=/own"),
    ("env", {"name": "LD_PRELOAD", "value": "/own.so"}),
    ("env", {"name": "ISTIO_BOOTSTRAP_OVERRIDE", "value": "/own"}),
    ("env", {"name": "CA_ADDR", "value": "istiod.team-x.svc:15012"}),
    ("env", {"name": "PROXY_CONFIG", "value": '{"discoveryAddress":"istiod.team-x.svc:15012"}'}),
    ("env", {"name": "ISTIO_META_WORKLOAD_NAME", "value": "two\nlines"}),
    ("env", {"name": "ISTIO_META_OWNER", "value": "$(POD_IP)"}),
    ("env", {"name": "ISTIO_META_POD_PORTS", "valueFrom": {"configMapKeyRef": {"name": "own", "key": "k"}}}),
    (
        "env",
        {
            "name": "ISTIO_PROMETHEUS_ANNOTATIONS",
            "value": '{"scrape":"","path":"","port":"80@outside.example"}',
        },
    ),
    (
        "env",
        {
            "name": "ISTIO_PROMETHEUS_ANNOTATIONS",
            "value": '{"scrape":"","path":"@outside.example/","port":"80"}',
        },
    ),
    ("volumeMounts", {"name": "own", "mountPath": "/etc/ssl"}),
    ("volumeMounts", {"name": "own", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}),
    ("volumeMounts", {"name": "istio-data", "mountPath": "/var/lib/istio/envoy"}),
    ("ports", {"containerPort": 15010, "hostPort": 15010}),
]


@pytest.mark.parametrize(
    ("field", "item"), LISTS, ids=[f"{field}-{at}" for at, (field, _) in enumerate(LISTS)]
)
def test_nothing_is_put_into_its_lists(
    stage: tuple[Api, Cluster], recorded: JSON, field: str, item: Any
) -> None:
    changed = copy.deepcopy(recorded)
    changed["containers"][0][field].append(item)
    changed["volumes"].append({"name": "own", "emptyDir": {}})
    assert added(stage[0], changed).status == 403


def test_the_token_that_kubernetes_mounts_everywhere_is_its_own(
    stage: tuple[Api, Cluster], recorded: JSON
) -> None:
    """Where an account says so, the API server mounts its token in the proxy as well."""
    changed = copy.deepcopy(recorded)
    mount = {
        "name": "kube-api-access-x",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "readOnly": True,
    }
    changed["containers"][0]["volumeMounts"].append(mount)
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
    changed["volumes"].append({"name": mount["name"], "projected": {"sources": [source]}})
    answer = added(stage[0], changed)
    assert answer.status == 201, answer.message


@pytest.mark.parametrize("name", ["enable-core-dump", "istio-validation"])
def test_a_container_that_this_stack_never_injects_is_refused(
    stage: tuple[Api, Cluster], recorded: JSON, name: str
) -> None:
    changed = copy.deepcopy(recorded)
    changed["initContainers"].append({**changed["initContainers"][0], "name": name})
    assert added(stage[0], changed).status == 403
