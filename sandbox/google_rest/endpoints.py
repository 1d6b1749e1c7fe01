"""Where the Google provider looks for each API: the variable that says it, the API's host and its path."""

from __future__ import annotations

from typing import Final

#: GOOGLE_<NAME>_CUSTOM_ENDPOINT, as the provider reads them
ENDPOINTS: Final[dict[str, tuple[str, str]]] = {
    "ACCESS_CONTEXT_MANAGER": ("accesscontextmanager.googleapis.com", "v1/"),
    "ARTIFACT_REGISTRY": ("artifactregistry.googleapis.com", "v1/"),
    "BIG_QUERY": ("bigquery.googleapis.com", "bigquery/v2/"),
    "CLOUD_BILLING": ("cloudbilling.googleapis.com", "v1/"),
    "COMPUTE": ("compute.googleapis.com", "compute/beta/"),
    "CONTAINER": ("container.googleapis.com", "v1beta1/"),
    "DNS": ("dns.googleapis.com", "dns/v1beta2/"),
    "GKE_HUB": ("gkehub.googleapis.com", "v1beta/"),
    "GKE_HUB2": ("gkehub.googleapis.com", "v1beta/"),
    "IAM": ("iam.googleapis.com", "v1/"),
    "IAM2": ("iam.googleapis.com", "v2beta/"),
    "IAM_BETA": ("iam.googleapis.com", "v1/"),
    "IAM_CREDENTIALS": ("iamcredentials.googleapis.com", "v1/"),
    "LOGGING": ("logging.googleapis.com", "v2/"),
    "MONITORING": ("monitoring.googleapis.com", ""),
    "OPENIDCONNECT": ("openidconnect.googleapis.com", "v1/"),
    "ORG_POLICY": ("orgpolicy.googleapis.com", "v2/"),
    "PUBSUB": ("pubsub.googleapis.com", "v1/"),
    "RESOURCE_MANAGER": ("cloudresourcemanager.googleapis.com", "v1/"),
    "RESOURCE_MANAGER_V3": ("cloudresourcemanager.googleapis.com", "v3/"),
    "SECRET_MANAGER": ("secretmanager.googleapis.com", "v1/"),
    "SERVICE_USAGE": ("serviceusage.googleapis.com", "v1beta1/"),
    "STORAGE": ("storage.googleapis.com", "storage/v1/"),
    "TAGS": ("cloudresourcemanager.googleapis.com", "v3/"),
}
