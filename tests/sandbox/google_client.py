"""A client of Google's REST APIs that knows nothing but HTTP, and what a program makes first."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from sandbox.google_rest import GoogleRest
from tests.sandbox.google_resources import PROJECT

PLACE = f"projects/{PROJECT}"
COMPUTE = f"compute.googleapis.com/compute/beta/{PLACE}"
CONTAINER = f"container.googleapis.com/v1beta1/{PLACE}"
DNS = f"dns.googleapis.com/dns/v1beta2/{PLACE}"
IAM = f"iam.googleapis.com/v1/{PLACE}"
NETWORK = f"{PLACE}/global/networks/vpc"
SUBNET = f"{PLACE}/regions/europe-west1/subnetworks/nodes"
CLUSTER = f"{PLACE}/locations/europe-west1-b/clusters/cluster1"
ACCOUNT = f"sa-nodes@{PROJECT}.iam.gserviceaccount.com"
APIS = [
    f"{api}.googleapis.com"
    for api in ("bigquery", "cloudresourcemanager", "compute", "container", "dns", "gkehub", "iam", "pubsub")
]


@dataclass
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]

    @property
    def error(self) -> str:
        """What Google says against it."""
        return str(self.body.get("error", {}).get("message", ""))

    @property
    def reason(self) -> str:
        """The word for it in the older form of errors."""
        return str(self.body["error"]["errors"][0]["reason"])


class Client:
    """Sends requests; an answer that is an error is an answer."""

    def __init__(self, google: GoogleRest) -> None:
        self.google = google

    def ask(self, http: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """One request, to `HOST/PATH`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.google.url}/{path}", data=data, method=http)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, json.loads(response.read() or b"{}"))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.loads(error.read()))

    def get(self, path: str) -> dict[str, Any]:
        """What is there."""
        return self._done(self.ask("GET", path))

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make something, or let something be done."""
        return self._done(self.ask("POST", path, body or {}))

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change something."""
        return self._done(self.ask("PATCH", path, body))

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make something of this name, or put it in the place of another."""
        return self._done(self.ask("PUT", path, body))

    def delete(self, path: str) -> dict[str, Any]:
        """Take something away."""
        return self._done(self.ask("DELETE", path))

    def _done(self, answer: Answer) -> dict[str, Any]:
        assert answer.status < 300, answer.body
        return answer.body


def network(client: Client) -> None:
    """The tutorial's network with its subnet, and an account for nodes."""
    client.google.enable(*APIS, project=PROJECT)
    client.post(f"{COMPUTE}/global/networks", {"name": "vpc", "autoCreateSubnetworks": False})
    client.post(
        f"{COMPUTE}/regions/europe-west1/subnetworks",
        {
            "name": "nodes",
            "network": NETWORK,
            "ipCidrRange": "10.0.0.0/24",
            "secondaryIpRanges": [
                {"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"},
                {"rangeName": "services", "ipCidrRange": "10.2.0.0/20"},
            ],
        },
    )
    client.post(f"{IAM}/serviceAccounts", {"accountId": "sa-nodes", "serviceAccount": {}})


def cluster(client: Client) -> None:
    """The tutorial's cluster in it."""
    asked = {
        "name": "cluster1",
        "initialNodeCount": 1,
        "network": NETWORK,
        "subnetwork": SUBNET,
        "ipAllocationPolicy": {
            "useIpAliases": True,
            "clusterSecondaryRangeName": "pods",
            "servicesSecondaryRangeName": "services",
        },
        "privateClusterConfig": {"masterIpv4CidrBlock": "10.5.0.0/28"},
        "networkConfig": {"datapathProvider": "ADVANCED_DATAPATH", "defaultEnablePrivateNodes": True},
        "controlPlaneEndpointsConfig": {
            "ipEndpointsConfig": {
                "enabled": True,
                "enablePublicEndpoint": False,
                "authorizedNetworksConfig": {"enabled": True},
            }
        },
        "workloadIdentityConfig": {"workloadPool": f"{PROJECT}.svc.id.goog"},
        "nodeConfig": {"serviceAccount": ACCOUNT},
    }
    client.post(f"{CONTAINER}/locations/europe-west1-b/clusters", {"cluster": asked})
