"""Maps of which a managed control plane reads one: each has to hold what the others hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.judge.test_mesh_settings import mesh, settings


class TestMapsOfWhichOneIsRead:
    HELD: Mapping[str, Any] = {
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        "pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"},
        "accessLogFile": "/dev/stdout",
    }

    def test_one_that_holds_all_is_as_good_as_the_others(self) -> None:
        verdict = settings(mesh("istio-b", **self.HELD)).held_by("istio-b")
        assert not verdict.allowed
        assert verdict.decided_by == "istio-system/configmap/istio-b"

    def test_one_that_is_not_there_leaves_the_defaults(self) -> None:
        verdict = settings(mesh("istio-a", **self.HELD)).held_by("istio-b")
        assert verdict.allowed
        assert (verdict.decided_by, verdict.field) == ("istio-system/configmap/istio-b", "data.mesh")

    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}, "outboundTrafficPolicy.mode"),
            ({"outboundTrafficPolicy": {}}, "outboundTrafficPolicy.mode"),
            ({"pathNormalization": {"normalization": "BASE"}}, "pathNormalization.normalization"),
            ({"accessLogFile": ""}, "accessLogFile"),
        ],
    )
    def test_one_that_says_less_is_named_with_the_setting(self, said: dict[str, Any], field: str) -> None:
        verdict = settings(mesh("istio-b", **{**self.HELD, **said})).held_by("istio-b")
        assert verdict.allowed
        assert verdict.field == field
