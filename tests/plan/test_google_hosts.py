"""Google's hosts by name: who sees which, where they resolve to, what is refused, and what is said of what
stands behind them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.answers.evidence import evidence
from egress.answers.evidence_document import Source
from egress.answers.evidence_markdown import markdown
from egress.answers.posture import relaxations
from egress.common.errors import ConfigError, Problem
from egress.common.google_cloud import Vip
from egress.common.google_hosts import everybodys, served, service
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.google import dns, service_perimeter
from egress.layers.render import render
from egress.plan import outputs
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from egress.settings import load
from tests.program_runner import run_program
from tests.support import ROOT, config_with, plan_of

EXAMPLE = yaml.safe_load((ROOT / "examples/modes/Pulumi.google-hosts.yaml").read_text(encoding="utf-8"))
PRICING = "pricing-abc123-ew.a.run.app"
PACKAGES = "europe-python.pkg.dev"
SOURCE = Source(project="p", stack="dev", commit=None, uncommitted=False, stack_version=None, at=None)
PERIMETER = {"accessPolicy": "123456789", "projectNumber": "987654321012", "accessLevels": ["deployers"]}


def example() -> Plan:
    return plan_of(EXAMPLE["config"])


def config(*hosts: str, **network: Any) -> dict[str, Any]:
    """The dev stack where team-y reaches hosts of Google's."""
    found = config_with("teams/team-y/googleApis", {"hosts": list(hosts), "serviceAccounts": {"default": {}}})
    found["gke-mesh-egress:network"] |= network
    return found


def refused(of: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ConfigError) as found:
        make_plan(load(of))
    return found.value.problems


def entries(plan: Plan) -> dict[str, dict[str, Any]]:
    objects = [item.manifest for item in render(plan) if item.manifest["kind"] == "ServiceEntry"]
    return {host: item["spec"] for item in objects for host in item["spec"]["hosts"]}


class TestWhoReachesWhat:
    def test_each_host_is_known_to_the_teams_that_name_it_alone(self) -> None:
        exported = {
            host: spec["exportTo"]
            for host, spec in entries(example()).items()
            if served(host) and host != "metadata.google.internal"
        }
        builds, orders = ["istio-egress", "builds"], ["istio-egress", "orders"]
        assert exported == {
            PACKAGES: builds,
            "europe-west1-docker.pkg.dev": builds,
            "gcr.io": builds,
            "pubsub.googleapis.com": orders,
            PRICING: orders,
            "europe-west1-aiplatform.googleapis.com": orders,
            "storage.europe-west3.rep.googleapis.com": orders,
        }

    def test_each_is_reached_by_tls_on_port_443_alone(self) -> None:
        assert {
            (port["number"], port["protocol"])
            for host, spec in entries(example()).items()
            if served(host)
            for port in spec["ports"]
        } == {(443, "TLS")}

    def test_two_teams_share_the_entry_of_a_host_that_both_name(self) -> None:
        of = config(PACKAGES)
        of["gke-mesh-egress:teams"]["team-x"]["googleApis"]["hosts"] = [PACKAGES]
        assert entries(plan_of(of))[PACKAGES]["exportTo"] == ["istio-egress", "team-x", "team-y"]

    def test_a_team_with_a_gateway_of_its_own_reaches_them_past_it(self) -> None:
        of = config(PACKAGES)
        of["gke-mesh-egress:gateways"] = {"own": {}}
        of["gke-mesh-egress:teams"]["team-y"]["gateway"] = "own"
        (sidecar,) = [
            item.manifest
            for item in render(plan_of(of))
            if item.manifest["kind"] == "Sidecar" and item.manifest["metadata"]["namespace"] == "team-y"
        ]
        assert f"istio-egress/{PACKAGES}" in sidecar["spec"]["egress"][0]["hosts"]

    @pytest.mark.parametrize(
        ("flow", "allowed"),
        [
            (Flow("builds", PACKAGES, 443, Protocol.TLS), True),
            (Flow("orders", PACKAGES, 443, Protocol.TLS), False),
            (Flow("orders", PRICING, 443, Protocol.TLS), True),
            (Flow("builds", PRICING, 443, Protocol.TLS), False),
            (Flow("builds", "europe-npm.pkg.dev", 443, Protocol.TLS), False),
            (Flow("builds", PACKAGES, 80, Protocol.HTTP), False),
            (Flow("builds", PACKAGES, 8443, Protocol.TCP), False),
            (Flow("orders", PRICING, 443, Protocol.TLS, Vantage.GATEWAY_WITH_CERTIFICATE), False),
        ],
    )
    def test_a_team_gets_to_its_own_hosts_and_to_no_other_at_the_same_addresses(
        self, flow: Flow, allowed: bool
    ) -> None:
        plan = example()
        judges = Judges(deployment(plan, render(plan)))
        assert judges.trace(flow, must_pass=True).allowed is allowed


class TestNames:
    def test_a_host_outside_googles_domains_gets_a_zone_for_itself_alone(self) -> None:
        (zone,) = [zone for zone in dns.render(example()) if zone.dns_name == f"{PRICING}."]
        assert [(record.name, record.type, record.data) for record in zone.records] == [
            (f"{PRICING}.", "A", Vip.PRIVATE.addresses)
        ]
        assert not zone.resolved

    def test_names_beside_it_and_below_it_do_not_resolve(self) -> None:
        plan = example()
        judge = Judges(deployment(plan, render(plan))).dns
        assert judge.judge(PRICING).allowed
        assert not judge.judge("other-abc123-ew.a.run.app").allowed
        assert not judge.judge(f"below.{PRICING}").allowed

    def test_repositories_need_no_zone_of_their_own(self) -> None:
        assert [zone.dns_name for zone in dns.render(plan_of(config(PACKAGES, "gcr.io")))] == [
            zone.dns_name for zone in dns.render(plan_of(config_with("protect", False)))
        ]

    def test_the_proof_finds_a_zone_that_leads_the_name_elsewhere(self) -> None:
        plan = example()
        snapshot = deployment(plan, render(plan))
        for resource in snapshot.google:
            if resource.properties.get("name") == f"{PRICING}.":
                resource.properties["rrdatas"] = ["203.0.113.9"]
        found = verify(Intent(plan), Judges(snapshot))
        assert any(PRICING in str(one) for one in found.violations)


class TestRefused:
    @pytest.mark.parametrize(
        ("host", "words"),
        [
            ("*.pkg.dev", "A pattern of Google's names"),
            ("private.googleapis.com", "all of Google's APIs at once"),
            ("restricted.googleapis.com", "all of Google's APIs at once"),
            ("my-endpoint.p.googleapis.com", "all of Google's APIs at once"),
            ("www.google.com", "do not answer for this name"),
            ("run.app", "do not answer for this name"),
            ("googleapis.com", "do not answer for this name"),
            ("below.dl.google.com", "do not answer for this name"),
            ("evilpkg.dev", "do not answer for this name"),
            ("pkg.dev.", "trailing dot"),
            ("https://gcr.io", "URL"),
            ("gcr.io:443", "port"),
            ("eu_docker.pkg.dev", "not a DNS label"),
        ],
    )
    def test_what_is_no_single_host_of_googles(self, host: str, words: str) -> None:
        (problem,) = refused(config(host))
        assert words in problem.consequence
        assert problem.path.startswith("gke-mesh-egress:teams.team-y.googleApis.hosts")

    @pytest.mark.parametrize("host", [PRICING, "f-1.cloudfunctions.net", "dl.google.com", "x.gke.goog"])
    def test_what_the_restricted_addresses_do_not_serve(self, host: str) -> None:
        (problem,) = refused(config(host, googleApis="restricted"))
        assert "199.36.153.4/30" in problem.consequence
        assert "googleapis.com, gcr.io, pkg.dev" in problem.consequence
        make_plan(load(config(host)))

    @pytest.mark.parametrize("host", [PACKAGES, "gcr.io", "storage.europe-west3.rep.googleapis.com"])
    def test_registries_and_apis_are_served_by_both(self, host: str) -> None:
        plan = make_plan(load(config(host, googleApis="restricted")))
        assert Judges(deployment(plan, render(plan))).dns.addresses(host) == Vip.RESTRICTED.addresses

    @pytest.mark.parametrize("entry", [PRICING, "*.a.run.app", "*.run.app"])
    def test_a_name_that_another_team_reaches_on_the_internet(self, entry: str) -> None:
        of = config(PRICING)
        of["gke-mesh-egress:teams"]["team-x"]["egress"][entry] = {"https": "passthrough"}
        (problem,) = refused(of)
        assert f'team-x.egress["{entry}"]' in problem.consequence

    @pytest.mark.parametrize("key", ["answeredElsewhere", "alsoResolved"])
    def test_a_name_that_somebody_else_answers(self, key: str) -> None:
        (problem,) = refused(config(PRICING, dns={key: {PRICING: "why"}}))
        assert f"network.dns.{key}.{PRICING}" in problem.fix

    def test_a_name_that_is_a_service_of_the_cluster_as_well(self) -> None:
        of = config("gcr.io")
        of["gke-mesh-egress:teams"]["io"] = {}
        (problem,) = refused(of)
        assert "Service in namespace io" in problem.consequence

    @pytest.mark.parametrize(
        ("name", "fix"),
        [
            ("pubsub.googleapis.com", "Write it as pubsub."),
            ("europe-docker.pkg.dev", "hosts: [europe-docker.pkg.dev]"),
            ("storage.europe-west3.rep.googleapis.com", "hosts: [storage.europe-west3.rep.googleapis.com]"),
        ],
    )
    def test_a_whole_host_among_the_apis_is_told_its_place(self, name: str, fix: str) -> None:
        of = config(PACKAGES)
        of["gke-mesh-egress:teams"]["team-y"]["googleApis"]["apis"] = [name]
        (problem,) = refused(of)
        assert fix in problem.fix

    @pytest.mark.parametrize(
        ("host", "words"),
        [("storage.googleapis.com", "apis: [storage]"), (PACKAGES, f"hosts: [{PACKAGES}]")],
    )
    def test_a_google_host_below_egress_is_told_words_that_are_accepted(self, host: str, words: str) -> None:
        (problem,) = refused(config_with(f"teams/team-y/egress/{host}", {"https": "passthrough"}))
        assert words in problem.fix
        key, named = yaml.safe_load(words).popitem()
        make_plan(load(config_with("teams/team-y/googleApis", {key: named, "serviceAccounts": {"a": {}}})))


class TestTheSideDoor:
    def test_evidence_names_whose_things_are_behind_a_host_and_what_closes_it(self) -> None:
        found = {item.setting: item.opens for item in relaxations(example())}
        assert set(found) == {
            f'teams.{team}.googleApis.hosts."{host}"'
            for team, host in (
                ("builds", PACKAGES),
                ("builds", "europe-west1-docker.pkg.dev"),
                ("builds", "gcr.io"),
                ("orders", "europe-west1-aiplatform.googleapis.com"),
                ("orders", "storage.europe-west3.rep.googleapis.com"),
            )
        }
        assert (
            "any repository at europe-python.pkg.dev" in found[f'teams.builds.googleApis.hosts."{PACKAGES}"']
        )
        assert all("network.perimeter closes this" in said for said in found.values())

    def test_each_declared_way_in_evidence_says_so_apis_and_buckets_too(self) -> None:
        plan = plan_of(config(PACKAGES, "dl.google.com"))
        found = evidence(plan, deployment(plan, render(plan)), SOURCE)
        assert {item.target: item.strangers for item in found.allowed if item.strangers} == {
            "storage.googleapis.com": "bucket",
            PACKAGES: "repository",
        }
        page = markdown(found)
        assert "any bucket there, a stranger's too; network.perimeter closes this" in page
        assert "any repository there, a stranger's too; network.perimeter closes this" in page
        fenced = plan_of(config(PACKAGES, googleApis="restricted", perimeter=PERIMETER))
        found = evidence(fenced, deployment(fenced, render(fenced)), SOURCE)
        assert not any(item.strangers for item in found.allowed)

    @pytest.mark.parametrize("dry", [True, False])
    def test_an_enforced_perimeter_closes_it_and_a_dry_run_does_not(self, dry: bool) -> None:
        network = {"googleApis": "restricted", "perimeter": PERIMETER | {"dryRun": dry}}
        plan = plan_of(config(PACKAGES, "storage.europe-west3.rep.googleapis.com", **network))
        boundary = service_perimeter.render(plan)
        assert boundary
        assert {"artifactregistry.googleapis.com", "storage.googleapis.com"} <= set(boundary.services)
        assert any(".googleApis.hosts." in item.setting for item in relaxations(plan)) is dry

    def test_the_perimeter_holds_the_api_behind_each_host(self) -> None:
        network = {"googleApis": "restricted", "perimeter": PERIMETER}
        plan = plan_of(config("europe-west1-aiplatform.googleapis.com", **network))
        boundary = service_perimeter.render(plan)
        assert boundary
        assert "aiplatform.googleapis.com" in boundary.services
        assert "europe-west1-aiplatform.googleapis.com" not in boundary.services

    @pytest.mark.parametrize(
        ("host", "api", "whose"),
        [
            ("storage.googleapis.com", "storage.googleapis.com", "bucket"),
            ("my-bucket.storage.googleapis.com", "storage.googleapis.com", "bucket"),
            ("storage.europe-west3.rep.googleapis.com", "storage.googleapis.com", "bucket"),
            ("bigquery.googleapis.com", "bigquery.googleapis.com", "project"),
            ("us-central1-pubsub.googleapis.com", "pubsub.googleapis.com", "project"),
            ("eu-documentai.googleapis.com", "documentai.googleapis.com", "project"),
            ("cloudkms.us.rep.googleapis.com", "cloudkms.googleapis.com", "project"),
            ("www.googleapis.com", "", "project"),
            ("eu.gcr.io", "artifactregistry.googleapis.com", "image repository"),
            (PRICING, "", ""),
            ("dl.google.com", "", ""),
            ("example.com", "", ""),
        ],
    )
    def test_each_host_is_counted_to_its_api(self, host: str, api: str, whose: str) -> None:
        assert (service(host), everybodys(host)) == (api, whose)


class TestTheProgram:
    def test_tells_other_stacks_which_hosts_a_team_reaches(self) -> None:
        teams = outputs.planned(plan_of(config(PACKAGES)))["teams"]
        assert teams["team-y"]["googleHosts"] == [PACKAGES]
        assert teams["team-x"]["googleHosts"] == ["storage.googleapis.com"]

    def test_makes_the_zone_and_its_record_beside_those_of_googles_domains(self) -> None:
        run = run_program(config(PRICING))
        (zone,) = [
            one
            for one in run.of_type("gcp:dns/managedZone:ManagedZone")
            if PRICING in one["inputs"]["dnsName"]
        ]
        assert zone["inputs"]["visibility"] == "private"
        assert "peeringConfig" not in zone["inputs"]
        (record,) = [
            one for one in run.of_type("gcp:dns/recordSet:RecordSet") if PRICING in one["inputs"]["name"]
        ]
        assert record["inputs"]["rrdatas"] == list(Vip.PRIVATE.addresses)

    def test_a_host_as_long_as_names_may_be_has_names_that_apis_take(self) -> None:
        longest = ".".join(["a" * 61, "b" * 61, "c" * 61, "d" * 50, "a", "run", "app"])
        plan = plan_of(config(longest))
        assert verify(Intent(plan), Judges(deployment(plan, render(plan)))).holds
        (zone,) = [zone for zone in dns.render(plan) if zone.dns_name == f"{longest}."]
        assert len(zone.name) <= 63
        assert all(len(item.manifest["metadata"]["name"]) <= 253 for item in render(plan))
