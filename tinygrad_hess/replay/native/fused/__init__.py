"""Several elementwise operations as one loop of machine code, where the processor has AVX2.

    fuse       : operations -> fewer, that leave the same bits in memory that is read later
    is_fusible : operation -> whether it may be one of them
    why_not    : () -> a reason why none are fused here, or None

A loop for each operation reads and writes an element of each operand: on a usual processor that
takes five times as long as an addition. Here an element goes from operands to results in registers.

    assembler.py : instructions -> bytes
    kernels.py   : steps -> a loop, its registers
    rules.py     : NumPy's functions -> steps
    fusing.py    : which operations go together, and what is not written to memory at all
"""

from .fusing import fuse as fuse
from .fusing import is_fusible as is_fusible
from .fusing import why_not as why_not
