"""Where a reader finds a team's entries in the stack's file, as every refusal names them."""

from __future__ import annotations

from egress.settings.tcp import Tcp


def team_path(team: str) -> str:
    return f"gke-mesh-egress:teams.{team}"


def model_path(team: str) -> str:
    return f"gke-mesh-egress:teams.{team}.model"


def egress_path(team: str, host: str) -> str:
    return f'gke-mesh-egress:teams.{team}.egress["{host}"]'


def tcp_path(team: str, host: str, entry: Tcp) -> str:
    return f"{egress_path(team, host)}.tcp{entry.place}"


def gateway_path(gateway: str) -> str:
    return f"gke-mesh-egress:gateways.{gateway}"


def reception_path(team: str, name: str) -> str:
    return f"gke-mesh-egress:teams.{team}.receives.{name}"


def google_hosts_path(team: str) -> str:
    return f"gke-mesh-egress:teams.{team}.googleApis.hosts"


def account_path(team: str, service_account: str) -> str:
    return f"gke-mesh-egress:teams.{team}.googleApis.serviceAccounts.{service_account}"
