"""Servers of a gateway: one that takes HTTP within TLS, two that do not, and of these one that its own pods
alone reach."""

from __future__ import annotations

from tests.judge.asking import server

WEB, SECRETLY = server("a.example"), server("c.example", protocol="TLS", port=8443)
INSIDE = server("b.example", "*.example", protocol="TLS", port=9443, mode="PASSTHROUGH", bind="127.0.0.1")
