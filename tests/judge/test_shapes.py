"""Objects are checked at the door: what a judge reads has the type that the kind's own schema gives it.

Held against Istio's CustomResourceDefinitions, the Kubernetes client's models and the Google provider's
classes.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pulumi_gcp
import pytest

from egress.judge.model import shape_types
from egress.judge.model.google_shapes import GOOGLE
from egress.judge.model.required_fields import REQUIRED, missing
from egress.judge.model.shapes import KUBERNETES, OTHERS, problems
from tests.judge.schemas import ENTRY, KEY, MODELS, Path, at, istio, known, leaves, of_client

NAMES: dict[Any, set[str]] = {
    str: {"string"},
    shape_types.NUMBER: {"integer"},
    shape_types.SHARE: {"number"},
    shape_types.TRANSPORT: {"string"},
    shape_types.YES: {"boolean"},
    shape_types.PORT: {"integer", "string", "object"},
    shape_types.CIDR: {"string"},
    shape_types.MAP: {"object"},
}
SPECS = [(kind, ("spec", *path), of) for kind, shape in KUBERNETES.items() for path, of in leaves(shape)]


@pytest.mark.parametrize(
    ("kind", "path", "of"), SPECS, ids=[".".join((kind, *path)) for kind, path, _ in SPECS]
)
def test_what_is_read_of_an_object_has_its_kinds_type(kind: str, path: Path, of: Any) -> None:
    found = of_client(MODELS[kind], path) if kind in MODELS else at(istio()[kind], path)
    if found is None and (kind, path[: len(FREE_FORM[1])]) != FREE_FORM:
        # Parts of shapes are shared by kinds and sections that do not have all of it; some kind has it.
        *_, name = (step for step in path if step not in (ENTRY, KEY))
        wanted = {ENTRY: {"array"}, KEY: {"object"}}.get(path[-1], NAMES[of])
        assert wanted & known()[name], (kind, path)
    elif found is not None:
        assert found in NAMES[of], (kind, path, found)


FREE_FORM = ("EnvoyFilter", ("spec", "configPatches", ENTRY, "patch", "value"))
"""Envoy's own, without a schema of Istio's below this."""


def given(path: Path, value: Any) -> Any:
    """An object that holds a value at a path."""
    for step in reversed(path):
        value = [value] if step == ENTRY else {"any" if step == KEY else step: value}
    return value


def shown(path: Path) -> str:
    return re.sub(r"\.\[", "[", ".".join({ENTRY: "[0]", KEY: "any"}.get(step, step) for step in path))


WORDS: dict[Any, str] = {
    str: "text",
    shape_types.NUMBER: "a number",
    shape_types.SHARE: "a number",
    shape_types.TRANSPORT: "text",
    shape_types.YES: "true or false",
    shape_types.PORT: "a number or a name",
    shape_types.CIDR: "text",
    shape_types.MAP: "a mapping",
}
DOORS = [
    *SPECS,
    *((kind, path, of) for kind, shape in GOOGLE.items() for path, of in leaves(shape)),
    *(
        (kind, path, of)
        for kind, shape in OTHERS.items()
        for path, of in leaves(shape)
        if path != ("data", "mesh")
    ),
]


@pytest.mark.parametrize(
    ("kind", "path", "of"), DOORS, ids=[".".join((kind, *path)) for kind, path, _ in DOORS]
)
def test_a_value_of_another_type_is_refused_with_its_place(kind: str, path: Path, of: Any) -> None:
    wrong = ["x"] if of is not shape_types.MAP else "x"
    assert list(problems(kind, given(path, wrong))) == [
        f"{shown(path)} has to be {WORDS[of]}, and is {wrong!r}"
    ]
    assert list(problems(kind, given(path, None))) in (
        [],
        [f"{shown(path)} has to be {WORDS[of]}, and is None"],
    )


@pytest.mark.parametrize("kind", sorted(GOOGLE))
def test_what_is_read_of_a_resource_is_among_the_providers_properties(kind: str) -> None:
    module, _, name = kind.removeprefix("gcp:").partition("/")
    of = getattr(pulumi_gcp, module)
    classes = [
        getattr(of, name.partition(":")[2]),
        *(one for one in vars(of.outputs).values() if isinstance(one, type)),
    ]
    names = {
        camel(name) for one in classes for name, value in vars(one).items() if isinstance(value, property)
    }
    for path, _ in leaves(GOOGLE[kind]):
        assert {step for step in path if step not in (ENTRY, KEY)} <= names, path


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return "".join([first, *(part.capitalize() for part in rest)])


def test_a_number_is_no_truth_and_a_truth_no_number() -> None:
    firewall = "gcp:compute/firewall:Firewall"
    assert list(problems(firewall, {"priority": True})) == ["priority has to be a number, and is True"]
    assert list(problems(firewall, {"disabled": 1})) == ["disabled has to be true or false, and is 1"]
    assert not list(problems(firewall, {"priority": 0, "disabled": False, "whatever": 1}))


@pytest.mark.parametrize(
    ("cidr", "taken"), [("10.0.0.0/8", True), ("10.0.0.1/8", True), ("2001:db8::/32", True), ("a", False)]
)
def test_ranges_are_ranges_of_addresses(cidr: str, taken: bool) -> None:
    found = list(problems("gcp:compute/subnetwork:Subnetwork", {"ipCidrRange": cidr}))
    assert found == (
        [] if taken else ["ipCidrRange has to be a range of addresses, as 10.0.0.0/24, and is 'a'"]
    )


@pytest.mark.parametrize(
    ("mesh", "says"),
    [
        ("", None),
        ("{}", None),
        ('{"trustDomain": "a"}', None),
        ("trustDomain: a\n", None),
        (5, "data.mesh has to be text, and is 5"),
        ("{", "data.mesh has to be the mesh's configuration as YAML or JSON, and is '{'"),
        ("a: [", "data.mesh has to be the mesh's configuration as YAML or JSON, and is 'a: ['"),
    ],
)
def test_the_meshs_configuration_is_text_of_yaml_or_json(mesh: Any, says: str | None) -> None:
    assert list(problems("ConfigMap", {"data": {"mesh": mesh}})) == ([says] if says else [])


@pytest.mark.parametrize(
    "told",
    [
        {"trustDomain": 5},
        {"discoverySelectors": 5},
        {"discoverySelectors": ["x"]},
        {"discoverySelectors": [{"matchLabels": 5}]},
        {"discoverySelectors": [{"matchExpressions": [{"key": 5}]}]},
        {"defaultConfig": {"proxyHeaders": 5}},
        *(
            {"defaultConfig": {"proxyHeaders": {name: 5}}}
            for name in ("attemptCount", "envoyDebugHeaders", "server")
        ),
        {"defaultConfig": {"proxyHeaders": {"server": {"disabled": "yes"}}}},
    ],
)
def test_what_is_wrong_in_the_meshs_configuration_is_found(told: dict[str, Any]) -> None:
    assert list(problems("ConfigMap", {"data": {"mesh": json.dumps(told)}}))


def test_five_problems_are_named_and_the_rest_is_counted() -> None:
    many = {"spec": {"hosts": [1, 2, 3, 4, 5]}}
    assert len(list(problems("ServiceEntry", many))) == 5
    many["spec"]["hosts"] = list(range(7))
    assert list(problems("ServiceEntry", many))[-1] == "and 2 more"
    assert len(list(problems("ServiceEntry", many))) == 6


def test_a_long_value_is_shown_in_part() -> None:
    assert next(iter(problems("Gateway", {"spec": {"servers": "x" * 58}}))).endswith(f"'{'x' * 58}'")
    assert next(iter(problems("Gateway", {"spec": {"servers": "x" * 59}}))).endswith(f"and is '{'x' * 56}...")


def test_an_object_that_is_none_is_said_to_be_that() -> None:
    assert list(problems("Gateway", [])) == ["it has to be a mapping, and is []"] * 2


@pytest.mark.parametrize(
    ("kind", "written", "says"),
    [
        ("Telemetry", {"spec": 5}, ["spec has to be a mapping, and is 5"]),
        ("Gateway", {"spec": {"servers": "x"}}, ["spec.servers has to be a list, and is 'x'"]),
        ("Gateway", {"spec": {"selector": "x"}}, ["spec.selector has to be a mapping, and is 'x'"]),
        ("Gateway", {"spec": {"selector": {5: "a"}}}, ["spec.selector[5] has to be text, and is 5"]),
        ("Gateway", {"metadata": 5}, ["metadata has to be a mapping, and is 5"]),
        # What YAML can hold, and JSON cannot.
        ("Gateway", {"metadata": {"name": b"a"}}, ["metadata.name has to be text, and is b'a'"]),
        (
            "Sidecar",
            {"spec": {"egress": [{"hosts": {"a"}}]}},
            ["spec.egress[0].hosts has to be a list, and is {'a'}"],
        ),
        (
            "PeerAuthentication",
            {"spec": {"portLevelMtls": {80: {"mode": "STRICT"}, "81": {"mode": "STRICT"}}}},
            [],
        ),
        # Of what nobody reads the form is nobody's business; a Google resource is no object of Kubernetes'.
        ("Secret", {"spec": 5, "data": 5}, []),
        ("Secret", {"metadata": 5}, ["metadata has to be a mapping, and is 5"]),
        ("gcp:compute/address:Address", {"name": 5}, []),
        ("gcp:compute/firewall:Firewall", {"metadata": 5, "kind": 5, "spec": 5}, []),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_has_to_be_there(
    kind: str, written: Any, says: list[str]
) -> None:
    assert list(problems(kind, written)) == says


def test_a_port_that_is_neither_a_number_nor_text_is_said_to_be_neither() -> None:
    found = list(problems("PeerAuthentication", {"spec": {"portLevelMtls": {None: {"mode": "STRICT"}}}}))
    assert {one.partition(" has to be ")[2].partition(",")[0] for one in found} == {"text", "a number"}


@pytest.mark.parametrize(
    ("transport", "taken"), [("TCP", True), ("UDP", True), ("SCTP", True), ("tcp", False), ("ICMP", False)]
)
def test_a_network_policy_is_about_three_transports(transport: str, taken: bool) -> None:
    written = {"spec": {"egress": [{"ports": [{"protocol": transport}]}]}}
    wanted = f"spec.egress[0].ports[0].protocol has to be TCP, UDP or SCTP, and is {transport!r}"
    assert list(problems("NetworkPolicy", written)) == ([] if taken else [wanted])


class TestWhole:
    """What an object must have: the kind's schema knows each of these fields, and without it the object is
    not read."""

    PATHS = [(kind, path) for kind, (_, paths) in REQUIRED.items() for path in paths]

    @pytest.mark.parametrize(("kind", "path"), PATHS, ids=[" ".join(one) for one in PATHS])
    def test_the_field_is_one_that_is_known(self, kind: str, path: str) -> None:
        steps = tuple(
            step
            for part in path.split(".")
            for step in (part.removesuffix("[]"), *([ENTRY] * part.endswith("[]")))
        )
        if path == "metadata.namespace":
            assert kind in KUBERNETES
        elif kind in GOOGLE:
            known = {of for of, _ in leaves(GOOGLE[kind])}
            assert any(of[: len(steps)] == steps for of in known)
        else:
            assert of_client(MODELS[kind], steps) if kind in MODELS else at(istio()[kind], steps)

    @pytest.mark.parametrize(("kind", "path"), PATHS, ids=[" ".join(one) for one in PATHS])
    def test_without_it_an_object_is_not_understood(self, kind: str, path: str) -> None:
        whole = self.whole(kind)
        assert missing(kind, "it", whole) is None
        *before, last = path.split(".")
        here = whole
        for step in before:
            here = here[step.removesuffix("[]")]
            here = here[0] if step.endswith("[]") else here
        for nothing in (None, [], "absent"):
            changed = here.pop(last.removesuffix("[]"), None)
            if nothing != "absent":
                here[last] = nothing
            verdict = missing(kind, "it", whole)
            assert verdict is not None, (kind, path, nothing)
            assert (verdict.allowed, verdict.understood, verdict.decided_by, verdict.field) == (
                True,
                False,
                "it",
                path,
            )
            here[last] = changed

    @staticmethod
    def whole(kind: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for path in sorted(REQUIRED[kind][1], key=lambda path: -path.count(".") - path.count("[")):
            here = made
            *before, last = path.split(".")
            for step in before:
                here = (
                    here.setdefault(step[:-2], [{}])[0] if step.endswith("[]") else here.setdefault(step, {})
                )
            here.setdefault(last, {"a": "b"})
        return made

    def test_a_list_that_is_not_there_has_no_entry_that_lacks_something(self) -> None:
        entry = {"metadata": {"namespace": "a"}, "spec": {"hosts": ["b"]}}
        assert missing("ServiceEntry", "it", entry) is None
        entry["spec"]["ports"] = []  # pyright: ignore[reportArgumentType]
        assert missing("ServiceEntry", "it", entry) is None
        assert missing("ServiceEntry", "it", {**entry, "spec": None}) is not None
        assert missing("Sidecar", "it", {"metadata": {"namespace": "a"}}) is None
        assert (
            missing("VirtualService", "it", {"metadata": {"namespace": "a"}, "spec": {"http": [{}]}}) is None
        )
        assert missing("Secret", "it", {}) is None
