"""Objects from outside: folders of YAML, what `kubectl get -o yaml` prints, and exports of Pulumi stacks.

Source: Kubernetes, List; Pulumi, "Exporting and importing state" (version 3 of the deployment).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from egress.common.objects import Resource
from egress.judge.model.documents import documents
from egress.judge.model.kinds import is_foreign
from egress.judge.model.shapes import problems
from egress.judge.model.snapshot import Manifest, Snapshot

KINDS = (
    "ns",
    "netpol",
    "svc",
    "sa",
    "deploy",
    "cm",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "istio-io",
)
"""What the judges read of a cluster, as kubectl calls it; the last is every kind of Istio's."""
KUBECTL = f"kubectl get {','.join(KINDS)} -A -o yaml"
SUFFIXES = {".yaml", ".yml", ".json"}


class Unreadable(Exception):
    """A file that holds no objects in a form that is known; the message says which and what is expected."""


def read(*paths: Path, live: bool = False) -> Snapshot:
    """Everything in some files and folders.

    Args:
        paths: where they are.
        live: of a stack's export, what the last refresh found of an object, and not what the program wants.

    Raises:
        Unreadable: a path is not there, a file is no YAML or JSON, or it holds neither Kubernetes objects nor
        a stack's export.
    """
    manifests: dict[str, Manifest] = {}
    resources: dict[str, Resource] = {}
    for path in paths:
        for file in _files(path):
            for document in _documents(file):
                for found in _unpacked(document, str(file), live):
                    if isinstance(found, Resource):
                        resources[found.identity] = found
                    else:
                        metadata = found["metadata"]
                        kind = f"{found.get('apiVersion')}/{found['kind']}"
                        key = f"{kind}/{metadata.get('namespace')}/{metadata['name']}"
                        manifests[key] = found
    return Snapshot.of(manifests.values(), resources.values())


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        if not found:
            raise Unreadable(f"{path} holds no file that ends in {', '.join(sorted(SUFFIXES))}.")
        yield from found
    elif path.is_file():
        yield path
    else:
        raise Unreadable(f"{path} is neither a file nor a folder.")


def _documents(file: Path) -> Iterator[Any]:
    try:
        text = file.read_text(encoding="utf-8")
        found = documents(text, as_json=file.suffix == ".json")
    except (OSError, ValueError) as error:
        raise Unreadable(f"{file} cannot be read: {error}") from None
    for document in found:
        if document is not None:
            yield _mapping(document, str(file))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) for key in cast("Mapping[Any, Any]", value)
    ):
        raise Unreadable(f"{where} holds something that is no object: {_short(value)}.")
    return cast("Mapping[str, Any]", value)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{where} has to be a list, and is {_short(value)}.")
    return cast("list[Any]", value)


def _unpacked(document: Any, file: str, live: bool = False) -> Iterator[Manifest | Resource]:
    document = _mapping(document, file)
    if "deployment" in document and "kind" not in document:
        deployment = _mapping(document["deployment"] or {}, f"{file}: deployment")
        for at, resource in enumerate(_list(deployment.get("resources"), f"{file}: deployment.resources")):
            where = f"{file}: deployment.resources[{at}]"
            yield from _of_stack(_mapping(resource, where), where, live)
    elif str(document.get("kind")).endswith("List") and "items" in document:
        for at, item in enumerate(_list(document["items"], f"{file}: items")):
            yield from _unpacked(item, f"{file}: items[{at}]", live)
    elif (
        document.get("kind")
        and isinstance(document.get("metadata"), Mapping)
        and document["metadata"].get("name")
    ):
        kind = document["kind"]
        known = isinstance(kind, str) and ":" not in kind and not is_foreign(document)
        _check(kind if known else "", document, file, f"{kind} {document['metadata']['name']}")
        yield document
    else:
        raise Unreadable(
            f"{file} holds neither Kubernetes objects (kind, metadata.name) nor a stack's export "
            "(deployment)."
        )


def _check(kind: str, written: Mapping[str, Any], file: str, called: str) -> None:
    """Refuses an object that judges could not read."""
    found = list(problems(kind, written))
    if found:
        raise Unreadable(f"{file}: {called} is of another form than any API takes: {'; '.join(found)}.")


def _of_stack(resource: Mapping[str, Any], where: str, live: bool) -> Iterator[Manifest | Resource]:
    """A resource of a stack's export; what the program wanted (`inputs`), completed by what came of it
    (`outputs`). Of a Kubernetes object one of the two, since both are whole."""
    for key in ("type", "urn"):
        if not isinstance(resource.get(key), str):
            raise Unreadable(
                f"{where}.{key} has to be text, as `pulumi stack export` writes it, and is "
                f"{_short(resource.get(key))}."
            )
    type_token, urn = resource["type"], resource["urn"]
    inputs = _mapping(resource.get("inputs") or {}, f"{where}.inputs")
    if type_token.startswith("kubernetes:helm.sh/"):
        yield from _of_chart(type_token, urn, inputs, where)
    elif type_token.startswith("kubernetes:") and "kind" in inputs and "metadata" in inputs:
        outputs = _mapping(resource.get("outputs") or {}, f"{where}.outputs")
        said, key = (outputs, "outputs") if live and "kind" in outputs else (inputs, "inputs")
        yield from _unpacked(
            {name: value for name, value in said.items() if not name.startswith("__")}, f"{where}.{key}"
        )
    elif type_token.startswith("gcp:"):
        outputs = _mapping(resource.get("outputs") or {}, f"{where}.outputs")
        properties = {**inputs, **{key: value for key, value in outputs.items() if value is not None}}
        _check(type_token, properties, where, f"{type_token} {urn.rsplit('::', 1)[-1]}")
        yield Resource(type_token, str(properties.get("name") or urn.rsplit("::", 1)[-1]), properties)
    elif type_token.startswith("google-native:"):
        # Another provider's words for Google's resources, which no judge knows.
        yield Resource(type_token, urn.rsplit("::", 1)[-1], inputs)


def _of_chart(
    type_token: str, urn: str, inputs: Mapping[str, Any], where: str
) -> Iterator[Manifest | Resource]:
    """A Helm release: the mesh's configuration as the ConfigMap that the chart makes of it, and the values as
    they are."""
    values = _mapping(inputs.get("values") or {}, f"{where}.inputs.values")
    mesh = values.get("meshConfig")
    if str(inputs.get("chart")).endswith("istiod") and mesh:
        metadata = {"name": "istio", "namespace": inputs.get("namespace") or "istio-system"}
        yield from _unpacked(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata,
                "data": {"mesh": json.dumps(mesh)},
            },
            where,
        )
    said = {key: inputs[key] for key in ("chart", "version", "namespace", "repositoryOpts") if key in inputs}
    others = {key: value for key, value in values.items() if key != "meshConfig"}
    yield Resource(type_token, urn.rsplit("::", 1)[-1], {**said, "values": others})
