"""python -m sandbox: a stack on this machine. `python -m sandbox --help` says what it can do.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from egress.common.guarded import guarded
from sandbox.home import CHECKOUT, Home
from sandbox.policies import Policies
from sandbox.tools import cache

COMMANDS = {
    "up": "deploy the stack",
    "preview": "show what `up` would change",
    "doctor": "ask what would stop the first `up`, against the stand-in for Google Cloud",
    "refresh": "make the state say what is really there",
    "destroy": "destroy the stack, and check that nothing is left",
    "export": "print the stack's state as Pulumi exports it (JSON)",
    "outputs": "print the stack's outputs (JSON)",
    "clean": "stop everything and delete the sandbox",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "clean":
        return _told(lambda: _clean(Home.from_env()))
    if options.command == "doctor":
        return _told(lambda: _doctor(options))
    return _told(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from sandbox import (
        operations,
    )  # imports the engine's SDK, which takes a second that wrong usage need not wait for

    policies = Policies(options.policy_pack, options.policy_pack_config) if options.policy_pack else None
    return operations.run(options.command, options.directory, options.stack, options.show_secrets, policies)


def _doctor(options: argparse.Namespace) -> int:
    from sandbox import doctor

    return doctor.run(options.directory, options.stack)


def _clean(home: Home) -> int:
    from sandbox.cleaning import clean

    print(f"{home.root}: stopped and deleted." if clean(home) else f"{home.root}: there is no sandbox.")
    return 0


def _told(command: Callable[[], int]) -> int:
    """The command's exit code. What was refused or failed is printed without this program's stack.

    Errors of the sandbox's parts are RuntimeErrors with a text for the reader. Anything else is a mistake in
    the sandbox itself, and `guarded` says so.
    """
    try:
        return command()
    except RuntimeError as error:
        if type(error) in (RuntimeError, RecursionError, NotImplementedError):
            raise
        print(f"\n{error}", file=sys.stderr)
    except (
        BrokenPipeError
    ):  # the reader of this output has gone; the operation itself has ended before that is noticed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"\n{cache.where_else(error)}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="The program on one machine: real engine, real API server, a stand-in for Google Cloud.",
        epilog="It lives in $EGRESS_SANDBOX_HOME, else .sandbox in the checkout. "
        "Commands: " + "; ".join(f"{name}: {what}" for name, what in COMMANDS.items()) + ".",
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--stack", default="dev", help="the stack, as in Pulumi.<stack>.yaml (default: dev)")
    parser.add_argument(
        "--directory",
        type=_path,
        default=CHECKOUT,
        help="folder of the project, for another program in the same sandbox (default: this checkout)",
    )
    parser.add_argument("--show-secrets", action="store_true", help="outputs: print secrets in plain text")
    parser.add_argument(
        "--policy-pack", type=_path, help="preview: folder of a policy pack that judges what would change"
    )
    parser.add_argument(
        "--policy-pack-config", type=_path, help="preview: JSON file with the pack's settings"
    )
    return parser


def _path(text: str) -> Path:
    return Path(text).resolve()


if __name__ == "__main__":
    sys.exit(guarded(main))
