"""What regions refuse, and in which words."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinygrad_hess.curvature import Ball, Box, is_convex_on

BALL = Ball(1.0, np.zeros(2))
BOX = Box(np.zeros(2), np.ones(2))

REFUSED = {
    "a list as radius": (lambda: Ball([1, 2]), TypeError, "Ball: radius must be"),
    "no loss": (lambda: BALL.placed(False), TypeError, "Ball.placed: total must be"),
    "no loss for a box": (lambda: BOX.placed(""), TypeError, "Box.placed: total must be"),
    "no generator": (lambda: BALL.sample(0), TypeError, "Ball.sample: rng must be"),
    "a type": (lambda: BOX.sample(float), TypeError, "Box.sample: rng must be"),
    "no centre": (lambda: Ball(1.0).farthest(np.ones(2)), ValueError, "Ball.farthest: this ball"),
    "no array": (lambda: BALL.project(...), TypeError, "Ball.project: x must be"),
    "an object": (lambda: BALL.farthest([None, 1]), TypeError, "Ball.farthest: g must be"),
    "a type to project": (lambda: BOX.project(float), TypeError, "Box.project: x must be"),
    "another shape": (lambda: BOX.farthest(np.ones(3)), ValueError, "Box.farthest: g must be"),
    "no seed": (
        lambda: is_convex_on(lambda x: (x**2).sum(), np.ones(2), region=BALL, seed="lucky"),
        TypeError,
        "is_convex_on: seed must be",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_regions_name_what_they_refuse(case):
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=re.escape(words)):
        call()


def test_a_box_between_numbers_prints():
    assert str(Box(0.0, 1.0)) == "the box [0, 1]"
