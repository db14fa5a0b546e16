"""Keep freed arrays in the process, where the next step can reuse them.

By default glibc hands every array above 128 KiB straight back to the kernel, and the next
one costs a page fault for each 4 KiB. A training step makes and drops the same arrays again
and again, so those faults were measured at three quarters of the time of a recorded step on
arrays of 128 KiB. Raising two thresholds of ``malloc`` removes them. The process then keeps
its high-water mark of memory instead of returning it between steps.

Set ``TINYGRAD_HESS_KEEP_MEMORY=0`` before the import to leave the allocator alone.
"""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD = -1  # malloc.h
_M_MMAP_THRESHOLD = -3
_ONE_GIB = 1 << 30


def keep_freed_memory() -> bool:
    """Ask glibc to reuse large freed blocks; True when it agreed (never off Linux/glibc)."""
    if not sys.platform.startswith("linux") or os.environ.get("TINYGRAD_HESS_KEEP_MEMORY") == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _ONE_GIB) and mallopt(_M_TRIM_THRESHOLD, _ONE_GIB))
