"""Routes of a VirtualService for a.example, the hosts that they lead to, and where requests go by them."""

from __future__ import annotations

from typing import Any

from tests.judge.asking import SHOP, Written, entry, sidecar_says, to, virtual

ENDS = tuple(entry(name) for name in ("a.example", "b.example", "c.example"))
ONE, TWO = to("b.example", 80), to("c.example", 80)
B, C, STRAIGHT = "b.example:80", "c.example:80", "a.example:80"


def led(
    *routes: Written, asked: str = "http://a.example", beside: tuple[Written, ...] = (), **how: Any
) -> str:
    """Where requests for a.example go by some routes of HTTP."""
    spec = {key: how.pop(key) for key in ("gateways", "exportTo") if key in how}
    return sidecar_says(asked, *ENDS, virtual(SHOP, "a.example", http=list(routes), **spec), *beside, **how)


def if_(match: Written | list[Written], *destinations: Written, **more: Any) -> Written:
    return {
        "match": match if isinstance(match, list) else [match],
        "route": list(destinations or (ONE,)),
        **more,
    }
