"""Lines of code of training beside PyTorch and Keras: ``python -m benchmarks.lines``.

The scripts in same_training/ do the same job as examples: data, net, training, what is measured on
new data, and for PyTorch what curvlinops tells of curvature. All are counted by one rule.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

from .report import table

HERE = Path(__file__).parent
EXAMPLES = ["digits_batchnorm", "sequences_lstm", "sequences_transformer", "messy_table"]
OTHERS = ["torch", "keras"]
HEADER = ["example", "here", "PyTorch, curvlinops", "Keras, no curvature"]


def code_lines(source: str) -> int:
    """How many lines of a script hold code, once ruff has formatted it to 100 columns.

    Blank lines, comments and docstrings do not count; nothing is kept as it was written.

    Examples
    --------
    >>> code_lines("x = 1  # one\\n\\n# the end\\nprint(x)\\n")
    2
    """
    kept = re.sub(r"\s*# fmt: \w+", "", source)
    options = ["--isolated", "--line-length=100", "--config=format.skip-magic-trailing-comma=true"]
    command = [sys.executable, "-m", "ruff", "format", *options, "-"]
    run = subprocess.run(command, input=kept, capture_output=True, text=True, check=True)
    ignored = (
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENDMARKER,
    )  # fmt: skip
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(run.stdout).readline):
        if token.type not in ignored:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstrings(run.stdout))


def _docstrings(source: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body:
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                found |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return found


def counts(example: str) -> list[int | None]:
    """Of our example, and of the others' scripts for it, where there is one."""
    scripts = [HERE.parent / f"examples/{example}.py"]
    scripts += [HERE / f"same_training/{example}_{name}.py" for name in OTHERS]
    return [code_lines(path.read_text()) if path.exists() else None for path in scripts]


def lines_table() -> str:
    """The table in docs/guides/training.md."""
    rows = [[name, *("" if n is None else str(n) for n in counts(name))] for name in EXAMPLES]
    return table(HEADER, rows)


if __name__ == "__main__":
    print(lines_table())
