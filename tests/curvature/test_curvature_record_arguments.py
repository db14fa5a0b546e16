"""What monitors and reports refuse, and in which words."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinygrad_hess.curvature import Monitor, Report, report


def square(x):
    return (x**2).sum()


def follow():
    return Monitor(square, np.ones(2), optimizer=0.1, k=1, every=1)


@pytest.fixture(scope="module")
def made() -> Report:
    return report(square, np.ones(2))


REFUSED = {
    "state": (lambda: follow().measure(0, np.ones(2), state=2.0), "Monitor: state must be"),
    "step": (lambda: follow().measure(np.ones(2), np.ones(2)), "Monitor: step must be"),
    "read": (lambda: Monitor.read(1), "Monitor.read: path must be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_monitors_name_what_they_refuse(case):
    call, words = REFUSED[case]
    with pytest.raises(TypeError, match=re.escape(words)):
        call()


@pytest.mark.parametrize("method", ["save_html", "save_json"])
def test_reports_name_a_path_that_is_none(made, method):
    with pytest.raises(TypeError, match=f"Report.{method}: path must be a path"):
        getattr(made, method)(object())
    with pytest.raises(IsADirectoryError, match=f"Report.{method}: "):
        getattr(made, method)("")
