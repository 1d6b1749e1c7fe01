"""The example stacks that read the platform's outputs, under Pulumi's mocks, each given what the platform
really exports."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import yaml

from tests.program_runner import ProgramRun, run_program
from tests.support import ROOT, dev_config

PLATFORM = "organization/gke-mesh-egress/dev"
SERVER = yaml.safe_load((ROOT / "examples/partner/server/Pulumi.server.yaml").read_text(encoding="utf-8"))[
    "config"
]


@cache
def platform(receives: bool = False) -> dict[str, Any]:
    run = run_program(SERVER if receives else dev_config())
    assert run.error is None
    return run.outputs


def consumer(name: str, outputs: dict[str, Any], **config: Any) -> ProgramRun:
    folder = ROOT / "examples" / name
    own = yaml.safe_load((folder / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]
    settings = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))
    defaults = {key: value["default"] for key, value in settings["config"].items() if "default" in value}
    given = {f"{settings['name']}:{key}": value for key, value in config.items()}
    return run_program(defaults | own | given, folder=folder, others={PLATFORM: outputs})


class TestApplication:
    def test_it_is_deployed_where_the_platform_says_and_told_what_it_may_reach(self) -> None:
        run = consumer("application", platform())
        assert run.error is None
        (allowed,) = run.of_type("kubernetes:core/v1:ConfigMap")
        assert allowed["inputs"]["metadata"]["namespace"] == "team-x"
        assert allowed["inputs"]["data"] == {"hosts": "example.com\nhttpbin.org"}
        assert run.outputs == {"namespace": "team-x", "allowedHosts": "example.com\nhttpbin.org"}

    def test_an_unknown_team_is_told_which_there_are_and_nothing_is_deployed(self) -> None:
        run = consumer("application", platform(), team="team-z")
        assert run.error is not None
        assert "The platform knows no team 'team-z'; it knows: team-x, team-y." in run.error
        assert run.of_type("kubernetes:core/v1:ConfigMap") == []

    @pytest.mark.parametrize(
        ("version", "said"), [(2, "speaks contract 2, this program 1"), (None, "is not the output")]
    )
    def test_another_contract_is_refused_and_nothing_is_deployed(
        self, version: int | None, said: str
    ) -> None:
        outputs = copy.deepcopy(platform())
        outputs["egress"] = {**outputs["egress"], "contract": version} if version else {}
        run = consumer("application", outputs)
        assert run.error is not None
        assert said in run.error
        assert run.of_type("kubernetes:apps/v1:Deployment") == []


class TestMonitoring:
    def test_what_fences_refuse_is_counted_in_the_platforms_project_cluster_and_network(self) -> None:
        run = consumer("monitoring", platform())
        assert run.error is None
        filters = {
            metric["name"]: metric["inputs"]["filter"] for metric in run.of_type("gcp:logging/metric:Metric")
        }
        assert 'cluster_name="cluster1"' in filters["refused-by-gateway"]
        assert 'namespace_name="istio-egress"' in filters["refused-by-gateway"]
        assert 'jsonPayload.response_code_details:"rbac_access_denied"' in filters["refused-by-gateway"]
        labels = {
            metric["name"]: metric["inputs"]["labelExtractors"]
            for metric in run.of_type("gcp:logging/metric:Metric")
        }
        assert labels["refused-by-gateway"] == {"principal": "EXTRACT(jsonPayload.principal)"}
        assert 'vpc_name="vpc-network"' in filters["refused-by-firewall"]
        assert len(run.of_type("gcp:monitoring/alertPolicy:AlertPolicy")) == len(filters)

    def test_there_are_no_records_while_no_team_receives(self) -> None:
        run = consumer("monitoring", platform())
        assert run.of_type("gcp:dns/recordSet:RecordSet") == []
        assert run.outputs["hostsOfTeams"] == {
            "team-x": ["example.com", "httpbin.org"],
            "team-y": ["httpbin.org"],
        }

    def test_names_at_which_partners_connect_lead_to_the_platforms_address(self) -> None:
        run = consumer("monitoring", platform(receives=True))
        assert run.error is None
        (record,) = run.of_type("gcp:dns/recordSet:RecordSet")
        assert record["inputs"]["name"] == "mysql.fqdn.example."
        assert record["inputs"]["rrdatas"] == [platform(receives=True)["ingressAddress"]]
        assert run.outputs["partnerNames"] == ["mysql.fqdn.example"]
