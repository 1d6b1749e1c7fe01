"""In which order the objects of a host are applied, where it may be in use already."""

from __future__ import annotations

import yaml

from tests.program_runner import run_program
from tests.support import ROOT


def test_a_host_in_use_gets_an_address_of_the_mesh_after_tls_is_known_beside_it() -> None:
    """Otherwise pods that do not ask their proxy for names would lose https for a moment."""
    example = ROOT / "examples/modes/Pulumi.tcp-ports.yaml"
    done = run_program(yaml.safe_load(example.read_text(encoding="utf-8"))["config"])
    host = "broker-partner-example"
    led, beside, entry = (
        next(one for one in done.registered if one["urn"].endswith(f"::istio-egress/{name}"))
        for name in (
            f"virtualservice/{host}-through-egress-gateway",
            f"serviceentry/{host}-tls-internal-ext",
            f"serviceentry/{host}-ext",
        )
    )
    assert led["urn"] in beside["dependencies"]
    assert {led["urn"], beside["urn"]} <= set(entry["dependencies"])
