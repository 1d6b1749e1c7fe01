"""Which names resolve in the cluster's network, read from zones and records."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.dns import Dns
from egress.judge.model.flow import Verdict
from egress.judge.model.snapshot import Snapshot

OURS = "projects/p/global/networks/ours"
SUBNET = Resource("gcp:compute/subnetwork:Subnetwork", "subnet", {"network": OURS})


def zone(
    name: str, domain: str, network: str = OURS, visibility: str = "private", **properties: Any
) -> Resource:
    seen = {"networks": [{"networkUrl": network}]}
    what = {
        "name": name,
        "dnsName": domain,
        "visibility": visibility,
        "privateVisibilityConfig": seen,
        **properties,
    }
    return Resource("gcp:dns/managedZone:ManagedZone", name, what)


def record(zone: str, name: str, kind: str, *data: str) -> Resource:
    what = {"managedZone": zone, "name": name, "type": kind, "rrdatas": list(data)}
    return Resource("gcp:dns/recordSet:RecordSet", name, what)


def dns(*resources: Resource) -> Dns:
    return Dns(Snapshot.of((), (SUBNET, *resources)))


PEERED: Any = {"peeringConfig": {"targetNetwork": {"networkUrl": "projects/p/global/networks/empty"}}}
REFUSAL = zone("refuse", ".")
METADATA = "169.254.169.254"
GOOGLE = (
    zone("google", "googleapis.com."),
    record("google", "*.googleapis.com.", "CNAME", "private.googleapis.com."),
    record("google", "private.googleapis.com.", "A", "199.36.153.8", "199.36.153.9"),
)


def says(verdict: Verdict) -> tuple[bool, bool, str, str]:
    return verdict.allowed, verdict.understood, verdict.decided_by, verdict.field


NOBODY = (True, True, None, "")


class TestWhoAnswers:
    def test_without_a_zone_the_internet_does(self) -> None:
        assert says(dns().judge("example.com")) == NOBODY
        assert dns().addresses("example.com") == ()

    def test_an_empty_zone_for_the_root_refuses_every_name(self) -> None:
        verdict = dns(REFUSAL).judge("secrets.evil.example")
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            "managedzone/refuse",
            "dnsName",
        )

    def test_the_longest_suffix_answers_alone(self) -> None:
        both = dns(REFUSAL, zone("declared", "example.com.", **PEERED))
        assert both.judge("www.Example.com").decided_by == "managedzone/declared"
        assert both.judge("www.example.com").allowed
        assert not both.judge("badexample.com").allowed
        closed_below = dns(zone("declared", "example.com.", **PEERED), zone("closed", "secret.example.com."))
        assert not closed_below.judge("a.secret.example.com").allowed

    def test_compute_engine_answers_its_own_names_unless_a_zone_is_longer(self) -> None:
        assert says(dns(zone("same", "internal.")).judge("vm.c.p.internal")) == NOBODY
        assert not dns(zone("longer", "p.internal.")).judge("vm.c.p.internal").allowed
        assert not dns(zone("longer", "google.internal.")).judge("metadata.google.internal").allowed
        assert not dns(REFUSAL).judge("notinternal").allowed

    @pytest.mark.parametrize("domain", [".", "internal."])
    def test_the_metadata_server_has_its_address_whoever_is_asked_first(self, domain: str) -> None:
        refusal, held = zone("refuse", domain), record("refuse", "metadata.google.internal.", "A", METADATA)
        both = dns(refusal, held)
        assert both.judge("metadata.google.internal").allowed
        assert both.addresses("metadata.google.internal") == (METADATA,)
        assert not both.judge("below.metadata.google.internal").allowed
        assert says(both.judge("vm.c.p.internal")) == NOBODY

    @pytest.mark.parametrize("domain", [".", "internal."])
    def test_a_zone_that_may_be_asked_before_compute_engine_has_to_hold_it(self, domain: str) -> None:
        without = dns(zone("refuse", domain)).judge("metadata.google.internal")
        assert says(without) == (False, True, "managedzone/refuse", "dnsName")
        assert "may ask this zone before Compute Engine" in without.reason
        lies = dns(zone("refuse", domain), record("refuse", "metadata.google.internal.", "A", "203.0.113.9"))
        assert not lies.judge("metadata.google.internal").allowed
        assert lies.addresses("metadata.google.internal") == ("203.0.113.9",)
        passed = dns(zone("refuse", domain, **PEERED))
        assert not passed.judge("metadata.google.internal").allowed
        twice = dns(zone("one", domain), zone("two", domain))
        assert not twice.judge("metadata.google.internal").understood

    def test_a_zone_that_may_be_asked_before_compute_engine_and_asks_others_is_heard_outside(self) -> None:
        verdict = dns(zone("passes", "internal.", **PEERED)).judge("vm.c.p.internal")
        assert says(verdict) == (True, True, "managedzone/passes", "peeringConfig")
        led = dns(zone("leads", "internal."), record("leads", "vm.c.p.internal.", "A", "203.0.113.9"))
        assert led.addresses("vm.c.p.internal") == ("203.0.113.9",)

    def test_compute_engines_own_names_need_no_zone_and_one_has_an_address(self) -> None:
        for name, addresses in (
            ("metadata.google.internal", ("169.254.169.254",)),
            ("vm.c.p.internal", ()),
            ("internal", ()),
        ):
            assert says(dns().judge(name)) == NOBODY
            assert dns().addresses(name) == addresses
        for name in ("vm.c.p.internal", "internal"):
            assert says(dns(REFUSAL).judge(name)) == NOBODY

    def test_a_zone_answers_for_every_network_that_it_names(self) -> None:
        seen = {"networks": [{"networkUrl": "projects/p/global/networks/theirs"}, {"networkUrl": OURS}]}
        assert not dns(zone("refuse", ".", privateVisibilityConfig=seen)).judge("example.com").allowed

    @pytest.mark.parametrize("seen", [None, {}, {"networks": []}])
    def test_a_private_zone_that_names_no_network_is_seen_by_none(self, seen: object) -> None:
        assert dns(zone("refuse", ".", privateVisibilityConfig=seen)).judge("example.com").allowed

    def test_where_nobody_said_which_network_is_the_clusters_every_private_zone_counts(self) -> None:
        cluster = Resource("gcp:container/cluster:Cluster", "one", {})
        for known in ((), (cluster,)):
            assert not Dns(Snapshot.of((), (*known, REFUSAL))).judge("example.com").allowed
        named = Resource("gcp:container/cluster:Cluster", "one", {"network": "ours"})
        theirs = zone("refuse", ".", network="projects/p/global/networks/theirs")
        assert Dns(Snapshot.of((), (named, theirs))).judge("example.com").allowed
        assert not Dns(Snapshot.of((), (named, REFUSAL))).judge("example.com").allowed

    def test_a_zone_of_another_network_or_a_public_one_says_nothing(self) -> None:
        assert (
            dns(zone("refuse", ".", network="projects/p/global/networks/theirs")).judge("example.com").allowed
        )
        assert dns(zone("refuse", ".", visibility="public")).judge("example.com").allowed

    def test_forwarding_is_heard_elsewhere(self) -> None:
        forwarded = zone(
            "office", "corp.example.", forwardingConfig={"targetNameServers": [{"ipv4Address": "192.0.2.1"}]}
        )
        assert dns(REFUSAL, forwarded).judge("db.corp.example").field == "forwardingConfig"

    def test_the_clusters_own_names_never_leave_it(self) -> None:
        for name in ("app.team-y.svc.cluster.local", "cluster.local"):
            assert says(dns(REFUSAL).judge(name)) == NOBODY
        assert not dns(REFUSAL).judge("notcluster.local").allowed

    def test_a_response_policy_is_not_understood(self) -> None:
        policy = Resource(
            "gcp:dns/responsePolicy:ResponsePolicy", "rules", {"networks": [{"networkUrl": OURS}]}
        )
        assert says(dns(REFUSAL, policy).judge("example.com")) == (True, False, "responsepolicy/rules", "")
        theirs = Resource(
            policy.type, "rules", {"networks": [{"networkUrl": "projects/p/global/networks/theirs"}]}
        )
        assert dns(REFUSAL, theirs).judge("example.com").understood


class TestRecords:
    def test_an_alias_is_followed_to_its_addresses(self) -> None:
        judge = dns(REFUSAL, *GOOGLE)
        assert judge.addresses("storage.googleapis.com") == ("199.36.153.8", "199.36.153.9")
        assert judge.judge("storage.googleapis.com").decided_by == "recordset/private.googleapis.com."

    def test_records_belong_to_the_zone_of_their_zones_name(self) -> None:
        renamed = Resource("gcp:dns/managedZone:ManagedZone", "of-the-program", {**GOOGLE[0].properties})
        assert dns(REFUSAL, renamed, *GOOGLE[1:]).addresses("storage.googleapis.com") == (
            "199.36.153.8",
            "199.36.153.9",
        )
        by_path = record("projects/p/managedZones/google", "a.googleapis.com.", "A", "192.0.2.1")
        assert dns(REFUSAL, GOOGLE[0], by_path).addresses("a.googleapis.com") == ("192.0.2.1",)

    def test_a_name_has_the_addresses_of_both_versions(self) -> None:
        both = (record("z", "a.example.", "A", "192.0.2.1"), record("z", "a.example.", "AAAA", "2001:db8::1"))
        judge = dns(zone("z", "example."), *both, record("z", "six.example.", "AAAA", "2001:db8::6"))
        assert judge.addresses("a.example") == ("192.0.2.1", "2001:db8::1")
        assert says(judge.judge("A.Example")) == (True, True, "recordset/a.example.", "rrdatas")
        assert judge.addresses("six.example.") == ("2001:db8::6",)

    def test_eight_aliases_in_a_row_are_followed_and_no_more(self) -> None:
        row = [record("z", f"n{at}.example.", "CNAME", f"n{at + 1}.example.") for at in range(9)]
        judge = dns(zone("z", "example."), *row, record("z", "n9.example.", "A", "192.0.2.1"))
        assert judge.addresses("n1.example") == ("192.0.2.1",)
        assert says(judge.judge("n0.example")) == (False, True, "recordset/n8.example.", "rrdatas[0]")

    def test_an_alias_to_itself_leads_nowhere(self) -> None:
        assert (
            not dns(zone("z", "example."), record("z", "a.example.", "CNAME", "A.example"))
            .judge("a.example")
            .allowed
        )

    def test_the_top_of_a_zone_is_not_below_itself(self) -> None:
        assert not dns(*GOOGLE).judge("googleapis.com").allowed

    def test_an_alias_into_a_refused_name_is_refused(self) -> None:
        assert not dns(REFUSAL, GOOGLE[0], GOOGLE[1]).judge("storage.googleapis.com").allowed
        out = dns(REFUSAL, GOOGLE[0], record("google", "*.googleapis.com.", "CNAME", "evil.example."))
        assert out.judge("storage.googleapis.com").decided_by == "managedzone/refuse"

    def test_aliases_in_a_circle_lead_nowhere(self) -> None:
        circle = (
            record("z", "a.example.", "CNAME", "b.example."),
            record("z", "b.example.", "CNAME", "a.example."),
        )
        assert not dns(zone("z", "example."), *circle).judge("a.example").allowed

    @pytest.mark.parametrize(
        ("name", "resolves"), [("x.example", True), ("a.x.example", True), ("x.b.example", False)]
    )
    def test_a_pattern_stops_at_a_name_that_exists(self, name: str, resolves: bool) -> None:
        records = (record("z", "*.example.", "A", "192.0.2.1"), record("z", "c.b.example.", "A", "192.0.2.2"))
        assert dns(zone("z", "example."), *records).judge(name).allowed is resolves

    def test_a_text_record_is_no_address(self) -> None:
        assert (
            not dns(zone("z", "example."), record("z", "a.example.", "TXT", "hello"))
            .judge("a.example")
            .allowed
        )


class TestWhetherTheInternetAnswers:
    """For a declared name nobody of this network may, and nobody of the network in whose place it is asked
    for."""

    EMPTY = "projects/p/global/networks/empty"

    def says(
        self, *zones: Resource, name: str = "www.example.com", network: str = "empty"
    ) -> tuple[bool, bool, str, str]:
        return says(dns(*zones).outside(name, network))

    def test_it_does_where_no_zone_is_for_the_name(self) -> None:
        assert self.says() == NOBODY
        assert self.says(zone("other", "example.org.")) == NOBODY

    def test_and_where_a_zone_asks_as_a_network_without_zones_would(self) -> None:
        assert self.says(zone("declared", "example.com.", **PEERED))[:3] == (
            True,
            True,
            "managedzone/declared",
        )

    def test_a_name_that_is_refused_is_answered_by_nobody(self) -> None:
        assert self.says(REFUSAL)[:3] == (False, True, "managedzone/refuse")

    def test_a_zone_with_a_record_of_its_own_answers_itself(self) -> None:
        own = zone("own", "example.com."), record("own", "www.example.com.", "A", "192.0.2.1")
        assert self.says(*own) == (False, True, "managedzone/own", "dnsName")

    def test_one_that_asks_another_network_or_servers_of_its_own_answers_in_the_internets_place(self) -> None:
        other = {"peeringConfig": {"targetNetwork": {"networkUrl": "projects/p/global/networks/else"}}}
        assert self.says(zone("declared", "example.com.", **other)) == (
            False,
            True,
            "managedzone/declared",
            "peeringConfig",
        )
        servers = {"forwardingConfig": {"targetNameServers": [{"ipv4Address": "192.0.2.53"}]}}
        assert self.says(zone("declared", "example.com.", **servers)) == (
            False,
            True,
            "managedzone/declared",
            "forwardingConfig",
        )

    @pytest.mark.parametrize(
        ("domain", "network", "answers"),
        [
            ("example.com.", EMPTY, False),
            ("Example.com", EMPTY, False),
            ("www.example.com.", EMPTY, False),
            (".", EMPTY, False),
            ("other.example.com.", EMPTY, True),
            ("example.com.", "projects/p/global/networks/else", True),
        ],
    )
    def test_a_zone_of_the_network_that_is_asked_answers_in_its_place(
        self, domain: str, network: str, answers: bool
    ) -> None:
        declared = zone("declared", "example.com.", **PEERED)
        found = self.says(declared, zone("there", domain, network))
        expected = (
            (True, True, "managedzone/declared", "peeringConfig")
            if answers
            else (False, True, "managedzone/there", "dnsName")
        )
        assert found == expected

    def test_of_two_such_zones_the_closest_answers(self) -> None:
        declared = zone("declared", "example.com.", **PEERED)
        both = zone("wide", "com.", self.EMPTY), zone("close", "example.com.", self.EMPTY)
        assert self.says(declared, *both)[2] == "managedzone/close"
        assert self.says(declared, *both[::-1])[2] == "managedzone/close"
        assert self.says(declared, *both, name="a.example.com")[2] == "managedzone/close"

    def test_a_zone_that_says_nothing_of_networks_is_for_none(self) -> None:
        silent = Resource(
            "gcp:dns/managedZone:ManagedZone", "silent", {"name": "silent", "dnsName": "example.com."}
        )
        assert self.says(zone("declared", "example.com.", **PEERED), silent)[:3] == (
            True,
            True,
            "managedzone/declared",
        )

    @pytest.mark.parametrize(("network", "read"), [(EMPTY, False), ("projects/p/global/networks/else", True)])
    def test_a_response_policy_of_the_network_that_is_asked_answers_before_its_zones(
        self, network: str, read: bool
    ) -> None:
        policy = {"responsePolicyName": "lies", "networks": [{"networkUrl": network}]}
        lies = Resource("gcp:dns/responsePolicy:ResponsePolicy", "lies", policy)
        found = self.says(zone("declared", "example.com.", **PEERED), lies)
        assert found[1] is read
        assert found[2] == ("managedzone/declared" if read else "responsepolicy/lies")

    def test_what_is_refused_or_not_understood_here_stays_as_it_is(self) -> None:
        for judge in (dns(REFUSAL), dns(zone("one", "example.com.", **PEERED), zone("two", "example.com."))):
            assert judge.outside("www.example.com", "empty") == judge.judge("www.example.com")


def test_which_of_two_zones_for_one_domain_answers_is_not_understood() -> None:
    first, second = zone("one", "example.com.", **PEERED), zone("two", "Example.com")
    for judge in (dns(first, second), dns(second, first)):
        allowed, understood, by, field = says(judge.judge("www.example.com"))
        assert (allowed, understood, field) == (True, False, "dnsName")
        assert by in ("managedzone/one", "managedzone/two")
        assert judge.addresses("www.example.com") == ()
    assert says(dns(first, second, zone("close", "www.example.com.", **PEERED)).judge("www.example.com"))[
        :2
    ] == (True, True)


def test_names_are_those_of_zones_and_records_of_whatever_network() -> None:
    other = zone("other", "Example.org.", "projects/p/global/networks/else")
    judge = dns(REFUSAL, zone("z", "example.com."), other, record("z", "www.example.com.", "A", "192.0.2.1"))
    assert list(judge.names) == ["", "example.com", "example.org", "www.example.com"]
