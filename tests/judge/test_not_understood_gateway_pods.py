"""What keeps a gateway's pods from standing is found, by the field that decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.judge.deployments import violations, with_change


def _pods(**fields: Any) -> Callable[[Any], object]:
    return lambda item: item["spec"]["template"]["spec"].update(fields)


def _labelled(value: str) -> Callable[[Any], object]:
    return lambda item: item["spec"]["template"]["metadata"]["labels"].update(
        {"sidecar.istio.io/inject": value}
    )


FALLEN: dict[str, Callable[[Any], object]] = {
    "spec.replicas": lambda item: item["spec"].update(replicas=0),
    "spec.template.metadata.labels[sidecar.istio.io/inject]": _labelled("false"),
    "spec.template.metadata.annotations[inject.istio.io/templates]": lambda item: item["spec"]["template"][
        "metadata"
    ].pop("annotations"),
    "spec.template.spec.containers": _pods(containers=[{"name": "a"}]),
    "spec.template.spec.hostNetwork": _pods(hostNetwork=True),
    "spec.template.spec.hostAliases": _pods(
        hostAliases=[{"ip": "198.51.100.9", "hostnames": ["example.com"]}]
    ),
    "spec.template.spec.tolerations": _pods(
        tolerations=[{"key": "dedicated", "operator": "Equal", "value": "others"}]
    ),
}
"""By the field that decides: what keeps a gateway from standing."""


@pytest.mark.parametrize("field", FALLEN)
def test_a_gateway_that_cannot_stand_breaks_what_is_declared(field: str) -> None:
    name = "istio-egress/deployment/istio-egressgateway"
    found = violations("dev", with_change("dev", name, FALLEN[field]))
    assert (name, field) in {(step.decided_by, step.field) for violation in found for step in violation.steps}
