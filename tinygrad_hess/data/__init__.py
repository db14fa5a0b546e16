"""Small data sets, real and made up, and how to split, standardise and batch them."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from ..core.boundary import all_named as _all_named
from ..core.names import suggesting as _suggesting
from . import problems as problems
from .dataset import Batches as Batches
from .dataset import Dataset as Dataset
from .dataset import batches as batches
from .dataset import split as split
from .dataset import standardize as standardize
from .generated import blobs as blobs
from .generated import chebyshev as chebyshev
from .generated import moons as moons
from .generated import spirals as spirals
from .generated import teacher_student as teacher_student
from .shipped import breast_cancer as breast_cancer
from .shipped import digits as digits
from .shipped import iris as iris
from .shipped import wine as wine
from .tables import Table as Table
from .tables import from_frame as from_frame

globals().update(_all_named(globals()))

_ADVICE = {
    "DataLoader": "Use batches(x, y, size).",
    "TensorDataset": "Use Dataset(x, y).",
    "train_test_split": "Use split(dataset, test=0.2).",
    "read_csv": "Use from_frame(path, target).",
    "StandardScaler": "Use standardize(train, test).",
    "mnist": "Use digits: 1,797 handwritten digits of 8 by 8 pixels.",
    "MNIST": "Use digits: 1,797 handwritten digits of 8 by 8 pixels.",
    "circles": "Use moons or spirals.",
}

if not _TYPE_CHECKING:
    __getattr__ = _suggesting(__name__, _ADVICE)
