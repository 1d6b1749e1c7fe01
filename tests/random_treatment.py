"""Random ways to treat what leaves for one host: time limits and retries, inspection, names in TLS."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Values = dict[str, Any]

DURATIONS = st.sampled_from(["500ms", "5s", "1.5s", "2m", "1h"])


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Values]:
    """A map with any of the keys."""
    return st.fixed_dictionaries({}, optional=dict(optional))


TRAFFIC = some(
    timeout=DURATIONS,
    connectTimeout=DURATIONS,
    retries=st.fixed_dictionaries(
        {"attempts": st.integers(0, 10)},
        optional={
            "retryOn": st.lists(
                st.sampled_from(["5xx", "reset", "gateway-error", "retriable-4xx"]), min_size=1, unique=True
            ),
            "perTryTimeout": DURATIONS,
            "unsafeMethods": st.booleans(),
        },
    ),
    limits=some(
        connections=st.integers(1, 1000),
        pendingRequests=st.integers(1, 1000),
        requests=st.integers(1, 1000),
        requestsPerConnection=st.integers(1, 1000),
    ),
    outlier=some(
        consecutive5xx=st.integers(1, 100),
        interval=DURATIONS,
        ejection=DURATIONS,
        maxPercent=st.integers(1, 100),
    ),
    keepalive=st.sampled_from(["5s", "2m", "599s"]),
)
INSPECT = st.fixed_dictionaries(
    {
        "refuse": st.dictionaries(
            st.sampled_from(["key", "number"]),
            st.sampled_from(
                [
                    "BEGIN",
                    "it's ]] here",
                    {"pattern": "[0-9]{4}-?[0-9]{4}"},
                    {"text": "ü", "ignoreCase": True},
                ]
            ),
            min_size=1,
        )
    },
    optional={"mode": st.sampled_from(["enforce", "report"]), "maxBytes": st.integers(1, 1024 * 1024)},
)
OTHER_NAMES = some(
    sni=st.just("edge.provider.example"),
    subjectAltNames=st.sampled_from(
        [["edge.provider.example"], ["spiffe://partner.example/ns/x/sa/y", "edge.provider.example"]]
    ),
)
