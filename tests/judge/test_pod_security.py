"""Whether a namespace takes pods that are more than restricted, by the labels that Pod Security admission
reads.

Source: Kubernetes, "Pod Security Admission" and "Pod Security Standards"; k8s.io/pod-security-admission, for
the versions.
"""

from __future__ import annotations

import pytest

from egress.judge.layers.mutual_tls import Namespaces
from egress.judge.model.flow import Layer, Verdict
from tests.judge.objects import namespace, snapshot

ENFORCE = "pod-security.kubernetes.io/enforce"


def judged(of: str = "shop", **labels: str) -> Verdict:
    of_namespace = {
        f"pod-security.kubernetes.io/{mode.replace('_', '-')}": value for mode, value in labels.items()
    }
    verdict = Namespaces(snapshot(namespace("shop", **of_namespace))).confined(of)
    assert (verdict.layer, verdict.decided_by) == (Layer.ADMISSION, f"namespace/{of}")
    return verdict


def test_restricted_pods_alone_are_taken_where_that_is_enforced() -> None:
    verdict = judged(enforce="restricted")
    assert (verdict.allowed, verdict.field) == (False, f"metadata.labels[{ENFORCE}]")
    assert verdict.reason == "Pods have to be restricted."


@pytest.mark.parametrize("level", ["privileged", "baseline"])
def test_other_levels_take_more(level: str) -> None:
    verdict = judged(enforce=level)
    assert (verdict.allowed, verdict.understood, verdict.reason) == (True, True, f"Pods have to be {level}.")


def test_without_the_label_anything_is_taken() -> None:
    verdict = judged()
    assert (verdict.allowed, verdict.reason) == (True, "Pods have to be nothing in particular.")
    assert judged(of="unknown").allowed


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_what_is_only_warned_of_is_taken(mode: str) -> None:
    assert judged(**{mode: "restricted"}).allowed


@pytest.mark.parametrize("level", ["Restricted", "strict", ""])
def test_a_level_that_does_not_exist_is_not_understood(level: str) -> None:
    verdict = judged(enforce=level)
    assert (verdict.allowed, verdict.understood) == (True, False)


@pytest.mark.parametrize("version", ["latest", "v1.34", "v1.40", "1.20", "v2.0", "v1.x", "v1.20x"])
def test_the_newest_checks_are_made_where_no_older_version_is_named(version: str) -> None:
    """A version that cannot be read means the latest."""
    assert not judged(enforce="restricted", enforce_version=version).allowed


@pytest.mark.parametrize("version", ["v1.0", "v1.18", "v1.33"])
def test_older_checks_take_more(version: str) -> None:
    """`restricted` of 1.18 knows neither capabilities nor seccomp, and until 1.33 a probe may ask any other
    host."""
    verdict = judged(enforce="restricted", enforce_version=version)
    assert (verdict.allowed, verdict.understood, verdict.field) == (
        True,
        True,
        f"metadata.labels[{ENFORCE}-version]",
    )
    assert version in verdict.reason


def test_an_older_version_of_another_level_is_that_level() -> None:
    assert judged(enforce="baseline", enforce_version="v1.0").reason == "Pods have to be baseline."
    assert not judged(enforce="restricted", warn_version="v1.0").allowed
