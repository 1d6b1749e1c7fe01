"""What is tried at random, and what must hold of each: a target is a way to make an input and a check of it.

Inputs are values of JSON, so that one that failed is kept as a file (tests/fuzz/cases) and tried by every
test run from then on.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from egress.answers.asked import NoFlow, flow_of
from egress.cli.app import app
from egress.common.errors import ConfigError
from egress.judge.model.flow import Way
from egress.layers.render import render, to_yaml
from egress.plan.model import Plan
from tests.answers import test_hints
from tests.apiserver.test_rendered_objects import istioctl
from tests.fuzz import world
from tests.fuzz.added import check as added
from tests.hostile_configs import hostile, wide
from tests.proof.test_verify import violations
from tests.random_configs import OF_HTTP, OF_TCP, OF_TLS, configs
from tests.support import dev_config, plan_of

Json = Any
FOREIGN = re.compile(
    r"Input should|instance of|valid dictionary|unicode string|Traceback|NoneType|\bpydantic\b"
)
"""What no sentence for a user holds: words of the libraries underneath."""


@dataclass(frozen=True)
class Target:
    """`check` raises AssertionError, or whatever a mistake in the program raises."""

    name: str
    what: str
    values: st.SearchStrategy[Json]
    check: Callable[[Json], None]
    rounds: int = 1
    """How many inputs it tries for each of the others': what is quick is tried more often."""


# Commands, in this process


def command(*words: str) -> tuple[int, str]:
    """Exit code and all that a command prints. A mistake of the program comes through as what it is."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(list(words), prog_name="egress")
            code: object = 0
        except SystemExit as end:
            code = end.code
    assert code in (0, 1, 2), f"egress {' '.join(words)}: exit code {code}"
    assert not FOREIGN.search(said.getvalue()), said.getvalue()
    return int(str(code)), said.getvalue()


@contextlib.contextmanager
def folder(**files: str) -> Iterator[Path]:
    """A working folder with some files in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="egress-fuzz-") as name:
        for file, text in files.items():
            (Path(name) / file).write_bytes(text.encode("utf-8", "surrogatepass"))
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


# Stack files: text that is nearly one

_SCRAPS = st.sampled_from(
    [*"{}[]:\t\x00\ufeff\u2028é'\"|>#%~", "&a ", "*a", "- ", "? ", "<<: ", "---\n", "...\n", "\r\n"]
) | st.sampled_from(
    ["!!int ", "!!timestamp ", "null", "no", "1_000", "0x1F", "2001-99-99", "9" * 400, "secure: "]
)


@st.composite
def stack_files(draw: st.DrawFn) -> Json:
    """A stack's file with some scraps put in, some pieces taken out, some lines twice."""
    text = yaml.safe_dump(
        {"config": draw(st.just(dev_config()) | wide() | hostile())}, sort_keys=False, allow_unicode=True
    )
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 30)))
        how = draw(st.sampled_from(["put", "take", "twice"]))
        text = {
            "put": text[:at] + draw(_SCRAPS) + text[at:],
            "take": text[:at] + text[end:],
            "twice": text[:end] + text[at:end] + text[end:],
        }[how]
    return text


def check_stack_file(text: Json) -> None:
    with folder(**{"Pulumi.fuzz.yaml": text}):
        code, said = command("verify", "--stack", "fuzz")
        event(["proven", "not proven", "refused"][code])
        assert code != 1, f"accepted, and not proven:\n{said}"
        if code == 0:
            for words in (
                ("reach",),
                ("evidence",),
                ("evidence", "--format", "markdown"),
                ("map", "--out", "map.html"),
                ("render",),
            ):
                again, said = command(*words, "--stack", "fuzz")
                assert again == 0, said


# Configs: what is accepted is proven, and taken by everybody


def _accepted(config: Json) -> Plan | None:
    """The plan; None where the config is refused, as refusals have to be."""
    try:
        return plan_of(config)
    except ConfigError as error:
        refused = error
    assert all(problem.path and problem.consequence and problem.fix for problem in refused.problems)
    assert not FOREIGN.search(str(refused)), str(refused)
    return None


def check_config(config: Json) -> None:
    plan = _accepted(config)
    event("accepted" if plan else "refused")
    if plan is None:
        return
    rendered = render(plan)
    assert len({item.identity for item in rendered}) == len(rendered), "two objects have one name"
    assert [str(violation) for violation in violations(plan)] == []
    if server := world.cluster():
        for refused_by_server in server.refusals(rendered):
            raise AssertionError(f"the API server refuses it: {refused_by_server}")
    if program := istioctl():
        with folder(**{"rendered.yaml": to_yaml(item.manifest for item in rendered)}):
            line = [program, "validate", "-f", "rendered.yaml"]
            done = subprocess.run(
                line, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
            )
            assert done.returncode == 0, done.stdout + done.stderr


# Questions: what explain answers and advises

_TRICKS = st.sampled_from(
    [
        *(
            "https://[::1",
            "https://[zz]/",
            "https://x[/red]y",
            "tcp://1.2:53",
            "https://2130706433",
            "https://1.2.3.4.5",
            "http://",
        ),
        *(
            "//",
            "?",
            "udp://:53",
            "http://example.com:0/",
            "http://example.com:99999",
            "https://bücher.example",
            "https://a..b",
        ),
        *(
            "ftp://example.com",
            "https://.",
            "http://user:secret@example.com/",
            "http://example.com/%zz",
            "http://example.com/\x00",
        ),
        "tcp://[fe80::1%25eth0]:22",
    ]
)
_HOSTS = st.sampled_from(
    [
        *OF_HTTP,
        *OF_TLS,
        *OF_TCP,
        "new.example",
        "test.a",
        "storage.googleapis.com",
        "metadata.google.internal",
    ]
)
_URLS = st.tuples(
    st.sampled_from(["http", "https", "tcp", "udp", "HTTP", ""]),
    _HOSTS | st.text(max_size=12),
    st.sampled_from(["", ":80", ":443", ":3306", ":5432", ":8443", ":x"]),
    st.sampled_from(
        ["", "/", "/ok/x", "/ok/../x", "//ok/x", "/ok%2Fx", "/v1/a/orders/b", "/status/418", "?q"]
    )
    | st.text(max_size=8),
).map(lambda part: f"{part[0]}://{part[1]}{part[2]}{part[3]}")


def questions(of: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "config": of,
            "url": _URLS | _TRICKS,
            "method": st.sampled_from(["GET", "POST", "DELETE", "get", "PROPFIND", ""]),
            "headers": st.sampled_from(
                [[], ["x-tenant: shop"], ["x-tenant: b", "x-tenant: shop-1"], ["Host: evil.example"], ["x"]]
            ),
            "account": st.sampled_from(["default", "app", "report"]),
            "way": st.sampled_from([way.value for way in Way]),
        }
    )


def check_question(asked: Json) -> None:
    """Through the command, whatever it is; and where it is a flow, its advice is held against what
    changes."""
    team = sorted(asked["config"]["gke-mesh-egress:teams"])[0]
    headers = [word for header in asked["headers"] for word in ("-H", header)]
    options = ["-X", asked["method"], "-a", asked["account"], "--as", asked["way"], *headers]
    with folder(**{"Pulumi.fuzz.yaml": yaml.safe_dump({"config": asked["config"]}, allow_unicode=True)}):
        code, said = command("explain", "--stack", "fuzz", *options, "--", team, asked["url"])
        assert code == 2 or "allowed" in said or "denied" in said
    if code == 2:
        event("no flow")
        return
    plan = plan_of(asked["config"])
    lines = tuple(
        (name.strip(), value.strip())
        for name, _, value in (header.partition(":") for header in asked["headers"])
    )
    try:
        flow = flow_of(
            team,
            asked["url"],
            method=asked["method"],
            headers=lines,
            account=asked["account"],
            way=Way(asked["way"]),
        )
    except NoFlow:
        return
    with contextlib.suppress(UnsatisfiedAssumption):  # there is no hint
        test_hints.advice_is_true(plan, flow)


# Objects from outside

_OBJECTS = [item.manifest for item in render(plan_of(dev_config()))]
_VALUES = st.sampled_from(
    [
        None,
        5,
        "x",
        "",
        [],
        {},
        [5],
        ["x"],
        {"x": "y"},
        True,
        -1,
        1.5,
        "zzz",
        [None],
        {"port": "x"},
        "0.0.0.0/0",
    ]
)


@st.composite
def objects(draw: st.DrawFn) -> Json:
    """The dev stack's objects, or some, with values of another form than they have; as a list, or as an
    export of a stack."""
    found = copy.deepcopy(draw(st.sampled_from([_OBJECTS, _OBJECTS[::3], _OBJECTS[:1]])))
    for _ in range(draw(st.integers(1, 3))):
        node: Any = draw(st.sampled_from(found))
        for _ in range(draw(st.integers(0, 6))):
            keys = [
                key
                for key in (node if isinstance(node, dict) else range(len(node)))
                if isinstance(node[key], dict | list)
            ]
            keys = [key for key in keys if node[key]]
            if not keys:
                break
            node = node[draw(st.sampled_from(keys))]
        if isinstance(node, dict):
            node[draw(st.sampled_from(sorted(map(str, node))) | st.just("unknown"))] = draw(_VALUES)
        elif node:
            node[draw(st.integers(0, len(node) - 1))] = draw(_VALUES)
    return draw(
        st.sampled_from(
            [
                {"kind": "List", "apiVersion": "v1", "items": found},
                {"version": 3, "deployment": {"resources": [_exported(item) for item in found]}},
                {"version": 3, "deployment": draw(_VALUES)},
                {"kind": "List", "items": draw(_VALUES)},
            ]
        )
    )


def _exported(manifest: Json) -> Json:
    kind = f"kubernetes:{manifest.get('apiVersion')}:{manifest.get('kind')}"
    return {"urn": f"urn:pulumi:dev::p::{kind}::x", "type": kind, "outputs": manifest}


def check_objects(given: Json) -> None:
    with folder(
        **{"objects.json": json.dumps(given), "Pulumi.fuzz.yaml": yaml.safe_dump({"config": dev_config()})}
    ):
        for words in (
            ("explain", "team-y", "http://httpbin.org/status/418", "--from", "objects.json"),
            ("reach", "--from", "objects.json"),
            ("diff", "objects.json", "--stack", "fuzz"),
        ):
            code, _ = command(*words)
        event(["compared", "compared", "refused"][code])


TARGETS = (
    Target("stack-files", "nearly a stack's file, through the commands", stack_files(), check_stack_file),
    Target(
        "configs",
        "configs: refused in words, or proven and taken",
        configs() | wide() | hostile(),
        check_config,
    ),
    Target(
        "questions",
        "questions to explain, and its advice",
        questions(st.just(dev_config()) | configs()),
        check_question,
    ),
    Target("objects", "objects of any shape, through the commands", objects(), check_objects),
    Target(
        "added", "objects more, wider or gone: none that opens is Proven", added.changes(), added.check, 20
    ),
)
BY_NAME = {target.name: target for target in TARGETS}
