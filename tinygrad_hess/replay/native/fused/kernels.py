"""From elementwise steps to the machine code of one loop over all of them.

    kernel : (steps, operands) -> code of an inner loop, with the arguments of NumPy's own

Each element is computed from the operands to the results in registers, where a loop for each step
would read and write memory in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .assembler import (
    CALLEE_SAVED,
    R8,
    R9,
    R10,
    R11,
    RAX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    Assembler,
    At,
    Constant,
)  # fmt: skip


class Step(NamedTuple):
    """One instruction on vectors; its number is that of the value that it makes.

    ``arguments`` are the numbers of steps before it.
    """

    name: str  # an instruction of the assembler's, or LOAD, CONSTANT, STORE
    arguments: tuple[int, ...] = ()
    detail: int = 0  # an operand; the bits of a constant; the instruction's own number


LOAD, CONSTANT, STORE = "load", "constant", "store"
GIVEN = frozenset({LOAD, CONSTANT})
"""What is not computed: its value can be had again at any time."""


class Operand(NamedTuple):
    """What the loop is called with: bytes of an element, from one to the next, and between rows.

    A step of 0 is that of an operand that is broadcast, an ``itemsize`` of 1 that of a mask.
    """

    itemsize: int
    step: int
    row: int = 0


REGISTERS = 16
HOISTED = 6
"""Registers for what is the same for all elements, as long as others are left."""


def kernel(
    steps: Sequence[Step], operands: Sequence[Operand], itemsize: int, length: int = 0
) -> bytes:
    """Machine code of ``void loop(char **args, intp *dimensions, intp *steps, void *data)``.

    Parameters
    ----------
    steps : sequence of Step
        In order. A store comes after all that reads what it overwrites.
    operands : sequence of Operand
        The arguments of the loop. 32 bytes of elements are computed at a time, unless those of
        a mask lie apart.
    itemsize : int
        Of numbers: 8 for doubles, or 4.
    length : int, optional
        Of a row, where there are several.

    Returns
    -------
    bytes
        Position-independent code for x86-64 with AVX2, by the System V ABI. The number of
        elements is the first of its dimensions, that of rows the second, if there are several;
        steps and data are not read.
    """
    return _Kernel(steps, operands, itemsize, length).code()


SPILL, RELOAD = "spill", "reload"


class _Placed(NamedTuple):
    """A step with its registers, or a move between a register and the stack."""

    name: str
    to: int
    arguments: tuple[int, ...]
    detail: int
    spare: int


class _Kernel:
    def __init__(
        self, steps: Sequence[Step], operands: Sequence[Operand], itemsize: int, length: int
    ):
        self.steps, self.operands, self.itemsize, self.length = steps, operands, itemsize, length
        self.apart = {k for k, x in enumerate(operands) if x.step not in (0, x.itemsize)}
        one_by_one = any(operands[k].itemsize == 1 for k in self.apart)
        self.widths = [itemsize] if one_by_one else [32, 16, itemsize]  # in bytes
        self.uses: list[list[int]] = [[] for _ in steps]
        for at, step in enumerate(steps):
            for a in step.arguments:
                self.uses[a].append(at)
        shared = [k for k, s in enumerate(steps) if s.name in GIVEN and self._is_shared(s)]
        shared.sort(key=lambda k: -len(self.uses[k]))
        self.hoisted = {k: REGISTERS - 1 - n for n, k in enumerate(shared[:HOISTED])}
        self.slots: dict[int, int] = {}  # value -> where on the stack it is
        self.placed = self._allocate()
        moves = [s for k, s in enumerate(steps) if k not in self.hoisted]
        read = {s.detail for s in moves if s.name in (LOAD, STORE)}
        free = [RCX, RDX, R8, R9, R10, *CALLEE_SAVED]
        self.pointers = dict(zip(sorted(read), free, strict=False))
        self.moving = [k for k in sorted(read) if operands[k].step]
        self.walking = [k for k in self.moving if one_by_one or k in self.apart]

    # ---- registers ------------------------------------------------------------------------------

    def _allocate(self) -> list[_Placed]:
        """Steps in order, each with registers; what is read last of all makes room (Belady)."""
        self._free = list(range(REGISTERS - len(self.hoisted)))[::-1]
        self._where = dict(self.hoisted)
        self._found: list[_Placed] = []
        for at, step in enumerate(self.steps):
            if step.name in GIVEN:
                continue  # where it is read
            self._at, self._locked = at, set(step.arguments)
            registers = tuple([self._register(a) for a in step.arguments])
            spare = self._take() if self._needs_spare(step) else None
            for a in {*step.arguments}:
                self._give_back(a)
            to = 0
            if step.name != STORE:
                to = self._take()
                self._where[at] = to
            self._found.append(_Placed(step.name, to, registers, step.detail, spare or 0))
            if spare is not None:
                self._free.append(spare)
            elif step.name != STORE and not self.uses[at]:
                self._free.append(self._where.pop(at))
        return self._found

    def _register(self, value: int) -> int:
        """A register that holds a value now."""
        if value not in self._where:
            step, to = self.steps[value], self._take()
            spare = 0
            if self._needs_spare(step):
                spare = self._take()
                self._free.append(spare)
            name, detail = step.name, step.detail
            if name not in GIVEN:
                name, detail = RELOAD, self.slots[value]
            self._found.append(_Placed(name, to, (), detail, spare))
            self._where[value] = to
        return self._where[value]

    def _take(self) -> int:
        if not self._free:
            value = max(
                (v for v in self._where if v not in self._locked and v not in self.hoisted),
                key=self._next_use,
            )
            register = self._where.pop(value)
            name = self.steps[value].name
            if name not in GIVEN and value not in self.slots:
                self.slots[value] = len(self.slots)
                self._found.append(_Placed(SPILL, 0, (register,), self.slots[value], 0))
            self._free.append(register)
        return self._free.pop()

    def _next_use(self, value: int) -> int:
        return min([u for u in self.uses[value] if u >= self._at], default=len(self.steps))

    def _give_back(self, value: int) -> None:
        if value not in self.hoisted and self.uses[value][-1] <= self._at:
            self._free.append(self._where.pop(value))

    def _is_shared(self, step: Step) -> bool:
        """Whether a given value is the same for all elements."""
        return step.name == CONSTANT or not self.operands[step.detail].step

    def _is_mask(self, step: Step) -> bool:
        return self.operands[step.detail].itemsize == 1

    def _needs_spare(self, step: Step) -> bool:
        """Whether it moves vectors by way of another register."""
        moves = step.name == STORE or (step.name == LOAD and not self._is_shared(step))
        return moves and (self._is_mask(step) or step.detail in self.apart)

    # ---- code -----------------------------------------------------------------------------------

    def code(self) -> bytes:
        a = self.assembler = Assembler()
        kept = [r for r in self.pointers.values() if r in CALLEE_SAVED]
        for r in kept:
            a.push(r)
        counter = At(RSP, offset=32 * len(self.slots))  # of rows
        room = counter.offset + 8 * bool(self.length)
        if room:
            a.add_to(RSP, -room)
        if self.length:
            a.load(R11, At(RSI, offset=8))
            a.store(counter, R11)
        a.load(RSI, At(RSI))
        self._begin()
        a.label("row")
        self._hoist(of_a_row=True)
        self._loop()
        a.label("end of row")
        if self.length:
            for k in range(len(self.operands)):
                self._next_row(k)
            a.load(R11, counter)
            a.add_to(R11, -1)
            a.store(counter, R11)
            a.jump_if_greater(R11, 0, "row")
        if room:
            a.add_to(RSP, room)
        for r in reversed(kept):
            a.pop(r)
        a.end()
        return a.code()

    def _begin(self) -> None:
        """What is done once: values that are the same in all rows, and pointers."""
        a = self.assembler
        self._hoist(of_a_row=False)
        for k, register in self.pointers.items():
            a.load(register, At(RDI, offset=8 * k))
        for k in self.moving:  # to the end, from which the index counts
            if k in self.walking:
                continue
            to = self.pointers.get(k, R11)
            if to == R11:
                a.load(to, At(RDI, offset=8 * k))
            a.address(to, At(to, RSI, self.operands[k].itemsize))
            if to == R11:
                a.store(At(RDI, offset=8 * k), to)

    def _hoist(self, of_a_row: bool) -> None:
        """Values that stay in registers: those that each row has anew, or the others."""
        a = self.assembler
        for value, register in self.hoisted.items():
            name, _, detail = self.steps[value]
            if (name == LOAD and self.operands[detail].row != 0) != of_a_row:
                continue
            if name == CONSTANT:
                a.broadcast(self.itemsize, register, Constant(detail))
            else:
                a.load(R11, At(RDI, offset=8 * detail))
                self._load(32, register, detail, At(R11), 0)

    def _next_row(self, k: int) -> None:
        """Move a pointer from behind a row, or from its beginning, to the next one."""
        _, step, row = self.operands[k]
        self._walk(k, row - step * self.length if k in self.walking else row)

    def _loop(self) -> None:
        """All elements of a row, so many at a time, and those that are left over."""
        a = self.assembler
        a.negate(RAX, RSI)
        for nbytes, rest in zip(self.widths, [*self.widths[1:], "end of row"], strict=True):
            count = nbytes // self.itemsize
            a.label(f"{nbytes}")
            a.jump_if_greater(RAX, -count, f"{rest}")
            self._body(nbytes)
            a.add_to(RAX, count)
            for k in self.walking:
                self._walk(k, count * self.operands[k].step)
            a.jump(f"{nbytes}")

    def _walk(self, k: int, nbytes: int) -> None:
        """Move a pointer on."""
        if not nbytes:
            return
        a, register, at = self.assembler, self.pointers.get(k, R11), At(RDI, offset=8 * k)
        if register == R11:
            a.load(R11, at)
        a.add_to(register, nbytes)
        if register == R11:
            a.store(at, R11)

    def _element(self, k: int) -> At:
        """Where the elements of an operand are that are computed now."""
        pointer = self.pointers.get(k, R11)
        if pointer == R11:
            self.assembler.load(R11, At(RDI, offset=8 * k))
        if k in self.moving and k not in self.walking:
            return At(pointer, RAX, self.operands[k].itemsize)
        return At(pointer)

    def _body(self, nbytes: int) -> None:
        a = self.assembler
        for name, to, arguments, detail, spare in self.placed:
            if name == CONSTANT:
                a.broadcast(self.itemsize, to, Constant(detail))
            elif name == LOAD:
                self._load(nbytes, to, detail, self._element(detail), spare)
            elif name == STORE:
                self._store(nbytes, arguments[0], detail, self._element(detail), spare)
            elif name == SPILL:
                a.store_numbers(32, At(RSP, offset=32 * detail), *arguments)
            elif name == RELOAD:
                a.load_numbers(32, to, At(RSP, offset=32 * detail))
            else:
                a.apply(name, self.itemsize, nbytes, to, arguments, detail)

    def _load(self, nbytes: int, to: int, k: int, x: At, spare: int) -> None:
        """A vector of the elements of an operand, of which the first is ``x``."""
        a, (itemsize, step, _) = self.assembler, self.operands[k]
        if itemsize == 1:
            if step:
                a.load_mask(self.itemsize, nbytes, to, x, spare, R11)
            else:
                a.broadcast_mask(to, x, R11)
        elif not step:
            a.broadcast(itemsize, to, x)
        elif k in self.apart:
            a.gather_numbers(itemsize, nbytes, to, x, step, spare)
        else:
            a.load_numbers(nbytes, to, x)

    def _store(self, nbytes: int, value: int, k: int, to: At, spare: int) -> None:
        """The same the other way round."""
        a, (itemsize, step, _) = self.assembler, self.operands[k]
        if itemsize == 1:
            a.store_mask(self.itemsize, nbytes, to, value, spare)
        elif k in self.apart:
            a.scatter_numbers(itemsize, nbytes, to, value, step, spare)
        else:
            a.store_numbers(nbytes, to, value)
