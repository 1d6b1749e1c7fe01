"""Random configs in which teams agree: every way out, every treatment of a host, partners, Google APIs, both
mesh flavors.

What two teams must agree about is drawn once per host; what each team may say for itself is drawn per team.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from hypothesis import strategies as st

from egress.common.ports import HTTPS_PORT, listener
from tests.random_treatment import INSPECT, OTHER_NAMES, TRAFFIC, Values, some
from tests.support import dev_config

TEAMS = ["team-a", "team-b", "a", "b-a", "team-with-the-longest-name-0123456789abc"]
OF_HTTP = [
    "example.com",
    "api.example.com",
    "a-b.example",
    "a.b.example",
    f"{'x' * 63}.{'y' * 63}.{'z' * 63}.example.com",
]
COPIED, COPY = "copied.example.net", "copy.example.net"
OF_TLS = ["tls.example.com", "xn--bcher-kva.example"]
PATTERNS, BELOW = ["*.wild.example", "*.deep.wild.example"], "one.deep.wild.example"
OF_TCP = ["db.partner.example", "mq.partner.example"]
ACCOUNTS = st.lists(st.sampled_from(["app", "report", "job-1"]), min_size=1, max_size=2, unique=True)
HTTPS_PORTS = st.lists(st.sampled_from([443, 9243, 8243, 636]), min_size=1, max_size=3, unique=True)
DESCRIPTION = st.sampled_from(["why", 'quote\'s "and" ümlaut', "a: b #c", "{braces}"])


RULE = some(
    methods=st.lists(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), min_size=1, max_size=3, unique=True),
    paths=st.lists(
        st.sampled_from(["/", "/ok/*", "/v1/{*}/orders/{**}", "/status/418"]),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    headers=st.fixed_dictionaries({"x-tenant": st.sampled_from([["shop"], ["shop-*", "*-shop"], ["*"]])}),
    serviceAccounts=ACCOUNTS,
    description=DESCRIPTION,
)
RULES = RULE | st.dictionaries(st.sampled_from(["read", "write", "Any name"]), RULE, min_size=1).map(
    lambda of: {"allow": of}
)


@st.composite
def _leaving(draw: st.DrawFn, in_cluster: bool) -> Values:
    """How plain HTTP to one host leaves."""
    upgrade = draw(st.sampled_from(["none", "tls", "mtls"] if in_cluster else ["none", "tls"]))
    found: Values = {"upgrade": upgrade}
    if upgrade == "mtls":
        found["credential"] = draw(st.sampled_from(["partner", "partner-2"]))
    if upgrade == "tls" and in_cluster and draw(st.booleans()):
        found["ca"] = "own-ca"
    if upgrade != "none":
        found |= draw(OTHER_NAMES)
        found["protocol"] = draw(st.sampled_from(["http", "http2", "grpc"]))
    if draw(st.booleans()):
        found["outsidePort"] = draw(st.sampled_from([80, 443, 9200]))
    if in_cluster and draw(st.booleans()):
        found["encodedSlashes"] = draw(st.sampled_from(["decode", "keep"]))
    if in_cluster and found.get("protocol") != "grpc" and draw(st.booleans()):
        found["inspect"] = draw(INSPECT)
    return found


@st.composite
def _ports(draw: st.DrawFn, number: int) -> list[Values]:
    """How raw TCP to the ports of one host leaves."""
    ports = draw(
        st.lists(st.sampled_from([3306, 5432, 8080, 8443, 22, 443]), unique=True, min_size=1, max_size=3)
    )
    return [draw(_tcp(number, port)) for port in ports]


@st.composite
def _tcp(draw: st.DrawFn, number: int, port: int) -> Values:
    """How raw TCP to one port of a host leaves; each host has addresses of its own."""
    addresses = [f"203.0.113.{10 * number + last}" for last in range(draw(st.integers(1, 3)))]
    fixed: Values = {"addresses": addresses}
    known = draw(st.sampled_from([fixed] if port == HTTPS_PORT else [fixed, {"byName": True}]))
    found: Values = {"port": port, **known}
    upgrade = draw(st.sampled_from(["none", "tls", "mtls"]))
    found["upgrade"] = upgrade
    if upgrade == "mtls":
        found["credential"] = "partner"
    if upgrade != "none":
        found |= draw(OTHER_NAMES)
    if upgrade == "tls" and draw(st.booleans()):
        found["ca"] = "own-ca"
    if draw(st.booleans()):
        found["outsidePort"] = draw(st.sampled_from([13306, 443, 8443]))
    if "byName" in found and listener(found.get("outsidePort", found["port"])):
        found["outsidePort"] = 13306
    return found


@dataclass(frozen=True)
class _Agreed:
    """What all teams say alike, by host."""

    http: dict[str, Values]
    traffic: dict[str, Values]
    tcp: dict[str, list[Values]]
    """The ports of each host that has some."""
    spread: Values
    """`mirror` or `split` of the copied host."""


@st.composite
def _agreed(draw: st.DrawFn, in_cluster: bool) -> _Agreed:
    http = {host: draw(_leaving(in_cluster)) for host in [*OF_HTTP, COPIED, COPY, BELOW, *OF_TCP]}
    for host in (COPY, COPIED, BELOW, *OF_TCP):
        # Copies go to a host that is inspected alike; below a pattern and beside raw TCP nothing can be
        # inspected.
        http[host].pop("inspect", None)
    percent = draw(st.integers(1, 99))
    spread: Values = {"split": {COPY: percent}}
    if in_cluster and draw(st.booleans()):
        spread = {"mirror": {"host": COPY, "percent": percent}}
    traffic = {host: draw(TRAFFIC) for host in OF_HTTP if draw(st.booleans())}
    return _Agreed(http, traffic, {host: draw(_ports(number)) for number, host in enumerate(OF_TCP)}, spread)


@st.composite
def _egress(draw: st.DrawFn, agreed: _Agreed, in_cluster: bool) -> Values:
    known = [*OF_HTTP, *OF_TLS, COPIED, BELOW, *((*PATTERNS, *OF_TCP) if in_cluster else ())]
    found: Values = {}
    for host in draw(st.lists(st.sampled_from(known), unique=True, max_size=6)):
        if host in PATTERNS:
            found[host] = {"https": "passthrough"}
        elif host in OF_TLS:
            said = some(serviceAccounts=ACCOUNTS, httpsPorts=HTTPS_PORTS)
            found[host] = {"https": "passthrough"} | draw(said)
        elif host in OF_TCP:
            found[host] = draw(_several_ways(host, agreed))
        elif host == COPIED:
            found[host] = {"http": draw(RULES) | agreed.http[host] | agreed.spread}
            found[COPY] = {"http": agreed.http[COPY]}
        else:
            found[host] = draw(_http(host, agreed))
    return found


@st.composite
def _several_ways(draw: st.DrawFn, host: str, agreed: _Agreed) -> Values:
    """Some of the ports of a host, alone or beside http and https, or these alone."""
    ports = st.lists(
        st.sampled_from(agreed.tcp[host]), min_size=1, unique_by=lambda entry: str(entry["port"])
    )
    entries = [
        entry | {"serviceAccounts": draw(ACCOUNTS)} | draw(some(description=DESCRIPTION))
        for entry in draw(ports)
    ]
    tcp: Values = {"tcp": entries[0] if len(entries) == 1 and draw(st.booleans()) else entries}
    if any(entry["port"] == HTTPS_PORT for entry in agreed.tcp[host]):
        return tcp
    beside = draw(_http(host, agreed))
    return draw(st.sampled_from([tcp, tcp | beside, beside]))


@st.composite
def _http(draw: st.DrawFn, host: str, agreed: _Agreed) -> Values:
    """Plain HTTP, the app's own TLS, or both; an inspected host has no way past the inspection."""
    http = {"http": draw(RULES) | agreed.http[host]}
    if host in agreed.traffic and draw(st.booleans()):
        http["http"]["traffic"] = agreed.traffic[host]
    if "inspect" in agreed.http[host]:
        return http
    passed: Values = {"https": "passthrough"} | draw(some(httpsPorts=HTTPS_PORTS))
    if host == BELOW and "httpsPorts" in passed:
        passed["httpsPorts"] = sorted({443, *passed["httpsPorts"]})
    return draw(st.sampled_from([http, passed, http | passed]))


@st.composite
def _receives(draw: st.DrawFn, team: str) -> Values:
    found: Values = {}
    for name in draw(st.lists(st.sampled_from(["db", "web"]), unique=True)):
        protocol, port = {"db": ("tcp", 13306), "web": ("https", 443)}[name]
        backend = st.fixed_dictionaries(
            {"service": st.just(name), "port": st.just(3306)}, optional={"podPort": st.just(3307)}
        )
        found[name] = {
            "host": f"{name}.{team}.example",
            "port": port,
            "protocol": protocol,
            "to": draw(backend),
            "credential": "server",
            "clients": {
                "partner": draw(
                    st.sampled_from(["spiffe://partner.example/ns/x/sa/y", "client.partner.example"])
                )
            },
        } | draw(some(description=DESCRIPTION))
    return found


def _grants(role: str) -> st.SearchStrategy[Values]:
    given = st.sampled_from([f"roles/{role}", {"role": f"roles/{role}", "project": "other-project"}])
    return st.dictionaries(st.sampled_from(["one", "other"]), given)


GOOGLES_HOSTS = [
    *("europe-python.pkg.dev", "gcr.io", "pricing-abc123-ew.a.run.app", "dl.google.com"),
    *("storage.googleapis.com", "europe-west1-aiplatform.googleapis.com"),
]


@st.composite
def _google_apis(draw: st.DrawFn, team: str) -> Values:
    account = some(
        buckets=st.dictionaries(
            st.sampled_from([f"{team}-data", f"{team}.logs"]),
            st.sampled_from(
                ["roles/storage.objectViewer", {"role": "roles/storage.objectAdmin", "existing": True}]
            ),
        ),
        topics=_grants("pubsub.publisher"),
        subscriptions=_grants("pubsub.subscriber"),
        secrets=_grants("secretmanager.secretAccessor"),
        datasets=_grants("bigquery.dataViewer"),
        projectRoles=st.just({"roles/bigquery.jobUser": "queries belong to the project"}),
    )
    accounts = st.dictionaries(st.sampled_from(["app", "report"]), account, min_size=1, max_size=2)
    found: Values = {"serviceAccounts": draw(accounts)}
    taken: set[str] = set()
    for of_account in found["serviceAccounts"].values():
        # A bucket that one account makes is not another's to make.
        of_account["buckets"] = {
            key: value for key, value in of_account.get("buckets", {}).items() if key not in taken
        }
        taken |= set(of_account["buckets"])
    return found | draw(
        some(
            apis=st.lists(st.sampled_from(["pubsub", "bigquery", "storage"]), unique=True),
            hosts=st.lists(st.sampled_from(GOOGLES_HOSTS), unique=True),
        )
    )


@st.composite
def configs(draw: st.DrawFn) -> Values:
    """A whole stack's config that is accepted."""
    in_cluster = draw(st.integers(0, 4)) > 0
    agreed = draw(_agreed(in_cluster))
    names = draw(st.lists(st.sampled_from(TEAMS), unique=True, min_size=1))
    teams: Values = {}
    for name in names:
        team: Values = {"egress": draw(_egress(agreed, in_cluster))}
        others = [other for other in names if other != name]
        if others and draw(st.booleans()):
            team["reaches"] = draw(st.lists(st.sampled_from(others), unique=True))
        if in_cluster and draw(st.booleans()):
            team["receives"] = draw(_receives(name))
        if draw(st.booleans()):
            team["googleApis"] = draw(_google_apis(name))
        teams[name] = team | draw(some(labels=st.just({"cost-centre": "4711"}), testApp=st.just({})))
        if in_cluster and draw(st.booleans()):
            teams[name]["http10"] = draw(st.booleans())
    return config_of(teams, draw(_stack(names, in_cluster)))


@st.composite
def _stack(draw: st.DrawFn, names: list[str], in_cluster: bool) -> Values:
    """Everything of a stack but its teams."""
    gateway = (
        some(connectAfterAuthorization=st.booleans(), idleTimeout=st.just("8h"))
        if in_cluster
        else some(maxReplicas=st.integers(2, 9))
    )
    admission = some(
        action=st.sampled_from(["deny", "warn"]),
        relaxed=st.just({"host-ports": "an appliance"}),
        exemptions=st.dictionaries(
            st.sampled_from(names), st.just({"service-types": "a partner's load balancer"})
        ),
    )
    return {
        "mesh": {"flavor": "istio" if in_cluster else "cloud-service-mesh"},
        "gateway": draw(gateway),
        "ingress": {"sourceRanges": {"partner": "192.0.2.0/24"}}
        | draw(some(exposure=st.sampled_from(["internal", "external"]))),
        "fences": draw(some(admission=admission)),
    }


def config_of(teams: Values, stack: Values) -> Values:
    """The dev stack's config with other teams and other settings beside them."""
    own = {f"gke-mesh-egress:{key}": value for key, value in {**stack, "teams": teams}.items()}
    return copy.deepcopy(dev_config() | own)


def without(config: Values, team: str) -> Values:
    """The config without one team, and without what others say about it."""
    rest = copy.deepcopy(config)
    teams = rest["gke-mesh-egress:teams"]
    del teams[team]
    for other in teams.values():
        other["reaches"] = [name for name in other.get("reaches", []) if name != team]
    rest["gke-mesh-egress:fences"].get("admission", {}).get("exemptions", {}).pop(team, None)
    return rest
