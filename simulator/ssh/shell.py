"""A tiny shell: lists, pipes and a few commands, answered from facts about the machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.ssh import commands
from simulator.ssh.machine import MachineView

_DROPPED = re.compile(r"\s*(2>&1|[12&]?>\s*/dev/null)")


@dataclass(frozen=True)
class Result:
    """What a command line printed, its exit code, and how long it slept."""

    out: str = ""
    err: str = ""
    code: int = 0
    wait_s: float = 0.0


class Shell:
    """Runs command lines against one machine; `mode` is the SSH fault in force."""

    def __init__(self, view: MachineView, mode: str, user: str) -> None:
        self._view = view
        self._mode = mode
        self.user = user

    def run(self, line: str) -> Result:
        """Everything the line prints; unknown commands end with 127, as in a real shell."""
        if self._mode == "command_fails":
            return Result(err="bash: fork: Resource temporarily unavailable\n", code=1)
        if self._mode == "wrong_output":
            return Result(out="\x1b[?2004lMOTD: maintenance\n")
        words = _words(line)
        if words is None:
            return Result(err="bash: unexpected EOF while looking for matching quote\n", code=2)
        return self._list(words)

    def _list(self, words: list[str]) -> Result:
        out, err, code, wait_s = "", "", 0, 0.0
        joiner = ";"
        for step, following in _split(words):
            if (joiner == "&&" and code != 0) or (joiner == "||" and code == 0):
                joiner = following
                continue
            joiner = following
            if step[0] == "exit":
                return Result(out, err, exit_code(step, code), wait_s)
            result = self._pipeline(step)
            out, err, code = out + result.out, err + result.err, result.code
            wait_s += result.wait_s
        return Result(out, err, code, wait_s)

    def _pipeline(self, words: list[str]) -> Result:
        stages = _on_pipes(words)
        result = self._command(stages[0], "")
        for stage in stages[1:]:
            after = self._command(stage, result.out)
            result = Result(after.out, result.err + after.err, after.code, result.wait_s)
        return result

    def _command(self, words: Sequence[str], given: str) -> Result:
        while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]):
            words = words[1:]
        if words and words[0] in ("sudo", "exec", "command", "env", "time"):
            words = words[1:]
        if not words:
            return Result()
        name = words[0].rsplit("/", 1)[-1]
        if name in ("bash", "sh") and "-c" in words[:-1]:
            return self.run(words[words.index("-c") + 1])
        if name == "sleep":
            return Result(wait_s=_seconds(words[1:]))
        if name == "whoami":
            return Result(out=f"{self.user}\n")
        command = self._find(name)
        if command is None:
            return Result(err=f"bash: line 1: {name}: command not found\n", code=127)
        out, code = command(self._view, list(words[1:]), given)
        return Result(out, code=code)

    def _find(self, name: str) -> Callable[[MachineView, list[str], str], tuple[str, int]] | None:
        if name == "nvidia-smi" and self._mode == "no_nvidia_smi":
            return None
        return commands.COMMANDS.get(name)


def exit_code(words: Sequence[str], last: int) -> int:
    """The code that `exit` ends with: its argument, else that of the last command."""
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else last


def _words(line: str) -> list[str] | None:
    cleaned = _DROPPED.sub("", line.replace("\n", " ; "))
    lexer = shlex.shlex(cleaned, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return None


def _split(words: list[str]) -> list[tuple[list[str], str]]:
    """The steps of a list, each with the operator that follows it."""
    steps: list[tuple[list[str], str]] = []
    step: list[str] = []
    for word in words:
        if word in ("&&", "||", ";", "&"):
            steps.append((step, word))
            step = []
        else:
            step.append(word)
    return [(step, joiner) for step, joiner in [*steps, (step, ";")] if step]


def _on_pipes(words: list[str]) -> list[list[str]]:
    stages: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            stages.append([])
        else:
            stages[-1].append(word)
    return stages


def _seconds(words: Sequence[str]) -> float:
    try:
        return float(words[0].rstrip("s"))
    except (IndexError, ValueError):
        return 0.0
