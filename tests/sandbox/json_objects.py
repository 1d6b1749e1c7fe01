"""Random JSON objects for property tests: of any depth, with nulls."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

names = st.text("abcxyz-._/", min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=4)

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a machine that is busy with other tests: how long an example takes is not what is tested."""
