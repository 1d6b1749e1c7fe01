"""What the names of a stack in Google Cloud begin with, and the names that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, cast

from pydantic import Field

from egress.common import google_names, grammar
from egress.common.google_names import LONGEST_PREFIX, GoogleNames
from egress.common.names import DNS_LABEL
from egress.settings.base import Form, Model, Refusal

_FORM = rf"([a-z]([a-z0-9-]{{0,{LONGEST_PREFIX - 2}}}[a-z0-9])?)?"
Prefix = Annotated[
    str,
    Form(
        _FORM,
        "Names of service accounts, zones and firewall rules begin with it, and Google Cloud would refuse "
        f"them: at most {LONGEST_PREFIX} lower-case letters, digits and hyphens, first a letter, last not a "
        "hyphen.",
        "Write e.g. eu.",
    ),
]


class Names(Model):
    """What tells this stack's names in Google Cloud from those of other stacks in the same project."""

    prefix: Prefix | None = Field(
        default=None,
        description="Begins every name that the stack gives in the project: zones, router, firewall rules, "
        "addresses, service accounts, buckets. No two stacks of a project may have the same. "
        "Another one makes all of these anew. Absent: `network.name`. Empty: the names of "
        "Google's tutorial, for one stack of a project. Refused: Not of the form `eu`; longer "
        "than 11 characters; `sa`. Absent, and `network.name` is longer.",
    )


def completed(raw: Any) -> Any:
    """A raw config with the names of network, subnet and cluster that it leaves out."""
    if not isinstance(raw, Mapping):
        return raw
    config: dict[str, Any] = dict(cast("Mapping[str, Any]", raw))
    network = config.get("network")
    if not isinstance(network, Mapping):
        return config
    prefix = _prefix(config.get("names"))
    named: dict[str, Any] = {"name": google_names.network(prefix or ""), **network}
    begin = named["name"] if prefix is None else prefix
    if isinstance(begin, str) and isinstance(subnet := named.get("subnet"), Mapping):
        named["subnet"] = {"name": google_names.subnet(begin), **subnet}
    config["network"] = named
    cluster = config.get("cluster", {})
    if isinstance(begin, str) and isinstance(cluster, Mapping):
        config["cluster"] = {"name": google_names.cluster(begin), **cluster}
    return config


def _prefix(names: Any) -> str | None:
    """The prefix that a raw config gives, if it can be one."""
    given = cast("Mapping[str, Any]", names).get("prefix") if isinstance(names, Mapping) else None
    return given if isinstance(given, str) and grammar.matches(_FORM, given) else None


def unfit(
    names: Names, network: str, addresses: Mapping[tuple[str, ...], Iterable[str]]
) -> Iterator[Refusal]:
    """A prefix that another stack's names have, or that leaves no room for names behind it.

    `addresses`: reserved ones, by where they are.
    """
    if names.prefix is None and len(network) > LONGEST_PREFIX:
        yield (
            ("names", "prefix"),
            "Without it the stack's names begin with network.name, which is too long: in the id of a service "
            f"account there is room for {LONGEST_PREFIX} characters.",
            "Write a short one, which no other stack of the project has.",
        )
        return
    prefix = network if names.prefix is None else names.prefix
    if prefix == google_names.OF_NODES:
        yield (
            ("names", "prefix") if names.prefix else ("network", "name"),
            "A stack of the project that has the names of Google's tutorial begins the names of its nodes' "
            "service accounts with it: the nodes of both would act with the same rights.",
            "Write another one.",
        )
    for path, of_path in addresses.items():
        for address in of_path:
            if prefix and len(whole := f"{prefix}-{address}") > DNS_LABEL:
                yield (
                    (*path, address),
                    f"Behind the stack's prefix the address is called {whole}, which has {len(whole)} "
                    f"characters: Compute Engine takes {DNS_LABEL}.",
                    "Choose a shorter name.",
                )


def one_address_twice(
    google: GoogleNames, addresses: Mapping[tuple[str, ...], Iterable[str]]
) -> Iterator[Refusal]:
    """A reserved address of Cloud NAT that has the name of the ingress gateway's."""
    for path, of_path in addresses.items():
        for address in of_path:
            if google.own(address) == google.ingress_address:
                yield (
                    (*path, address),
                    "The address to which partners connect has this name already, and Google Cloud "
                    "accepts a name only once.",
                    "Choose another name.",
                )
