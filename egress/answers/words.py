"""Classes of requests and callers put together again into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.lookup.host_shapes import BELOW
from egress.judge.model.equivalence import OTHER_METHOD, Requests, header_words
from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.text_patterns import path_matches
from egress.judge.targets import OTHER_ACCOUNT

Key = tuple[str, ...]


class Aspect(Enum):
    """What a fact is about: the risk of gaining it, and the word for losing it. In the order in which people
    read them.

    One word for both: neither of two is more than the other, so a change counts as a gain both ways.
    """

    UNREAD = ("not understood", "understood again")
    HOST = ("new host", "lost host")
    PORT = ("new port", "lost port")
    DESTINATION = ("new destination", "lost destination")
    PATH = ("wider path", "narrower path")
    METHOD = ("wider method", "narrower method")
    HEADER = ("wider header", "narrower header")
    ACCOUNT = ("wider account", "narrower account")
    RECEIVED = ("new caller", "lost caller")
    EXPOSED = ("wider exposure", "narrower exposure")
    GRANT = ("new role", "lost role")
    ROLE = ("wider role", "narrower role")
    OTHER_ROLE = ("other role", "other role")
    RIGHT = ("new right", "lost right")
    ACCESS = ("new access", "lost access")
    OPENING = ("new opening", "closed opening")
    TLS = ("weaker TLS", "stronger TLS")
    INSPECTION = ("less inspection", "more inspection")
    OTHER_INSPECTION = ("other inspection", "other inspection")
    OTHER_AUTHORITY = ("other authority", "other authority")
    OTHER_CERTIFICATE = ("other certificate", "other certificate")
    OTHER_IDENTITY = ("other identity", "other identity")
    OTHER_PROTOCOL = ("other protocol", "other protocol")
    OTHER_GATEWAY = ("other gateway", "other gateway")
    OTHER_SOURCE = ("other source address", "other source address")
    OTHER_IMAGES = ("other images", "other images")
    OTHER_PLACE = ("other place", "other place")
    OTHER_PERIMETER = ("other perimeter", "other perimeter")
    WAY = ("new way round", "closed way round")
    FENCE = ("removed fence", "new fence")
    PROTECTION = ("less protection", "more protection")
    LIMIT = ("looser limit", "tighter limit")
    LOG = ("less logged", "more logged")

    def risk(self, gain: bool) -> str:
        return self.value[0 if gain else 1]

    @property
    def other(self) -> bool:
        """Whether facts say that something is another, and not that it is more or less."""
        return self.value[0] == self.value[1]


def displayed(host: str) -> str:
    """What people call a host that was asked for."""
    if host == OTHER_HOST:
        return "any other host"
    return f"*{host[len(BELOW) :]}" if host.startswith(f"{BELOW}.") else host


def spoken(flow: Flow) -> str:
    """Protocol and port, where the port is not the usual one."""
    name, usual = {Protocol.HTTP: ("http", 80), Protocol.TLS: ("https", 443)}.get(
        flow.protocol, (flow.protocol.value, 0)
    )
    return name if flow.port == usual or flow.to else f"{name}:{flow.port}"


class Classes:
    """The flows that rules tell apart about one port of one host."""

    def __init__(self, requests: Requests | None, asked: Sequence[Flow], passing: Sequence[Flow]) -> None:
        self._named = requests or Requests()
        self._asked = asked
        self._patterns = sorted(requests.paths) if requests else []
        self._passing = {_key(flow) for flow in passing}
        self._methods = {flow.method for flow in asked}
        self._accounts = {flow.service_account for flow in asked}

    def aspect(self, more: Sequence[Flow], known: Sequence[Flow]) -> Aspect:
        """In what the flows that are more go beyond those that were known."""
        for aspect in (Aspect.PATH, Aspect.METHOD, Aspect.HEADER, Aspect.ACCOUNT):
            if {_side(aspect, flow) for flow in more} - {_side(aspect, flow) for flow in known}:
                return aspect
        return Aspect.PATH

    def words(self, more: Sequence[Flow]) -> str:
        """What these flows are; nothing where they are all."""
        if len(more) == len(self._asked):
            return ""
        by_paths: dict[tuple[str, str, str], list[Flow]] = {}
        for flow in more:
            headers = ", ".join(
                header_words(self._named, name, value) for name, value in sorted(flow.headers.items())
            )
            by_paths.setdefault((flow.service_account, headers, flow.method), []).append(flow)
        by_methods: dict[tuple[str, str, str], list[str]] = {}
        for (account, headers, method), flows in by_paths.items():
            by_methods.setdefault((account, headers, self._paths(flows)), []).append(method)
        by_accounts: dict[tuple[str, str, str], list[str]] = {}
        for (account, headers, paths), methods in by_methods.items():
            by_accounts.setdefault((self._of_methods(methods), paths, headers), []).append(account)
        return "; ".join(
            " ".join(
                filter(
                    None,
                    (
                        *_named(methods, paths),
                        f"with {headers}" if headers else "",
                        self._of_accounts(accounts),
                    ),
                )
            )
            for (methods, paths, headers), accounts in by_accounts.items()
        )

    def _paths(self, flows: Sequence[Flow]) -> str:
        """Patterns of which everything passes, and what is left over."""
        if not self._patterns:
            return ""
        asked = {flow.path for flow in self._asked}
        mine = {flow.path for flow in flows}
        if mine == asked:
            return "every path"
        like = flows[0]
        covered = {
            pattern: {path for path in asked if path_matches(pattern, path)}
            for pattern in self._patterns
        }  # fmt: skip
        whole = {
            pattern: paths
            for pattern, paths in covered.items()
            if paths & mine and all(_key(like, path) in self._passing for path in paths)
        }
        widest = [
            pattern for pattern, paths in whole.items() if not any(paths < other for other in whole.values())
        ]
        left = mine - {path for pattern in widest for path in whole[pattern]}
        return ", ".join([*widest, *sorted({self._matched(path) for path in left})])

    def _matched(self, path: str) -> str:
        matching = [pattern for pattern in self._patterns if path_matches(pattern, path)]
        return " and ".join(matching) or "all other paths"

    def _of_methods(self, methods: Sequence[str]) -> str:
        if set(methods) == self._methods:
            return ""
        named = "/".join(method for method in methods if method != OTHER_METHOD)
        return named if OTHER_METHOD not in methods else f"by {f'{named} and ' if named else ''}other methods"

    def _of_accounts(self, accounts: Sequence[str]) -> str:
        if set(accounts) == self._accounts:
            return ""
        return "as " + ", ".join(
            "any other account" if account == OTHER_ACCOUNT else account for account in accounts
        )


def _named(methods: str, paths: str) -> tuple[str, str]:
    """Methods and paths in the order in which they are said."""
    return (paths or "requests", methods) if methods.startswith("by ") else (methods, paths)


def _side(aspect: Aspect, flow: Flow) -> str:
    """One side of a flow, which the aspect is about."""
    if aspect is Aspect.HEADER:
        return str(sorted(flow.headers.items()))
    return {Aspect.PATH: flow.path, Aspect.METHOD: flow.method}.get(aspect, flow.service_account)


def listing(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def _key(flow: Flow, path: str | None = None) -> Key:
    headers = (f"{name}={value}" for name, value in sorted(flow.headers.items()))
    return (flow.service_account, flow.method, flow.path if path is None else path, *headers)
