"""DNS: whether a name resolves in the cluster's network, and who answers.

Source: Cloud DNS, "Name resolution order". Read from resources `gcp:dns/managedZone:ManagedZone`,
`gcp:dns/recordSet:RecordSet`, `gcp:dns/responsePolicy:ResponsePolicy` and
`gcp:dns/responsePolicyRule:ResponsePolicyRule`:

- Of the private zones that the network sees, the one with the longest suffix answers alone, "there is no such
  name" included; the zone of the root is a suffix of every name. Where none is a suffix, the internet
  answers.
- In a zone a record of the name itself decides, else that of the nearest `*.` above it, unless a name between
the two exists.
- A CNAME is followed, through the same order, eight times at most.
- A peering zone answers as the other network would, a forwarding zone as other servers do: whoever asks may
  be heard outside, and the name counts as resolved.
- Compute Engine has names of its own below `internal`. A private zone with a longer suffix answers for those.
  Google's pages disagree on one that is not longer, such as the root's: it comes first (page of 2026-04), or
  Compute Engine does (older). Both are read: what either says is heard outside, or leads somewhere, counts;
  and the metadata server's name has its address only if both give it.
- Names below `cluster.local` are the cluster's own and never leave it.
- A zone that is not among the resources answers where somebody said so (`Snapshot.answered_elsewhere`); what
it answers is not known.

Rules of a response policy come first of all and are not understood, but for those of another network. Not
read: where a pod's own /etc/hosts or a server of its own answers; a process that asks a server of its choice
is for NetworkPolicy and firewall to stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egress.common.google_cloud import METADATA_ADDRESS, METADATA_HOST
from egress.common.objects import Resource
from egress.judge.lookup.subnets import CLUSTER, SUBNETWORK
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.model.snapshot import Snapshot, listed, part

ZONE = "gcp:dns/managedZone:ManagedZone"
RECORDS = "gcp:dns/recordSet:RecordSet"
RESPONSE_POLICY = "gcp:dns/responsePolicy:ResponsePolicy"
CLUSTER_DOMAIN = "cluster.local."
OWN_DOMAIN = "internal."
METADATA_NAME = f"{METADATA_HOST}."
_FOLLOWED = 8
"""CNAMEs in a row."""


@dataclass(slots=True)
class _Zone:
    resource: Resource
    names: dict[str, dict[str, Resource]]
    """Record sets by name and type."""
    existing: set[str]
    """Names of records and everything above them: a `*.` above does not answer for what is below them."""
    elsewhere: str
    """The field that sends its questions elsewhere, or nothing."""


class Dns:
    """Private zones of the cluster's network by their suffix."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._of_networks: dict[str, dict[str, Resource]] = {}
        self._networks = {
            _last(resource.properties["network"])
            for kind in (SUBNETWORK, CLUSTER)
            for resource in snapshot.resources(kind)
            if resource.properties.get("network")
        }
        records: dict[str, list[Resource]] = {}
        for record in snapshot.resources(RECORDS):
            records.setdefault(_last(record.properties["managedZone"]), []).append(record)
        self._zones: dict[str, _Zone] = {}
        self._twice: dict[str, Resource] = {}
        for zone in (zone for zone in snapshot.resources(ZONE) if self._sees(zone)):
            name = _absolute(zone.properties["dnsName"])
            if name in self._zones:
                self._twice[name] = zone
            self._zones[name] = _read(zone, records.get(zone.properties.get("name", zone.name), []))
        self._policy = next(
            (policy for policy in snapshot.resources(RESPONSE_POLICY) if self._ours(policy.properties)), None
        )
        self._elsewhere = {_absolute(domain) for domain in snapshot.answered_elsewhere}
        self._known: dict[str, tuple[Verdict, tuple[str, ...]]] = {}

    @property
    def names(self) -> Iterator[str]:
        """Names of zones and records, without the dot at their end; the root's is empty."""
        for resource in (*self._snapshot.resources(ZONE), *self._snapshot.resources(RECORDS)):
            yield (
                str(resource.properties["name" if resource.type == RECORDS else "dnsName"])
                .removesuffix(".")
                .lower()
            )

    def judge(self, name: str) -> Verdict:
        """Whether workloads, and nodes, get an address for a name."""
        return self._ask(_absolute(name))[0]

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses that private zones give for a name; none where others answer, or nobody does."""
        return self._ask(_absolute(name))[1]

    def outside(self, name: str, network: str) -> Verdict:
        """Whether the internet answers for a name: no private zone does, or one that asks as another network
        would, which has no zones.

        Args:
            name: what is asked for.
            network: the name of that network.
        """
        verdict, zone = self.judge(name), self._closest(_absolute(name))
        if self._of_others(_absolute(name)):
            return verdict.but(Outcome.DENIED)
        if zone is None or verdict.outcome is not Outcome.ALLOWED:
            return verdict
        if (
            _last(part(zone.resource.properties, "peeringConfig", "targetNetwork").get("networkUrl"))
            != network
        ):
            field = zone.elsewhere or "dnsName"
            return _verdict(
                Outcome.DENIED,
                zone.resource.identity,
                field,
                f"It answers for {name} instead of the internet.",
            )
        policies = self._snapshot.resources(RESPONSE_POLICY)
        if policy := next((one for one in policies if network in _networks(one.properties)), None):
            return _by_rules(policy)
        answering = self._answering(network)
        own = next((answering[suffix] for suffix in _suffixes(_absolute(name)) if suffix in answering), None)
        if own is not None:
            return _verdict(
                Outcome.DENIED,
                own.identity,
                "dnsName",
                f"In {network} it answers for {name} instead of the internet.",
            )
        return verdict

    def _answering(self, network: str) -> Mapping[str, Resource]:
        """The zones that answer in another network, by their suffix."""
        found = self._of_networks.get(network)
        if found is None:
            found = self._of_networks[network] = {}
            for zone in self._snapshot.resources(ZONE):
                if network in _networks(part(zone.properties, "privateVisibilityConfig")):
                    found.setdefault(_absolute(zone.properties["dnsName"]), zone)
        return found

    def _of_others(self, name: str) -> bool:
        """Whether the closest zone above a name is one that is not among the resources."""
        closest = next((one for one in _suffixes(name) if one in self._zones or one in self._elsewhere), None)
        return closest in self._elsewhere and closest not in self._zones

    def _closest(self, name: str) -> _Zone | None:
        return next((self._zones[suffix] for suffix in _suffixes(name) if suffix in self._zones), None)

    def _ask(self, name: str) -> tuple[Verdict, tuple[str, ...]]:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._answer(name, _FOLLOWED)
        return found

    def _answer(self, name: str, left: int) -> tuple[Verdict, tuple[str, ...]]:
        spoken = name.removesuffix(".")
        if _under(name, CLUSTER_DOMAIN):
            return _verdict(Outcome.ALLOWED, None, "", "The cluster answers its own names."), ()
        if self._policy is not None:
            return _by_rules(self._policy), ()
        if self._of_others(name):
            why = f"A private zone of somebody else answers for {spoken}, as the config says."
            return _verdict(Outcome.ALLOWED, None, "", why), ()
        closest = next((suffix for suffix in _suffixes(name) if suffix in self._zones), None)
        own = _under(name, OWN_DOMAIN) and not (closest and closest.endswith(f".{OWN_DOMAIN}"))
        if closest is None:
            if own:
                return _of_compute_engine(name)
            return _verdict(
                Outcome.ALLOWED, None, "", f"No private zone holds {spoken}, so the internet answers."
            ), ()
        said = self._by_zone(closest, name, left)
        return _either(name, said) if own else said

    def _by_zone(self, closest: str, name: str, left: int) -> tuple[Verdict, tuple[str, ...]]:
        """What the zone of a suffix says to a name."""
        spoken, zone = name.removesuffix("."), self._zones[closest]
        if closest in self._twice:
            why = f"Two zones are called {closest}: which of them answers is not known here."
            return _verdict(Outcome.NOT_UNDERSTOOD, self._twice[closest].identity, "dnsName", why), ()
        if zone.elsewhere:
            return _verdict(
                Outcome.ALLOWED,
                zone.resource.identity,
                zone.elsewhere,
                f"The zone passes {spoken} on to another resolver.",
            ), ()
        at = next(_closest(name, zone), None)
        if at is None or not {"A", "AAAA", "CNAME"} & zone.names[at].keys():
            why = f"The zone that answers for {spoken} holds no address of it."
            return _verdict(Outcome.DENIED, zone.resource.identity, "dnsName", why), ()
        of_name = zone.names[at]
        if "CNAME" in of_name:
            alias = of_name["CNAME"]
            target = _absolute(alias.properties["rrdatas"][0])
            if left == 0:
                return _verdict(
                    Outcome.DENIED, alias.identity, "rrdatas[0]", f"Aliases of {spoken} lead nowhere."
                ), ()
            return self._answer(target, left - 1)
        found = [of_name[kind] for kind in ("A", "AAAA") if kind in of_name]
        addresses = tuple(address for record in found for address in record.properties["rrdatas"])
        return _verdict(
            Outcome.ALLOWED,
            found[0].identity,
            "rrdatas",
            f"The zone answers {spoken} with {', '.join(addresses)}.",
        ), addresses

    def _sees(self, zone: Resource) -> bool:
        if zone.properties.get("visibility") != "private":
            return False
        return self._ours(part(zone.properties, "privateVisibilityConfig"))

    def _ours(self, naming: Mapping[str, Any]) -> bool:
        """Whether what names its networks is for the cluster's; also where nobody said which that is."""
        return not self._networks or not self._networks.isdisjoint(_networks(naming))


def _of_compute_engine(name: str) -> tuple[Verdict, tuple[str, ...]]:
    addresses = (METADATA_ADDRESS,) if name == METADATA_NAME else ()
    return _verdict(Outcome.ALLOWED, None, "", "Compute Engine answers its own names."), addresses


def _either(name: str, said: tuple[Verdict, tuple[str, ...]]) -> tuple[Verdict, tuple[str, ...]]:
    """What is said to one of Compute Engine's names where a zone may be asked before it, or after."""
    verdict, addresses = said
    if name == METADATA_NAME and addresses != (METADATA_ADDRESS,):
        why = f"Cloud DNS may ask this zone before Compute Engine, and it does not hold {METADATA_ADDRESS}."
        outcome = Outcome.DENIED if verdict.understood else verdict.outcome
        return _verdict(outcome, verdict.decided_by, verdict.field, why), addresses
    # Below the metadata server's name Compute Engine has none.
    silent = verdict.outcome is Outcome.DENIED and not name.endswith(f".{METADATA_NAME}")
    return _of_compute_engine(name) if silent else said


def _networks(naming: Mapping[str, Any]) -> set[str]:
    """Names of the networks that something says it is for."""
    return {_last(network["networkUrl"]) for network in listed(naming, "networks")}


def _by_rules(policy: Resource) -> Verdict:
    why = "A response policy answers before zones, and this judge does not read its rules."
    return _verdict(Outcome.NOT_UNDERSTOOD, policy.identity, "", why)


def _read(zone: Resource, records: list[Resource]) -> _Zone:
    names: dict[str, dict[str, Resource]] = {}
    for record in records:
        names.setdefault(_absolute(record.properties["name"]), {})[record.properties["type"]] = record
    existing = {suffix for name in names for suffix in _suffixes(name)}
    elsewhere = next(
        (field for field in ("peeringConfig", "forwardingConfig") if zone.properties.get(field)), ""
    )
    return _Zone(zone, names, existing, elsewhere)


def _closest(name: str, zone: _Zone) -> Iterator[str]:
    """The name of the records that answer, if any."""
    if name in zone.existing:
        if name in zone.names:
            yield name
        return
    for suffix in _suffixes(name):
        if f"*.{suffix}" in zone.names:
            yield f"*.{suffix}"
        if suffix in zone.existing:
            return


def _suffixes(name: str) -> Iterator[str]:
    """The name, then every domain above it, and the root."""
    while name != ".":
        yield name
        name = name.partition(".")[2] or "."
    yield "."


def _under(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


def _absolute(name: str) -> str:
    name = name.lower()
    return name if name.endswith(".") else f"{name}."


def _last(path: Any) -> str:
    return str(path).rpartition("/")[2]


def _verdict(outcome: Outcome, by: str | None, field: str, reason: str) -> Verdict:
    return Verdict(Layer.DNS, outcome, by, field, reason)
