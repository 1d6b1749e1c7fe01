"""AuthorizationPolicies in few words, and what they say to one caller of one pod."""

from __future__ import annotations

from typing import Any

from egress.judge.layers.authorization import Authorization
from egress.judge.model.flow import Connection, Pod, Protocol, Request, Verdict
from tests.judge.objects import snapshot, written

AT = Pod("shop", {"app": "web", "version": "v1"})
BY = "shop/authorizationpolicy/rules"
CALLER = "cluster.local/ns/bank/sa/till"
"""Who calls, unless a test says otherwise."""
GET = Request("shop.example")
BYTES = ""
"""A connection that is not read as HTTP."""


def policy(
    *rules: Any, action: str | None = None, name: str = "rules", home: str = "shop", **spec: Any
) -> dict[str, Any]:
    spec = {**({"action": action} if action else {}), "rules": list(rules), **spec}
    return written("AuthorizationPolicy", home, name, **spec)


def allow(*rules: Any, **spec: Any) -> dict[str, Any]:
    return policy(*rules, action="ALLOW", **spec)


def deny(*rules: Any, **spec: Any) -> dict[str, Any]:
    return policy(*rules, action="DENY", **{"name": "refusals"} | spec)


def source(**fields: Any) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def operation(**fields: Any) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


def when(key: str, *values: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "when": [
            {
                "key": key,
                **({"values": list(values)} if values else {}),
                **({"notValues": list(but)} if but else {}),
            }
        ]
    }


def judged(
    *policies: dict[str, Any],
    inner: Request | str = GET,
    caller: str | None = CALLER,
    at: Pod = AT,
    port: int = 8080,
    trust_domain: str = "cluster.local",
    explains: bool = True,
    **connection: Any,
) -> Verdict:
    client = Connection(Pod("bank", {}), at, port, Protocol.TLS, principal=caller, inner=inner, **connection)
    return Authorization(snapshot(*policies), explains, trust_domain).judge(at, client)


def outcome(*policies: dict[str, Any], **how: Any) -> bool | None:
    """Whether it is allowed; None: it is not understood, which counts as the worse case."""
    verdict = judged(*policies, **how)
    assert verdict.understood or verdict.allowed
    return verdict.allowed if verdict.understood else None


EVERYTHING: dict[str, Any] = {}
