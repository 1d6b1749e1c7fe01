"""Objects from outside: folders of YAML, what `kubectl get -o yaml` prints, and exports of Pulumi stacks.

Source: Kubernetes, List; Pulumi, "Exporting and importing state" (version 3 of the deployment).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from egress.judge.deployed import Deployed, Manifest, Resource, listed, part

SUFFIXES = {".yaml", ".yml", ".json"}


class Unreadable(Exception):
    """A file that holds no objects in a form that is known; the message says which and what is expected."""


def read(*paths: Path) -> Deployed:
    """Everything in some files and folders.

    Raises:
        Unreadable: a path is not there, a file is no YAML or JSON, or it holds neither Kubernetes objects nor a stack's export.
    """
    manifests: dict[str, Manifest] = {}
    resources: dict[str, Resource] = {}
    for path in paths:
        for file in _files(path):
            for document in _documents(file):
                for found in _unpacked(document, file):
                    if isinstance(found, Resource):
                        resources[found.identity] = found
                    else:
                        metadata = found["metadata"]
                        key = f"{found.get('apiVersion')}/{found['kind']}/{metadata.get('namespace')}/{metadata['name']}"
                        manifests[key] = found
    return Deployed.of(manifests.values(), resources.values())


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    elif path.is_file():
        yield path
    else:
        raise Unreadable(f"{path} is neither a file nor a folder.")


def _documents(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        documents = [json.loads(text)] if file.suffix == ".json" else list(yaml.load_all(text, Loader=_LOADER))
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise Unreadable(f"{file} cannot be read: {error}") from None
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, Mapping):
            raise Unreadable(f"{file} holds something that is no object.")
        yield cast("Mapping[str, Any]", document)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _unpacked(document: Mapping[str, Any], file: Path) -> Iterator[Manifest | Resource]:
    if "deployment" in document and "kind" not in document:
        for resource in listed(document, "deployment", "resources"):
            yield from _of_stack(resource)
    elif str(document.get("kind", "")).endswith("List") and "items" in document:
        for item in document["items"]:
            yield from _unpacked(item, file)
    elif "kind" in document and "name" in part(document, "metadata"):
        yield document
    else:
        raise Unreadable(f"{file} holds neither Kubernetes objects (kind, metadata.name) nor a stack's export (deployment).")


def _of_stack(resource: Mapping[str, Any]) -> Iterator[Manifest | Resource]:
    """A resource of a stack's export; what the program wanted (`inputs`), completed by what came of it (`outputs`)."""
    type_token = str(resource["type"])
    inputs = part(resource, "inputs")
    if type_token.startswith("kubernetes:") and "kind" in inputs and "metadata" in inputs:
        yield {key: value for key, value in inputs.items() if not key.startswith("__")}
    elif type_token.startswith("kubernetes:helm.sh/") and inputs.get("chart", "").endswith("istiod"):
        mesh = part(inputs, "values", "meshConfig")
        if mesh:
            metadata = {"name": "istio", "namespace": inputs.get("namespace", "istio-system")}
            yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mesh": json.dumps(mesh)}}
    elif type_token.startswith("gcp:"):
        properties = {**inputs, **{key: value for key, value in part(resource, "outputs").items() if value is not None}}
        yield Resource(type_token, str(properties.get("name") or resource["urn"].rsplit("::", 1)[-1]), properties)
