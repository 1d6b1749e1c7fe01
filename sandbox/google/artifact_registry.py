"""Repositories of packages and images, those that fetch from a registry elsewhere among them
(artifactregistry.googleapis.com).

No image is ever pulled here. Source: the Google provider's reference; Artifact Registry, "Create remote
repositories".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sandbox.google import checks
from sandbox.google.kinds import Context, Kind, Problem, Values, never_changes, path

REPOSITORY = "gcp:artifactregistry/repository:Repository"
FORMATS = ("DOCKER", "MAVEN", "NPM", "PYTHON", "APT", "YUM", "GO", "KFP", "GENERIC", "GOOGET")
MODES = ("STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY")
UPSTREAMS = {
    "aptRepository": ("APT",),
    "commonRepository": FORMATS,
    "dockerRepository": ("DOCKER",),
    "mavenRepository": ("MAVEN",),
    "npmRepository": ("NPM",),
    "pythonRepository": ("PYTHON",),
    "yumRepository": ("YUM",),
}
"""Each word for where a remote repository fetches from, and the formats that it is for."""
_URI = re.compile(
    r"https://[a-z0-9.-]+(:[0-9]+)?(/[^\s]*)?|projects/[^/]+/locations/[^/]+/repositories/[^/]+"
)


def _place(value: str) -> str | None:
    if value in ("asia", "europe", "us") or checks.REGION(value) is None:
        return None
    return "a repository lies in a region like europe-west1, or in asia, europe or us"


def _uri(value: str) -> str | None:
    if _URI.fullmatch(value):
        return None
    return "an upstream is an https:// address or projects/PROJECT/locations/REGION/repositories/NAME"


def _one_upstream(values: Values) -> Iterator[Problem]:
    """The provider refuses another number of upstreams itself."""
    remote = values.get("remoteRepositoryConfig")
    if not isinstance(remote, Mapping):
        return
    if values.get("virtualRepositoryConfig"):
        yield Problem(
            "remoteRepositoryConfig", remote, "it conflicts with virtualRepositoryConfig; drop one of the two"
        )
    of = cast("Mapping[str, Any]", remote)
    named = sorted(of.keys() & UPSTREAMS.keys())
    if len(named) != 1:
        words = ", ".join(sorted(UPSTREAMS))
        yield Problem("remoteRepositoryConfig", named, f"exactly one of {words} has to be specified")
    docker = of.get("dockerRepository")
    if isinstance(docker, Mapping) and len(docker.keys() & {"publicRepository", "customRepository"}) > 1:
        yield Problem(
            "remoteRepositoryConfig.dockerRepository",
            docker,
            "publicRepository conflicts with customRepository; drop one of the two",
        )


def _mode_fits(context: Context) -> Iterator[Problem]:
    """What the service itself refuses: a mode without what it needs, or with what is another mode's."""
    new = context.new
    mode, remote = new.get("mode"), new.get("remoteRepositoryConfig")
    if (mode == "REMOTE_REPOSITORY") != (remote is not None):
        yield Problem(
            "mode", mode, "a remote repository, and no other, has a remoteRepositoryConfig with its upstream"
        )
    for upstream in (remote or {}).keys() & UPSTREAMS.keys():
        if str(new["format"]).upper() not in UPSTREAMS[upstream]:
            yield Problem("format", new["format"], f"an upstream of {upstream} has another format")


def _labels(context: Context) -> Values:
    labels = {"goog-pulumi-provisioned": "true", **context.new.get("labels", {})}
    return {"effectiveLabels": labels, "pulumiLabels": labels}


def _registry_uri(values: Values) -> str:
    project = str(values["project"]).replace(":", "/")
    kind = str(values["format"]).lower()
    return f"{values['location']}-{kind}.pkg.dev/{project}/{values['repositoryId']}"


REPOSITORY_KIND = Kind(
    token=REPOSITORY,
    schema="artifactregistry.Repository",
    id=path("projects/{project}/locations/{location}/repositories/{repositoryId}"),
    api="artifactregistry.googleapis.com",
    autoname="",
    place=("project", "location"),
    checks={
        "repositoryId": checks.pattern(
            r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
            "a repository's id is 1-63 lower-case letters, digits and dashes, starts with a letter and ends "
            "with a letter or digit",
        ),
        "location": _place,
        "format": checks.one_of(*FORMATS, *(name.lower() for name in FORMATS)),
        "mode": checks.one_of(*MODES),
        "labels.*": checks.LABEL,
        "remoteRepositoryConfig.commonRepository.uri": _uri,
        "remoteRepositoryConfig.dockerRepository.publicRepository": checks.one_of("DOCKER_HUB"),
        "remoteRepositoryConfig.dockerRepository.customRepository.uri": _uri,
        "vulnerabilityScanningConfig.enablementConfig": checks.one_of("INHERITED", "DISABLED"),
    },
    rules=(_one_upstream,),
    defaults={"mode": "STANDARD_REPOSITORY"},
    replaces=never_changes(
        "repositoryId",
        "project",
        "location",
        "format",
        "mode",
        "kmsKeyName",
        "remoteRepositoryConfig.description",
        *(f"remoteRepositoryConfig.{upstream}" for upstream in UPSTREAMS),
    ),
    kept=frozenset({"vulnerabilityScanningConfig.enablementState"}),
    caseless=frozenset({"format"}),
    cloud_rules=(_mode_fits,),
    computed=lambda context: {
        "name": context.new["repositoryId"],
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "registryUri": _registry_uri(context.new),
        **_labels(context),
    },
)


KINDS = (REPOSITORY_KIND,)
