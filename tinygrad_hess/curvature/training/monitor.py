"""Curvature while a net trains.

Monitor : (step, params, value) -> a record, now and then
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.files import replace_whole
from ...core.tensor import unrecorded
from ..analysis.alignment import gradient_alignment
from ..analysis.layer_shares import layer_shares
from ..analysis.stability import Rule
from ..eigenpairs.eigenpairs import Eigenpairs, top_eigenpairs
from ..estimates import scaling
from ..estimates.budget import INTERRUPTED
from ..estimates.operands import Array, check_positive
from ..operators import checks
from ..operators.hessian import HessianOperator
from ..operators.pickling import Portable, picklable, portable, restore
from ..traces.trace import trace
from .moving import MovingHessian
from .preconditioners import preconditioner, stability_of, updates_made
from .records import FORMAT, Records, for_json
from .steps import explain_step

NAMES = ("top_eigenvalues", "trace", "gradient_norm", "alignment", "layer_shares")

PROBES = 16
"""Of the trace: one block."""


class Monitor:
    """Follows the curvature of a loss while a net trains.

    It is the callback of :func:`tinygrad_hess.optim.fit`, or is called in a loop of your own, with
    each step's number and parameters. It never ends the training, and leaves it as it would be: a
    quantity that cannot be measured (the curvature is not finite, a function of yours raises) is
    None in the record, which says why under ``failed``. Numbers of a second run go on from the
    last one's.

    Parameters
    ----------
    loss, data, *args, reduction
        As for :class:`HessianOperator`. A part of the training data makes it cheaper.
    optimizer : Optimizer, float or str, optional
        Or the name of a method of :func:`tinygrad_hess.optim.minimize`, none of which has a
        threshold, and which is followed by ``callback=lambda r: monitor(r.nit, r.x, r.fun)``. Or
        the learning rate of plain gradient descent: for the threshold of stability, 2/rate,
        (2 + 2β)/rate with momentum, (2 + 2β₁)/((1 - β₁) rate) for Adam. Adam's is about the
        preconditioned Hessian ``D^-½ H D^-½``, D = (1 - β₁ᵗ)(sqrt(v̂) + eps); where the optimiser's
        state is known (one made with parameters, or ``state=`` in the call), the eigenvalues are
        those. So for every optimiser that divides by a diagonal; for one whose threshold is not
        known, the record says why under ``unknown_threshold``.
    quantities : sequence of str or callable
        ``"top_eigenvalues"``, ``"trace"``, ``"gradient_norm"``, ``"alignment"`` (the share of the
        gradient in the top eigenspace), ``"layer_shares"`` (of the first eigenvector), or functions
        of a :class:`HessianOperator`, recorded under their names.
    k : int
        How many eigenvalues.
    every : int
        Steps between measurements.
    rtol : float
        Accuracy of the eigenvalues, relative, by their gap intervals. Each search starts from the
        eigenvectors of the one before.
    overhead : float, optional
        What the measurements may take, as a share of the time spent in training, the first one
        not counted, which searches from nothing. Where one would exceed it, it is left out; so
        the steps depend on the clock. By default none is left out, whatever that takes.
    path : path-like, optional
        A file of JSON lines to write; it can be read at any time with :meth:`read`. One that is
        there is replaced, or with ``resume`` continued.
    resume : bool
        Go on with the records in ``path``, of a run that is resumed: those from before the step
        with which this monitor is first called stay, later ones are measured again.
    live : bool
        Follow the training on a page: see :func:`tinygrad_hess.viz.live`. Its address is printed.
    dtype : dtype or None
        Of the products. By default float32, which halves their cost and is good to about 1e-6 of
        the largest eigenvalue; None stays with the parameters'.
    explain : int
        How many steps that raise the loss are explained by :func:`explain_step`: predicted against
        actual change, and the share in the top k eigenspace. A step counts where the loss that the
        monitor is called with, at each step, is above the one before.
    seed : int

    Attributes
    ----------
    records : Records
    rises : list of dict
        The explanations, each with the number of its ``step`` and the ``reason``.
    spent, trained : float
        Seconds in measurements, and in training between the calls.
    left_out : int
        Measurements that ``overhead`` did not allow.
    unwritten : str
        Why the last record is not in the file yet; it is written with the next one that can be.
    page : Live or None
        Where ``live`` shows the training.

    Raises
    ------
    ValueError
        For an unknown quantity, two with one name, options that are not positive, ``resume``
        without a path, or a file to resume that no monitor wrote.

    Notes
    -----
    The top k take at least k + 2 products, two to three times as many where neighbours are close
    and ``rtol`` is small; in float32 a product takes about half as long as a gradient in float64.
    The first search takes some 80, and plans the products.

    References
    ----------
    Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of
    stability. Cohen et al. (2022), Adaptive gradient methods at the edge of stability.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> from tinygrad_hess.curvature import Monitor
    >>> loss = lambda w, scale: (scale * w**2).sum() / 2
    >>> follow = Monitor(loss, np.array([3.0, 1.0]), optimizer=0.1, k=1, every=2)
    >>> w = optim.fit(loss, np.ones(2), np.array([3.0, 1.0]), optim.SGD(lr=0.1), epochs=5,
    ...               callback=follow).params
    >>> follow.records.steps, follow.records.series("top_eigenvalues").ravel()
    (array([0, 2, 4]), array([3., 3., 3.]))
    >>> follow.records.series("threshold")
    array([20., 20., 20.])
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        data: Any = None,
        *args: Any,
        optimizer: Rule | float | str | None = None,
        quantities: Sequence[str | Callable[[Any], Any]] = ("top_eigenvalues", "gradient_norm"),
        k: int = 5,
        every: int = 50,
        rtol: float = 1e-2,
        overhead: float | None = None,
        path: str | Path | None = None,
        dtype: Any = np.float32,
        reduction: str = "mean",
        explain: int = 0,
        seed: int = 0,
        resume: bool = False,
        live: bool = False,
    ):
        of = f"names ({', '.join(NAMES)}) and functions"
        quantities = arguments.sequence("Monitor", "quantities", quantities, of)
        names = [_quantity_name(q) for q in quantities]
        if len(set(names)) < len(names):
            raise ValueError(f"Monitor: two quantities have one name: {', '.join(names)}")
        checks.check_functions("Monitor", loss=loss)
        k = arguments.integer("Monitor", "k", k, least=1)
        every = arguments.integer("Monitor", "every", every, least=1)
        self.explain = arguments.integer("Monitor", "explain", explain, least=0)
        check_positive("Monitor", rtol=rtol, overhead=overhead)
        self.loss, self.data, self.args, self.reduction = loss, data, args, reduction
        self.optimizer, self.quantities = optimizer, dict(zip(names, quantities, strict=True))
        self.k, self.every, self.rtol, self.seed = k, every, rtol, seed
        self.overhead, self.dtype = overhead, dtype
        self.path = None if path is None else arguments.path("Monitor", path)
        self.records = Records({
            "format": FORMAT, "quantities": names, "k": k, "every": every, "rtol": rtol,
            "overhead": overhead, "reduction": reduction, "seed": seed,
            "optimizer": None if optimizer is None else repr(optimizer),
            "dtype": None if dtype is None else np.dtype(dtype).name,
        })  # fmt: skip
        if arguments.flag("Monitor", "resume", resume) and self.path is None:
            raise ValueError("Monitor: resume needs the path= of the file to go on with")
        self._resumes = resume and self.path is not None and self.path.exists()
        if self.path is not None:
            if self._resumes:
                self.records.records = Records.read(self.path).records
            else:
                self._write_anew()
        self.unwritten, self._written = "", len(self.records)
        self._offset, self._step = 0, -1  # steps of earlier runs, and the last one of this
        self.spent = self.trained = 0.0
        self.left_out = 0
        self.rises: list[dict[str, Any]] = []
        self._before: tuple[Any, float] | None = None  # parameters and loss of the call before
        self._op: MovingHessian | None = None
        self._vectors: Array | None = None
        self._last: float | None = None  # when the call before ended
        self._first = self._cost = 0.0  # of the first measurement, and of the last
        self.page: Any = None
        if arguments.flag("Monitor", "live", live):
            from ...viz.live import live as follow  # viz draws what curvature gives

            self.page = follow(self)
            print(f"Monitor: the training is shown at {self.page.url}", file=sys.stderr)

    def __call__(self, step: int, params: Any, value: Any = None, state: Any = None) -> None:
        """Measure, if it is time to.

        Parameters
        ----------
        step : int
            Updates made before.
        params : pytree
            As ``loss`` takes them.
        value : float, optional
            The loss there, which is recorded.
        state : optional
            The optimiser's, for Adam's preconditioner.
        """
        begin = time.perf_counter()
        if self._resumes:
            self._forget_from(step)
        if self._last is not None:
            self.trained += begin - self._last
        if step < self._step:  # another run
            self._offset += self._step + 1
            self._before = None
        self._step = step
        if len(self.rises) < self.explain:
            self._explain_rise(step, params, value)
            self.spent += time.perf_counter() - begin
            begin = time.perf_counter()
        if step % self.every == 0:
            if self._affordable():
                self.measure(step, params, value, state)
                cost = time.perf_counter() - begin
                self.spent += cost
                if self._first:
                    self._cost = cost
                else:  # a later one begins where this one ends, and is cheaper
                    self._first = cost
            else:
                self.left_out += 1
        self._last = time.perf_counter()

    def _forget_from(self, step: int) -> None:
        """Leave out what the run before has measured after its last checkpoint."""
        self._resumes = False
        self.records.records = [r for r in self.records if r["step"] < step]
        self._write_anew()
        self._written = len(self.records)

    def _explain_rise(self, step: int, params: Any, value: Any) -> None:
        """Explain the step that led here, if it raised the loss."""
        if value is None:
            return
        params = trees.map(lambda x: np.asarray(unrecorded(x)), params)
        before, self._before = self._before, (params, float(value))
        if before is None or not float(value) > before[1]:
            return
        rise: dict[str, Any] = {"step": int(step) - 1 + self._offset}
        try:
            found = explain_step(
                self.loss, before[0], params, self.data, *self.args,
                k=self.k, rtol=self.rtol, reduction=self.reduction, seed=self.seed,
            )  # fmt: skip
            rise |= for_json(found) | {"reason": found.reason}
        except Exception as error:  # whatever it is, the training is worth more
            rise["failed"] = f"{type(error).__name__}: {error}"
        self.rises.append(rise)

    def _affordable(self) -> bool:
        if self.overhead is None or not len(self.records):
            return True
        return self.spent - self._first + self._cost <= self.overhead * self.trained

    def measure(
        self, step: int, params: Any, value: Any = None, state: Any = None
    ) -> dict[str, Any]:
        """Measure now; return the record that was appended."""
        begin = time.perf_counter()
        diagonal = preconditioner(self.optimizer, params, state)
        made = updates_made(self.optimizer, state, step)
        known = stability_of(self.optimizer, made, diagonal is not None)
        record: dict[str, Any] = for_json(
            {
                "step": int(step) + self._offset,
                "loss": None if value is None else float(value),
                "rate": known.rate,
                "threshold": known.threshold,
                "preconditioned": diagonal is not None,
            }
        )
        if known.unknown:
            record["unknown_threshold"] = known.unknown
        failed: dict[str, str] = {}
        point = _Point(self, params, diagonal)
        for name, quantity in self.quantities.items():
            try:
                found = point.named(name) if isinstance(quantity, str) else quantity(point.full)
                record[name] = for_json(found)
            except Exception as error:  # whatever it is, the training is worth more
                record[name], failed[name] = None, f"{type(error).__name__}: {error}"
        if failed:
            record["failed"] = failed
        record["seconds"] = time.perf_counter() - begin
        self.records.records.append(record)
        self._write()
        return record

    def _write_anew(self) -> None:
        """The whole file."""
        assert self.path is not None
        lines = [self.records.about, *self.records]
        replace_whole(self.path, "".join(json.dumps(x) + "\n" for x in lines).encode())

    def _write(self) -> None:
        """Append what the file does not hold yet, in whole lines."""
        if self.path is None:
            return
        pending = self.records.records[self._written :]
        text = "".join(json.dumps(record) + "\n" for record in pending)
        try:
            size = self.path.stat().st_size
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(text)
            except OSError:  # a full disk: no part of a line is left
                os.truncate(self.path, size)
                raise
        except OSError as error:
            self.unwritten = f"{type(error).__name__}: {error}"
            pending[-1].setdefault("failed", {})["path"] = self.unwritten
        else:
            self.unwritten, self._written = "", len(self.records)

    def _operator_at(self, params: Any) -> MovingHessian:
        if self._op is None:
            op = MovingHessian(
                self.loss, params, self.data, *self.args, reduction=self.reduction, dtype=self.dtype
            )
            op.check()
            self._op = op
        else:
            self._op.move(params)
        checks.check_finite("Monitor", 0, self._op.value, self._op.gradient)
        return self._op

    def __getstate__(self) -> dict[str, Any]:
        state = picklable(self, ("_op", "_last", "_before", "page"))
        return state | {"quantities": {k: portable(q) for k, q in self.quantities.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state | {"_op": None, "_last": None, "_before": None, "page": None})
        self.quantities = {
            k: q.function if isinstance(q, Portable) else q for k, q in self.quantities.items()
        }

    @staticmethod
    def read(path: str | Path) -> Records:
        """The records in a file, also while training runs; see :meth:`Records.read`."""
        return Records.read(path)

    def plot(self, ax: Any = None) -> Any:
        """Draw the eigenvalues over training against the threshold; return matplotlib axes."""
        return self.records.plot(ax)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, for JSON."""
        costs = {"spent": self.spent, "trained": self.trained, "left_out": self.left_out}
        return {**self.records.to_dict(), **costs, "rises": self.rises}

    def _repr_html_(self) -> str:
        return self.records._repr_html_()

    def __repr__(self) -> str:
        share = f", {self.spent / self.trained:.1%} of the training time" if self.trained else ""
        out = f", {self.left_out} left out" if self.left_out else ""
        reasons = [r["failed"] for r in self.records if r.get("failed")]
        if reasons:
            name, why = next(iter(reasons[-1].items()))
            out += f", {len(reasons)} with failures (the last: {name}: {why})"
        return (
            f"<Monitor: {', '.join(self.quantities)} every {self.every} steps; "
            f"{len(self.records)} measurements{out}{share}>"
        )


def _quantity_name(quantity: Any) -> str:
    if isinstance(quantity, str):
        if quantity not in NAMES:
            raise ValueError(f"Monitor: quantity {quantity!r} is not one of {', '.join(NAMES)}")
        return quantity
    name = getattr(quantity, "__name__", "")
    if not callable(quantity) or not name or name == "<lambda>":
        raise ValueError(
            f"Monitor: a quantity is a name ({', '.join(NAMES)}) or a function with a name (def); "
            f"got {quantity!r}"
        )
    return name


class _Point:
    """What is measured at one point; each thing once."""

    def __init__(self, monitor: Monitor, params: Any, diagonal: Array | None):
        self.monitor, self.params, self.diagonal = monitor, params, diagonal
        self._full: HessianOperator | None = None
        self._top: Eigenpairs | None = None

    @cached_property
    def base(self) -> MovingHessian:
        """The plain Hessian."""
        return self.monitor._operator_at(self.params)

    @cached_property
    def op(self) -> Any:
        """The Hessian, preconditioned where it can be."""
        return self.base if self.diagonal is None else self.base.preconditioned(self.diagonal)

    @property
    def full(self) -> HessianOperator:
        """For functions: with all that a HessianOperator can do, in the parameters' precision."""
        if self._full is None:
            m = self.monitor
            self._full = HessianOperator(
                m.loss, self.params, m.data, *m.args, reduction=m.reduction, check=False
            )
        return self._full

    @property
    def top(self) -> Eigenpairs:
        if self._top is None:
            m = self.monitor
            self._top = top_eigenpairs(
                self.op, m.k, rtol=m.rtol, v0=m._vectors, seed=m.seed, block_size=m.k
            )
            if self._top.reason == INTERRUPTED:  # Ctrl-C was meant for the training
                raise KeyboardInterrupt
            m._vectors = self._top.start
        return self._top

    def named(self, name: str) -> Any:
        if name == "top_eigenvalues":
            found = self.top.to_dict()
            kept = ("values", "residuals", "gap_intervals", "matvecs", "converged")
            return {key: found[key] for key in kept}
        if name == "gradient_norm":
            return scaling.norm(self.base.gradient)
        if name == "trace":
            return trace(self.op, PROBES, seed=self.monitor.seed)
        if name == "layer_shares":
            of = layer_shares(self.base, self.top.vectors[:, 0])
            return {"names": of.names, "values": of.shares[:, 0]}
        gradient = self.base.gradient
        if self.diagonal is not None:
            gradient = gradient / np.sqrt(self.diagonal)
        return gradient_alignment(self.op, self.top, gradient=gradient)
