"""Runs a whole program under Pulumi's mocks, each time in a process of its own, and returns what it
registered."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

CHILD = """
import asyncio, json, os, runpy, sys
import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.stack import run_in_stack

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)

request = json.load(sys.stdin)
COMPUTED = {
    "gcp:container/cluster:Cluster": {
        "endpoint": "192.0.2.10",
        "masterAuth": {"clusterCaCertificate": "Q0E="},
        "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": "gke-0123.europe-west1.gke.goog"}},
        "fleet": {"membershipId": "cluster1", "membershipLocation": "europe-west1"},
    },
    "gcp:compute/address:Address": {"address": "203.0.113.7", "selfLink": "link"},
}


IDS = {
    "gcp:compute/network:Network": "projects/{project}/global/networks/{name}",
    "gcp:compute/subnetwork:Subnetwork": "projects/{project}/regions/{region}/subnetworks/{name}",
}
PROJECT = request["config"].get("gcp:project")


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        if args.typ == "pulumi:pulumi:StackReference":
            outputs = request["others"][args.name]
            return args.name, {"name": args.name, "outputs": outputs, "secretOutputNames": []}
        id = IDS[args.typ].format(project=PROJECT, **args.inputs) if args.typ in IDS else f"{args.name}-id"
        outputs = {**args.inputs, **COMPUTED.get(args.typ, {})}
        if args.typ == "gcp:serviceaccount/account:Account":
            email = f"{args.inputs['accountId']}@{PROJECT}.iam.gserviceaccount.com"
            outputs |= {"email": email, "member": f"serviceAccount:{email}"}
        return id, outputs

    def call(self, args):
        raise AssertionError(f"the program asks the cloud a question at preview: {args.token}")


monitor = pulumi_mocks.MockMonitor(Mocks())
registered, outputs = [], {}
register = monitor.RegisterResource
register_outputs = monitor.RegisterResourceOutputs


def recording(request, *rest, **options):
    answer = register(request, *rest, **options)
    registered.append(
        {
            "urn": answer.urn,
            "type": request.type,
            "name": request.name,
            "parent": request.parent,
            "provider": request.provider,
            "protect": request.protect,
            "deletedWith": request.deletedWith,
            "dependencies": sorted(request.dependencies),
            "ignoreChanges": list(request.ignoreChanges),
            "inputs": pulumi.runtime.rpc.deserialize_properties(request.object, keep_unknowns=True),
        }
    )
    return answer


def recording_outputs(request, *rest, **options):
    if "pulumi:pulumi:Stack" in request.urn:
        outputs.update(pulumi.runtime.rpc.deserialize_properties(request.outputs, keep_unknowns=True))
    return register_outputs(request, *rest, **options)


monitor.RegisterResource = recording
monitor.RegisterResourceOutputs = recording_outputs
pulumi.runtime.set_mocks(
    Mocks(), project=request["project"], stack="dev", preview=request["preview"], monitor=monitor
)
pulumi.runtime.set_all_config(request["config"])
set_root_resource(None)  # The program gets a stack of its own, so that its exports arrive as outputs.
registered.clear()
sys.path.insert(0, os.path.dirname(request["main"]))  # As Pulumi does: a program may have modules beside it.
error = None


try:
    loop.run_until_complete(run_in_stack(lambda: runpy.run_path(request["main"], run_name="__main__")))
except pulumi.RunError as refused:
    error = str(refused)


class Encoder(json.JSONEncoder):
    def default(self, value):
        return str(type(value).__name__)


answer = {"registered": registered, "outputs": outputs, "error": error}
sys.stdout.write("\\n" + json.dumps(answer, cls=Encoder))
"""


@dataclass(frozen=True)
class ProgramRun:
    """Resources by URN, stack outputs, and the refusal if there was one."""

    registered: list[dict[str, Any]]
    outputs: dict[str, Any]
    error: str | None

    def of_type(self, token: str) -> list[dict[str, Any]]:
        return [resource for resource in self.registered if resource["type"] == token]


def run_program(
    config: dict[str, Any],
    *,
    preview: bool = False,
    folder: Path = ROOT,
    others: dict[str, Any] | None = None,
) -> ProgramRun:
    """The registrations of the program in `folder` for a config of full keys; structured values are handed
    over as Pulumi does, as JSON. `others`: outputs of the stacks that the program refers to, by name."""
    as_text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    request = {
        "config": as_text,
        "preview": preview,
        "main": str(folder / "__main__.py"),
        "project": project,
        "others": others,
    }
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        encoding="utf-8",
    )
    if child.returncode != 0:
        raise AssertionError(f"the program failed:\n{child.stderr[-4000:]}")
    run = json.loads(child.stdout.rpartition("\n")[2])
    resources = [resource for resource in run["registered"] if resource["type"] != "pulumi:pulumi:Stack"]
    return ProgramRun(sorted(resources, key=lambda resource: resource["urn"]), run["outputs"], run["error"])
