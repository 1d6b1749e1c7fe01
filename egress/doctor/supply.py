"""Charts and images of Istio: that they are there, where the config says, in the version that it says.

Charts are fetched by the machine that runs Pulumi. Images are pulled by nodes, which reach Google's
registries alone; that they exist is asked from here.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlencode

import yaml

from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, judged, unknown

CHARTS = ("base", "istiod")
IMAGES = ("pilot", "proxyv2")
DOCKER_HUB = "registry-1.docker.io"
"""The host of docker.io that answers for images."""
PULLED_FROM = (".pkg.dev", "gcr.io")
"""Registries that private nodes reach."""
ELSEWHERE = "EGRESS_DOCTOR_SUPPLY_ENDPOINT"
"""Variable: a place that is asked instead of every chart repository and registry."""
MANIFEST = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)


def charts(case: Case) -> Iterator[Finding]:
    if not case.plan.in_cluster_mesh:
        return
    istio = case.plan.settings.mesh.chart
    needed = f"{' and '.join(CHARTS)} {istio.version}"
    if istio.repository.startswith("oci://"):
        registry, _, path = istio.repository.removeprefix("oci://").partition("/")
        missing = [chart for chart in CHARTS if not _has(case, registry, f"{path}/{chart}", istio.version)]
    else:
        there = _index(case, istio.repository)
        missing = [chart for chart in CHARTS if istio.version not in there.get(chart, ())]
    found = f"{istio.repository} has no {some_of(missing, istio.version)}" if missing else istio.repository
    fix = (
        "Set gke-mesh-egress:mesh.istio.repository to https://blob.istio.io/istio-release/charts or a mirror."
    )
    yield judged("supply", "charts", not missing, found, needed, fix)


def images(case: Case) -> Iterator[Finding]:
    if not case.plan.in_cluster_mesh:
        return
    istio = case.plan.settings.mesh.chart
    # The stack's own repository is not there yet, and has whatever Docker Hub has.
    hub = istio.hub or f"{DOCKER_HUB}/istio"
    registry, _, path = hub.partition("/")
    needed = f"{' and '.join(IMAGES)} {istio.version}, in a registry of Google's or one read through it"
    fix = (
        "Leave gke-mesh-egress:mesh.istio.hub out, and the stack reads Docker Hub's images through a "
        "repository of its own; or name a registry that has them."
    )
    if istio.hub is not None and not registry.endswith(PULLED_FROM):
        found = f"{registry}, which private nodes do not reach"
        yield judged("supply", "images", False, found, needed, fix)
        return
    try:
        prefix = f"{path}/" if path else ""
        missing = [name for name in IMAGES if not _has(case, registry, f"{prefix}{name}", istio.version)]
    except NotKnown as why:
        yield unknown("supply", "images", needed, why)
        return
    found = f"{hub} has no {some_of(missing, istio.version)}" if missing else hub
    yield judged("supply", "images", not missing, found, needed, fix)


def some_of(missing: list[str], version: str) -> str:
    return " and ".join(f"{name} {version}" for name in missing)


def _index(case: Case, repository: str) -> Mapping[str, tuple[str, ...]]:
    """Versions by chart, of a repository of Helm's."""
    answer = _get(case, f"{repository.rstrip('/')}/index.yaml", {})
    if answer.status_code != 200:
        raise NotKnown(f"{repository} answers with status {answer.status_code}")
    try:
        content: Any = yaml.load(answer.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        entries = cast("dict[str, list[dict[str, Any]]]", content["entries"])
        return {name: tuple(str(one["version"]) for one in of) for name, of in entries.items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise NotKnown(f"what {repository} answers is no index of charts") from None


def _has(case: Case, registry: str, path: str, tag: str) -> bool:
    """Whether a registry has a tag. Source: OCI distribution specification, "Pulling manifests"; the token of
    registries that want one of everybody: "Token authentication specification"."""
    url = f"https://{registry}/v2/{path}/manifests/{tag}"
    answer = _get(case, url, {"Accept": MANIFEST})
    if answer.status_code == 401:
        token = _token(case, registry, str(answer.headers.get("WWW-Authenticate", "")))
        answer = _get(case, url, {"Accept": MANIFEST, "Authorization": f"Bearer {token}"})
    if answer.status_code in (401, 403):
        raise NotKnown(f"{registry} wants a login to say what {path} has")
    if answer.status_code == 404:
        return False
    if answer.status_code != 200:
        raise NotKnown(f"{registry} answers with status {answer.status_code}")
    return True


def _token(case: Case, registry: str, challenge: str) -> str:
    parts = dict(re.findall(r'([a-z]+)="([^"]*)"', challenge))
    realm = parts.pop("realm", "")
    if not realm.startswith("https://"):
        raise NotKnown(f"{registry} wants a login")
    headers: dict[str, str] = {}
    host = realm.split("/")[2]
    # The login is shown to Google's own registries alone.
    if host == registry and registry.endswith(PULLED_FROM) and (own := case.login.token()):
        pair = base64.b64encode(f"oauth2accesstoken:{own}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    answer = _get(case, f"{realm}?{urlencode(parts)}", headers)
    try:
        said: Any = answer.json()
        return str(said.get("token") or said.get("access_token") or "")
    except (ValueError, AttributeError):
        raise NotKnown(f"{registry} wants a login") from None


def _get(case: Case, url: str, headers: Mapping[str, str]) -> Any:
    elsewhere = os.environ.get(ELSEWHERE)
    asked = f"{elsewhere.rstrip('/')}/{url.partition('://')[2]}" if elsewhere else url
    try:
        return case.fetch(asked, headers)
    except OSError:
        raise NotKnown(f"{url.split('/')[2]} cannot be reached") from None
