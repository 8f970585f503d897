"""What the start-up commands of a machine do: a tiny shell that only writes files in memory.

Only `runcmd` is carried out, as at the provider. Understood are the ways in which text gets into
a file (echo, printf, cat, tee, base64 -d, cp, redirections and here-documents, also within
`sh -c`); everything else succeeds without doing anything. Nothing ever runs on the host.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import shlex
from collections.abc import Callable
from typing import Any

HOMES = {"root": "/root", "user": "/home/user"}
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"

_HEREDOC = re.compile(
    r"<<-?[ ]*(['\"]?)(\w+)\1(?P<rest>[^\n]*)\n(?P<text>.*?)^\s*\2[ ]*$", re.DOTALL | re.MULTILINE
)
_PREFIXES = {"sudo", "exec", "command", "env", "if", "then", "else", "do", "!", "{"}
_OPERATORS = ";&|<>()\n"
_OPERATOR = re.compile(r"&&|\|\||>>|>&|&>|[;&|<>()\n]")
_JOINERS = {"&&", "||", ";", "&", "\n", "(", ")"}
_HERE = "@here-document-"


class Disk:
    """Files by absolute path, as the commands have written them so far."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def run(self, command: Any) -> None:
        """Carry out one entry of `runcmd`: a line, or a list of words."""
        if isinstance(command, list):
            self._words([str(word) for word in command])
        else:
            self._line(str(command))

    def keys(self, user: str) -> list[str]:
        """The lines of the user's authorized_keys."""
        lines = self.files.get(f"{HOMES[user]}/.ssh/authorized_keys", "").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def _line(self, line: str) -> tuple[str, bool]:
        inputs: list[str] = []

        def lift(found: re.Match[str]) -> str:
            inputs.append(found["text"])
            return f"< {_HERE}{len(inputs) - 1}{found['rest']}\n"

        words = _split(_HEREDOC.sub(lift, line + "\n"))
        return self._list(words, inputs)

    def _list(self, words: list[str], inputs: list[str]) -> tuple[str, bool]:
        printed, worked, joiner = "", True, ";"
        step: list[str] = []
        for word in [*words, ";"]:
            if word not in _JOINERS:
                step.append(word)
                continue
            skip = (joiner == "&&" and not worked) or (joiner == "||" and worked)
            if step and not skip:
                out, worked = self._pipeline(step, inputs)
                printed += out
            joiner, step = (word if word in ("&&", "||") else ";"), []
        return printed, worked

    def _pipeline(self, words: list[str], inputs: list[str]) -> tuple[str, bool]:
        given, worked = "", True
        stage: list[str] = []
        for word in [*words, "|"]:
            if word == "|":
                given, worked = self._stage(stage, given, inputs)
                stage = []
            else:
                stage.append(word)
        return given, worked

    def _stage(self, words: list[str], given: str, inputs: list[str]) -> tuple[str, bool]:
        plain: list[str] = []
        targets: list[tuple[str, bool]] = []
        rest = iter(words)
        for word in rest:
            if word in (">", ">>", "&>"):
                target = (next(rest, ""), word == ">>")
                if plain[-1:] == ["2"]:
                    plain.pop()
                else:
                    targets.append(target)
            elif word == ">&":
                del plain[-1:]
                next(rest, "")
            elif word == "<":
                given = self._input(next(rest, ""), inputs)
            else:
                plain.append(word)
        out, worked = self._command(plain, given)
        for path, append in targets:
            self._write(path, out, append=append)
            out = ""
        return out, worked

    def _input(self, source: str, inputs: list[str]) -> str:
        if source.startswith(_HERE):
            return inputs[int(source.removeprefix(_HERE))]
        return self.files.get(_absolute(source), "")

    def _write(self, path: str, text: str, *, append: bool) -> None:
        if path.startswith("/dev/") or not path:
            return
        path = _absolute(path)
        self.files[path] = (self.files.get(path, "") if append else "") + text

    def _command(self, words: list[str], given: str) -> tuple[str, bool]:
        while words and (words[0] in _PREFIXES or re.fullmatch(r"[A-Za-z_]\w*=.*", words[0])):
            words = words[1:]
        if not words:
            return "", True
        name, arguments = words[0].rsplit("/", 1)[-1], words[1:]
        if name == "timeout":
            return self._command(arguments[1:], given)
        if name in ("bash", "sh"):
            script = next((after for flag, after in _pairs(arguments) if flag.endswith("c")), given)
            return self._line(script)
        act = self._commands().get(name)
        return act(arguments, given) if act else ("", True)

    def _words(self, words: list[str]) -> None:
        self._command(words, "")

    def _commands(self) -> dict[str, Callable[[list[str], str], tuple[str, bool]]]:
        return {
            "echo": _echo,
            "printf": _printf,
            "base64": self._base64,
            "cat": lambda words, given: (self._read(words, given), True),
            "tee": self._tee,
            "cp": self._copy,
            "install": self._copy,
            "grep": self._grep,
            "rm": self._remove,
            "true": lambda _words, _given: ("", True),
            "false": lambda _words, _given: ("", False),
        }

    def _read(self, words: list[str], given: str) -> str:
        paths = [word for word in words if not word.startswith("-")]
        return "".join(self.files.get(_absolute(path), "") for path in paths) if paths else given

    def _base64(self, words: list[str], given: str) -> tuple[str, bool]:
        text = self._read([word for word in words if not word.startswith("-")], given)
        if not {"-d", "--decode", "-D"} & set(words):
            return base64.b64encode(text.encode()).decode() + "\n", True
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode(), True
        except (binascii.Error, ValueError):
            return "", False

    def _tee(self, words: list[str], given: str) -> tuple[str, bool]:
        for path in words:
            if not path.startswith("-"):
                self._write(path, given, append="-a" in words)
        return given, True

    def _copy(self, words: list[str], _given: str) -> tuple[str, bool]:
        paths = [_absolute(word) for word in words if word.startswith(("/", "~"))]
        if len(paths) != 2 or paths[0] not in self.files:
            return "", len(paths) != 2
        name = "/" + paths[0].rsplit("/", 1)[-1] if paths[1].endswith("/") else ""
        self.files[paths[1].rstrip("/") + name] = self.files[paths[0]]
        return "", True

    def _grep(self, words: list[str], given: str) -> tuple[str, bool]:
        plain = [word for word in words if not word.startswith("-")]
        if not plain:
            return "", False
        text = self._read(plain[1:], given)
        return "", any(plain[0] in line for line in text.splitlines())

    def _remove(self, words: list[str], _given: str) -> tuple[str, bool]:
        for word in words:
            self.files.pop(_absolute(word), None)
        return "", True


def carried_out(commands: Any) -> Disk:
    """The disk after every command of a `runcmd` list."""
    disk = Disk()
    for command in commands if isinstance(commands, list) else []:
        disk.run(command)
    return disk


def _split(line: str) -> list[str]:
    """Words and operators; a line with unbalanced quotes does nothing."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        return []
    words: list[str] = []
    for token in tokens:
        words += [token] if token.strip(_OPERATORS) or not token else _OPERATOR.findall(token)
    return words


def _absolute(path: str) -> str:
    for user, home in {"": HOMES["root"], **HOMES}.items():
        if path == f"~{user}" or path.startswith(f"~{user}/"):
            return home + path.removeprefix(f"~{user}")
    return path


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    """Each option with the word after it."""
    return [pair for pair in itertools.pairwise(words) if pair[0].startswith("-")]


def _echo(words: list[str], _given: str) -> tuple[str, bool]:
    newline = "" if "-n" in words[:2] else "\n"
    escapes = "-e" in words[:2]
    text = " ".join(word for word in words if word not in ("-n", "-e"))
    return (_unescaped(text) if escapes else text) + newline, True


def _printf(words: list[str], _given: str) -> tuple[str, bool]:
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        return "", False
    shape, values = _unescaped(words[0]), words[1:]
    if not re.search("%[sb]", shape):
        return shape.replace("%%", "%"), True
    filled = [re.sub("%[sb]", lambda _found, v=value: v, shape, count=1) for value in values]  # type: ignore[misc]  # a bound default is not part of the type
    return "".join(filled), True


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")
