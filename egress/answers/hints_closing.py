"""What would take an open way away: proposals, and words for where there is none."""

from __future__ import annotations

from collections.abc import Iterator

from egress.answers.hint_change import Edit, Path, Proposal, at, gone, set_to
from egress.answers.hint_check import led_to
from egress.answers.hints_opening import METADATA_NAMES
from egress.answers.hints_raw_tcp import as_written, outside_alone
from egress.common.google_cloud import METADATA_ADDRESS
from egress.common.google_hosts import never_outside, short
from egress.common.hosts import patterns_above
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.settings.access import Access


class Closing:
    """Proposals for one flow that gets out."""

    def __init__(self, plan: Plan, flow: Flow) -> None:
        self._plan, self._flow, self._intent = plan, flow, Intent(plan)
        self._team = plan.settings.teams[flow.namespace]
        self._path: Path = ("teams", flow.namespace)

    def proposals(self) -> Iterator[Proposal]:
        """What may be a hint, in the order in which it is tried."""
        flow = self._flow
        if other := led_to(flow):
            path = (*self._path, "reaches")
            rest = [name for name in self._team.reaches if name != other]
            if len(rest) < len(self._team.reaches):
                edit = set_to(path, rest) if rest else gone(path)
                yield Proposal(f"To take it away, remove {other} from {at(path)}.", (edit,))
            return
        yield from self._declared()
        if flow.host in (*METADATA_NAMES, METADATA_ADDRESS) or self._is_googles:
            yield from self._google()
        if flow.port in self._intent.opened(flow.namespace):
            yield from self._model()

    @property
    def _is_googles(self) -> bool:
        host = self._flow.host
        return never_outside(host) or self._intent.is_api(self._flow.namespace, host)

    def in_words(self) -> str:
        """What lets it out, where no change was found that takes it away."""
        flow = self._flow
        if led_to(flow) == flow.namespace:
            return "Pods of one team reach each other, and no setting takes that away."
        if flow.host in METADATA_NAMES or self._is_googles:
            section = at((*self._path, "googleApis"))
            return f"{section} opens it; what the identities may do there is IAM's to say."
        if flow.vantage in (Vantage.GATEWAY_NODE, Vantage.APPLICATION_NODE):
            return (
                "Admission was told to let such pods run, under fences.admission, or "
                "fences.applicationNodes opens the port."
            )
        if flow.port in self._intent.opened(flow.namespace):
            return f"{at((*self._path, 'model'))} opens port {flow.port} to wherever a name leads."
        return "No change of the config was found that takes it away alone."

    def also(self) -> str:
        """What else is true of it and easily missed."""
        flow, said = self._flow, list[str]()
        for _, entry in self._entries():
            rules = entry.http.rules.values() if entry.http else ()
            if flow.protocol is Protocol.TLS and any(
                rule.methods or rule.paths or rule.headers for rule in rules
            ):
                said.append("The http rules beside it do not hold for what the app sends by https.")
            if tcp := entry.ports.get(flow.port):
                said.append(outside_alone(self._plan, flow.namespace, tcp.leaves_on))
        return " ".join(dict.fromkeys(filter(None, said)))

    def _entries(self) -> Iterator[tuple[Path, Access]]:
        """The entries that cover the host, the exact one first."""
        asked = self._flow.addressed if self._flow.protocol is Protocol.HTTP else self._flow.host
        for name, entry in self._team.egress.items():
            if any(asked in map(str, port.addresses or ()) for port in entry.tcp or ()):
                yield (*self._path, "egress", name), entry
        for name in (asked, *patterns_above(self._flow.host)):
            if name in self._team.egress:
                yield (*self._path, "egress", name), self._team.egress[name]

    def _declared(self) -> Iterator[Proposal]:
        """Take the way out of the entries that name it, an entry with no other way whole."""
        edits: list[Edit] = []
        names: list[str] = []
        for path, entry in self._entries():
            ways = [way for way in ("http", "https", "tcp") if getattr(entry, way)]
            plain = "http" if self._flow.protocol is Protocol.HTTP else "https"
            way = "tcp" if self._flow.port in entry.ports else plain
            if way not in ways:
                continue
            others = [port for port in entry.tls_ports if port != self._flow.port]
            if way == "https" and others:
                edits.append(set_to((*path, "httpsPorts"), others))
                names.append(f"port {self._flow.port} of {at((*path, way))}")
                continue
            rest = [tcp for port, tcp in entry.ports.items() if port != self._flow.port]
            if way == "tcp" and rest:
                edits.append(set_to((*path, way), as_written(rest)))
                names.append(f"port {self._flow.port} of {at((*path, way))}")
                continue
            whole = len(ways) == 1
            edits.append(gone(path if whole else (*path, way)))
            beside = {"serviceAccounts": entry.service_accounts, "httpsPorts": entry.https_ports}
            if not whole and way == "https":
                edits += [gone((*path, key)) for key, value in beside.items() if value]
            names.append(at(path if whole else (*path, way)))
        if edits:
            says = f"To take it away, remove or narrow {' and '.join(names)}"
            yield Proposal(f"{says}.", tuple(edits))
            if left := [("fences", "privateAddresses", name) for name in self._left_without_address()]:
                more = f"{says}, and {' and '.join(map(at, left))}, in which nobody else names an address."
                yield Proposal(more, (*edits, *map(gone, left)))

    def _left_without_address(self) -> list[str]:
        """Private ranges in which nobody names an address once the flow's own port is gone."""
        settings = self._plan.settings
        own = [entry.ports.get(self._flow.port) for _, entry in self._entries()]
        rest = [
            address
            for team in settings.teams.values()
            for entry in team.egress.values()
            for port in entry.tcp or ()
            if not any(port is one for one in own)
            for address in port.addresses or ()
        ]
        ranges = settings.fences.private_addresses
        return [name for name, range_ in ranges.items() if not any(address in range_ for address in rest)]

    def _google(self) -> Iterator[Proposal]:
        google = self._team.google_apis
        if google is None:
            return
        host, path = self._flow.host, (*self._path, "googleApis")
        given = {"apis": (short(host), google.apis), "hosts": (host, google.hosts)}
        said = {key: name for key, (name, named) in given.items() if name in named}
        if said:
            edits: list[Edit] = []
            for key, name in said.items():
                rest = [other for other in given[key][1] if other != name]
                edits.append(set_to((*path, key), rest) if rest else gone((*path, key)))
            where = " and ".join(f"{name} from {at((*path, key))}" for key, name in said.items())
            says = f"To take it away, remove {where}; IAM decides about the API besides."
            yield Proposal(says, tuple(edits))
        says = (
            f"To take it away, remove {at(path)}, and with it everything else of Google's that the team uses."
        )
        yield Proposal(says, (gone(path),))

    def _model(self) -> Iterator[Proposal]:
        path = (*self._path, "model")
        yield Proposal(f"To take it away, remove {at(path)}, which opens this port.", (gone(path),))
        nodes = ("fences", "applicationNodes")
        says = (
            f"To take it away, remove {at(path)}, which opens this port, and with it {at(nodes)}, which "
            "nobody else needs."
        )
        yield Proposal(says, (gone(path), gone(nodes)))
