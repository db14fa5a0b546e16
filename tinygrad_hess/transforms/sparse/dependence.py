"""Sets of start elements, one for each element of an array.

Dependence : exactly, as rows of a sparse matrix
Sketch : 64 bits each, which start elements share: an estimate of how full the sets are
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

BITS = 64
"""Of a sketched set."""

NOTHING, ALL = 0, -1
"""The numbers of the empty set, and of the set of all start elements, which is never stored."""


class Dependence:
    """For each element of an array, the set of start elements that it can depend on.

    Parameters
    ----------
    numbers : (size,) int
        Number of each element's set; elements in C order, batch axes first.
    sets : (count, n) boolean csr_array
        One set a row; row 0 is empty.
    """

    __slots__ = ("numbers", "sets")

    def __init__(self, numbers: Any, sets: Any):
        self.numbers, self.sets = numbers, sets

    @classmethod
    def on_itself(cls, size: int) -> Dependence:
        """Start elements: each depends on itself."""
        indptr = np.maximum(np.arange(-1, size + 1), 0)  # row 0 is empty, then one element a row
        members = (np.ones(size, bool), np.arange(size), indptr)
        return cls(np.arange(1, size + 1), sparse.csr_array(members, shape=(size + 1, size)))

    @property
    def size(self) -> int:
        """How many elements."""
        return len(self.numbers)

    def take(self, indices: Any) -> Dependence:
        """The elements at these indices; index -1 is a constant."""
        return Dependence(np.append(self.numbers, NOTHING)[indices], self.sets)

    def join(self, source: Any, target: Any, size: int) -> Dependence:
        """An array whose element ``target[i]`` depends on all that element ``source[i]`` does."""
        numbers, count = self.numbers[source], self.sets.shape[0]
        some = numbers > NOTHING
        pairs = np.unique(target[some] * count + numbers[some])
        rows, columns = np.divmod(pairs, count)
        members = sparse.csr_array(
            (np.ones(len(pairs), bool), (rows + 1, columns)), shape=(size + 1, count)
        )
        result = np.arange(1, size + 1)
        result[target[numbers == ALL]] = ALL
        return Dependence(result, members @ self.sets)._without_full_sets()

    def union(self, other: Dependence) -> Dependence:
        """An array whose every element depends on what the elements of both depend on."""
        if self.sets is other.sets and np.array_equal(self.numbers, other.numbers):
            return self
        full = (self.numbers == ALL) | (other.numbers == ALL)
        count = other.sets.shape[0]
        keys = np.where(full, NOTHING, self.numbers * count + other.numbers)
        pairs, numbers = np.unique(np.append(keys, NOTHING), return_inverse=True)
        a, b = np.divmod(pairs, count)
        numbers = np.where(full, ALL, numbers[:-1])
        return Dependence(numbers, self.sets[a] + other.sets[b])._without_full_sets()

    def _without_full_sets(self) -> Dependence:
        """Sets of all start elements get the number ALL: their unions then cost nothing."""
        full = np.diff(self.sets.indptr) == self.sets.shape[1]
        full[NOTHING] = False
        if full.any():
            renamed = np.append(np.where(full, ALL, np.arange(len(full))), ALL)
            self.numbers = renamed[self.numbers]
        return self

    @staticmethod
    def stack(parts: Sequence[Dependence]) -> Dependence:
        """All elements of several arrays, one after the other."""
        # numbers of equal sets are made equal, if the sets are one object
        first: dict[int, int] = {}
        sets, count, numbers = [], 0, []
        for p in parts:
            if id(p.sets) not in first:
                first[id(p.sets)] = count
                sets.append(p.sets)
                count += p.sets.shape[0]
            numbers.append(np.where(p.numbers > NOTHING, p.numbers + first[id(p.sets)], p.numbers))
        stacked = sets[0] if len(sets) == 1 else sparse.vstack(sets, format="csr")
        return Dependence(np.concatenate(numbers), stacked)

    def count(self) -> int:
        """How many entries the pattern has."""
        lengths = np.append(np.diff(self.sets.indptr), self.sets.shape[1])  # the last: of ALL
        return int(lengths[self.numbers].sum())

    def matrix(self) -> Any:
        """The pattern: a boolean csr_array with a row for each element."""
        everything = sparse.csr_array(np.ones((1, self.sets.shape[1]), bool))
        rows = sparse.vstack([self.sets, everything], format="csr")[self.numbers]
        rows.sort_indices()
        return rows


class Sketch:
    """The same in 64 bits for each element, which start elements share.

    It costs a fraction, and estimates how full the sets are.
    """

    __slots__ = ("bits",)

    def __init__(self, bits: Any):
        self.bits = bits

    @classmethod
    def on_itself(cls, size: int) -> Sketch:
        """Start elements: each depends on itself."""
        return cls(np.uint64(1) << (np.arange(size, dtype=np.uint64) % BITS))

    @property
    def size(self) -> int:
        """How many elements."""
        return len(self.bits)

    def take(self, indices: Any) -> Sketch:
        """The elements at these indices; index -1 is a constant."""
        return Sketch(np.append(self.bits, np.uint64(0))[indices])

    def join(self, source: Any, target: Any, size: int) -> Sketch:
        """An array whose element ``target[i]`` depends on all that element ``source[i]`` does."""
        bits = np.zeros(size, np.uint64)
        np.bitwise_or.at(bits, target, self.bits[source])
        return Sketch(bits)

    def union(self, other: Sketch) -> Sketch:
        """An array whose every element depends on what the elements of both depend on."""
        return Sketch(self.bits | other.bits)

    @staticmethod
    def stack(parts: Sequence[Sketch]) -> Sketch:
        """All elements of several arrays, one after the other."""
        return Sketch(np.concatenate([p.bits for p in parts]))

    def fill(self) -> float:
        """Which part of the bits is set, on average."""
        return float(np.unpackbits(self.bits.view(np.uint8)).mean()) if self.size else 0.0


Sets = Any
"""Either, but one kind throughout."""
