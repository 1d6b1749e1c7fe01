"""What README.md has people do before the first `pulumi up`."""

from __future__ import annotations

import re

from tests.program_runner import run_program
from tests.support import ROOT, dev_config


def test_every_api_of_dev_is_switched_on_before() -> None:
    """Those that Pulumi switches on itself answer some minutes later, and nobody asks them again."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.partition("gcloud services enable ")[2].partition("```")[0]
    needed = {
        one["inputs"]["service"] for one in run_program(dev_config()).of_type("gcp:projects/service:Service")
    }
    assert set(re.findall(r"[a-z]+\.googleapis\.com", command)) == needed | {"serviceusage.googleapis.com"}
