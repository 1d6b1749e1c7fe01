"""Which Istio may be deployed: the default has no hole that is known, and others with one need a reason."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.answers.posture import relaxations
from egress.common import istio_advisories
from egress.common.errors import ConfigError
from egress.layers.admission.injected import KNOWN_FORM
from egress.settings.mesh import Istio
from tests.mesh.programs import UNDER_TEST
from tests.support import ROOT, config_with, plan_of

SIX, SEVEN = "ISTIO-SECURITY-2026-006", "ISTIO-SECURITY-2026-007"


def istio(**said: Any) -> dict[str, Any]:
    return config_with("mesh", {"istio": said})


def refused(**said: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plan_of(istio(**said))
    return [f"{problem.path}: {problem.consequence} {problem.fix}" for problem in caught.value.problems]


def test_the_default_has_no_hole_that_is_known() -> None:
    assert istio_advisories.of(Istio().version) == []
    assert istio_advisories.parsed(Istio().version) >= istio_advisories.OLDEST


@pytest.mark.parametrize(
    ("version", "holes"),
    [
        ("1.30.3", [SIX, SEVEN]),
        ("1.30.4", [SEVEN]),
        ("1.30.6", [SEVEN]),
        ("1.30.7", []),
        ("1.30.12", []),
        ("1.31.0", [SEVEN]),
        ("1.31.3", []),
        ("1.32.0", []),
    ],
)
def test_a_version_with_known_holes_is_refused_with_the_bulletins_number(
    version: str, holes: list[str]
) -> None:
    if not holes:
        assert plan_of(istio(version=version)).mesh_version == version
        return
    said = refused(version=version)
    assert len(said) == len(holes)
    for hole in holes:
        assert any(f"known hole, {hole}: " in text and f"for {hole}, why" in text for text in said)
    assert all(text.startswith("gke-mesh-egress:mesh.istio.version") for text in said)


def test_a_hole_stays_for_a_reason_and_the_evidence_says_so() -> None:
    plan = plan_of(
        istio(version="1.30.3", acceptedAdvisories={SIX: "until the freeze ends", SEVEN: "no methods"})
    )
    assert [(item.setting, item.reason) for item in relaxations(plan)] == [
        (f"mesh.istio.acceptedAdvisories.{SIX}", "until the freeze ends"),
        (f"mesh.istio.acceptedAdvisories.{SEVEN}", "no methods"),
    ]


def test_of_two_holes_both_need_a_reason() -> None:
    (said,) = refused(version="1.30.3", acceptedAdvisories={SEVEN: "no methods"})
    assert SIX in said
    assert SEVEN not in said


def test_an_empty_reason_is_none() -> None:
    assert any(
        "Nobody could tell" in text for text in refused(version="1.30.5", acceptedAdvisories={SEVEN: " "})
    )


def test_nothing_is_accepted_in_advance() -> None:
    (said,) = refused(acceptedAdvisories={SEVEN: "no methods"})
    assert "mesh.istio.acceptedAdvisories" in said
    assert "not known to have" in said


@pytest.mark.parametrize("version", ["1.29.9", "1.30.2", "1.9.40"])
def test_an_older_one_is_refused_whatever_the_reason(version: str) -> None:
    (said,) = refused(version=version)
    assert "refuses part of what is rendered" in said
    assert "Write 1.30.3 or a newer one; the default, 1.30.7," in said


def test_what_is_under_test_is_of_the_default_s_minor_version() -> None:
    """Where the default moves to another minor version, its programs are put under test first."""
    minor = f"{Istio().version.rpartition('.')[0]}."
    assert UNDER_TEST.startswith(minor)
    assert minor == KNOWN_FORM


def test_ci_the_sandbox_and_the_page_have_the_version_under_test() -> None:
    module = (ROOT / "sandbox/gomod/istio-api/go.mod").read_text(encoding="utf-8")
    assert f"istio.io/api v{UNDER_TEST}\n" in module
    page = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    workflow = (ROOT / ".github/workflows/pull-request.yml").read_text(encoding="utf-8")
    for image in ("pilot", "proxyv2"):
        for text in (page, workflow):
            assert text.count(f"docker.io/istio/{image}:") == text.count(
                f"docker.io/istio/{image}:{UNDER_TEST}\n"
            )
            assert f"docker.io/istio/{image}:{UNDER_TEST}\n" in text
    assert yaml.safe_load(workflow)
