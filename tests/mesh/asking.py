"""What a pod asks with curl, with what it left behind."""

from __future__ import annotations

from tests.mesh.client import curl
from tests.mesh.evidence import Evidence, Watch
from tests.mesh.mesh import Mesh

_NO_ANSWER = ("refused", "timeout")
_REFUSALS = (*_NO_ANSWER, "403", "404", "502", "503")


def ask(mesh: Mesh, pod: str, *words: str) -> tuple[str, Evidence]:
    """curl's answer in a word, and the evidence."""
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words)
    return answer.word, watch.evidence()


def check_refused(mesh: Mesh, pod: str, *words: str) -> None:
    """Refused, by whomever, and nothing arrives outside."""
    word, evidence = ask(mesh, pod, *words)
    assert word in _REFUSALS
    assert not evidence.arrived


def check_unanswered(mesh: Mesh, pod: str, *words: str) -> None:
    """Refused without an answer, as packets are, and nothing arrives outside."""
    word, evidence = ask(mesh, pod, *words)
    assert word in _NO_ANSWER
    assert not evidence.arrived
