"""Random configs that ask for what may not be had: any mode, names at their limits, and values that somebody
else would refuse.

Most are refused; what is accepted has to be taken by everybody.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

from hypothesis import strategies as st

from tests.random_configs import configs, some

OWN = "gke-mesh-egress:"
Place = tuple[str | int, ...]

ENDINGS = [
    "\n",
    " ",
    "\t",
    "\x00",
    "é",
    "\u0663",
    "'",
    '"',
    "{{",
    "$(x)",
    "#",
    ": ",
    "\\",
    "/",
    "%",
    "*",
    ".",
    "-",
    "_",
    "~",
    ";",
]
LENGTHS = [1, 30, 40, 41, 62, 63, 64, 128, 200, 253, 254, 2100]
TEXTS = [
    "",
    "-",
    "1",
    "a--b",
    "a.b",
    "A",
    "*",
    "**",
    "*a*",
    "null",
    "true",
    "0",
    "goog",
    "google",
    "default",
    "0s",
    "\u0661",
    "::1",
    "[::1]",
]
LENGTHS_OF_TIME = [
    "0s",
    "1ms",
    "0.5ms",
    "0.0001ms",
    "1.5ms",
    "999ms",
    "99999999999999h",
    "\u0663s",
    "1d",
    "-1s",
    "5",
    "8760h",
    "1.0000s",
]
RANGES = [
    *(
        "0.0.0.0/0",
        "0.0.0.0/8",
        "10.0.0.0/8",
        "10.0.0.0/7",
        "11.0.0.0/16",
        "34.118.0.0/28",
        "100.64.0.0/16",
        "127.0.0.0/8",
    ),
    *(
        "169.254.0.0/16",
        "172.17.0.0/16",
        "172.17.0.0/28",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
    ),
    *(
        "198.51.100.0/24",
        "198.51.100.16/28",
        "199.36.153.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "240.240.0.0/16",
    ),
    *(
        "241.0.0.0/16",
        "255.255.255.0/24",
        "128.0.0.0/1",
        "8.8.8.0/28",
        "::/0",
        "10.9.0.0/28",
        "10.9.0.1/28",
        "10.9.0.0/32",
    ),
]
NUMBERS = [
    -1,
    0,
    1,
    2,
    3,
    64,
    100,
    443,
    1023,
    1024,
    8443,
    15001,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**63,
    10**20,
    0.5,
    1e308,
]
HOSTS = [
    f"*.{'a' * 40}.example",
    f"*.{'a' * 63}.{'b' * 63}.{'c' * 63}.example.com",
    "*.europe-west1.storage.platform.example-company.com",
    f"{'1' * 63}.example",
    "a--b.example",
    "1.2.3.example",
    "example.com",
    "xn--a.example",
]
NAMES = ["a", "1", "1-1", "n" * 20, "n" * 40, "x" + "-1" * 19]


@st.composite
def wide(draw: st.DrawFn) -> dict[str, Any]:
    """A config of `configs`, and more settings of the stack: own gateways, weaker models, names at their
    limits."""
    config = draw(configs())
    teams: dict[str, Any] = config[f"{OWN}teams"]
    network: dict[str, Any] = copy.deepcopy(config[f"{OWN}network"])
    network |= draw(
        some(
            name=st.sampled_from(["n" * 63, "n", "vpc"]),
            firewall=some(form=st.sampled_from(["rules", "policy"])),
        )
    )
    config[f"{OWN}network"] = network
    network["subnet"] = network["subnet"] | draw(some(name=st.sampled_from(["s" * 63, "s"])))
    config[f"{OWN}cluster"] = draw(
        some(name=st.sampled_from(["c" * 40, "c"]), zone=st.just("europe-west1-b"))
    )
    config |= draw(
        some(labels=st.just({"k" * 63: "v" * 63})).map(
            lambda of: {f"{OWN}{key}": value for key, value in of.items()}
        )
    )
    if draw(st.booleans()):
        name = draw(st.sampled_from(["p", "n" * 20, "a-1"]))
        nat = {"nodes": "10.200.0.0/24", "pods": "10.201.0.0/16", "addresses": {"a" * 63: "allow-listed"}}
        config[f"{OWN}gateways"] = {name: draw(some(nat=st.just(nat), maxConnections=st.just(2**31 - 1)))}
        for team in teams.values():
            team.update(draw(some(gateway=st.just(name))))
    if draw(st.integers(0, 3)) == 0:
        config[f"{OWN}fences"]["applicationNodes"] = {
            "leaveOn": draw(st.sampled_from([[80, 443], [443]])),
            "reason": "it moves in",
        }
        network["dns"] = {"undeclaredNames": "resolve"}
        team = draw(st.sampled_from(sorted(teams)))
        ways = draw(
            st.sampled_from(
                [{}, {"https": "passthrough"}, {"http": {}}, {"http": {}, "https": "passthrough"}]
            )
        )
        teams[team] = {"model": {"open": "it moves in"}, "egress": {"open.example.net": ways} if ways else {}}
    for team in teams.values():
        team["labels"] = draw(some(**{"cost-centre": st.just("v" * 63), "example.com/k.K_1": st.just("")}))
        if "model" not in team:
            team.update(draw(some(limits=some(requests=st.just(2**31 - 1)))))
            known = HOSTS if config[f"{OWN}mesh"]["flavor"] == "istio" else HOSTS[3:]
            for host in draw(st.lists(st.sampled_from(known), max_size=2, unique=True)):
                team["egress"].setdefault(host, {"https": "passthrough"})
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=1)) if team.get("receives") else ():
            team["receives"][name] = next(iter(team["receives"].values())) | {
                "host": f"{name}.received.example"
            }
    return config


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """The path of everything in a config that somebody may have written wrong."""
    if isinstance(value, dict):
        for key, below in cast(dict[str, Any], value).items():
            if path or key.startswith(OWN):
                yield (*path, key)
                yield from places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(cast(list[Any], value)):
            yield (*path, index)
            yield from places(below, (*path, index))


def _text(text: str) -> st.SearchStrategy[str]:
    ended = st.sampled_from(ENDINGS).map(lambda end: text + end)
    long = st.sampled_from(LENGTHS).map(lambda length: (text + "a" * length)[:length])
    longer = st.sampled_from(LENGTHS).map(lambda length: (text + "-a" * length)[:length])
    dotted = st.sampled_from(LENGTHS).map(lambda length: (text + ".a" * length)[:length])
    special = (
        RANGES if "/" in text and text[:1].isdigit() else LENGTHS_OF_TIME if text[:1].isdigit() else TEXTS
    )
    return (
        ended
        | long
        | longer
        | dotted
        | st.sampled_from(special)
        | st.sampled_from(special)
        | st.sampled_from(TEXTS)
    )


@st.composite
def hostile(draw: st.DrawFn) -> dict[str, Any]:
    """A wide config with one or two values or keys made what somebody would refuse."""
    config = draw(wide())
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(list(places(config))))
        parent: Any = config
        for part in path[:-1]:
            parent = parent[part]
        value, key = parent[path[-1]], path[-1]
        if isinstance(key, str) and len(path) > 1 and draw(st.integers(0, 2)) == 0:
            parent[draw(_text(key))] = parent.pop(key)
        elif isinstance(value, bool):
            parent[key] = not value
        elif isinstance(value, int | float):
            parent[key] = draw(st.sampled_from(NUMBERS))
        elif isinstance(value, str):
            parent[key] = draw(_text(value))
    return config
