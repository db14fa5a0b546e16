"""What no output needs."""

from __future__ import annotations

from dataclasses import replace

from ..program import Program


def drop_dead(program: Program) -> Program:
    """Leave out what no output needs, and constants that nothing reads."""
    needed = set(program.outputs)
    kept = []
    for i in reversed(program.instructions):
        if i.out in needed:
            kept.append(i)
            needed.update(i.args)
    constants = {slot: c for slot, c in program.constants.items() if slot in needed}
    return replace(program, instructions=tuple(reversed(kept)), constants=constants)
