"""Random configs that open more than the defaults do: fences, names, ports, security models."""

from __future__ import annotations

import copy

from hypothesis import strategies as st

from egress.common.google_hosts import served
from tests.random_configs import DESCRIPTION, Values, configs, some
from tests.support import dev_config

FENCES = ["gateway-network", "control-plane-network", "mesh-exports", "mesh-discovery", "pod-security"]
REASON = st.sampled_from(["an appliance", "until it is rebuilt"])
RANGES = ["203.0.113.0/24", "203.0.113.0/25", "198.51.100.16/28"]
PRIVATE = ["10.200.0.0/24", "10.200.0.0/25", "10.201.0.0/24", "172.20.0.0/16"]
PERIMETER: Values = {"accessPolicy": "123456789", "projectNumber": "987654321012"}
DENIED_OR_ALL = st.sampled_from(["denied", "all", "none"])
GROUPS = st.lists(st.sampled_from(["people@example.com", "others@example.com"]), unique=True)


def _opened_network() -> st.SearchStrategy[Values]:
    """A network's settings beside its ranges: names, firewall, logs, source addresses, perimeter."""
    perimeter = st.fixed_dictionaries(
        {"accessLevels": st.lists(st.sampled_from(["deployers", "office"]), min_size=1, unique=True)},
        optional={"dryRun": st.booleans(), "alsoRestricted": st.just(["bigquery.googleapis.com"])},
    )
    dns = some(
        undeclaredNames=st.sampled_from(["refuse", "resolve"]),
        alsoResolved=st.dictionaries(st.sampled_from(["time.example.net", "*.clock.example"]), REASON),
        answeredElsewhere=st.dictionaries(st.sampled_from(["corp.example.net"]), REASON),
        queryLogging=st.booleans(),
    )
    firewall = some(
        form=st.sampled_from(["rules", "policy"]),
        ipv6=st.sampled_from(["deny", "open"]),
        logging=DENIED_OR_ALL,
    )
    nat = some(
        logging=st.sampled_from(["errors", "translations", "all", "none"]),
        addresses=st.dictionaries(st.sampled_from(["out-a", "out-b"]), DESCRIPTION),
    )
    logs = some(interval=st.sampled_from(["5s", "10m"]), sampling=st.sampled_from([0, 0.5, 1]))
    return some(
        dns=dns, firewall=firewall, nat=nat, flowLogs=logs, perimeter=perimeter.map(lambda of: PERIMETER | of)
    )


@st.composite
def _opened_fences(draw: st.DrawFn, names: list[str]) -> Values:
    elsewhere = st.dictionaries(
        st.sampled_from(["agents"]), st.dictionaries(st.sampled_from(["gateway-nodes"]), REASON, min_size=1)
    )
    rules = st.sampled_from(["host-ports", "service-types", "capabilities"])
    exempted = st.dictionaries(st.sampled_from(names), st.dictionaries(rules, REASON, min_size=1))
    admission = some(
        action=st.sampled_from(["deny", "warn"]),
        relaxed=st.dictionaries(rules, REASON),
        exemptions=exempted,
        namespaces=elsewhere,
    )
    return draw(
        some(
            admission=admission,
            relaxed=st.dictionaries(st.sampled_from(FENCES), REASON),
            privateHosts=st.dictionaries(st.sampled_from(["vpn", "line"]), st.sampled_from(PRIVATE)),
            observe=some(networkPolicies=DENIED_OR_ALL),
            groups=some(
                platform=GROUPS, security=GROUPS, teams=st.dictionaries(st.sampled_from(names), GROUPS)
            ),
        )
    )


@st.composite
def opened_configs(draw: st.DrawFn, of: Values | None = None) -> Values:
    """A config that opens more than the defaults do, with random settings beside its teams.

    Args:
        draw: Hypothesis' own.
        of: a config whose teams are kept; by default the teams are random too.
    """
    config = copy.deepcopy(of) if of is not None else draw(configs())
    teams = config["gke-mesh-egress:teams"]
    for team in ("lab", "media"):
        teams.pop(team, None)
    drawn = draw(_opened_network())
    network = {**dev_config()["gke-mesh-egress:network"], **drawn}
    if "perimeter" in drawn:
        network["googleApis"] = "restricted"
        for team in teams.values():
            if hosts := team.get("googleApis", {}).get("hosts"):
                team["googleApis"]["hosts"] = [
                    host for host in hosts if (of := served(host)) and of.restricted
                ]
    fences = draw(_opened_fences(sorted(teams)))
    weaker = draw(st.sampled_from(["", "", "lab", "media"]))
    if weaker == "lab":
        teams["lab"] = {"model": {"open": draw(REASON)}}
        network["dns"] = {**network.get("dns", {}), "undeclaredNames": "resolve"}
        fences["applicationNodes"] = {
            "leaveOn": draw(st.sampled_from([[443], [80, 443]])),
            "reason": draw(REASON),
        }
    if weaker == "media":
        teams["media"] = {
            "model": {"registryOnly": draw(REASON)},
            "egress": {"uploads.cdn.example": {"https": "passthrough"}},
        }
        fences["applicationNodes"] = {"leaveOn": [443], "reason": draw(REASON)}
    access = some(
        authorizedNetworks=st.dictionaries(st.sampled_from(["office", "home"]), st.sampled_from(RANGES))
    )
    cluster = {**dev_config()["gke-mesh-egress:cluster"], "securityGroup": "gke-security-groups@example.com"}
    cluster |= draw(some(controlPlane=access, deletionProtection=st.booleans()))
    own = {"network": network, "fences": fences, "cluster": cluster, "protect": draw(st.booleans())}
    if config["gke-mesh-egress:mesh"]["flavor"] == "istio":
        istio = some(hub=st.just("registry.example/istio"), version=st.sampled_from(["1.30.7", "1.30.8"]))
        own["mesh"] = {"flavor": "istio"} | draw(
            some(istio=istio, accessLog=some(format=st.sampled_from(["json", "text"])))
        )
    return config | {f"gke-mesh-egress:{key}": value for key, value in own.items()}
