"""A stack before its first `pulumi up`, in a new project with all that it needs; tests take away what they
are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from egress.cli.sources import plan_at
from egress.doctor.case import Case
from egress.doctor.finding import NotKnown
from egress.doctor.google import Absent, Api, Json
from egress.doctor.login import Login
from egress.doctor.machine import Ran
from egress.doctor.own import Own
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.settings import load
from tests.support import ROOT

TODAY = date(2026, 11, 27)
ACCOUNT = "someone@example.com"
PROJECT = "my-project-id"
REGION = f"projects/{PROJECT}/regions/europe-west1"


def plan(**config: Any) -> Plan:
    """The least stack, with these keys of it."""
    least: dict[str, Any] = {
        "gcp:project": PROJECT,
        "gke-mesh-egress:region": "europe-west1",
        "gke-mesh-egress:network": {
            "subnet": {
                "name": "subnet-gke",
                "nodes": "10.0.0.0/24",
                "pods": "10.1.0.0/16",
                "services": "10.2.0.0/20",
            },
            "controlPlane": "10.5.0.0/28",
        },
        "gke-mesh-egress:cluster": {"zone": "europe-west1-b"},
        "gke-mesh-egress:teams": {"shop": {"egress": {"api.example.com": {"https": "passthrough"}}}},
    }
    return make_plan(load({**least, **{f"gke-mesh-egress:{key}": value for key, value in config.items()}}))


def example(name: str) -> Plan:
    """The plan of a stack file of this repository."""
    path = ROOT / name
    return plan_at(path, name)


@dataclass
class Answers:
    """Google, with written answers. A text is why there is none."""

    gets: dict[tuple[Api, str], Json | str] = field(default_factory=dict)
    asks: dict[tuple[Api, str], Json | str] = field(default_factory=dict)
    refused_permissions: frozenset[str] = frozenset()
    policies: Mapping[str, Json] = field(default_factory=dict)
    asked: list[tuple[str, Api, str]] = field(default_factory=list)

    def get(self, api: Api, path: str, **query: str) -> Json:
        self.asked.append(("GET", api, path))
        return self._said(self.gets.get((api, path)), path)

    def ask(self, api: Api, path: str, question: Json) -> Json:
        self.asked.append(("POST", api, path))
        if path.endswith(":testIamPermissions"):
            return {
                "permissions": [one for one in question["permissions"] if one not in self.refused_permissions]
            }
        if path.endswith(":getEffectiveOrgPolicy"):
            return self.policies.get(question["constraint"].removeprefix("constraints/"), {})
        return self._said(self.asks.get((api, path)), path)

    def _said(self, answer: Json | str | None, path: str) -> Json:
        if answer is None:
            raise Absent(f"{path} was not found")
        if isinstance(answer, str):
            raise NotKnown(answer)
        return answer


@dataclass(frozen=True)
class Programs:
    """A machine with these programs, by what is asked of them."""

    says: Mapping[str, Ran]

    def run(self, *command: str) -> Ran | None:
        return self.says.get(" ".join(command[:2])) or self.says.get(command[0])


MACHINE = {
    "pulumi": Ran(0, "v3.259.0", ""),
    "gcloud version": Ran(0, '{"Google Cloud SDK": "540.0.0"}', ""),
    "gcloud auth": Ran(0, f"{ACCOUNT}\n", ""),
    "gke-gcloud-auth-plugin": Ran(0, "Kubernetes v1.34.0", ""),
    "kubectl": Ran(0, '{"clientVersion": {"gitVersion": "v1.35.8"}}', ""),
}


def quotas(**limits: int) -> list[Json]:
    return [{"metric": metric, "limit": limit, "usage": 0} for metric, limit in limits.items()]


def new_project(of: Plan) -> Answers:
    """What Google says of a new project that fits the plan."""
    from egress.layers.google import apis

    project = f"projects/{of.project}"
    zones = [f"https://x/{project}/zones/europe-west1-{letter}" for letter in "bcd"]
    answers = Answers(
        gets={
            (Api.IDENTITY, "userinfo"): {"email": ACCOUNT},
            (Api.PROJECTS, project): {"lifecycleState": "ACTIVE", "projectNumber": "123456789012"},
            (Api.BILLING, f"{project}/billingInfo"): {"billingEnabled": True},
            (Api.SERVICES, f"{project}/services"): {
                "services": [{"name": f"projects/1/services/{api}"} for api in apis.needed(of)]
            },
            (Api.COMPUTE, f"{project}/regions/europe-west1"): {
                "zones": zones,
                "quotas": quotas(
                    CPUS=24, SSD_TOTAL_GB=500, INSTANCES=24, IN_USE_ADDRESSES=8, STATIC_ADDRESSES=8
                ),
            },
            (Api.COMPUTE, project): {
                "quotas": quotas(
                    CPUS_ALL_REGIONS=32,
                    NETWORKS=5,
                    SUBNETWORKS=100,
                    ROUTERS=10,
                    FIREWALLS=100,
                    NETWORK_FIREWALL_POLICIES=10,
                )
            },
            (Api.DNS, project): {
                "quota": {
                    "managedZones": 10000,
                    "managedZonesPerNetwork": 10000,
                    "peeringZonesPerTargetNetwork": 1000,
                }
            },
            (Api.CONTAINER, f"{project}/locations/europe-west1-b/serverConfig"): {
                "channels": [
                    {"channel": channel, "defaultVersion": "1.35.8-gke.1225000"}
                    for channel in ("RAPID", "REGULAR", "STABLE", "EXTENDED")
                ]
            },
        }
    )
    for zone in "bcd":
        answers.gets[Api.COMPUTE, f"{project}/zones/europe-west1-{zone}/machineTypes/e2-standard-4"] = {
            "guestCpus": 4
        }
    for kind in ("networks", "firewalls", "firewallPolicies", "routes", "addresses"):
        answers.gets[Api.COMPUTE, f"{project}/global/{kind}"] = {}
    for kind in ("subnetworks", "routers", "addresses"):
        answers.gets[Api.COMPUTE, f"{project}/regions/europe-west1/{kind}"] = {}
    for api, path in (
        (Api.DNS, "managedZones"),
        (Api.DNS, "policies"),
        (Api.IAM, "serviceAccounts"),
        (Api.CONTAINER, "locations/europe-west1-b/clusters"),
        (Api.FLEET, "locations/global/features"),
        (Api.ARTIFACTS, "locations/europe-west1/repositories"),
    ):
        answers.gets[api, f"{project}/{path}"] = {}
    return answers


@dataclass
class Page:
    """An answer over HTTP."""

    status_code: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    content: Any = None

    def json(self) -> Any:
        if self.content is None:
            raise ValueError("no JSON")
        return self.content


def public(url: str, headers: Mapping[str, str]) -> Page:
    """Charts and images are where they should be."""
    if url.endswith("index.yaml"):
        versions = ["1.30.3", "1.30.7", "1.31.3"]
        chart = "\n".join(f"  - version: {version}" for version in versions)
        return Page(200, f"entries:\n  base:\n{chart}\n  istiod:\n{chart}\n")
    return Page(200)


def case(of: Plan | None = None, **changes: Any) -> Case:
    """A case in which nothing is wrong."""
    chosen = of or plan()
    login = Login(lambda *_: Page(500))
    healthy = Case(chosen, "dev", new_project(chosen), login, Programs(MACHINE), Own(), public, TODAY)
    return replace(healthy, **changes)


FOLDER = Path(__file__).parent
