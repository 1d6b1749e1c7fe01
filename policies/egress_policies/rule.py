"""The form of a rule: what it looks at, and what it says of what it must not see. No Pulumi: plain values in,
words out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, cast

UNKNOWN = object()
"""Stands for a value that only Google Cloud will know. No rule finds fault with what it cannot see; `up`
looks again."""

Settings = Mapping[str, Any]
"""A rule's settings from the policy pack's own config, defaults filled in."""


@dataclass(frozen=True)
class Resource:
    """One resource as the program asks for it. `provider` are the inputs of its provider."""

    type: str
    name: str
    urn: str
    props: Mapping[str, Any]
    protect: bool = False
    provider: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def stack(self) -> str:
        """The stack's name: `urn:pulumi:STACK::PROJECT::...`."""
        return self.urn.split("::")[0].rpartition(":")[2]

    @property
    def kind(self) -> str:
        """Kind of a Kubernetes object with its group: `networking.istio.io/ServiceEntry`, `v1/Namespace`."""
        if not self.type.startswith("kubernetes:"):
            return ""
        return f"{str(self.props.get('apiVersion')).partition('/')[0]}/{self.props.get('kind')}"

    @property
    def namespace(self) -> str:
        return at(self.props, "metadata.namespace") or ""


@dataclass(frozen=True)
class Setting:
    """One list of names that the pack's config may give to a rule; `*` stands for any run of characters."""

    default: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Rule:
    """A rule. `of_one` looks at each resource by itself, `of_all` at the whole stack; what they yield are the
    violations."""

    name: str
    description: str
    of_one: Callable[[Resource, Settings], Iterator[str]] | None = None
    of_all: Callable[[Sequence[Resource], Settings], Iterator[tuple[Resource | None, str]]] | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict[str, Setting])

    def configured(self, given: Settings) -> Settings:
        return {name: given.get(name, setting.default) for name, setting in self.settings.items()}


def at(value: Any, path: str) -> Any:
    """The value at a path like `privateClusterConfig.enablePrivateNodes`; None where there is none, UNKNOWN
    where not known."""
    for part in path.split("."):
        if value is UNKNOWN or value is None:
            return value
        value = mapping(value).get(part)
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """The map, if it is one; else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def known(values: Any) -> list[Any]:
    """The elements of a list that are known; none where the list is missing or not known itself."""
    listed = cast("Sequence[Any]", values) if isinstance(values, list | tuple) else ()
    return [value for value in listed if value is not UNKNOWN]


def matches(name: Any, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(str(name), pattern) for pattern in patterns)
