"""The other end of a connection, and whether the addresses that a NetworkPolicy names let it through.

network_policy.py says which end that is, and which rules are asked; tests/judge/test_network_policy*.py holds
both.
"""

from __future__ import annotations

from dataclasses import dataclass

from egress.judge.model.flow import Pod
from egress.judge.model.ip_ranges import NOWHERE, Ranges


@dataclass(slots=True)
class End:
    """The other end of a connection, as one side's rules see it."""

    words: str
    addresses: Ranges
    """Where it may be."""
    pod: Pod | None = None
    all_of_them: bool = False
    """Whether rules must let every one of these addresses through, or one is enough."""
    let_through: Ranges = NOWHERE

    def within(self, block: Ranges, *, read: bool) -> bool:
        """Whether a block lets the end through, together with those before it where it takes several. One of
        a rule that is not read may, as soon as it has an address of the end's, and stands in for none that
        is."""
        if not (self.all_of_them and read):
            return block.meets(self.addresses)
        self.let_through = self.let_through.union(block)
        return self.let_through.covers(self.addresses)
