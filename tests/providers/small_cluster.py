"""Rendered objects of the dev stack in two clusters: one that the real kubernetes plugin deploys to, and one
that the sandbox's stand-in does.

Whatever is done is done to both, and the stand-in is judged by the real one.
"""

from __future__ import annotations

import base64
import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from egress.layers.render import render
from sandbox import tools
from sandbox.apiserver import ApiServer
from sandbox.apiservers import ApiServers
from sandbox.home import Home
from sandbox.kubernetes import server as stand_in
from sandbox.kubernetes.cluster import Cluster
from tests.providers.cluster import client, cluster
from tests.providers.engine import Project, Run
from tests.providers.gcloud import write_auth_plugin
from tests.providers.plugins import KUBERNETES, PYTHON, find
from tests.support import dev_config, plan_of

JSON = dict[str, Any]
PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

config = pulumi.Config()


def provider(name, **settings):
    return kubernetes.Provider(
        name, kubeconfig=config.require("kubeconfig"), cluster_identifier=config.get("identifier"),
        enable_server_side_apply=True, enable_patch_force=config.get_bool("force"), **settings,
    )


class Deployed(pulumi.CustomResource):
    def __init__(self, manifest, options):
        version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
        version = version if "/" in version else f"core/{version}"
        name = "/".join(filter(None, [metadata.get("namespace"), kind.lower(), metadata["name"]]))
        super().__init__(f"kubernetes:{version}:{kind}", name, manifest, options)


plain = provider("plain")
upserting = provider("upserting", upsert_existing_objects=True)
namespaces = {}
for manifest in json.loads(Path("objects.json").read_text()):
    metadata = manifest["metadata"]
    after = [namespaces[metadata["namespace"]]] if "namespace" in metadata else []
    through = upserting if manifest["kind"] == "NetworkLogging" else plain
    made = Deployed(manifest, pulumi.ResourceOptions(provider=through, depends_on=after))
    if manifest["kind"] == "Namespace":
        namespaces[metadata["name"]] = made
"""
OBJECTS = (
    ("Namespace", "istio-egress"),
    ("Namespace", "team-y"),
    ("ServiceAccount", "test"),
    ("ClusterRole", "egress-team-member"),
    ("PriorityClass", "egress-gateways"),
    ("ValidatingAdmissionPolicy", "egress-gateway-nodes"),
    ("ValidatingAdmissionPolicyBinding", "egress-gateway-nodes"),
    ("NetworkLogging", "default"),
    ("NetworkPolicy", "team-boundary"),
    ("PodDisruptionBudget", "istio-egressgateway"),
    ("HorizontalPodAutoscaler", "istio-egressgateway"),
    ("AuthorizationPolicy", "egress-team-y"),
    ("Sidecar", "default"),
    ("ServiceEntry", "httpbin-org-ext"),
    ("EnvoyFilter", "connect-late"),
)
"""One of each kind that the stack renders and no controller answers."""


def manifests() -> list[JSON]:
    """The rendered objects, and two that hold data, with a label as any object has it."""
    rendered = [
        item.manifest
        for item in render(plan_of(dev_config()))
        if (item.kind, item.name) in OBJECTS and item.namespace in (None, "team-y", "istio-egress")
    ]
    where = {"namespace": "team-y"}
    data = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "map", **where},
            "data": {"key": "one"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", **where},
            "stringData": {"key": "one"},
        },
    ]
    return copy.deepcopy([*sorted(rendered, key=lambda item: item["kind"] != "Namespace"), *data])


@dataclass(frozen=True)
class World:
    """One cluster, and the project that deploys to it."""

    project: Project
    server: ApiServer
    environment: Mapping[str, str]

    def deploy(self, objects: list[JSON]) -> None:
        (self.project.source / "objects.json").write_text(json.dumps(objects), encoding="utf-8")

    def configure(self, **values: str) -> None:
        settings = {"kubeconfig": self.kubeconfig(), "identifier": "one", "force": "true"} | values
        self.project.configure({f"small:{name}": text for name, text in settings.items() if text})

    def kubeconfig(self, way: str = "") -> str:
        """As the cluster's component writes it; `way` is added to the server's URL."""
        authority = base64.b64encode(self.server.ca_pem.encode()).decode()
        user = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "gke-gcloud-auth-plugin"}
        reached = {"server": self.server.url + way, "certificate-authority-data": authority}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": reached}],
                "users": [{"name": "it", "user": {"exec": {**user, "interactiveMode": "Never"}}}],
            }
        )

    @property
    def client(self) -> Cluster:
        return client(self.server)


@dataclass(frozen=True)
class Both:
    """The real plugin's world, and the stand-in's."""

    real: World
    stand_in: World

    def do(self, change: Callable[[World], object]) -> None:
        for world in (self.real, self.stand_in):
            change(world)

    def run(self, operation: str, *words: str, fails: bool = False, after_failure: bool = False) -> Run:
        """The operation in both; the real plugin's answer, once the stand-in's is known to be the same.

        How far a run gets that fails is chance, and so is what the one after it has to do.
        """
        worlds = (self.real, self.stand_in)
        with ThreadPoolExecutor(2) as pool:
            runs = pool.map(
                lambda world: world.project.run(
                    operation, *words, fails=fails, environment=world.environment
                ),
                worlds,
            )
            real, made_up = runs
        assert made_up.failed == real.failed, f"the stand-in {made_up.errors}, the real plugin {real.errors}"
        if fails or after_failure:
            return real
        assert made_up.ops == real.ops, f"the stand-in {made_up.ops}, the real plugin {real.ops}"
        differing = {
            name: (sorted(made_up.diff(name)), sorted(real.diff(name)))
            for name in real.ops
            if _coarsely(made_up.diff(name)) != _coarsely(real.diff(name))
        }
        assert not differing, f"(the stand-in, the real plugin): {differing}"
        return real


def _coarsely(paths: Iterable[str]) -> set[str]:
    """Down to the first list: `spec.egress[0]` of whatever differs in that item."""
    return {re.sub(r"^([^\[]*(\[\d+\])?).*", r"\1", path) for path in paths}


@contextmanager
def worlds(root: Path) -> Iterator[Both]:
    """Both worlds, with Istio's kinds in them and nothing deployed; raises Missing."""
    real_plugins, language = find(KUBERNETES, PYTHON), find(PYTHON)
    with ExitStack() as stack:
        real_server = stack.enter_context(cluster(root / "real" / "sandbox"))
        servers = ApiServers(Home(root / "stand-in" / "sandbox"))
        other = servers.first
        other.start()
        stack.callback(other.wipe)
        grpc, port = stand_in.serve(servers)
        stack.callback(grpc.stop, None)
        both = Both(
            World(Project(root / "real", "small", real_plugins, {}), real_server, {}),
            World(
                Project(root / "stand-in", "small", language, {}),
                other,
                {"PULUMI_DEBUG_PROVIDERS": f"kubernetes:{port}"},
            ),
        )
        for world in (both.real, both.stand_in):
            stack.callback(world.project.close)
        both.do(_prepare)
        yield both


def _prepare(world: World) -> None:
    write_auth_plugin(world.project.bin, world.server.token)
    (world.project.source / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    world.configure()
    world.project.make_stack()
    world.deploy(manifests())
    definitions = world.client.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    for document in yaml.safe_load_all(tools.istio_crds().read_text(encoding="utf-8")):
        if document:
            world.client.apply(definitions, None, document)
