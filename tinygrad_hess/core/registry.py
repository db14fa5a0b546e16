"""All primitives by name, in the order of their declaration.

Those of slow modules, which need ``scipy.special`` and the like, are not among them before such a
module is imported: :mod:`tinygrad_hess.ops` knows which, and loads it for a name that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .primitive import Primitive

REGISTRY: dict[str, Primitive] = {}
"""Every primitive that is declared by now; the library's own and those of users."""
