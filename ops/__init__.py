"""The operations, one declaration each, grouped by family.

Each works on arrays, tensors, and mixtures of the two: arrays in give an array out.

Named here are functions composed of others. Every primitive is found by its own name, one that a
user declares as well: in the module that the index of names tells, or in the registry.
"""

from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec
from typing import Any as _Any

from .._names import OPERATIONS as _OPERATIONS
from ..primitive import REGISTRY as _REGISTRY
from ..registry import declared as _declared
from .activation import elu as elu
from .activation import gelu as gelu
from .activation import hard_tanh as hard_tanh
from .activation import leaky_relu as leaky_relu
from .activation import silu as silu
from .arithmetic import clip as clip
from .arithmetic import mod as mod
from .arithmetic import power as power
from .broadcasting import ravel as ravel
from .broadcasting import sum as sum
from .broadcasting import to_shape as reshape
from .complexes import angle as angle
from .complexes import conj as conj
from .complexes import imag as imag
from .complexes import real as real
from .complexes import real_if_close as real_if_close
from .complexes import sign as sign
from .determinants import det as det
from .determinants import slogdet as slogdet
from .eigen import eig as eig
from .eigen import eigvals as eigvals
from .factorizations import cho_solve as cho_solve
from .factorizations import cholesky as cholesky
from .factorizations import qr as qr
from .factorizations import solve_assuming as solve_assuming
from .identity import astype as astype
from .identity import checked as checked
from .indexing import argsort as argsort
from .indexing import index as index
from .indexing import sort as sort
from .indexing import take as take
from .indexing import take_along_axis as take_along_axis
from .least_squares import cond as cond
from .least_squares import lstsq as lstsq
from .least_squares import matrix_rank as matrix_rank
from .least_squares import pinv as pinv
from .matrix_functions import expm as expm
from .matrix_functions import logm as logm
from .matrix_functions import matrix_power as matrix_power
from .matrix_functions import sqrtm as sqrtm
from .matrix_products import cross as cross
from .matrix_products import kron as kron
from .matrix_products import matvec as matvec
from .matrix_products import multi_dot as multi_dot
from .matrix_products import outer_vectors as outer_vectors
from .matrix_products import toeplitz as toeplitz
from .matrix_products import vander as vander
from .matrix_products import vecdot as vecdot
from .matrix_products import vecmat as vecmat
from .normalization import batch_norm as batch_norm
from .normalization import layer_norm as layer_norm
from .norms import matrix_norm as matrix_norm
from .norms import norm as norm
from .norms import vector_norm as vector_norm
from .ordering import cummax as cummax
from .ordering import cummin as cummin
from .ordering import topk as topk
from .products import diagonal as diagonal
from .products import dot as dot
from .products import einsum as einsum
from .products import inner as inner
from .products import matmul as matmul
from .products import outer as outer
from .products import tensordot as tensordot
from .products import trace as trace
from .products import vdot as vdot
from .quantiles import median as median
from .reduction import all as all
from .reduction import any as any
from .reduction import argmax as argmax
from .reduction import argmin as argmin
from .reduction import average as average
from .reduction import cumprod as cumprod
from .reduction import cumsum as cumsum
from .reduction import diff as diff
from .reduction import log_softmax as log_softmax
from .reduction import logsumexp as logsumexp
from .reduction import max as max
from .reduction import mean as mean
from .reduction import min as min
from .reduction import prod as prod
from .reduction import ptp as ptp
from .reduction import softmax as softmax
from .reduction import squared_norm as squared_norm
from .reduction import std as std
from .reduction import var as var
from .resampling import interpolate as interpolate
from .scatter import add_at as add_at
from .scatter import combine_at as combine_at
from .scatter import scatter as scatter  # the row, which has the name of its module
from .scatter import set_at as set_at
from .selecting import ClassNumbers as ClassNumbers
from .selecting import chunk as chunk
from .selecting import gather as gather
from .selecting import index_select as index_select
from .selecting import masked_fill as masked_fill
from .selecting import one_hot as one_hot
from .selecting import scatter_add_along as scatter_add_along
from .selecting import scatter_along as scatter_along
from .shape import array_split as array_split
from .shape import atleast_1d as atleast_1d
from .shape import atleast_2d as atleast_2d
from .shape import broadcast as broadcast_to
from .shape import broadcast_arrays as broadcast_arrays
from .shape import column_stack as column_stack
from .shape import concatenate as concatenate
from .shape import expand_dims as expand_dims
from .shape import flip as flip
from .shape import hstack as hstack
from .shape import matrix_transpose as matrix_transpose
from .shape import moveaxis as moveaxis
from .shape import pad as pad
from .shape import repeat as repeat
from .shape import roll as roll
from .shape import rollaxis as rollaxis
from .shape import split as split
from .shape import squeeze as squeeze
from .shape import stack as stack
from .shape import swapaxes as swapaxes
from .shape import tile as tile
from .shape import transpose as transpose
from .shape import vstack as vstack
from .singular_values import svdvals as svdvals
from .singular_vectors import svd as svd
from .solving import inv as inv
from .solving import solve as solve
from .solving import solve_triangular as solve_triangular
from .solving import tensorinv as tensorinv
from .solving import tensorsolve as tensorsolve
from .spectral import eigh as eigh
from .spectral import eigvalsh as eigvalsh
from .transposed_convolution import conv_transpose1d as conv_transpose1d
from .transposed_convolution import conv_transpose2d as conv_transpose2d
from .triangles import diag as diag
from .triangles import diagflat as diagflat
from .triangles import tril as tril
from .triangles import triu as triu
from .trigonometric import sinc as sinc
from .windows import avg_pool1d as avg_pool1d
from .windows import avg_pool2d as avg_pool2d
from .windows import conv1d as conv1d
from .windows import conv2d as conv2d
from .windows import max_pool1d as max_pool1d
from .windows import max_pool2d as max_pool2d
from .windows import windows as windows  # the row, which has the name of its module

_PACKAGE = __name__.rpartition(".")[0]


def __getattr__(name: str) -> _Any:
    if name in _OPERATIONS:
        module, _, attribute = _OPERATIONS[name].partition(":")
        found = getattr(_import_module(f"{_PACKAGE}.{module}"), attribute or name)
        globals()[name] = found
        return found
    if name.startswith("_") or (name not in _REGISTRY and _find_spec(f"{__name__}.{name}")):
        # Python asks so before it imports a module, and loads it when there is no such attribute
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return _REGISTRY[name].call  # looks at what is declared before it loads slow modules
    except KeyError:
        from difflib import get_close_matches

        near = ", ".join(get_close_matches(name, __dir__()))
        raise AttributeError(
            f"module {__name__!r} has no operation {name!r}, and no primitive of that name is "
            f"declared{f'; is it one of {near}?' if near else ''}"
        ) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_OPERATIONS, *(row.name for row in _declared(_REGISTRY))})
