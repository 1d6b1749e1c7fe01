"""Names of hosts and Gateways as Istio's rules write them, and which patterns cover which names.

Every answer is that of Istio 1.30's own control plane about the same names.
"""

from __future__ import annotations

import pytest

from egress.judge.lookup.host_names import alike, covers, full_name, gateway_name, matches, patterns_above
from tests.judge.asking import SHOP


class TestNames:
    @pytest.mark.parametrize(
        ("pattern", "host", "does"),
        [
            ("a.example", "a.example", True),
            ("a.example", "b.a.example", False),
            ("*", "a.example", True),
            ("*", "", True),
            ("*.example", "a.example", True),
            ("*.example", "a.b.example", True),
            ("*.example", "example", False),
            ("*.example", ".example", False),
            ("*.example", "aexample", False),
        ],
    )
    def test_which_names_a_pattern_covers(self, pattern: str, host: str, does: bool) -> None:
        assert matches(pattern, host) is does

    @pytest.mark.parametrize(
        ("wide", "host", "does"),
        [
            ("*.example", "*.b.example", True),
            ("*.b.example", "*.example", False),
            ("*.example", "*.example", True),
            ("*", "*.example", True),
            ("a.example", "*.example", False),
            ("a.example", "a.example", True),
            ("*.example", "aexample", False),
            ("*.b.example", "a.c.example", False),
        ],
    )
    def test_which_patterns_a_pattern_covers(self, wide: str, host: str, does: bool) -> None:
        assert covers(wide, host) is does
        assert alike(wide, host) is alike(host, wide) is (does or covers(host, wide))

    def test_patterns_above_a_name_the_closest_first(self) -> None:
        assert list(patterns_above("a.b.example")) == ["*.b.example", "*.example"]
        assert list(patterns_above("*.b.example")) == ["*.b.example", "*.example"]
        assert list(patterns_above("example")) == []

    def test_names_without_a_dot_are_services_of_the_namespace(self) -> None:
        assert full_name("web", SHOP) == "web.shop.svc.cluster.local"
        assert [full_name(name, SHOP) for name in ("web.bank", "*", "::1")] == ["web.bank", "*", "::1"]

    @pytest.mark.parametrize(
        ("name", "means"),
        [
            ("mesh", "mesh"),
            ("edge", "shop/edge"),
            ("gw/edge", "gw/edge"),
            ("./edge", "shop/edge"),
            ("edge.gw", "gw/edge"),
            ("edge.gw.svc.cluster.local", "gw/edge"),
        ],
    )
    def test_forms_of_a_gateways_name(self, name: str, means: str) -> None:
        assert gateway_name(name, SHOP) == means
