"""Raw TCP in proposals: what is said of it, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from egress.common.ports import HTTP_PORT, HTTPS_PORT, listener
from egress.judge.model.flow import Flow, Protocol
from egress.plan.model import Plan
from egress.settings.fences import Fence
from egress.settings.tcp import Tcp

ADDRESS = "203.0.113.254"
"""Stands for the address of a host that was asked for by its name, where a name is not enough. It is kept for
documentation."""
RAW = "It is raw TCP: nothing inside is seen."
UNREAD = "It is raw TCP: nobody reads a name, so whatever else is served at the address is reached as well."
BY_NAME = "The gateway may then reach every address of the internet on port {port}."


def outside_alone(plan: Plan, team: str, port: int) -> str:
    """That raw TCP on a port is not for the private ranges that the config opens; empty where there are none,
    or it may be."""
    fences = plan.settings.fences
    (gateway,) = (each.gateway for each in plan.teams if each.name == team)
    if not fences.private_hosts or not fences.up(Fence.GATEWAY_NETWORK) or port in gateway.ports:
        return ""
    return (
        "Raw TCP reaches addresses of the internet alone: no range of fences.privateHosts, wherever the "
        "name leads."
    )


def no_name(flow: Flow) -> str:
    """Why what is asked is known by addresses alone; empty: it may be known by name."""
    if flow.port in (HTTP_PORT, HTTPS_PORT):
        return UNREAD if flow.protocol is Protocol.TCP else ""
    who = listener(flow.port)
    return f"{RAW} By name nothing leaves on port {flow.port}: there {who} listens as well." if who else ""


def fixed(flow: Flow, address: str) -> dict[str, Any]:
    """Raw TCP to an address, for who asked."""
    entry = {"port": flow.port, "addresses": [address], "serviceAccounts": [flow.service_account]}
    return {"tcp": entry}


def as_written(entries: Sequence[Tcp]) -> Any:
    """Raw TCP as a config has it: one entry, or a list."""
    found = [one.model_dump(mode="json", by_alias=True, exclude_unset=True) for one in entries]
    return found[0] if len(found) == 1 else found
