"""A stack with nearly everything: what examples/modes shows one by one, in one config."""

from __future__ import annotations

from typing import Any

import yaml

from sandbox.google_rest import GoogleRest
from tests.sandbox.google_client import Client
from tests.support import PROJECT, ROOT

OWN = "gke-mesh-egress:"
SHOP = "shop-project-id"
CREDENTIALS = ("partner-client", "mysql-credential", "prices-credential")
EXAMPLES = ("own-gateway", "receive", "google-apis", "tcp-tls")


def rich_config() -> dict[str, Any]:
    """Two egress gateways, one with a NAT of its own; an ingress gateway; credentials from Secret Manager;
    grants on Google's resources; a wildcard and TCP; the firewall as a policy. It may go away."""
    config: dict[str, Any] = {}
    for example in EXAMPLES:
        text = (ROOT / f"examples/modes/Pulumi.{example}.yaml").read_text(encoding="utf-8")
        _merge(config, yaml.safe_load(text)["config"])
    _merge(
        config,
        {
            "gcp:project": PROJECT,
            f"{OWN}protect": False,
            f"{OWN}projectNumber": "987654321012",
            f"{OWN}cluster": {"deletionProtection": False, "secretSync": True},
            f"{OWN}credentials": {
                name: {"certificate": f"{name}-crt/1", "key": f"{name}-key/1", "authority": "partner-ca/1"}
                for name in CREDENTIALS
            },
            f"{OWN}network": {
                "firewall": {"form": "policy", "logging": "all"},
                "dns": {"queryLogging": True},
            },
        },
    )
    return config


def make_what_others_own(google: GoogleRest) -> None:
    """What the stack names and does not make: a bucket, a queue, secrets and their like."""
    client = Client(google)
    apis = [f"{api}.googleapis.com" for api in ("bigquery", "pubsub", "secretmanager", "storage")]
    for project in (PROJECT, SHOP):
        google.enable(*apis, project=project)
    client.post(f"storage.googleapis.com/storage/v1/b?project={PROJECT}", {"name": "shared-catalogue"})
    pubsub = f"pubsub.googleapis.com/v1/projects/{PROJECT}"
    client.put(f"{pubsub}/topics/daily-done", {})
    client.put(f"pubsub.googleapis.com/v1/projects/{SHOP}/topics/shop-events", {})
    topic = {"topic": f"projects/{PROJECT}/topics/daily-done"}
    client.put(f"{pubsub}/subscriptions/orders-for-reports", topic)
    parts = [f"{name}-{part}" for name in CREDENTIALS for part in ("crt", "key")]
    for secret in ("partner-api-key", "partner-ca", *parts):
        secrets = f"secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets?secretId={secret}"
        client.post(secrets, {"replication": {"automatic": {}}})
    sales = {"datasetReference": {"projectId": PROJECT, "datasetId": "sales"}}
    client.post(f"bigquery.googleapis.com/bigquery/v2/projects/{PROJECT}/datasets", sales)


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
