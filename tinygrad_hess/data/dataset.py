"""What a data set is, and what is done with any of them: split, standardise, batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..core import arguments, trees
from ..core.interchange import column_names
from ..core.names import suggesting_keywords

Array = np.ndarray[Any, Any]
Seed = int | np.random.Generator


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """Inputs and targets, with where they come from.

    Attributes
    ----------
    x : (n, ...) floating point
        Inputs, one example a row; a data frame of pandas or polars too, whose columns name the
        features.
    y : (n,) int64 class numbers, or (n, outputs) floating point
    name : str
    feature_names, target_names : tuple of str
        Columns of ``x`` and names of the classes, where they have any.
    source, licence : str
        Who made the data, and on what terms they may be used; empty for generated data.
    teacher : callable, optional
        The function that made the targets, where there is one.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.iris()
    Dataset('iris': x float64(150,4), y int64(150,), 3 classes)
    """

    x: Array
    y: Array
    name: str = ""
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    teacher: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        if not self.feature_names:
            object.__setattr__(self, "feature_names", column_names(self.x))
        for name in ("x", "y"):
            found = arguments.array("Dataset", name, getattr(self, name))
            object.__setattr__(self, name, found)
        _check_lengths("Dataset", self.x, self.y)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, key: Any) -> Any:
        raise TypeError(
            "a Dataset has no items: write data.x and data.y for its arrays, data.take(rows) for "
            "some of its examples, and (data.x, data.y) for the batch that functions of yours take"
        )

    def take(self, rows: Any) -> Dataset:
        """The examples of these rows (indices, a slice or a mask)."""
        try:
            return dataclasses.replace(self, x=self.x[rows], y=self.y[rows])
        except IndexError as error:
            raise IndexError(f"take: rows of {len(self)} examples: {error}") from None

    def __repr__(self) -> str:
        parts = [f"{n} {a.dtype}{a.shape}".replace(", ", ",") for n, a in self._arrays()]
        if self.target_names:
            parts.append(f"{len(self.target_names)} classes")
        name = f"{self.name!r}: " if self.name else ""
        return f"Dataset({name}{', '.join(parts)})"

    def _arrays(self) -> list[tuple[str, Array]]:
        return [("x", self.x), ("y", self.y)]


def as_batch(data: Any) -> Any:
    """The pair (x, y) of a :class:`Dataset`; anything else as it is.

    Examples
    --------
    >>> x, y = as_batch(Dataset(np.ones((3, 2)), np.zeros(3)))
    >>> x.shape, as_batch(None)
    ((3, 2), None)
    """
    return (data.x, data.y) if isinstance(data, Dataset) else data


def _check_lengths(who: str, x: Array, y: Array) -> None:
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ValueError(f"{who}: x of shape {x.shape} and y of shape {y.shape} differ in length")


def _dataset(who: str, value: Any) -> Dataset:
    what = "a Dataset, such as data.iris() or data.Dataset(x, y)"
    return arguments.instance(who, "data", value, Dataset, what)


_SHUFFLED = {"shuffle": "It is always shuffled; seed= says how."}


@suggesting_keywords(_SHUFFLED)
def split(
    data: Any, targets: Any = None, *, test: float = 0.2, seed: Seed = 0, stratify: Any = True
) -> tuple[Dataset, Dataset]:
    """Split the examples at random into a training and a test set.

    ``split(data, test=0.2)`` splits a :class:`Dataset`, ``split(x, y, test=0.2)`` arrays or data
    frames: the second argument tells which. A number there is ``test``.

    Parameters
    ----------
    data : Dataset, or inputs (n, ...)
    targets : (n, ...), optional
        The targets of inputs that are no Dataset.
    test : float in (0, 1), or int
        The fraction, or the number, of test examples.
    seed : int or numpy.random.Generator
    stratify : bool, or array (n,)
        Give each class its share of the test set, to within one example. Targets that are not
        class numbers are split without strata. Other strata, of any type, can be given.

    Returns
    -------
    train, test : Dataset
        Both shuffled.

    Raises
    ------
    ValueError
        When one of the two would be empty, or strata are not as many as examples.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import data
    >>> train, test = data.split(data.iris(), test=0.2, seed=0)
    >>> len(train), len(test), np.bincount(test.y)
    (120, 30, array([10, 10, 10]))
    >>> x, y = np.arange(8.0).reshape(4, 2), np.array([0.5, 0.1, 0.2, 0.9])
    >>> train, test = data.split(x, y, test=1, stratify=["a", "a", "a", "b"])
    >>> len(train), len(test)
    (3, 1)
    """
    if isinstance(data, Dataset) and targets is not None:
        test, targets = targets, None
    given = _dataset("split", data) if targets is None else Dataset(data, targets)
    train, held = split_rows("split", len(given), test, seed, strata_of("split", stratify, given.y))
    return given.take(train), given.take(held)


def strata_of(who: str, stratify: Any, y: Array) -> Array | None:
    """The stratum of each example: those given, or the classes where targets are class numbers."""
    if isinstance(stratify, (bool, np.bool, int)):
        classes = y.ndim == 1 and y.dtype.kind in "iub"
        return y if arguments.flag(who, "stratify", stratify) and classes else None
    strata = np.asarray(stratify)
    if strata.shape != y.shape[:1]:
        raise ValueError(
            f"{who}: stratify must be True, False or an array of one stratum for each of {len(y)} "
            f"examples, got {arguments.shown(stratify)}"
        )
    return strata.astype(str) if strata.dtype.kind == "O" else strata


def split_rows(
    who: str, n: int, test: float, seed: Seed, strata: Array | None
) -> tuple[Array, Array]:
    """The numbers of the training rows and of the test rows, shuffled."""
    test = arguments.number(who, "test", test)
    wanted = test if isinstance(test, int) else round(n * test)
    if not 0 < wanted < n:
        raise ValueError(
            f"{who}: test={test} of {n} examples leaves {wanted} for testing and {n - wanted} for "
            "training; both must have some"
        )
    rng = arguments.generator(who, seed)
    order = rng.permutation(n)
    if strata is not None:
        order = _stratified_order(order, strata, wanted, rng)
    return order[wanted:], order[:wanted]


def _stratified_order(order: Array, y: Array, wanted: int, rng: np.random.Generator) -> Array:
    """Reorder so that each class has its share among the first ``wanted``."""
    _, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    share = counts * (wanted / len(y))
    quota = np.floor(share).astype(int)
    # examples that rounding down left over go to the largest remainders; chance breaks ties
    remainders = np.lexsort((rng.random(len(counts)), quota - share))
    quota[remainders[: wanted - quota.sum()]] += 1
    chosen = np.zeros(len(y), bool)
    for c, k in enumerate(quota):
        chosen[np.flatnonzero(numbers[order] == c)[:k]] = True
    return np.concatenate([order[chosen], order[~chosen]])


def standardize(train: Dataset, *others: Dataset, scale: bool = True) -> Any:
    """Centre each feature on its mean and divide it by its standard deviation.

    Parameters
    ----------
    train : Dataset
        Gives the means and deviations (over n, not n - 1).
    *others : Dataset
        Transformed by the same numbers, as a test set must be.
    scale : bool
        Divide too; with False the features are only centred.

    Returns
    -------
    Dataset, or a tuple of them when others are given
        A constant feature becomes 0.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> train, test = data.standardize(*data.split(data.wine()))
    >>> bool(abs(train.x.mean(0)).max() < 1e-12), train.x.std(0).round(12)[:2]
    (True, array([1., 1.]))
    """
    for given in (train, *others):
        _dataset("standardize", given)
    scale = arguments.flag("standardize", "scale", scale)
    if train.x.dtype.kind != "f" or not len(train):
        raise ValueError(
            f"standardize: x must be floating point and not empty, got {train.x.dtype}"
            f"{train.x.shape}"
        )
    mean, deviation = centre_and_scale(train.x, scale)
    done = []
    for d in (train, *others):
        if d.x.shape[1:] != train.x.shape[1:]:
            raise ValueError(
                f"standardize: examples of shape {d.x.shape[1:]} and {train.x.shape[1:]}"
            )
        done.append(dataclasses.replace(d, x=(d.x - mean) / deviation))
    return tuple(done) if others else done[0]


def centre_and_scale(x: Array, scale: bool = True) -> tuple[Array, Array]:
    """What is subtracted from each feature, and what it is then divided by."""
    mean = x.mean(axis=0)
    deviation = x.std(axis=0) if scale else np.ones_like(mean)
    # of a constant feature, rounding leaves a deviation of some ulps of its mean, not exactly 0
    constant = np.ptp(x, axis=0) == 0
    return np.where(constant, x[0], mean), np.where(constant, 1, deviation).astype(x.dtype)


class Batches:
    """Shuffled minibatches; see :func:`batches`."""

    def __init__(self, data: Any, n: int, size: int, seed: Seed, epochs: int):
        self.data, self.n, self.size, self.seed, self.epochs = data, n, size, seed, epochs

    def __len__(self) -> int:
        return self.epochs * -(-self.n // self.size)

    def __iter__(self) -> Iterator[Any]:
        rng = np.random.default_rng(self.seed)
        for _ in range(self.epochs):
            order = rng.permutation(self.n)
            for start in range(0, self.n, self.size):
                rows = order[start : start + self.size]
                yield trees.map(lambda x: x[rows], self.data)  # noqa: B023

    def state_dict(self) -> dict[str, Any]:
        """The state of the generator that the next pass draws its order with, if it has one."""
        if not isinstance(self.seed, np.random.Generator):
            return {}
        return {"bit_generator": self.seed.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the next pass that of a :meth:`state_dict`."""
        if state and isinstance(self.seed, np.random.Generator):
            self.seed.bit_generator.state = state["bit_generator"]

    def __repr__(self) -> str:
        last = self.n % self.size
        ends = f", the last of {last:,}" if last and self.n > self.size else ""
        more = f", {self.epochs:,} epochs" if self.epochs > 1 else ""
        each = -(-self.n // self.size)
        return f"Batches({each:,} of {min(self.size, self.n):,} examples{ends}{more})"


@suggesting_keywords(_SHUFFLED | {"drop_last": "The last batch of an epoch has what is left."})
def batches(x: Any, y: Any = None, size: Any = None, seed: Seed = 0, epochs: int = 1) -> Batches:
    """Shuffled minibatches: every example once in each epoch, in a new order each time.

    ``batches(x, y, size)`` gives batches (x, y). ``batches(data, size)`` those of a
    :class:`Dataset`, (x, y) too, or of a tuple or dict of arrays, which has the same names. The
    second argument tells which.

    Parameters
    ----------
    x, y : array or data frame, of equal first length
    size : int
        Examples in a batch; the last of an epoch has what is left.
    seed : int or numpy.random.Generator
        With an integer, every pass over the result gives the same batches.
    epochs : int

    Returns
    -------
    Batches
        An iterable of batches, with a length, that can be passed over again.

    Raises
    ------
    ValueError
        When arrays have no first axis, or differ in its length.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import data
    >>> [len(x) for x, y in data.batches(np.arange(5.0), np.arange(5), 2)]
    [2, 2, 1]
    >>> images = {"image": np.ones((5, 2, 2)), "label": np.arange(5)}
    >>> [batch["label"] for batch in data.batches(images, size=3)]
    [array([2, 4, 3]), array([0, 1])]
    """
    who = "batches"
    if isinstance(x, (Dataset, tuple, dict)):
        if y is not None and size is not None:
            raise TypeError(
                f"{who}: a {type(x).__name__} has its targets already; write batches(data, size)"
            )
        size = y if size is None else size
        data = (x.x, x.y) if isinstance(x, Dataset) else x
        data = trees.map(lambda a: arguments.array(who, "data", a), data, is_leaf=_is_column)
    else:
        if y is None:
            raise TypeError(f"{who}: there are no targets; write batches(x, y, size)")
        data = arguments.array(who, "x", x), arguments.array(who, "y", y)
    n = _length(who, data)
    size = arguments.integer(who, "size", size, least=1)
    epochs = arguments.integer(who, "epochs", epochs, least=0)
    arguments.generator(who, seed)
    return Batches(data, n, size, seed, epochs)


def _is_column(x: Any) -> bool:
    """Whether it stands for one array, not for a tree of them."""
    return not isinstance(x, (tuple, dict))


def _length(who: str, data: Any) -> int:
    """How many examples a tree of arrays holds."""
    arrays = trees.leaves(data)
    if not arrays:
        raise ValueError(f"{who}: there are no arrays in {arguments.shown(data)}")
    if len({x.shape[:1] for x in arrays}) != 1 or not arrays[0].ndim:
        shapes = " and ".join(f"{x.shape}" for x in arrays)
        raise ValueError(f"{who}: arrays of shape {shapes} differ in length")
    return len(arrays[0])
