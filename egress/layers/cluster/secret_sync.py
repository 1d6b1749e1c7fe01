"""Credentials from Secret Manager: GKE copies them into Secrets beside the gateways. What is in them is never
seen here.

Only the account of a gateway may read the secrets of the hosts that leave by it (or of what it receives), and
each by its name.

Source: Google Cloud, "Synchronize secrets to Kubernetes Secrets"; "Principal identifiers".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from egress.common import names
from egress.common.google_cloud import workload_principal
from egress.common.objects import SECRET_STORE, SECRET_SYNC, Manifest, Object, Owner, manifest
from egress.plan.model import Plan
from egress.settings.credentials import Credential


@dataclass(frozen=True)
class Copy:
    """One Secret that GKE keeps in a gateway's namespace, as the gateway's own account."""

    owner: Owner
    namespace: str
    service_account: str
    name: str
    wanted: Credential


@dataclass(frozen=True)
class Reader:
    """A gateway's account that may read one secret of Secret Manager in the stack's project."""

    owner: Owner
    namespace: str
    secret: str
    member: str


def render(plan: Plan) -> Iterator[Object]:
    """A SecretProviderClass (what to read) and a SecretSync (where to) per gateway and credential. Nothing
    for other Secrets."""
    for copy in copies(plan):
        yield Object(copy.owner, _source(plan.project, copy))
        yield Object(copy.owner, _target(copy))


def copies(plan: Plan) -> Iterator[Copy]:
    """Gateway by gateway, in order of name."""
    wanted = plan.settings.credentials
    for gateway in plan.gateways:
        for name in gateway.secrets:
            if name in wanted:
                yield Copy(
                    Owner.egress_gateway(gateway.name), gateway.namespace, names.GATEWAY, name, wanted[name]
                )
    for name in sorted({reception.wanted.credential for reception in plan.receptions}):
        if name in wanted:
            yield Copy(Owner.ingress(), names.INGRESS_NAMESPACE, names.INGRESS, name, wanted[name])


def readers(plan: Plan) -> list[Reader]:
    """Who may read which secret; each once, however many credentials it is part of."""
    number = plan.settings.project_number or ""
    found: dict[Reader, None] = {}
    for copy in copies(plan):
        member = workload_principal(plan.project, number, copy.namespace, copy.service_account)
        for secret, _ in copy.wanted.parts.values():
            found[Reader(copy.owner, copy.namespace, secret, member)] = None
    return list(found)


def _source(project: str, copy: Copy) -> Manifest:
    listed = [
        {"resourceName": f"projects/{project}/secrets/{secret}/versions/{version}", "path": key}
        for key, (secret, version) in copy.wanted.parts.items()
    ]
    # The driver takes a text here, in YAML.
    parameters = {"secrets": yaml.safe_dump(listed, sort_keys=False, width=1000)}
    return manifest(
        SECRET_STORE,
        "SecretProviderClass",
        copy.name,
        copy.namespace,
        spec={"provider": "gke", "parameters": parameters},
    )


def _target(copy: Copy) -> Manifest:
    return manifest(
        SECRET_SYNC,
        "SecretSync",
        copy.name,
        copy.namespace,
        spec={
            "serviceAccountName": copy.service_account,
            "secretProviderClassName": copy.name,
            "secretObject": {
                "type": "Opaque",
                "data": [{"sourcePath": key, "targetKey": key} for key in copy.wanted.parts],
            },
        },
    )
