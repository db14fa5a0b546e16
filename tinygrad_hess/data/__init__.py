"""Small data sets, real and made up, and how to split, standardise and batch them."""

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
