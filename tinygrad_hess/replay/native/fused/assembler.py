"""Machine code for x86-64 with AVX2: the few instructions that kernels are made of.

    Assembler : instructions, one method each -> bytes

Encodings are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
A vector register is its number. A vector has ``nbytes``: 32, 16, or those of one element, of which
``itemsize`` is 8 (doubles) or 4.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)

CALLEE_SAVED = (RBX, RBP, R12, R13, R14, R15)
"""By the System V ABI, registers that a function leaves as it found them."""


@dataclass(frozen=True)
class At:
    """An operand in memory: ``base + index * scale + offset``."""

    base: int
    index: int | None = None
    scale: int = 1
    offset: int = 0

    def behind(self, offset: int) -> At:
        """The operand so many bytes behind it."""
        return replace(self, offset=self.offset + offset)


@dataclass(frozen=True)
class Constant:
    """An operand in memory: eight bytes behind the code."""

    bits: int


Operand = int | At | Constant

# prefix (by the number that stands for it in VEX), map of opcodes, opcode
_NONE, _66, _F3, _F2 = range(4)
_0F, _0F38, _0F3A = 1, 2, 3

INSTRUCTIONS = {
    "vadd": {8: (_66, _0F, 0x58), 4: (_NONE, _0F, 0x58)},
    "vand": {8: (_66, _0F, 0x54), 4: (_NONE, _0F, 0x54)},
    "vandn": {8: (_66, _0F, 0x55), 4: (_NONE, _0F, 0x55)},
    "vblendv": {8: (_66, _0F3A, 0x4B), 4: (_66, _0F3A, 0x4A)},
    "vcmp": {8: (_66, _0F, 0xC2), 4: (_NONE, _0F, 0xC2)},
    "vdiv": {8: (_66, _0F, 0x5E), 4: (_NONE, _0F, 0x5E)},
    "vmax": {8: (_66, _0F, 0x5F), 4: (_NONE, _0F, 0x5F)},
    "vmin": {8: (_66, _0F, 0x5D), 4: (_NONE, _0F, 0x5D)},
    "vmul": {8: (_66, _0F, 0x59), 4: (_NONE, _0F, 0x59)},
    "vor": {8: (_66, _0F, 0x56), 4: (_NONE, _0F, 0x56)},
    "vround": {8: (_66, _0F3A, 0x09), 4: (_66, _0F3A, 0x08)},
    "vsqrt": {8: (_66, _0F, 0x51), 4: (_NONE, _0F, 0x51)},
    "vsub": {8: (_66, _0F, 0x5C), 4: (_NONE, _0F, 0x5C)},
    "vxor": {8: (_66, _0F, 0x57), 4: (_NONE, _0F, 0x57)},
}
"""Instructions on vectors by mnemonic and size of an element (``...pd`` and ``...ps``).

VANDN is ``~x & y``; VBLENDV takes the second operand where the third, a mask, is set.
"""

IMMEDIATE = frozenset({"vcmp", "vround"})
"""Those that take a number too: a predicate, or a mode of rounding."""

_MOVES = {32: _NONE, 16: _NONE, 8: _F2, 4: _F3}
"""Prefixes of VMOVUPS, VMOVSD and VMOVSS, by the bytes that they move."""


class Assembler:
    """Code as it grows; labels are resolved, and constants appended, by :meth:`code`."""

    def __init__(self) -> None:
        self._code = bytearray()
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []  # where four bytes wait for a distance, and to what
        self._constants: dict[int, list[int]] = {}  # bits -> where distances to them wait

    def code(self) -> bytes:
        """The finished code."""
        code = self._code
        for at, label in self._jumps:
            struct.pack_into("<i", code, at, self._labels[label] - (at + 4))
        code += bytes(-len(code) % 8)
        for bits, places in self._constants.items():
            for at, behind in [divmod(place, 256) for place in places]:
                struct.pack_into("<i", code, at, len(code) - (at + 4 + behind))
            code += struct.pack("<Q", bits)
        return bytes(code)

    # ---- addresses and counters -----------------------------------------------------------------

    def load(self, to: int, x: At) -> None:
        """``to = x``, 64 bits."""
        self._plain(0x8B, to, x)

    def store(self, to: At, x: int) -> None:
        """``to = x``, 64 bits."""
        self._plain(0x89, x, to)

    def load_byte(self, to: int, x: At) -> None:
        """``to = x``, of one byte."""
        self._plain(0x0FB6, to, x)

    def address(self, to: int, x: At) -> None:
        """``to`` = the address of ``x``."""
        self._plain(0x8D, to, x)

    def add_to(self, register: int, number: int) -> None:
        """``register += number``."""
        self._code += bytes([0x48 | register >> 3, 0x81, 0xC0 | register & 7])
        self._code += struct.pack("<i", number)

    def negate(self, to: int, x: int) -> None:
        """``to = -x``."""
        self._code += bytes([0x48 | (x >> 3) << 2 | to >> 3, 0x89, 0xC0 | (x & 7) << 3 | to & 7])
        self._code += bytes([0x48 | to >> 3, 0xF7, 0xD8 | to & 7])

    def push(self, register: int) -> None:
        """Keep a register on the stack."""
        self._code += bytes([0x40 | register >> 3, 0x50 | register & 7])

    def pop(self, register: int) -> None:
        """Have it back."""
        self._code += bytes([0x40 | register >> 3, 0x58 | register & 7])

    def label(self, name: str) -> None:
        """The place that a jump goes to."""
        self._labels[name] = len(self._code)

    def jump(self, label: str) -> None:
        """Go on there."""
        self._code += b"\xe9"
        self._wait(label)

    def jump_if_greater(self, register: int, number: int, label: str) -> None:
        """Go on there if ``register > number``, a small one."""
        self._code += bytes([0x48 | register >> 3, 0x83, 0xF8 | register & 7, number & 0xFF])
        self._code += b"\x0f\x8f"
        self._wait(label)

    def end(self) -> None:
        """Return from the function, with vectors as code without AVX wants them."""
        self._code += b"\xc5\xf8\x77\xc3"

    # ---- vectors --------------------------------------------------------------------------------

    def apply(
        self,
        name: str,
        itemsize: int,
        nbytes: int,
        to: int,
        operands: Sequence[int],
        number: int = 0,
    ) -> None:
        """``to = name(*operands)``, one of :data:`INSTRUCTIONS`."""
        immediate = bytes([number]) if name in IMMEDIATE else b""
        if len(operands) == 3:  # the mask is a register in the last byte
            immediate, operands = bytes([operands[2] << 4]), operands[:2]
        first = operands[0] if len(operands) == 2 else 0
        self._vex(*INSTRUCTIONS[name][itemsize], nbytes == 32, to, first, operands[-1], immediate)

    def load_numbers(self, nbytes: int, to: int, x: At) -> None:
        """``to = x``, that many bytes."""
        self._vex(_MOVES[nbytes], _0F, 0x10, nbytes == 32, to, 0, x)

    def store_numbers(self, nbytes: int, to: At, x: int) -> None:
        """``to = x``, that many bytes."""
        self._vex(_MOVES[nbytes], _0F, 0x11, nbytes == 32, x, 0, to)

    def gather_numbers(
        self, itemsize: int, nbytes: int, to: int, x: At, step: int, spare: int
    ) -> None:
        """``to`` = numbers that lie ``step`` bytes apart; ``spare`` is overwritten."""
        for k, half, n in _elements(itemsize, nbytes):
            register, at = (spare if half else to), x.behind(k * step)
            if not n:
                self.load_numbers(itemsize, register, at)
            elif itemsize == 8:
                self._vex(_66, _0F, 0x16, False, register, register, at)
            else:
                self._vex(_66, _0F3A, 0x21, False, register, register, at, bytes([n << 4]))
        if nbytes == 32:
            self._vex(_66, _0F3A, 0x18, True, to, to, spare, b"\1")

    def scatter_numbers(
        self, itemsize: int, nbytes: int, to: At, x: int, step: int, spare: int
    ) -> None:
        """Numbers to places that lie ``step`` bytes apart; ``spare`` is overwritten."""
        if nbytes == 32:
            self._vex(_66, _0F3A, 0x19, True, x, 0, spare, b"\1")
        for k, half, n in _elements(itemsize, nbytes):
            register, at = (spare if half else x), to.behind(k * step)
            if not n:
                self.store_numbers(itemsize, at, register)
            elif itemsize == 8:
                self._vex(_66, _0F, 0x17, False, register, 0, at)
            else:
                self._vex(_66, _0F3A, 0x17, False, register, 0, at, bytes([n]))

    def broadcast(self, itemsize: int, to: int, x: Operand) -> None:
        """``to`` = the number ``x`` in each place."""
        self._vex(_66, _0F38, 0x19 if itemsize == 8 else 0x18, True, to, 0, x)

    def broadcast_mask(self, to: int, x: At, spare: int) -> None:
        """``to`` = all bits set if the byte ``x`` is not zero, else none."""
        self.load_byte(spare, x)
        r, high = spare & 7, 0x48 | spare >> 3
        self._code += bytes([high, 0x83, 0xF8 | r, 1])  # borrows from 0 only
        self._code += bytes([high | (spare >> 3) << 2, 0x19, 0xC0 | r << 3 | r])  # then it is -1
        self._code += bytes([high, 0xF7, 0xD0 | r])
        self._vex(_66, _0F, 0x6E, False, to, 0, spare, wide=True)
        self._vex(_66, _0F38, 0x59, True, to, 0, to)

    def load_mask(self, itemsize: int, nbytes: int, to: int, x: At, zero: int, spare: int) -> None:
        """``to`` = all bits set where bytes are not zero; ``zero`` is a vector that is set to 0."""
        if nbytes == itemsize:
            self.load_byte(spare, x)
            self._vex(_66, _0F, 0x6E, False, to, 0, spare, wide=True)
        else:
            self._vex(_66, _0F38, 0x32 if itemsize == 8 else 0x31, nbytes == 32, to, 0, x)
        self._vex(_66, _0F, 0xEF, nbytes == 32, zero, zero, zero)
        greater = (_0F38, 0x37) if itemsize == 8 else (_0F, 0x66)
        self._vex(_66, *greater, nbytes == 32, to, to, zero)

    def store_mask(self, itemsize: int, nbytes: int, to: At, x: int, spare: int) -> None:
        """``to`` = bytes that are 1 where ``x`` is set; ``spare`` is overwritten."""
        if nbytes == 32:
            self._vex(_66, _0F3A, 0x19, True, x, 0, spare, b"\1")  # the upper half
            self._vex(_66, _0F, 0x6B, False, spare, x, spare)
        else:
            self._vex(_66, _0F, 0x6B, False, spare, x, x)
        if itemsize == 8:
            self._vex(_66, _0F, 0x6B, False, spare, spare, spare)
        self._vex(_66, _0F, 0x63, False, spare, spare, spare)
        self._vex(_66, _0F38, 0x1C, False, spare, 0, spare)  # from -1 to 1
        move = {
            8: (_0F, 0xD6, b""),
            4: (_0F, 0x7E, b""),
            2: (_0F3A, 0x15, b"\0"),
            1: (_0F3A, 0x14, b"\0"),
        }
        table, opcode, immediate = move[nbytes // itemsize]
        self._vex(_66, table, opcode, False, spare, 0, to, immediate)

    # ---- encoding -------------------------------------------------------------------------------

    def _wait(self, label: str) -> None:
        self._jumps.append((len(self._code), label))
        self._code += bytes(4)

    def _plain(self, opcode: int, register: int, x: At) -> None:
        index = x.index or 0
        self._code.append(0x48 | (register >> 3) << 2 | (index >> 3) << 1 | x.base >> 3)
        self._code += opcode.to_bytes(1 + (opcode > 0xFF), "big")
        self._memory(register, x)

    def _vex(
        self,
        prefix: int,
        table: int,
        opcode: int,
        long: bool,
        register: int,
        other: int,
        x: Operand,
        immediate: bytes = b"",
        wide: bool = False,
    ) -> None:
        """An instruction with a VEX prefix of three bytes, in which ``other`` is a register."""
        base = x.base if isinstance(x, At) else x if isinstance(x, int) else 0
        index = (x.index or 0) if isinstance(x, At) else 0
        inverted = (register < 8) << 7 | (index < 8) << 6 | (base < 8) << 5
        self._code += bytes([
            0xC4, inverted | table, wide << 7 | (~other & 15) << 3 | long << 2 | prefix, opcode
        ])  # fmt: skip
        if isinstance(x, int):
            self._code.append(0xC0 | (register & 7) << 3 | x & 7)
        elif isinstance(x, At):
            self._memory(register, x)
        else:
            self._code.append((register & 7) << 3 | 5)  # from the next instruction on
            where = len(self._code) << 8 | len(immediate)
            self._constants.setdefault(x.bits, []).append(where)
            self._code += bytes(4)
        self._code += immediate

    def _memory(self, register: int, x: At) -> None:
        """The bytes that say which operand in memory, always with an offset."""
        short = -128 <= x.offset < 128
        mode = 0x40 if short else 0x80
        if x.index is None and x.base & 7 != RSP:
            self._code.append(mode | (register & 7) << 3 | x.base & 7)
        else:
            index = RSP if x.index is None else x.index & 7  # which stands for none
            scale = {1: 0, 2: 1, 4: 2, 8: 3}[x.scale]
            self._code.append(mode | (register & 7) << 3 | RSP)
            self._code.append(scale << 6 | index << 3 | x.base & 7)
        self._code += struct.pack("<b" if short else "<i", x.offset)


def _elements(itemsize: int, nbytes: int) -> list[tuple[int, int, int]]:
    """The number of each element of a vector, its half, and its place in that."""
    return [(k, *divmod(k, 16 // itemsize)) for k in range(nbytes // itemsize)]
