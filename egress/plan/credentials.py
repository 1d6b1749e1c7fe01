"""What a config may not say about credentials from Secret Manager: who uses them, and what the copying
needs."""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.errors import ABSENT, Problem
from egress.settings import Settings
from egress.settings.http import Http
from egress.settings.paths import egress_path, reception_path, tcp_path
from egress.settings.tcp import Tcp

NEEDED = {"credential": ("certificate", "key", "authority"), "ca": ("authority",)}
"""Parts that the gateway reads, by the field that names the Secret."""


def refused(settings: Settings) -> Iterator[Problem]:
    """Nothing is refused where no credential comes from Secret Manager: then somebody else makes the Secrets
    that hosts name."""
    if not settings.credentials:
        return
    used: set[str] = set()
    for path, field, name in _uses(settings):
        used.add(name)
        credential = settings.credentials.get(name)
        missing = [part for part in NEEDED[field] if credential and getattr(credential, part) is None]
        if missing:
            yield Problem(
                f"{path}.{field}",
                name,
                f"{_path(name)} does not set {' and '.join(missing)}: the gateway would refuse every "
                "connection.",
                f"Add {', '.join(f'{part}: SECRET/VERSION' for part in missing)} there.",
            )
    for name in sorted(settings.credentials.keys() - used):
        yield Problem(
            _path(name),
            ABSENT,
            "No host behind a gateway and no entry of receives uses this credential: no gateway's "
            "namespace would hold its key.",
            f"Write credential: {name} (or ca: {name}) where it is used, or remove this entry.",
        )
    if not settings.cluster.secret_sync:
        yield Problem(
            "gke-mesh-egress:cluster.secretSync",
            False,
            "Nothing in the cluster would copy credentials from Secret Manager: the gateways would wait for "
            "their Secrets.",
            "Set cluster.secretSync: true, or remove credentials and make the Secrets yourself.",
        )
    yield from _project_number(settings)


def _project_number(settings: Settings) -> Iterator[Problem]:
    path, number, perimeter = (
        "gke-mesh-egress:projectNumber",
        settings.project_number,
        settings.network.perimeter,
    )
    if number is None:
        yield Problem(
            path,
            ABSENT,
            "IAM knows the gateways' service accounts by the project's number; without it they could "
            "not be given the right to read the secrets.",
            f"Write what `gcloud projects describe {settings.project} --format='value(projectNumber)'` says, "
            "in quotes.",
        )
    elif perimeter and perimeter.project_number != number:
        yield Problem(
            path,
            number,
            f"network.perimeter.projectNumber is {perimeter.project_number}: a project has one number, so "
            "the right to read the secrets or the perimeter would apply to another project.",
            "Write the number of this project in both.",
        )


def _uses(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Path, field and name of each Secret that a gateway needs."""
    for team, of_team in sorted(settings.teams.items()):
        for host, access in sorted(of_team.egress.items()) if of_team.model is None else ():
            ways: list[tuple[str, Http | Tcp]] = [
                (tcp_path(team, host, entry), entry) for entry in access.tcp or ()
            ]
            if access.http:
                ways.insert(0, (f"{egress_path(team, host)}.http", access.http))
            for path, way in ways:
                for field in NEEDED:
                    if name := getattr(way, field):
                        yield path, field, name
        for reception, wanted in sorted(of_team.receives.items()):
            yield reception_path(team, reception), "credential", wanted.credential


def _path(name: str) -> str:
    return f"gke-mesh-egress:credentials.{name}"
