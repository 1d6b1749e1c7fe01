"""What one set of objects lets out that another does not: both judged, over all that either of them tells
apart."""

from egress.answers.diff.changes import Change, Difference, difference

__all__ = ["Change", "Difference", "difference"]
