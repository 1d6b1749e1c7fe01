"""Versions of the mesh and of the cluster: supported, and supported together."""

from __future__ import annotations

from collections.abc import Iterator

from egress.doctor.case import Case
from egress.doctor.finding import Finding, NotKnown, State, judged, unknown
from egress.doctor.google import Absent, Api, entries
from egress.doctor.releases import GKE, ISTIO, Minor, Releases, minor, written
from egress.settings.cluster import ReleaseChannel

SECRET_SYNC = (1, 34)
"""The first version of GKE that copies secrets of Secret Manager."""


def istio(case: Case) -> Iterator[Finding]:
    version = case.plan.mesh_version
    if version is None:
        yield judged("versions", "Istio", True, "Google chooses it", "a supported version", "")
        return
    newest = written(max(ISTIO.by_minor))
    fix = f"Set gke-mesh-egress:mesh.istio.version to the latest {newest}.x: {ISTIO.source}"
    yield supported(case, ISTIO, "versions", version, minor(version), fix)


def gke(case: Case) -> Iterator[Finding]:
    channel = case.plan.settings.cluster.release_channel
    what, needed = "GKE", "a supported version"
    try:
        answer = case.google.get(
            Api.CONTAINER, f"projects/{case.project}/locations/{case.location}/serverConfig"
        )
    except Absent as error:
        raise NotKnown(str(error)) from None
    offered = {str(one.get("channel")): str(one.get("defaultVersion")) for one in entries(answer, "channels")}
    version = offered.get(channel.value.upper())
    if version is None:
        raise NotKnown(f"Google does not say which version the channel {channel.value} gives")
    found, mine = f"{version} of the channel {channel.value}", minor(version)
    if channel is ReleaseChannel.EXTENDED:
        yield Finding("versions", what, State.OK, found, needed)
    else:
        fix = "Set gke-mesh-egress:cluster.releaseChannel to regular or rapid."
        yield supported(case, GKE, "versions", found, mine, fix)
    yield from _together(case, mine)
    if case.plan.settings.cluster.secret_sync:
        yield judged(
            "versions",
            "GKE for cluster.secretSync",
            mine >= SECRET_SYNC,
            found,
            f"{written(SECRET_SYNC)} or newer",
            "Set gke-mesh-egress:cluster.releaseChannel to regular or rapid.",
        )


def _together(case: Case, cluster: Minor) -> Iterator[Finding]:
    version = case.plan.mesh_version
    release = ISTIO.by_minor.get(minor(version)) if version else None
    if release is None or release.kubernetes is None:
        return
    oldest, newest = release.kubernetes
    needed = f"Kubernetes {written(oldest)} to {written(newest)} for Istio {version}"
    yield judged(
        "versions",
        "Istio on this GKE",
        oldest <= cluster <= newest,
        f"Kubernetes {written(cluster)}",
        needed,
        f"Set gke-mesh-egress:mesh.istio.version to one that supports Kubernetes {written(cluster)}: "
        f"{ISTIO.source}",
    )


def supported(case: Case, table: Releases, check: str, found: str, of: Minor, fix: str) -> Finding:
    """Whether a version has an end of life behind it, on the day that is asked about."""
    release = table.by_minor.get(of)
    needed = f"supported on {case.today}"
    if release is None:
        older = of < min(table.by_minor)
        if older:
            return judged(check, table.what, False, f"{found}, out of support", needed, fix)
        why = f"the table of {table.read} has no {table.what} {written(of)}; see {table.source}"
        return unknown(check, table.what, needed, NotKnown(why))
    if release.ends is None:
        return judged(check, table.what, True, f"{found}, without an end yet", needed, "")
    if case.today <= release.ends:
        word = "expected to be supported until" if release.expected else "supported until"
        return judged(check, table.what, True, f"{found}, {word} {release.ends}", needed, "")
    if release.expected:
        why = (
            f"support of {table.what} {written(of)} was expected to end on {release.ends}, as read on "
            f"{table.read}; see {table.source}"
        )
        return unknown(check, table.what, needed, NotKnown(why, fix))
    return judged(check, table.what, False, f"{found}, out of support since {release.ends}", needed, fix)
