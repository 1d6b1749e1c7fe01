"""Which API server a kubeconfig means.

The sandbox never talks to a real cluster: a kubeconfig that names any other server is refused, whatever
credentials this machine may hold. The kubeconfig's user must be the exec plugin for GKE, which the real
provider would run; here the sandbox's admin token stands in for the token that the plugin prints.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

PLUGIN = "gke-gcloud-auth-plugin"


class KubeconfigError(ValueError):
    """The kubeconfig cannot be used here. The message says what, the consequence, and the fix."""


@dataclass(frozen=True)
class Target:
    """The server that the current context names. `ca_pem` is None where the kubeconfig names no authority."""

    server: str
    ca_pem: str | None


def parse(text: str) -> Target:
    """The current context's server, after the checks that the real provider and the plugin would make."""
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubeconfigError(f"kubeconfig is neither YAML nor JSON: {error}") from None
    if not isinstance(config, dict):
        raise KubeconfigError(
            "kubeconfig is not a mapping: give the whole file's content, as YAML or JSON, not a path"
        )
    name = config.get("current-context")
    context = _named(config, "contexts", "context", name)
    cluster = _named(config, "clusters", "cluster", context.get("cluster"))
    _check_user(_named(config, "users", "user", context.get("user")))
    server = cluster.get("server")
    if not isinstance(server, str) or urlsplit(server).scheme != "https" or not urlsplit(server).hostname:
        raise KubeconfigError(f"kubeconfig: the cluster's server {server!r} is no https:// address")
    return Target(server.rstrip("/"), _authority(cluster))


def _named(config: dict[str, Any], section: str, key: str, name: object) -> dict[str, Any]:
    for entry in config.get(section) or []:
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(key), dict):
            return entry[key]
    raise KubeconfigError(f"kubeconfig: {section} holds no {key} named {name!r}, which it refers to")


def _check_user(user: dict[str, Any]) -> None:
    plugin = user.get("exec")
    if not isinstance(plugin, dict) or plugin.get("command") != PLUGIN:
        raise KubeconfigError(
            f"kubeconfig: the user is not the exec plugin {PLUGIN}. GKE takes short-lived tokens only; "
            f"a fixed token or certificate would end up in the state. Use exec with command {PLUGIN}."
        )
    version = plugin.get("apiVersion")
    if version != "client.authentication.k8s.io/v1beta1":
        raise KubeconfigError(
            f"kubeconfig: exec apiVersion {version!r}: {PLUGIN} speaks client.authentication.k8s.io/v1beta1 "
            "only"
        )


def _authority(cluster: dict[str, Any]) -> str | None:
    if cluster.get("insecure-skip-tls-verify"):
        raise KubeconfigError(
            "kubeconfig: insecure-skip-tls-verify lets anyone answer as the API server. Give "
            "certificate-authority-data instead."
        )
    data = cluster.get("certificate-authority-data")
    if not data:
        return None
    try:
        pem = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, TypeError):
        pem = ""
    if "-----BEGIN CERTIFICATE-----" not in pem:
        raise KubeconfigError("kubeconfig: certificate-authority-data is not a PEM certificate in base64")
    return pem


def require_sandbox(target: Target, sandbox_url: str) -> None:
    """Refuses every server but the sandbox's own."""
    if urlsplit(target.server).netloc != urlsplit(sandbox_url).netloc:
        raise KubeconfigError(
            f"kubeconfig names {target.server}, and this sandbox's API server is {sandbox_url}. "
            "The sandbox talks to no other cluster, so nothing was done. "
            "Take the endpoint from the cluster resource's outputs; for a real cluster use `pulumi up`."
        )
