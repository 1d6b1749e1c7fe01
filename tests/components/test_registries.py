"""Where nodes pull images from: repositories of Artifact Registry that fetch from registries outside."""

from __future__ import annotations

from functools import cache
from typing import Any

from contract.gke_mesh_egress_contract import parse
from tests.program_runner import ProgramRun, run_program
from tests.support import config_with, dev_config

REPOSITORY = "gcp:artifactregistry/repository:Repository"


@cache
def dev() -> ProgramRun:
    return run_program(dev_config())


class TestIstiosImages:
    def test_come_from_docker_hub_by_a_repository_that_is_there_before_any_node(self) -> None:
        (made,) = dev().of_type(REPOSITORY)
        assert made["inputs"] == {
            "repositoryId": "cluster1-istio",
            "location": "europe-west1",
            "format": "DOCKER",
            "mode": "REMOTE_REPOSITORY",
            "description": "Images of docker.io, as nodes ask for them.",
            "remoteRepositoryConfig": {
                "description": "docker.io",
                "dockerRepository": {"publicRepository": "DOCKER_HUB"},
            },
        }
        (cluster,) = dev().of_type("gke-mesh-egress:cluster:Cluster")
        assert made["urn"] in cluster["dependencies"]
        hub = "europe-west1-docker.pkg.dev/sandbox-project/cluster1-istio/istio"
        hubs = {
            r["inputs"]["values"]["global"]["hub"]
            for r in dev().of_type("kubernetes:helm.sh/v3:Release")
            if "global" in r["inputs"]["values"]
        }
        assert hubs == {hub}

    def test_a_hub_that_is_named_is_used_and_no_repository_is_made(self) -> None:
        run = run_program(config_with("mesh", {"istio": {"hub": "registry.example/istio"}}))
        assert run.of_type(REPOSITORY) == []
        (istiod,) = [r for r in run.of_type("kubernetes:helm.sh/v3:Release") if r["name"] == "istio-istiod"]
        assert istiod["inputs"]["values"]["global"]["hub"] == "registry.example/istio"

    def test_the_managed_mesh_brings_its_own_images(self) -> None:
        assert run_program(config_with("mesh", {"flavor": "cloud-service-mesh"})).of_type(REPOSITORY) == []

    def test_charts_come_from_where_they_will_be_in_2027(self) -> None:
        charts = dev().of_type("kubernetes:helm.sh/v3:Release")
        assert {chart["inputs"]["repositoryOpts"]["repo"] for chart in charts} == {
            "https://blob.istio.io/istio-release/charts"
        }


class TestRegistries:
    CONFIG = config_with(
        "registries",
        {"docker": "registry-1.docker.io", "github": "ghcr.io", "own": "https://registry.example:5000"},
    )

    def test_each_registry_outside_has_a_repository_that_fetches_from_it(self) -> None:
        upstreams = {
            made["inputs"]["repositoryId"]: made["inputs"]["remoteRepositoryConfig"]
            for made in run_program(self.CONFIG).of_type(REPOSITORY)
        }
        assert upstreams == {
            "cluster1-istio": {
                "description": "docker.io",
                "dockerRepository": {"publicRepository": "DOCKER_HUB"},
            },
            "cluster1-docker": {
                "description": "docker.io",
                "dockerRepository": {"publicRepository": "DOCKER_HUB"},
            },
            "cluster1-github": {"description": "ghcr.io", "commonRepository": {"uri": "https://ghcr.io"}},
            "cluster1-own": {
                "description": "registry.example:5000",
                "commonRepository": {"uri": "https://registry.example:5000"},
            },
        }

    def test_the_outputs_say_how_images_are_named_in_pods(self) -> None:
        outputs = run_program(self.CONFIG).outputs
        at = "europe-west1-docker.pkg.dev/sandbox-project/cluster1"
        assert outputs["registries"] == {
            "docker": f"{at}-docker", "github": f"{at}-github", "own": f"{at}-own",
        }  # fmt: skip
        contract = parse(outputs["egress"])
        assert contract.image("ghcr.io/org/app:1") == f"{at}-github/org/app:1"
        assert contract.image("nginx:1.29") == f"{at}-docker/library/nginx:1.29"

    def test_nodes_get_no_right_more_for_it(self) -> None:
        def rights(run: ProgramRun) -> list[Any]:
            return [r["inputs"] for r in run.registered if "iam" in r["type"].lower()]

        assert rights(run_program(self.CONFIG)) == rights(dev())

    def test_the_api_is_switched_on_first(self) -> None:
        (made,) = dev().of_type("gke-mesh-egress:images:Registries")
        assert any(urn.endswith("::apis-artifactregistry") for urn in made["dependencies"])
