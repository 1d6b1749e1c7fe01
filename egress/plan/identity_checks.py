"""Google service accounts and buckets that two owners would share, or that cannot be named so.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common import names
from egress.common.errors import Problem
from egress.plan.identity import WorkloadIdentity
from egress.settings import Settings
from egress.settings.paths import account_path


def account_collisions(
    settings: Settings, identities: dict[str, tuple[WorkloadIdentity, ...]]
) -> Iterator[Problem]:
    kinds = ("application", "gateway", "ingress", *map(names.gateway_nodes, settings.gateways))
    platform = {settings.google_names.node_account(kind): f"the {kind} nodes" for kind in kinds}
    owners = {account: f"belongs to {whose}" for account, whose in platform.items()}
    for of_team in identities.values():
        for identity in of_team:
            if identity.account_id in owners:
                yield Problem(
                    f"{account_path(identity.team, identity.service_account)}.accountId",
                    identity.account_id,
                    f"This Google service account {owners[identity.account_id]}: the pods of one would act "
                    "with the rights "
                    "of the other.",
                    "Choose another accountId, or leave it out.",
                )
            else:
                owners[identity.account_id] = (
                    f"is that of {account_path(identity.team, identity.service_account)}"
                )


def bucket_collisions(identities: dict[str, tuple[WorkloadIdentity, ...]]) -> Iterator[Problem]:
    owners: dict[str, WorkloadIdentity] = {}
    for of_team in identities.values():
        for identity in of_team:
            for grant in identity.buckets:
                if not grant.create:
                    continue
                first = owners.setdefault(grant.bucket, identity)
                if first is not identity:
                    owner = account_path(first.team, first.service_account)
                    yield Problem(
                        f"{account_path(identity.team, identity.service_account)}.buckets",
                        grant.bucket,
                        f"{owner} makes the bucket of this name; two accounts would share its data without "
                        "either having said so.",
                        f'Choose another key, or share it explicitly: {{"{grant.bucket}": {{role: ..., '
                        "existing: true}}.",
                    )


def impossible_buckets(identities: dict[str, tuple[WorkloadIdentity, ...]]) -> Iterator[Problem]:
    """Buckets whose whole name, project and key, nobody but Google may give. Source: Cloud Storage, "Bucket
    names"."""
    for of_team in identities.values():
        for identity in of_team:
            for grant in identity.buckets:
                parts = grant.bucket.split(".")
                if "google" in grant.bucket or grant.bucket.startswith("goog") or not all(parts):
                    yield Problem(
                        f"{account_path(identity.team, identity.service_account)}.buckets",
                        grant.bucket,
                        "Cloud Storage refuses this name: a bucket's name must not begin with goog, "
                        "contain google or have two dots in a row.",
                        "Choose another key, or write existing: true and the name of a bucket that exists.",
                    )
