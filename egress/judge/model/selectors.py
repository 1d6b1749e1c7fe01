"""Label selectors: by which objects say which pods and namespaces they mean.

Source: Kubernetes, LabelSelector (meta/v1): the conditions of `matchLabels` and `matchExpressions` must all
hold; an empty selector selects everything. Operators In, NotIn, Exists and DoesNotExist, which is all there
are; NotIn also selects what does not have the label. In and NotIn name values and the others none; anything
else no API takes, and it is unknown here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]


@dataclass(slots=True)
class Requirement:
    key: str
    operator: str
    values: frozenset[str]

    def holds(self, labels: Labels) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels


@dataclass(slots=True)
class Selector:
    """A selector, read once. `unknown`: what in it is not among the forms above, or nothing."""

    wanted: Labels
    requirements: tuple[Requirement, ...]
    unknown: str

    @classmethod
    def of(cls, written: Mapping[str, Any] | None) -> Selector:
        written = written or {}
        wanted: Labels = written.get("matchLabels") or {}
        requirements = tuple(_requirements(written))
        unknown = ", ".join(
            [
                *(key for key in written if key not in ("matchLabels", "matchExpressions")),
                *(
                    f"operator {requirement.operator or 'missing'}"
                    for requirement in requirements
                    if requirement.operator not in ("In", "NotIn", "Exists", "DoesNotExist")
                ),
                *(
                    f"values of operator {requirement.operator}"
                    for requirement in requirements
                    if requirement.operator
                    in (("Exists", "DoesNotExist") if requirement.values else ("In", "NotIn"))
                ),
            ]
        )
        return cls(wanted, requirements, unknown)

    @property
    def everything(self) -> bool:
        return not self.wanted and not self.requirements and not self.unknown

    def selects(self, labels: Labels) -> bool:
        """Whether something with these labels is meant; True where the selector is not understood."""
        if self.unknown:
            return True
        if not self.wanted.items() <= labels.items():
            return False
        return not self.requirements or all(requirement.holds(labels) for requirement in self.requirements)

    @property
    def example(self) -> dict[str, str]:
        """Labels that it selects, as far as labels can be told: what has to be there, and nothing else."""
        found = dict(self.wanted)
        for one in self.requirements:
            if one.operator in ("In", "Exists"):
                found.setdefault(one.key, min(one.values, default="any"))
        return found

    def can_select(self) -> bool:
        """Whether some set of labels satisfies it."""
        return bool(self.unknown) or all(self._satisfiable(one.key) for one in self.requirements)

    def _satisfiable(self, key: str) -> bool:
        of_key = [requirement for requirement in self.requirements if requirement.key == key]
        present = key in self.wanted or any(
            requirement.operator in ("In", "Exists") for requirement in of_key
        )
        if not present:
            return True
        if any(requirement.operator == "DoesNotExist" for requirement in of_key):
            return False
        refused = {
            value for requirement in of_key if requirement.operator == "NotIn" for value in requirement.values
        }
        named = [requirement.values for requirement in of_key if requirement.operator == "In"]
        named += [frozenset({self.wanted[key]})] if key in self.wanted else []
        return not named or any(all(value in values for values in named) for value in named[0] - refused)


def _requirements(written: Mapping[str, Any]) -> Iterator[Requirement]:
    for one in written.get("matchExpressions") or ():
        yield Requirement(one.get("key", ""), one.get("operator", ""), frozenset(one.get("values") or ()))
