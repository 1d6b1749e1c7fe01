"""The tutorial's test application: an idle pod in a team's namespace to try the rules from."""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.objects import Object, Owner, manifest
from egress.layers.cluster.gateway_workload import VERSION_LABEL
from egress.plan.model import Plan

NAME = "test"
RUN_AS = {
    "runAsUser": 1000,  # the image's own user, cloudsdk
    "runAsGroup": 1000,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def render(plan: Plan) -> Iterator[Object]:
    """Service and Deployment for each team that asks for it; the ServiceAccount comes with the namespace."""
    for team in plan.teams:
        app = team.settings.test_app
        if app is None:
            continue
        owner, labels = Owner.team(team.name), {"app": NAME}
        yield Object(
            owner,
            manifest(
                "v1",
                "Service",
                NAME,
                team.name,
                labels=labels,
                spec={
                    "selector": labels,
                    "ports": [{"name": "http", "port": 80, "targetPort": 80, "protocol": "TCP"}],
                },
            ),
        )
        container = {
            "name": NAME,
            "image": app.image,
            "command": ["/bin/sleep", "infinity"],
            "imagePullPolicy": "IfNotPresent",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        pod = {
            "serviceAccountName": NAME,
            "automountServiceAccountToken": False,
            "securityContext": RUN_AS,
            "containers": [container],
        }
        yield Object(
            owner,
            manifest(
                "apps/v1",
                "Deployment",
                NAME,
                team.name,
                labels=labels,
                spec={
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": {**labels, "version": VERSION_LABEL}}, "spec": pod},
                },
            ),
        )
