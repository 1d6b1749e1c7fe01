"""Where the command begins and ends."""

from __future__ import annotations

import sys

from egress.common.guarded import guarded


def main() -> None:
    """The command `egress`, as a process."""
    sys.exit(guarded(_run))


def _run() -> None:
    from egress.cli.app import app  # what it imports may fail as well, and looks at stdout

    app(prog_name="egress")
