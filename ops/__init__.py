"""The operations, one declaration each, grouped by family.

Each works on arrays, tensors, and mixtures of the two: arrays in give an array out.

Named here are functions composed of others. Every primitive is found by its own name, one that a
user declares as well: in the module that the index of names tells, or in the registry.
"""

from importlib.util import find_spec as _find_spec
from typing import Any as _Any

from ..core.boundary import all_named as _all_named
from ..core.boundary import is_bare as _is_bare
from ..core.boundary import named as _named
from ..core.registry import REGISTRY as _REGISTRY
from ._names import OPERATIONS as _OPERATIONS
from ._rows import load as _load
from ._rows import load_all as _load_all
from .elementwise.arithmetic import clip as clip
from .elementwise.arithmetic import mod as mod
from .elementwise.arithmetic import power as power
from .elementwise.complexes import angle as angle
from .elementwise.complexes import conj as conj
from .elementwise.complexes import imag as imag
from .elementwise.complexes import real as real
from .elementwise.complexes import real_if_close as real_if_close
from .elementwise.complexes import sign as sign
from .elementwise.identity import astype as astype
from .elementwise.identity import checked as checked
from .elementwise.trigonometric import sinc as sinc
from .indexing.index import index as index
from .indexing.index import take as take
from .indexing.index import take_along_axis as take_along_axis
from .indexing.scatter import add_at as add_at
from .indexing.scatter import combine_at as combine_at
from .indexing.scatter import scatter as scatter
from .indexing.scatter import set_at as set_at
from .indexing.selecting import ClassNumbers as ClassNumbers
from .indexing.selecting import chunk as chunk
from .indexing.selecting import gather as gather
from .indexing.selecting import index_select as index_select
from .indexing.selecting import masked_fill as masked_fill
from .indexing.selecting import one_hot as one_hot
from .indexing.selecting import scatter_add_along as scatter_add_along
from .indexing.selecting import scatter_along as scatter_along
from .indexing.sorting import argsort as argsort
from .indexing.sorting import sort as sort
from .linalg.determinants import det as det
from .linalg.determinants import slogdet as slogdet
from .linalg.eigen import eig as eig
from .linalg.eigen import eigvals as eigvals
from .linalg.factorizations import cho_solve as cho_solve
from .linalg.factorizations import cholesky as cholesky
from .linalg.factorizations import qr as qr
from .linalg.factorizations import solve_assuming as solve_assuming
from .linalg.least_squares import cond as cond
from .linalg.least_squares import lstsq as lstsq
from .linalg.least_squares import matrix_rank as matrix_rank
from .linalg.least_squares import pinv as pinv
from .linalg.matrix_functions import expm as expm
from .linalg.matrix_functions import logm as logm
from .linalg.matrix_functions import matrix_power as matrix_power
from .linalg.matrix_functions import sqrtm as sqrtm
from .linalg.matrix_products import cross as cross
from .linalg.matrix_products import kron as kron
from .linalg.matrix_products import matvec as matvec
from .linalg.matrix_products import multi_dot as multi_dot
from .linalg.matrix_products import outer_vectors as outer_vectors
from .linalg.matrix_products import toeplitz as toeplitz
from .linalg.matrix_products import vander as vander
from .linalg.matrix_products import vecdot as vecdot
from .linalg.matrix_products import vecmat as vecmat
from .linalg.products import diagonal as diagonal
from .linalg.products import dot as dot
from .linalg.products import einsum as einsum
from .linalg.products import inner as inner
from .linalg.products import matmul as matmul
from .linalg.products import outer as outer
from .linalg.products import tensordot as tensordot
from .linalg.products import trace as trace
from .linalg.products import vdot as vdot
from .linalg.singular_values import svdvals as svdvals
from .linalg.singular_vectors import svd as svd
from .linalg.solving import inv as inv
from .linalg.solving import solve as solve
from .linalg.solving import solve_triangular as solve_triangular
from .linalg.solving import tensorinv as tensorinv
from .linalg.solving import tensorsolve as tensorsolve
from .linalg.spectral import eigh as eigh
from .linalg.spectral import eigvalsh as eigvalsh
from .nn.activation import elu as elu
from .nn.activation import gelu as gelu
from .nn.activation import hard_tanh as hard_tanh
from .nn.activation import leaky_relu as leaky_relu
from .nn.activation import silu as silu
from .nn.normalization import batch_norm as batch_norm
from .nn.normalization import layer_norm as layer_norm
from .nn.resampling import interpolate as interpolate
from .nn.transposed_convolution import conv_transpose1d as conv_transpose1d
from .nn.transposed_convolution import conv_transpose2d as conv_transpose2d
from .nn.windows import avg_pool1d as avg_pool1d
from .nn.windows import avg_pool2d as avg_pool2d
from .nn.windows import conv1d as conv1d
from .nn.windows import conv2d as conv2d
from .nn.windows import max_pool1d as max_pool1d
from .nn.windows import max_pool2d as max_pool2d
from .nn.windows import windows as windows
from .reductions.norms import matrix_norm as matrix_norm
from .reductions.norms import norm as norm
from .reductions.norms import vector_norm as vector_norm
from .reductions.ordering import cummax as cummax
from .reductions.ordering import cummin as cummin
from .reductions.ordering import topk as topk
from .reductions.quantiles import median as median
from .reductions.reduction import all as all
from .reductions.reduction import any as any
from .reductions.reduction import argmax as argmax
from .reductions.reduction import argmin as argmin
from .reductions.reduction import average as average
from .reductions.reduction import max as max
from .reductions.reduction import mean as mean
from .reductions.reduction import min as min
from .reductions.reduction import prod as prod
from .reductions.reduction import ptp as ptp
from .reductions.reduction import squared_norm as squared_norm
from .reductions.reduction import std as std
from .reductions.reduction import sum as sum
from .reductions.reduction import var as var
from .reductions.scans import cumprod as cumprod
from .reductions.scans import cumsum as cumsum
from .reductions.scans import diff as diff
from .reductions.softmax import log_softmax as log_softmax
from .reductions.softmax import logsumexp as logsumexp
from .reductions.softmax import softmax as softmax
from .shape.broadcasting import ravel as ravel
from .shape.broadcasting import to_shape as reshape
from .shape.rearranging import array_split as array_split
from .shape.rearranging import atleast_1d as atleast_1d
from .shape.rearranging import atleast_2d as atleast_2d
from .shape.rearranging import broadcast as broadcast_to
from .shape.rearranging import broadcast_arrays as broadcast_arrays
from .shape.rearranging import column_stack as column_stack
from .shape.rearranging import concatenate as concatenate
from .shape.rearranging import expand_dims as expand_dims
from .shape.rearranging import flip as flip
from .shape.rearranging import hstack as hstack
from .shape.rearranging import matrix_transpose as matrix_transpose
from .shape.rearranging import moveaxis as moveaxis
from .shape.rearranging import pad as pad
from .shape.rearranging import repeat as repeat
from .shape.rearranging import roll as roll
from .shape.rearranging import rollaxis as rollaxis
from .shape.rearranging import split as split
from .shape.rearranging import squeeze as squeeze
from .shape.rearranging import stack as stack
from .shape.rearranging import swapaxes as swapaxes
from .shape.rearranging import tile as tile
from .shape.rearranging import transpose as transpose
from .shape.rearranging import vstack as vstack
from .shape.triangles import diag as diag
from .shape.triangles import diagflat as diagflat
from .shape.triangles import tril as tril
from .shape.triangles import triu as triu

# what operators call, and what is called most: their primitives name the errors that come of it
_direct = (astype, index, matmul, mod, power, reshape, sum)
globals().update(_all_named(globals(), keep=_direct))


def __getattr__(name: str) -> _Any:
    if name in _OPERATIONS:
        found = _load(name)
        globals()[name] = found = _named(found, name) if _is_bare(found) else found
        return found
    if name.startswith("_") or (name not in _REGISTRY and _find_spec(f"{__name__}.{name}")):
        # Python asks so before it imports a module, and loads it when there is no such attribute
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _REGISTRY:  # a row that the index does not know yet, or a slip
        _load_all()
    try:
        return _REGISTRY[name].call
    except KeyError:
        from difflib import get_close_matches

        near = ", ".join(get_close_matches(name, __dir__()))
        raise AttributeError(
            f"module {__name__!r} has no operation {name!r}, and no primitive of that name is "
            f"declared{f'; is it one of {near}?' if near else ''}"
        ) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_OPERATIONS, *_REGISTRY})
