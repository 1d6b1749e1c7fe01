"""The Pulumi CLI as a child process. It takes nothing from the user's own Pulumi, and can be told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from pulumi.automation import CommandResult, OnOutput, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

_FOREIGN = ("PULUMI_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_")
"""Environment of the user's own Pulumi and Google Cloud: a token, project or passphrase of theirs has no
place here."""
_OURS = ("PULUMI_K8S_",)
"""Settings of the kubernetes provider, which its stand-in knows too."""


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what belongs to the user's own Pulumi and Google Cloud."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_FOREIGN) or name.startswith(_OURS)
    }


class Command(PulumiCommand):
    """The CLI at a given path. Ctrl-C is passed on to it, so that the engine can stop in good order.

    It runs in a session of its own: the terminal would send Ctrl-C to it as well, and the engine takes the
    second one as the demand to stop at once.
    """

    def __init__(self, executable: Path) -> None:
        self.command = str(executable)
        self._process: subprocess.Popen[str] | None = None
        self._interrupts = 0
        printed = subprocess.run(
            [self.command, "version"],
            capture_output=True,
            text=True,
            check=True,
            env=self._env({}),
            encoding="utf-8",
        )
        self.version = VersionInfo.parse(printed.stdout.strip().removeprefix("v"))

    @property
    def interrupted(self) -> bool:
        """Whether the user asked for a stop since this object was made."""
        return self._interrupts > 0

    def _env(self, additional: Mapping[str, str]) -> dict[str, str]:
        return {
            **without_foreign(os.environ),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_AUTOMATION_API": "true",
            **additional,
        }

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Runs to the end and returns what was said; raises a CommandError where the CLI did not return 0."""
        with subprocess.Popen(
            [self.command, "--non-interactive", *args],
            cwd=cwd,
            env=self._env(additional_env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            self._process = process
            try:
                assert process.stdout
                assert process.stderr
                output, errors = _Reader(process.stdout, on_output), _Reader(process.stderr, on_error)
                output.join()
                errors.join()
                code = process.wait()
            finally:
                self._process = None
        result = CommandResult(stdout="\n".join(output.lines), stderr="\n".join(errors.lines), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """While inside, the first SIGINT or SIGTERM stops the engine in good order, the second at once."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        process = self._process
        self._interrupts += 1
        if process is None:
            raise KeyboardInterrupt
        if self._interrupts == 1:
            print(
                "Stopping: the engine finishes what it has begun. Ctrl-C again stops it at once.",
                file=sys.stderr,
            )
        if self._interrupts <= 2:
            process.send_signal(signal.SIGINT)
        else:
            process.kill()


class _Reader(threading.Thread):
    """Reads one stream to its end, line by line, so that neither stream can block the other."""

    def __init__(self, stream: IO[str], on_line: OnOutput | None) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self._stream = stream
        self._on_line = on_line
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self.lines.append(line.rstrip())
            self._tell(line.rstrip())

    def _tell(self, line: str) -> None:
        """Whoever reads our output may stop reading (`| head`). The engine's output must still be read to
        its end, or it would block."""
        try:
            if self._on_line:
                self._on_line(line)
        except BrokenPipeError:
            self._on_line = None
