"""Which of Google's predefined roles allows all that another one does, as far as it is written down here.

Source: IAM, "Roles and permissions", the lists of permissions of Cloud Storage, Pub/Sub, Secret Manager and
BigQuery. Of any other two roles, custom ones among them, nobody here knows which allows more.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

_STORAGE = "roles/storage."
_PUBSUB = "roles/pubsub."
_SECRETS = "roles/secretmanager."
_BIGQUERY = "roles/bigquery."
_WITHIN: Mapping[str, tuple[str, ...]] = {
    f"{_STORAGE}objectViewer": (f"{_STORAGE}legacyObjectReader",),
    f"{_STORAGE}objectUser": (f"{_STORAGE}objectViewer", f"{_STORAGE}objectCreator"),
    f"{_STORAGE}objectAdmin": (f"{_STORAGE}objectUser", f"{_STORAGE}legacyObjectOwner"),
    f"{_STORAGE}legacyObjectOwner": (f"{_STORAGE}legacyObjectReader",),
    f"{_STORAGE}legacyBucketWriter": (f"{_STORAGE}legacyBucketReader",),
    f"{_PUBSUB}editor": (f"{_PUBSUB}viewer", f"{_PUBSUB}publisher", f"{_PUBSUB}subscriber"),
    f"{_SECRETS}secretVersionManager": (f"{_SECRETS}secretVersionAdder",),
    f"{_BIGQUERY}dataViewer": (f"{_BIGQUERY}metadataViewer",),
    f"{_BIGQUERY}dataEditor": (f"{_BIGQUERY}dataViewer",),
    f"{_BIGQUERY}user": (f"{_BIGQUERY}jobUser",),
}
"""By role: the next smaller ones."""


@cache
def within(role: str) -> frozenset[str]:
    """The role, and every one of which it allows all."""
    return frozenset({role}).union(*(within(smaller) for smaller in _WITHIN.get(role, ())))
