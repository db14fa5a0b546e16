"""HIPS/autograd on the objectives of examples/autograd."""

from __future__ import annotations

from .autograd_examples import model
from .library_autograd import TASKS
from .problems import problem
from .tasks import Forms


def make(workload: str, task: str, dtype: str) -> Forms:
    """The forms of a task."""
    p = problem(workload, dtype)
    run = TASKS[task](model(p.model, "autograd"), p)
    return {} if run is None else {"eager": run}
