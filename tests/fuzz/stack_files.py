"""Text that is nearly a stack's file, given to the commands."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import event
from hypothesis import strategies as st

from tests.fuzz.commands import command, folder
from tests.hostile_configs import hostile, wide
from tests.support import dev_config

_SCRAPS = st.sampled_from(
    [*"{}[]:\t\x00\ufeff\u2028é'\"|>#%~", "&a ", "*a", "- ", "? ", "<<: ", "---\n", "...\n", "\r\n"]
) | st.sampled_from(
    ["!!int ", "!!timestamp ", "null", "no", "1_000", "0x1F", "2001-99-99", "9" * 400, "secure: "]
)


@st.composite
def stack_files(draw: st.DrawFn) -> Any:
    """A stack's file with some scraps put in, some pieces taken out, some lines twice."""
    text = yaml.safe_dump(
        {"config": draw(st.just(dev_config()) | wide() | hostile())}, sort_keys=False, allow_unicode=True
    )
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 30)))
        how = draw(st.sampled_from(["put", "take", "twice"]))
        text = {
            "put": text[:at] + draw(_SCRAPS) + text[at:],
            "take": text[:at] + text[end:],
            "twice": text[:end] + text[at:end] + text[end:],
        }[how]
    return text


def check_stack_file(text: Any) -> None:
    with folder(**{"Pulumi.fuzz.yaml": text}):
        code, said = command("verify", "--stack", "fuzz")
        event(["proven", "not proven", "refused"][code])
        assert code != 1, f"accepted, and not proven:\n{said}"
        if code == 0:
            for words in (
                ("reach",),
                ("evidence",),
                ("evidence", "--format", "markdown"),
                ("map", "--out", "map.html"),
                ("render",),
            ):
                again, said = command(*words, "--stack", "fuzz")
                assert again == 0, said
