"""The Jobs that ask: short, in the teams' own namespaces, past no fence.

Their pods are as any of the team's: injected, confined as Pod Security's `restricted` wants it, held by the
team's NetworkPolicy and quotas. They hold no token, write no file, and are gone ten minutes after they ended
even if nobody deletes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from egress.common.names import OWN_DOMAIN
from egress.common.objects import Manifest, manifest
from egress.probe.asked import Asked

NAME = "egress-probe"
RUN_LABEL = f"{OWN_DOMAIN}/probe-run"
SCRIPT = Path(__file__).with_name("in_pod.py")
AT_ONCE = 40
"""Flows of one Job: their text stays far below what the kernel takes as one argument (128 KiB)."""
LONGEST, READY, KEPT = 600, 60, 600
"""Seconds that a pod may run, waits for its proxy, and is kept after its end."""
LINGERS = 12
"""Seconds: proxies write their access logs down every ten."""
USER = 1000
"""Neither root nor the proxy."""


def jobs(asked: Iterable[Asked], run: str, image: str, lingers: float = LINGERS) -> Iterator[Manifest]:
    """One Job for each team and ServiceAccount, and each further batch of flows."""

    def whose(one: Asked) -> tuple[str, str]:
        return one.flow.namespace, one.flow.service_account

    number = 0
    for (team, account), of_account in groupby(sorted(asked, key=whose), whose):
        mine = list(of_account)
        for first in range(0, len(mine), AT_ONCE):
            batch, number = mine[first : first + AT_ONCE], number + 1
            flows = {"ready": READY, "lingers": lingers, "flows": [one.for_the_pod for one in batch]}
            yield _job(f"{NAME}-{run}-{number}", team, account, run, image, flows)


def idle(team: str, image: str) -> Manifest:
    """A Job that asks nothing, to see what becomes of others like it."""
    return _job(f"{NAME}-idle", team, "default", "none", image, {"ready": 0, "lingers": 0, "flows": []})


def _job(name: str, team: str, account: str, run: str, image: str, flows: Manifest) -> Manifest:
    labels = {"app": NAME, RUN_LABEL: run}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", SCRIPT.read_text(encoding="utf-8"), json.dumps(flows)],
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsUser": USER,
            "runAsGroup": USER,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": LONGEST,
        "ttlSecondsAfterFinished": KEPT,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return manifest("batch/v1", "Job", name, team, labels=labels, spec=spec)
