"""Forms of texts: what a value has to look like to be taken by Kubernetes, Istio and Google Cloud, and the
one way to compare.

A pattern means the whole text and ASCII alone. In Python `$` also matches before a line end at the end, and
`\\d` every digit of every script: a text that passed here would be refused by those who get it, so nobody but
this module compares.
"""

from __future__ import annotations

import re

LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A DNS label (RFC 1123): namespaces, Services, ports and subsets of Istio."""
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
"""Labels with dots between them; how long the whole may be is not said."""
RESOURCE = "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""A name of Compute Engine (RFC 1035)."""
LABEL_TEXT = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
"""The value of a Kubernetes label, if it is not empty, and the name in its key."""
PROJECT = rf"({SUBDOMAIN}:)?[a-z][a-z0-9-]{{4,28}}[a-z0-9]"
"""The id of a Google Cloud project, with its domain where it belongs to one."""
ROLE = r"((projects|organizations)/[a-z0-9:.-]+/)?roles/[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*"
"""A role of IAM."""
IMAGE = (
    r"([A-Za-z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
"""A container image, as registries name it."""


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text has the form."""
    return re.fullmatch(pattern, text, re.ASCII) is not None


def first(pattern: str, text: str) -> str | None:
    """The first part of a text that has the form."""
    part = re.search(pattern, text, re.ASCII)
    return part.group() if part else None


def replaced(pattern: str, by: str, text: str) -> str:
    """The text with every part that has the form replaced."""
    return re.sub(pattern, by, text, flags=re.ASCII)
