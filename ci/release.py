"""The notes of a release: its section of CHANGELOG.md."""

from __future__ import annotations

import re


class NoSection(Exception):
    """The changelog does not speak of the version."""


def notes(changelog: str, version: str) -> str:
    """What stands below `## VERSION`, up to the next heading of that rank. Raises NoSection, naming those
    that there are."""
    sections = re.split(r"^## (.+)$", changelog, flags=re.MULTILINE)[1:]
    titled = zip(sections[::2], sections[1::2], strict=True)
    by_name = {name.split()[0].removeprefix("v"): text.strip() for name, text in titled}
    wanted = version.removeprefix("v")
    if not by_name.get(wanted):
        raise NoSection(
            f"CHANGELOG.md has nothing under `## {wanted}`; it has: {', '.join(by_name)}. Rename `## "
            "Unreleased`, start a new "
            "one above it, and tag again."
        )
    return by_name[wanted] + "\n"
