"""The agent as start-up commands carry it: without comments, docstrings and types, compressed.

Python's own base85 has no character that ends a quotation in a shell or in Python.
"""

from __future__ import annotations

import ast
import base64
import zlib
from pathlib import Path

from gpu_shopper.core import agent_program

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "agent" / "gpu_shopper_agent.py"
_TYPES_ONLY = ("__future__", "typing", "collections.abc")
_LINE = 88
_HEAD = '''"""`agent/gpu_shopper_agent.py`, packed; `python -m reference` writes this file."""

PROGRAM = (
'''


def text() -> str:
    """The module that holds the packed agent; as it is, while it still unpacks to the source.

    Other builds of zlib may compress to other bytes, which is no reason to write it anew.
    """
    wanted = bare(SOURCE.read_text("utf-8"))
    packed = agent_program.PROGRAM
    if unpacked(packed) != wanted:
        packed = _packed(wanted)
    lines = [packed[at : at + _LINE] for at in range(0, len(packed), _LINE)]
    return _HEAD + "".join(f'    "{line}"\n' for line in lines) + ")\n"


def bare(source: str) -> str:
    """`source` with nothing that the interpreter does not need, indented by one column."""
    tree = ast.fix_missing_locations(_Bare().visit(ast.parse(source)))
    lines = (line for line in ast.unparse(tree).splitlines() if line.strip())
    return "\n".join(line[(len(line) - len(line.lstrip())) * 3 // 4 :] for line in lines)


def unpacked(packed: str) -> str:
    """What a machine runs."""
    return zlib.decompress(base64.b85decode(packed), -zlib.MAX_WBITS).decode()


def _packed(text_: str) -> str:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    return base64.b85encode(compressor.compress(text_.encode()) + compressor.flush()).decode()


class _Bare(ast.NodeTransformer):
    """Takes out docstrings, annotations and what is imported for them."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module in _TYPES_ONLY else node

    def _without_docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> ast.AST:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)
