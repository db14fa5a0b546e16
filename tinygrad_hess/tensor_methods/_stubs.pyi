# written by `make names` (tools/public_names.py), not by hand
# ruff: noqa
# fmt: off
"""What is bound to tensors while the package is imported."""

import builtins
from typing import Any

from ..core.tensor import Tensor

class TensorMethods:
    @property
    def H(self) -> Any:
        """The conjugate transpose."""
    @property
    def T(self) -> Any:
        """The axes reversed."""
    def __abs__(self, /) -> Tensor:
        """The absolute value, with derivative 0 at 0: the mean of both sides."""
    def __add__(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``add``."""
    def __and__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``bitwise_and``."""
    def __copy__(self) -> Any:
        """``copy.copy(x)``: a leaf of its own for a leaf; else a gradient flows through the copy."""
    def __dlpack__(self, /, **options: Any) -> Any:
        """The numbers for another library, as a copy; refused where a gradient would be lost."""
    def __dlpack_device__(self, /) -> tuple[builtins.int, builtins.int]:
        """The device as DLPack numbers it: the first CPU."""
    def __eq__(self, x2: Any, /) -> Tensor:  # type: ignore[override]
        """The zero primitive ``equal``."""
    def __floordiv__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``floor_divide``."""
    def __ge__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``greater_equal``."""
    def __getitem__(self, key: Any) -> Any:
        """``x[key]`` for every kind of NumPy key; a repeated position adds up in the derivative."""
    def __gt__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``greater``."""
    def __iadd__(self, other: Any) -> Any:
        """``x += y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x + y``."""
    def __iand__(self, other: Any) -> Any:
        """``x &= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x & y``."""
    def __ifloordiv__(self, other: Any) -> Any:
        """``x //= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x // y``."""
    def __ilshift__(self, other: Any) -> Any:
        """``x <<= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x << y``."""
    def __imatmul__(self, other: Any) -> Any:
        """``x @= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x @ y``."""
    def __imod__(self, other: Any) -> Any:
        """``x %= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x % y``."""
    def __imul__(self, other: Any) -> Any:
        """``x *= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x * y``."""
    def __invert__(self, /) -> Tensor:
        """The zero primitive ``invert``."""
    def __ior__(self, other: Any) -> Any:
        """``x |= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x | y``."""
    def __ipow__(self, other: Any) -> Any:
        """``x **= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x ** y``."""
    def __irshift__(self, other: Any) -> Any:
        """``x >>= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x >> y``."""
    def __isub__(self, other: Any) -> Any:
        """``x -= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x - y``."""
    def __itruediv__(self, other: Any) -> Any:
        """``x /= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x / y``."""
    def __ixor__(self, other: Any) -> Any:
        """``x ^= y``: the tensor takes the new value; one without axes, a leaf, or an argument stays, and the name is given to ``x ^ y``."""
    def __le__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``less_equal``."""
    def __lshift__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``left_shift``."""
    def __lt__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``less``."""
    def __matmul__(self, b: Any) -> Any:
        """Matrix product with NumPy's rules: vectors on either side, stacks of matrices broadcast."""
    def __mod__(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``remainder``."""
    def __mul__(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``multiply``."""
    def __ne__(self, x2: Any, /) -> Tensor:  # type: ignore[override]
        """The zero primitive ``not_equal``."""
    def __neg__(self, /) -> Tensor:
        """The elementwise primitive ``negative``."""
    def __or__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``bitwise_or``."""
    def __pos__(self, /) -> Tensor:
        """The elementwise primitive ``positive``."""
    def __pow__(self, b: Any) -> Any:
        """``a ** b`` elementwise."""
    def __radd__(self, other: Any) -> Any:
        ...
    def __rand__(self, other: Any) -> Any:
        ...
    def __rfloordiv__(self, other: Any) -> Any:
        ...
    def __rlshift__(self, other: Any) -> Any:
        ...
    def __rmatmul__(self, other: Any) -> Any:
        ...
    def __rmod__(self, other: Any) -> Any:
        ...
    def __rmul__(self, other: Any) -> Any:
        ...
    def __ror__(self, other: Any) -> Any:
        ...
    def __rpow__(self, other: Any) -> Any:
        ...
    def __rrshift__(self, other: Any) -> Any:
        ...
    def __rshift__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``right_shift``."""
    def __rsub__(self, other: Any) -> Any:
        ...
    def __rtruediv__(self, other: Any) -> Any:
        ...
    def __rxor__(self, other: Any) -> Any:
        ...
    def __setitem__(self, key: Any, value: Any) -> None:
        """``x[key] = value``: the tensor takes the new value, and derivatives flow from both."""
    def __sub__(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``subtract``."""
    def __truediv__(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``divide``."""
    def __xor__(self, x2: Any, /) -> Tensor:
        """The zero primitive ``bitwise_xor``."""
    def _repr_html_(self) -> str:
        """Dtype, shape, name, how it came about, and a few of its numbers."""
    def abs(self, /) -> Tensor:
        """The absolute value, with derivative 0 at 0: the mean of both sides."""
    def absolute(self, /) -> Tensor:
        """The absolute value, with derivative 0 at 0: the mean of both sides."""
    def acos(self, /) -> Tensor:
        """The elementwise primitive ``arccos``."""
    def acosh(self, /) -> Tensor:
        """The elementwise primitive ``arccosh``."""
    def add(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``add``."""
    def addbmm(self, a: Any, b: Any, beta: builtins.float = 1, alpha: builtins.float = 1) -> Any:
        """beta x + alpha a b, a product of matrices, of stacks of them, or of a matrix and a vector."""
    def addcdiv(self, a: Any, b: Any, value: builtins.float = 1) -> Any:
        """x + value a / b."""
    def addcmul(self, a: Any, b: Any, value: builtins.float = 1) -> Any:
        """x + value a b."""
    def addmm(self, a: Any, b: Any, beta: builtins.float = 1, alpha: builtins.float = 1) -> Any:
        """beta x + alpha a b, a product of matrices, of stacks of them, or of a matrix and a vector."""
    def addmv(self, a: Any, b: Any, beta: builtins.float = 1, alpha: builtins.float = 1) -> Any:
        """beta x + alpha a b, a product of matrices, of stacks of them, or of a matrix and a vector."""
    def adjoint(self) -> Any:
        """The conjugate transpose of matrices."""
    def all(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Whether all elements over the axes are true."""
    def allclose(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``allclose``, on values: it has no derivative."""
    def amax(self, axis: Any = None, keepdims: builtins.bool = False, initial: Any = ..., where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Largest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    def amin(self, axis: Any = None, keepdims: builtins.bool = False, initial: Any = ..., where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Smallest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    def aminmax(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> tuple[Any, Any]:
        """The smallest and the largest element."""
    def angle(self, deg: builtins.bool = False) -> Any:
        """The angle to the positive real axis, in radians from -π to π (or degrees)."""
    def any(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Whether any element over the axes is true."""
    @staticmethod
    def arange(*bounds: Any, dtype: Any = None, requires_grad: builtins.bool = False) -> Tensor:
        """Numbers from start (0) to stop, excluded, by a step (1): NumPy's ``arange``."""
    def arccos(self, /) -> Tensor:
        """The elementwise primitive ``arccos``."""
    def arccosh(self, /) -> Tensor:
        """The elementwise primitive ``arccosh``."""
    def arcsin(self, /) -> Tensor:
        """The elementwise primitive ``arcsin``."""
    def arcsinh(self, /) -> Tensor:
        """The elementwise primitive ``arcsinh``."""
    def arctan(self, /) -> Tensor:
        """The elementwise primitive ``arctan``."""
    def arctan2(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``arctan2``."""
    def arctanh(self, /) -> Tensor:
        """The elementwise primitive ``arctanh``."""
    def argmax(self, axis: builtins.int | None = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Index of the largest element (along an axis, or in the flattened array)."""
    def argmin(self, axis: builtins.int | None = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Index of the smallest element (along an axis, or in the flattened array)."""
    def argpartition(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``argpartition``, on values: it has no derivative."""
    def argsort(self, axis: builtins.int | None = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Positions that sort along an axis; ties keep their order."""
    def argwhere(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``argwhere``, on values: it has no derivative."""
    def asin(self, /) -> Tensor:
        """The elementwise primitive ``arcsin``."""
    def asinh(self, /) -> Tensor:
        """The elementwise primitive ``arcsinh``."""
    def astype(self, dtype: Any) -> Any:
        """Convert to ``dtype``. To an integer or boolean type, no derivative flows."""
    @property
    def at(self) -> Any:
        """``x.at[key]``: updates of some elements that give a new tensor, as in JAX."""
    def atan(self, /) -> Tensor:
        """The elementwise primitive ``arctan``."""
    def atan2(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``arctan2``."""
    def atanh(self, /) -> Tensor:
        """The elementwise primitive ``arctanh``."""
    def avg_pool1d(self, size: Any, stride: Any = None, padding: Any = 0) -> Any:
        """Mean of each window of the last axis (padding counts as zeros)."""
    def avg_pool2d(self, size: Any, stride: Any = None, padding: Any = 0) -> Any:
        """Mean of each window of the last two axes (padding counts as zeros)."""
    def backward(self, gradient: Any = None, *, retain_graph: builtins.bool = False, create_graph: builtins.bool = False) -> None:
        """Add the gradient of this tensor to ``grad`` of each leaf."""
    def baddbmm(self, a: Any, b: Any, beta: builtins.float = 1, alpha: builtins.float = 1) -> Any:
        """beta x + alpha a b, a product of matrices, of stacks of them, or of a matrix and a vector."""
    def batchnorm(self, weight: Any = None, bias: Any = None, mean_of: Any = None, inverse_std: Any = None, axis: builtins.int = 1, eps: Any = 1e-05, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Centre and scale each channel, over all other axes."""
    def bincount(self, weights: Any = None, minlength: builtins.int = 0) -> Any:
        """How often each number from 0 on occurs, or the sums of the weights of its occurrences."""
    def bitwise_and(self, x2: Any, /) -> Tensor:
        """The zero primitive ``bitwise_and``."""
    def bitwise_invert(self, /) -> Tensor:
        """The zero primitive ``invert``."""
    def bitwise_left_shift(self, x2: Any, /) -> Tensor:
        """The zero primitive ``left_shift``."""
    def bitwise_not(self, /) -> Tensor:
        """The zero primitive ``invert``."""
    def bitwise_or(self, x2: Any, /) -> Tensor:
        """The zero primitive ``bitwise_or``."""
    def bitwise_right_shift(self, x2: Any, /) -> Tensor:
        """The zero primitive ``right_shift``."""
    def bitwise_xor(self, x2: Any, /) -> Tensor:
        """The zero primitive ``bitwise_xor``."""
    def bmm(self, b: Any) -> Any:
        """Matrix product with NumPy's rules: vectors on either side, stacks of matrices broadcast."""
    def bool(self) -> Any:
        """Convert to bool."""
    def broadcast_to(self, *items: Any) -> Any:
        """Repeat along new or length-1 axes, as a view; NumPy's ``broadcast_to``."""
    def cat(self, *others: Any, axis: builtins.int = 0, dim: Any = ..., dims: Any = ...) -> Any:
        """Join with others along an axis: ``x.cat(y, z, axis=1)``."""
    def cbrt(self, /) -> Tensor:
        """The elementwise primitive ``cbrt``."""
    def ceil(self, /) -> Tensor:
        """The zero primitive ``ceil``."""
    def celu(self, alpha: builtins.float = 1.0) -> Any:
        """x where positive, alpha (exp(x/alpha) - 1) elsewhere (Barron 2017)."""
    def cholesky(self, upper: builtins.bool = False) -> Any:
        """The Cholesky factor of symmetric positive definite matrices."""
    def choose(self, choices: Any, mode: str = 'raise') -> Any:
        """From arrays, element by element the one whose number ``a`` gives."""
    def chunk(self, chunks: builtins.int = ..., axis: builtins.int = 0, *, dim: Any = ..., dims: Any = ...) -> list[Any]:
        """Cut along an axis into at most ``chunks`` parts of one length; the last may be shorter."""
    def clamp(self, min: Any = None, max: Any = None) -> Any:
        """Limit to an interval; the derivative is 0 outside it."""
    def clamp_max(self, most: Any) -> Any:
        """Limit from above."""
    def clamp_min(self, least: Any) -> Any:
        """Limit from below."""
    def clip(self, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
        """Limit values to [a_min, a_max]. At a bound the derivative is one half, from both sides' mean."""
    def clone(self, order: str = 'K', subok: builtins.bool = False) -> Any:
        """The same values as a new array; a derivative flows through the copy."""
    def compress(self, a: Any = ..., axis: builtins.int | None = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """The slices along an axis (None: elements) where the condition is true."""
    def conj(self) -> Any:
        """The complex conjugate; real numbers as they are."""
    def conjugate(self) -> Any:
        """The complex conjugate; real numbers as they are."""
    def contiguous(self, *where: Any, **options: Any) -> Any:
        """The tensor itself: it has one memory layout, one device, and is computed already."""
    def conv1d(self, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: builtins.int = 1) -> Any:
        """Cross-correlation of (N, C, L) with (O, C/groups, l), as in PyTorch; see :func:`conv2d`."""
    def conv2d(self, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: builtins.int = 1) -> Any:
        """Cross-correlation of images with kernels: what neural nets call a convolution."""
    def conv_transpose1d(self, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: builtins.int = 1, dilation: Any = 1) -> Any:
        """(N, C, L) with a kernel (C, O/groups, l) to (N, O, L'); see :func:`conv_transpose2d`."""
    def conv_transpose2d(self, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: builtins.int = 1, dilation: Any = 1) -> Any:
        """Transposed convolution of images, as in PyTorch."""
    def copy(self) -> Any:
        """The same values as a new tensor; a gradient flows through the copy."""
    def copysign(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``copysign``."""
    def corrcoef(self, y: Any = None, rowvar: builtins.bool = True, *, dtype: Any = None) -> Any:
        """The correlation coefficients of variables; see :func:`cov`."""
    def cos(self, /) -> Tensor:
        """The elementwise primitive ``cos``."""
    def cosh(self, /) -> Tensor:
        """The elementwise primitive ``cosh``."""
    def cosine_similarity(self, other: Any = ..., axis: builtins.int = -1, eps: builtins.float = 1e-08, *, dim: Any = ..., dims: Any = ...) -> Any:
        """The cosine of the angle between vectors along an axis; lengths count ``eps`` at least."""
    def count_nonzero(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``count_nonzero``, on values: it has no derivative."""
    def cov(self, y: Any = None, rowvar: builtins.bool = True, bias: builtins.bool = False, ddof: builtins.int | None = None, fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Any:
        """The covariance matrix of variables (rows, unless ``rowvar=False``)."""
    def cpu(self, *where: Any, **options: Any) -> Any:
        """The tensor itself: it has one memory layout, one device, and is computed already."""
    def cross(self, b: Any = ..., axisa: builtins.int = -1, axisb: builtins.int = -1, axisc: builtins.int = -1, axis: builtins.int | None = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """The vector product of vectors of length 3."""
    def cross_entropy(self, labels: Any, *, label_smoothing: builtins.float = 0.0, reduction: str = 'mean', weight: Any | None = None, ignore_index: builtins.int | None = None, example_weight: Any | None = None) -> Any:
        """Cross entropy of softmax(logits) against class numbers or probabilities."""
    def cummax(self, axis: builtins.int = -1, *, dim: Any = ..., dims: Any = ...) -> tuple[Any, Any]:
        """The largest element so far along an axis, and its position (of tied ones, the last)."""
    def cummin(self, axis: builtins.int = -1, *, dim: Any = ..., dims: Any = ...) -> tuple[Any, Any]:
        """The smallest element so far along an axis, and its position; see :func:`cummax`."""
    def cumprod(self, axis: builtins.int | None = None, dtype: Any = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Running product along an axis (None: of the flattened array), by doubling its reach."""
    def cumsum(self, axis: builtins.int | None = None, dtype: Any = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Running sum along an axis (None: of the flattened array)."""
    def deg2rad(self, /) -> Tensor:
        """The elementwise primitive ``deg2rad``."""
    def det(self) -> Any:
        """The determinant of square matrices, shape (..., n, n) to (...)."""
    @property
    def device(self) -> Any:
        """Where the numbers are: on the CPU."""
    def diag(self, k: builtins.int = 0) -> Any:
        """A vector as the k-th diagonal of a square matrix, or the k-th diagonal of a matrix."""
    def diag_embed(self, offset: builtins.int = 0) -> Any:
        """Matrices with the last axis as a diagonal: shape (..., n) to (..., n, n)."""
    def diagflat(self, k: builtins.int = 0) -> Any:
        """All elements, flattened, as the k-th diagonal of a square matrix."""
    def diagonal(self, offset: builtins.int = 0, axis1: builtins.int = 0, axis2: builtins.int = 1) -> Any:
        """The diagonal over two axes, put last; what is assigned to it, ``x`` takes."""
    def diff(self, n: builtins.int = 1, axis: builtins.int = -1, prepend: Any = None, append: Any = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Differences of neighbours along an axis, ``n`` times, with values put before and after."""
    def digamma(self, *args: Any) -> Any:
        """``scipy.special.digamma``."""
    def dim(self) -> builtins.int:
        """The number of axes."""
    def dist(self, other: Any, p: builtins.float = 2) -> Any:
        """The norm of the difference, of order ``p``."""
    def div(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``divide``."""
    def divide(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``divide``."""
    def divmod(self, x2: Any) -> tuple[Any, Any]:
        """Quotient, rounded down, and remainder."""
    def dot(self, b: Any) -> Any:
        """NumPy's ``dot``: the last axis of a with the second to last of b (or its only one)."""
    def double(self) -> Any:
        """Convert to float64."""
    def dsplit(self, indices_or_sections: Any) -> list[Any]:
        """Cut along the third axis."""
    @staticmethod
    def einsum(subscripts: Any, *operands: Any, optimize: Any = True) -> Any:
        """Sum of products in Einstein's notation: any number of operands, ellipses, repeated letters."""
    def element_size(self) -> builtins.int:
        """The number of bytes of an element."""
    def elu(self, alpha: builtins.float = 1.0) -> Any:
        """x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    def eq(self, x2: Any, /) -> Tensor:
        """The zero primitive ``equal``."""
    def equal(self, x2: Any, /) -> Tensor:
        """The zero primitive ``equal``."""
    def erf(self, /) -> Tensor:
        """The error function."""
    def erfc(self, *args: Any) -> Any:
        """``scipy.special.erfc``."""
    def erfinv(self, *args: Any) -> Any:
        """``scipy.special.erfinv``."""
    def exp(self, /) -> Tensor:
        """The elementwise primitive ``exp``."""
    def exp2(self, /) -> Tensor:
        """The elementwise primitive ``exp2``."""
    def expand(self, *lengths: Any) -> Any:
        """Repeat along new or length-1 axes, as a view; -1 keeps the length of an axis."""
    def expand_as(self, other: Any) -> Any:
        """Broadcast to the shape of another."""
    def expm1(self, /) -> Tensor:
        """The elementwise primitive ``expm1``."""
    @staticmethod
    def eye(rows: builtins.int, columns: builtins.int | None = None, dtype: Any = ..., requires_grad: builtins.bool = False) -> Tensor:
        """An identity matrix."""
    def fabs(self) -> Any:
        """The absolute value; at 0 its derivative is 0."""
    def fill(self, value: Any) -> None:
        """Assign one value to all elements."""
    def fix(self) -> Any:
        """Round towards 0: piecewise constant."""
    @property
    def flags(self) -> Any:
        """How the values lie in memory."""
    @property
    def flat(self) -> Any:
        """All elements along one axis, row by row; what is assigned to them, the tensor takes."""
    def flatten(self, start: builtins.int = 0, end: builtins.int = -1) -> Any:
        """Join the axes from ``start`` to ``end``, both included."""
    def flip(self, *axes: Any, axis: Any = None, dims: Any = None, dim: Any = ...) -> Any:
        """Reverse the order along axes, given as a tuple or one by one (none: all)."""
    def fliplr(self) -> Any:
        """Reverse the order along the second axis."""
    def flipud(self) -> Any:
        """Reverse the order along the first axis."""
    def float(self) -> Any:
        """Convert to float32."""
    def float_power(self, x2: Any) -> Any:
        """``x1 ** x2`` in float64 at least."""
    def floor(self, /) -> Tensor:
        """The zero primitive ``floor``."""
    def floor_divide(self, x2: Any, /) -> Tensor:
        """The zero primitive ``floor_divide``."""
    def fmax(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``fmax``."""
    def fmin(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``fmin``."""
    def fmod(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``fmod``."""
    def frac(self) -> Any:
        """The fractional part, with the sign of x."""
    def frexp(self) -> tuple[Any, Any]:
        """Mantissa and exponent: x = m 2^e, with 1/2 <= |m| < 1."""
    @staticmethod
    def full(shape: Any, value: Any, dtype: Any = None, requires_grad: builtins.bool = False) -> Tensor:
        """A tensor of one number."""
    def full_like(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False, **options: Any) -> Any:
        """A tensor of one number. Of this shape and type."""
    def gather(self, axis: builtins.int = ..., positions: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """Elements at positions along an axis, which may differ along the others."""
    def ge(self, x2: Any, /) -> Tensor:
        """The zero primitive ``greater_equal``."""
    def gelu(self, approximate: builtins.bool = False) -> Any:
        """x Φ(x), Φ the normal distribution function; or its tanh approximation (Hendrycks 2016)."""
    def ger(self, b: Any) -> Any:
        """Every product of an element of a with one of b, both flattened."""
    def greater(self, x2: Any, /) -> Tensor:
        """The zero primitive ``greater``."""
    def greater_equal(self, x2: Any, /) -> Tensor:
        """The zero primitive ``greater_equal``."""
    def gt(self, x2: Any, /) -> Tensor:
        """The zero primitive ``greater``."""
    def hard_tanh(self) -> Any:
        """x limited to [-1, 1]."""
    def hardshrink(self, limit: builtins.float = 0.5) -> Any:
        """0 up to |x| = limit, x beyond."""
    def hardsigmoid(self) -> Any:
        """x/6 + 1/2 limited to [0, 1]."""
    def hardswish(self) -> Any:
        """x hard_sigmoid(x) (Howard et al. 2019)."""
    def hardtanh(self) -> Any:
        """x limited to [-1, 1]."""
    def heaviside(self, x2: Any, /) -> Tensor:
        """The zero primitive ``heaviside``."""
    def hsplit(self, indices_or_sections: Any) -> list[Any]:
        """Cut along the second axis (a vector along its first)."""
    def hypot(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``hypot``."""
    def i0(self) -> Any:
        """The modified Bessel function of order 0, by SciPy."""
    def igamma(self, *args: Any) -> Any:
        """``scipy.special.gammainc``."""
    def igammac(self, *args: Any) -> Any:
        """``scipy.special.gammaincc``."""
    @property
    def imag(self) -> Any:
        """The imaginary part."""
    def index_add(self, axis: builtins.int = ..., index: Any = ..., source: Any = ..., alpha: builtins.float = 1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """With slices added at these indices along an axis; repeated indices add up."""
    def index_copy(self, axis: builtins.int = ..., index: Any = ..., source: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """With other slices at these indices along an axis."""
    def index_fill(self, axis: builtins.int = ..., index: Any = ..., value: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """With one value at these indices along an axis."""
    def index_select(self, axis: builtins.int = ..., positions: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """Slices at these positions along an axis: ``take`` with the axis first."""
    def inner(self, b: Any) -> Any:
        """Sum over the last axis of both."""
    def int(self) -> Any:
        """Convert to int32."""
    def interpolate(self, size: Any = None, scale_factor: Any = None, mode: str = 'nearest', align_corners: builtins.bool = False) -> Any:
        """Resample the axes after the first two, of (N, C, H, W) say, as in PyTorch."""
    def inverse(self) -> Any:
        """The inverse of square matrices, shape (..., n, n)."""
    def invert(self, /) -> Tensor:
        """The zero primitive ``invert``."""
    def is_complex(self) -> builtins.bool:
        """Whether the elements are complex numbers."""
    def is_floating_point(self) -> builtins.bool:
        """Whether the elements are real floating-point numbers."""
    def isclose(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``isclose``, on values: it has no derivative."""
    def isfinite(self, /) -> Tensor:
        """The zero primitive ``isfinite``."""
    def isin(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``isin``, on values: it has no derivative."""
    def isinf(self, /) -> Tensor:
        """The zero primitive ``isinf``."""
    def isnan(self, /) -> Tensor:
        """The zero primitive ``isnan``."""
    def isneginf(self) -> Any:
        """Whether each element is minus infinity."""
    def isposinf(self) -> Any:
        """Whether each element is plus infinity."""
    @property
    def itemsize(self) -> Any:
        """Bytes of an element."""
    def kron(self, b: Any) -> Any:
        """The Kronecker product: every element of ``a`` times the whole of ``b``."""
    def kthvalue(self, k: builtins.int = ..., axis: builtins.int = -1, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The ``k``-th smallest element along an axis, from 1 on, and its index."""
    def layernorm(self, axis: Any = -1, weight: Any = None, bias: Any = None, eps: Any = 1e-05, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Centre and scale over axes: (x - mean) / sqrt(var + eps), times weight, plus bias."""
    def ldexp(self, x2: Any, /) -> Tensor:
        """x times 2 to the power n, an integer."""
    def le(self, x2: Any, /) -> Tensor:
        """The zero primitive ``less_equal``."""
    def leaky_relu(self, slope: builtins.float = 0.01) -> Any:
        """x where positive, ``slope`` times x elsewhere."""
    def left_shift(self, x2: Any, /) -> Tensor:
        """The zero primitive ``left_shift``."""
    def lerp(self, end: Any, weight: Any) -> Any:
        """From here to ``end``, as far as the weight says: 0 is here, 1 is there."""
    def less(self, x2: Any, /) -> Tensor:
        """The zero primitive ``less``."""
    def less_equal(self, x2: Any, /) -> Tensor:
        """The zero primitive ``less_equal``."""
    def lgamma(self, *args: Any) -> Any:
        """``scipy.special.gammaln``."""
    def linear(self, weight: Any, bias: Any = None) -> Any:
        """x weight + bias, as in tinygrad: the weight's shape is (inputs, outputs)."""
    @staticmethod
    def linspace(start: Any, stop: Any, steps: builtins.int = 50, dtype: Any = None, requires_grad: builtins.bool = False) -> Tensor:
        """``steps`` evenly spaced numbers, both ends included."""
    def log(self, /) -> Tensor:
        """The elementwise primitive ``log``."""
    def log10(self, /) -> Tensor:
        """The elementwise primitive ``log10``."""
    def log1p(self, /) -> Tensor:
        """The elementwise primitive ``log1p``."""
    def log2(self, /) -> Tensor:
        """The elementwise primitive ``log2``."""
    def log_softmax(self, axis: Any = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """The logarithm of :func:`softmax`, without loss of precision."""
    def logaddexp(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``logaddexp``."""
    def logaddexp2(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``logaddexp2``."""
    def logcumsumexp(self, axis: builtins.int = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """log(cumsum(exp(x))) along an axis, without overflow."""
    def logdet(self) -> Any:
        """The logarithm of the determinant of matrices; NaN where that is negative."""
    def logical_and(self, x2: Any, /) -> Tensor:
        """The zero primitive ``logical_and``."""
    def logical_not(self, /) -> Tensor:
        """The zero primitive ``logical_not``."""
    def logical_or(self, x2: Any, /) -> Tensor:
        """The zero primitive ``logical_or``."""
    def logical_xor(self, x2: Any, /) -> Tensor:
        """The zero primitive ``logical_xor``."""
    def logit(self, *args: Any) -> Any:
        """``scipy.special.logit``."""
    def logsigmoid(self) -> Any:
        """log(sigmoid(x)), precise on both sides."""
    def logsumexp(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """log(sum(exp(x))) over axes, without overflow."""
    def long(self) -> Any:
        """Convert to int64."""
    def lt(self, x2: Any, /) -> Tensor:
        """The zero primitive ``less``."""
    @property
    def mH(self) -> Any:
        """The last two axes swapped, and conjugates."""
    @property
    def mT(self) -> Any:
        """The last two axes swapped."""
    def masked_fill(self, mask: Any, value: Any) -> Any:
        """``value`` where the mask (which broadcasts to ``x``) is true, ``x`` elsewhere."""
    def masked_select(self, mask: Any) -> Any:
        """The elements where the mask holds, on one axis."""
    def matmul(self, b: Any) -> Any:
        """Matrix product with NumPy's rules: vectors on either side, stacks of matrices broadcast."""
    def matrix_exp(self) -> Any:
        """The exponential of square matrices, shape (..., n, n)."""
    def matrix_power(self, n: builtins.int) -> Any:
        """A square matrix times itself, ``n`` times; negative powers of the inverse."""
    def max(self, axis: Any = None, keepdims: builtins.bool = False, initial: Any = ..., where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Largest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    def max_pool1d(self, size: Any, stride: Any = None, padding: Any = 0) -> Any:
        """Largest element of each window of the last axis; ties share the derivative."""
    def max_pool2d(self, size: Any, stride: Any = None, padding: Any = 0) -> Any:
        """Largest element of each window of the last two axes; ties share the derivative."""
    def maximum(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``maximum``."""
    def mean(self, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False, where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Arithmetic mean over axes, of what ``where`` keeps."""
    def median(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The median over axes: with an even count, the mean of the middle two."""
    def min(self, axis: Any = None, keepdims: builtins.bool = False, initial: Any = ..., where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Smallest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    def minimum(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``minimum``."""
    def mish(self) -> Any:
        """x tanh(softplus(x)) (Misra 2019)."""
    def mm(self, b: Any) -> Any:
        """Matrix product with NumPy's rules: vectors on either side, stacks of matrices broadcast."""
    def mod(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``remainder``."""
    def moveaxis(self, source: Any, destination: Any) -> Any:
        """Move axes to new positions; the others keep their order."""
    def movedim(self, source: Any, destination: Any) -> Any:
        """Move axes to new positions; the others keep their order."""
    def mul(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``multiply``."""
    def multiply(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``multiply``."""
    def mv(self, b: Any) -> Any:
        """Matrix product with NumPy's rules: vectors on either side, stacks of matrices broadcast."""
    def mvlgamma(self, *args: Any) -> Any:
        """``scipy.special.multigammaln``."""
    def nan_to_num(self, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
        """Replace NaN and infinities by numbers; no derivative flows there."""
    def nanmax(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The largest over axes of what is not NaN; ties share the derivative evenly."""
    def nanmean(self, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The mean over axes of what is not NaN; NaN where nothing else is there."""
    def nanmedian(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The median of what is not NaN over axes; see :func:`median`."""
    def nanmin(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The smallest over axes of what is not NaN; ties share the derivative evenly."""
    def nanquantile(self, q: Any = ..., axis: Any = None, method: str = 'linear', keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The q-th quantile of what is not NaN; see :func:`quantile`."""
    def nanstd(self, axis: Any = None, dtype: Any = None, ddof: builtins.float = 0, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The standard deviation over axes of what is not NaN; of constants its derivative is 0."""
    def nansum(self, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The sum over axes of what is not NaN."""
    def nanvar(self, axis: Any = None, dtype: Any = None, ddof: builtins.float = 0, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The variance over axes of what is not NaN: squared deviations over their count - ddof."""
    def narrow(self, axis: builtins.int = ..., start: builtins.int = ..., length: builtins.int = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """``length`` elements along an axis, from ``start`` on."""
    @property
    def nbytes(self) -> Any:
        """Bytes of the values."""
    def ndimension(self) -> builtins.int:
        """The number of axes."""
    def ne(self, x2: Any, /) -> Tensor:
        """The zero primitive ``not_equal``."""
    def neg(self, /) -> Tensor:
        """The elementwise primitive ``negative``."""
    def negative(self, /) -> Tensor:
        """The elementwise primitive ``negative``."""
    def nelement(self) -> builtins.int:
        """The number of elements."""
    def new_full(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False) -> Any:
        """A tensor of one number."""
    def new_ones(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False) -> Any:
        """A tensor of ones."""
    def new_tensor(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False) -> Any:
        """An array that records the operations on it, so that they can be differentiated."""
    def new_zeros(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False) -> Any:
        """A tensor of zeros."""
    def nonzero(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``nonzero``, on values: it has no derivative."""
    def norm(self, ord: Any = None, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The norm of a vector or a matrix."""
    def not_equal(self, x2: Any, /) -> Tensor:
        """The zero primitive ``not_equal``."""
    def numel(self) -> builtins.int:
        """The number of elements."""
    def one_hot(self, classes: builtins.int, dtype: Any = ...) -> Any:
        """A new last axis of ``classes``: 1 at the class number, 0 elsewhere."""
    @staticmethod
    def ones(*shape: Any, dtype: Any = ..., requires_grad: builtins.bool = False) -> Tensor:
        """A tensor of ones."""
    def ones_like(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False, **options: Any) -> Any:
        """A tensor of ones. Of this shape and type."""
    def outer(self, b: Any) -> Any:
        """Every product of an element of a with one of b, both flattened."""
    def pad(self, pad_width: Any, mode: str = 'constant', constant_values: builtins.float = 0) -> Any:
        """Surround by a constant, or by the edge, the reflection or the other side of the array."""
    def partition(self, kth: Any = ..., axis: builtins.int | None = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Do it in place, as in NumPy; ``np.partition`` gives a new tensor."""
    def percentile(self, q: Any = ..., axis: Any = None, method: str = 'linear', keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The q-th percentile over axes, q from 0 to 100; see :func:`quantile`."""
    def permute(self, *items: Any) -> Any:
        """Permute the axes; reverse them when none are given."""
    def pinverse(self, rcond: builtins.float | None = None, hermitian: builtins.bool = False, rtol: Any = None) -> Any:
        """The Moore-Penrose pseudo-inverse: shape (..., m, n) to (..., n, m)."""
    def positive(self, /) -> Tensor:
        """The elementwise primitive ``positive``."""
    def pow(self, b: Any) -> Any:
        """``a ** b`` elementwise."""
    def power(self, b: Any) -> Any:
        """``a ** b`` elementwise."""
    def prelu(self, weight: Any) -> Any:
        """x where positive, ``weight`` times x elsewhere; the weight is learnt (He et al. 2015)."""
    def prod(self, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False, initial: Any = ..., where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Product over axes, of what ``where`` keeps, times ``initial``."""
    def ptp(self, axis: Any = None, keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Range of the values: largest less smallest."""
    def put(self, ind: Any, v: Any, mode: Any = 'raise') -> None:
        """Write values, again and again if too few, at indices of the flattened array."""
    def qr(self, mode: str = 'reduced') -> Any:
        """QR factorization: orthonormal columns Q and an upper triangular R with A = Q R."""
    def quantile(self, q: Any = ..., axis: Any = None, method: str = 'linear', keepdims: builtins.bool = False, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """The q-th quantile over axes."""
    def quick_gelu(self) -> Any:
        """x sigmoid(1.702 x), close to gelu (Hendrycks 2016)."""
    def rad2deg(self, /) -> Tensor:
        """The elementwise primitive ``rad2deg``."""
    @staticmethod
    def rand(*shape: Any, seed: Any, dtype: Any = ..., requires_grad: builtins.bool = False) -> Tensor:
        """Random numbers, uniform on [0, 1)."""
    def rand_like(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False, **options: Any) -> Any:
        """Random numbers, uniform on [0, 1). Of this shape and type."""
    @staticmethod
    def randn(*shape: Any, seed: Any, dtype: Any = ..., requires_grad: builtins.bool = False) -> Tensor:
        """Random numbers of the standard normal distribution; see :func:`rand`."""
    def randn_like(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False, **options: Any) -> Any:
        """Random numbers of the standard normal distribution; see :func:`rand`. Of this shape and type."""
    def ravel(self) -> Any:
        """All elements on one axis."""
    @property
    def real(self) -> Any:
        """The real part."""
    def realize(self, *where: Any, **options: Any) -> Any:
        """The tensor itself: it has one memory layout, one device, and is computed already."""
    def reciprocal(self, /) -> Tensor:
        """The elementwise primitive ``reciprocal``."""
    def register_hook(self, hook: Any) -> Any:
        """Let ``backward`` call ``hook`` with the gradient of this tensor, leaf or computed."""
    def relu(self, /) -> Tensor:
        """max(x, 0). At 0 its derivative is 0."""
    def relu6(self) -> Any:
        """min(max(x, 0), 6) (Krizhevsky 2010)."""
    def remainder(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``remainder``."""
    def repeat(self, repeats: Any = ..., axis: builtins.int | None = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Repeat each element along an axis (None: of the flattened array)."""
    def repeat_interleave(self, repeats: Any = ..., axis: builtins.int | None = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Repeat each element along an axis (None: of the flattened array)."""
    def reshape(self, *items: Any) -> Any:
        """Give the elements another shape; one length may be -1."""
    def reshape_as(self, other: Any) -> Any:
        """The elements in the shape of another."""
    def resolve_conj(self, *where: Any, **options: Any) -> Any:
        """The tensor itself: it has one memory layout, one device, and is computed already."""
    def resolve_neg(self, *where: Any, **options: Any) -> Any:
        """The tensor itself: it has one memory layout, one device, and is computed already."""
    def retain_grad(self) -> None:
        """Let ``backward`` fill ``grad`` of this computed tensor too, as it does for leaves."""
    def right_shift(self, x2: Any, /) -> Tensor:
        """The zero primitive ``right_shift``."""
    def rint(self, /) -> Tensor:
        """The zero primitive ``rint``."""
    def roll(self, shift: Any = ..., axis: Any = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Shift elements along axes, those that fall off coming back at the other end."""
    def rot90(self, k: builtins.int = 1, axes: Any = ...) -> Any:
        """Turn by 90 degrees, ``k`` times, in the plane of two axes, from the first to the second."""
    def round(self, decimals: builtins.int = 0) -> Any:
        """Round to that many decimals: piecewise constant. Integers stay of their type."""
    def rsqrt(self) -> Any:
        ...
    def scaled_dot_product_attention(self, key: Any, value: Any, attn_mask: Any = None, is_causal: builtins.bool = False) -> Any:
        """softmax(q kᵀ/√d) v over the last two axes; a boolean mask keeps, another is added."""
    def scatter(self, axis: builtins.int = ..., positions: Any = ..., source: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """``x`` with ``source`` written at positions along an axis: the other way of :func:`gather`."""
    def scatter_add(self, axis: builtins.int = ..., positions: Any = ..., source: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """``x`` with ``source`` added at positions along an axis; repeated positions add up."""
    def searchsorted(self, v: Any, side: str = 'left', sorter: Any = None) -> Any:
        """Where to insert values into a sorted vector (or one that ``sorter`` sorts): positions."""
    def select(self, axis: builtins.int = ..., index: builtins.int = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """The slice at one index along an axis, which is dropped."""
    def selu(self) -> Any:
        """A multiple of elu that keeps mean and variance (Klambauer et al. 2017)."""
    def sgn(self) -> Any:
        """The sign of real numbers; of complex ones ``x / |x|``, and 0 at 0 with derivative 0."""
    def shrink(self, *bounds: Any) -> Any:
        """The part between a pair (start, stop) for each axis; None keeps all of it."""
    def sigmoid(self, /) -> Tensor:
        """The logistic function 1 / (1 + exp(-x)), without overflow."""
    def sign(self) -> Any:
        """The sign of real numbers; of complex ones ``x / |x|``, and 0 at 0 with derivative 0."""
    def signbit(self, /) -> Tensor:
        """The zero primitive ``signbit``."""
    def silu(self) -> Any:
        """x sigmoid(x), also called swish (Elfwing et al. 2018)."""
    def sin(self, /) -> Tensor:
        """The elementwise primitive ``sin``."""
    def sinc(self) -> Any:
        """sin(πx)/(πx), 1 at 0, with derivatives of every order that are right at and near 0."""
    def sinh(self, /) -> Tensor:
        """The elementwise primitive ``sinh``."""
    def slogdet(self) -> Any:
        """The sign of the determinant and the logarithm of its absolute value, without overflow."""
    def softmax(self, axis: Any = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Exponentials that sum to one over an axis."""
    def softplus(self, /) -> Tensor:
        """log(1 + exp(x)), without overflow."""
    def softshrink(self, limit: builtins.float = 0.5) -> Any:
        """x moved towards 0 by ``limit``, and 0 where it would change its sign."""
    def softsign(self) -> Any:
        """x / (1 + |x|)."""
    def sort(self, axis: builtins.int | None = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Do it in place, as in NumPy; ``np.sort`` gives a new tensor."""
    def spacing(self, /) -> Tensor:
        """The distance to the next number beyond x."""
    def split(self, sections: Any = ..., axis: builtins.int = 0, *, dim: Any = ..., dims: Any = ...) -> list[Any]:
        """Cut into equal parts, or at these indices."""
    def sqrt(self, /) -> Tensor:
        """The elementwise primitive ``sqrt``."""
    def square(self, /) -> Tensor:
        """The elementwise primitive ``square``."""
    def squeeze(self, axis: Any = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Drop axes of length 1: all of them, or those named."""
    def stack(self, *others: Any, axis: builtins.int = 0, dim: Any = ..., dims: Any = ...) -> Any:
        """Join with others along a new axis: ``x.stack(y, z, axis=1)``."""
    def std(self, axis: Any = None, dtype: Any = None, ddof: builtins.float = 0, keepdims: builtins.bool = False, where: Any = True, mean: Any = ..., correction: Any = ..., *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Standard deviation over axes, the root of :func:`var`."""
    def sub(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``subtract``."""
    def subtract(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``subtract``."""
    def sum(self, axis: Any = None, dtype: Any = None, keepdims: builtins.bool = False, initial: Any = ..., where: Any = True, *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Sum over axes, of what ``where`` keeps, on top of ``initial``."""
    def svd(self, full_matrices: builtins.bool = True, compute_uv: builtins.bool = True, hermitian: builtins.bool = False) -> Any:
        """Singular value decomposition A = U diag(S) Vh."""
    def swapaxes(self, axis1: builtins.int, axis2: builtins.int) -> Any:
        """Exchange two axes."""
    def swapdims(self, axis1: builtins.int, axis2: builtins.int) -> Any:
        """Exchange two axes."""
    def swish(self) -> Any:
        """x sigmoid(x), also called swish (Elfwing et al. 2018)."""
    def t(self) -> Any:
        """The transpose of a matrix; a vector as it is."""
    def take(self, indices: Any = ..., axis: builtins.int | None = None, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Elements at these positions along an axis (None: of the flattened array)."""
    def take_along_axis(self, indices: Any = ..., axis: builtins.int = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Elements at positions that differ along the other axes, as ``argsort`` gives them."""
    def take_along_dim(self, indices: Any = ..., axis: builtins.int = -1, *, dim: Any = ..., dims: Any = ...) -> Any:
        """Elements at positions that differ along the other axes, as ``argsort`` gives them."""
    def tan(self, /) -> Tensor:
        """The elementwise primitive ``tan``."""
    def tanh(self, /) -> Tensor:
        """The elementwise primitive ``tanh``."""
    def tensor_split(self, sections: Any = ..., axis: builtins.int = 0, *, dim: Any = ..., dims: Any = ...) -> list[Any]:
        """Cut along an axis into this number of parts, or at these indices."""
    def tile(self, reps: Any) -> Any:
        """Repeat the whole array ``reps`` times along each axis."""
    def to(self, *target: Any, dtype: Any = None, **ignored: Any) -> Any:
        """Convert to a type: ``x.to(np.float32)``. Devices, of which there is one, are ignored."""
    def to_device(self, device: str, /, *, stream: Any = None) -> Tensor:
        """The tensor itself: there is one device."""
    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
    def topk(self, k: builtins.int = ..., axis: builtins.int = -1, largest: builtins.bool = True, *, dim: Any = ..., dims: Any = ...) -> tuple[Any, Any]:
        """The ``k`` largest (or smallest) elements along an axis, in order, and their positions."""
    def trace(self, offset: builtins.int = 0, axis1: builtins.int = 0, axis2: builtins.int = 1) -> Any:
        """Sum along a diagonal."""
    def transpose(self, *axes: Any) -> Any:
        """Permute the axes, given as a tuple or one by one; reverse them when none are given."""
    def tril(self, k: builtins.int = 0) -> Any:
        """The lower triangle of the last two axes, zeros above its k-th diagonal."""
    def triu(self, k: builtins.int = 0) -> Any:
        """The upper triangle of the last two axes, zeros below its k-th diagonal."""
    def true_divide(self, x2: Any, /) -> Tensor:
        """The elementwise primitive ``divide``."""
    def trunc(self, /) -> Tensor:
        """The zero primitive ``trunc``."""
    def type(self, *target: Any, dtype: Any = None, **ignored: Any) -> Any:
        """Convert to a type: ``x.to(np.float32)``. Devices, of which there is one, are ignored."""
    def type_as(self, other: Any) -> Any:
        """Convert to the type of another."""
    def unbind(self, axis: builtins.int = 0, *, dim: Any = ..., dims: Any = ...) -> Any:
        """The slices along an axis."""
    def unflatten(self, axis: builtins.int = ..., sizes: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """Split an axis into several of these lengths, one of which may be -1."""
    def unfold(self, axis: builtins.int = ..., size: builtins.int = ..., step: builtins.int = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """Windows along an axis, which go to the end: a slice of ``size`` each ``step``."""
    def unique(self, *args: Any, **kwargs: Any) -> Any:
        """NumPy's ``unique``, on values: it has no derivative."""
    def unsqueeze(self, axis: Any = ..., *, dim: Any = ..., dims: Any = ...) -> Any:
        """Insert axes of length 1 at these positions of the result."""
    def unwrap(self, discont: Any = None, axis: builtins.int = -1, *, period: builtins.float = 6.283185307179586, dim: Any = ..., dims: Any = ...) -> Any:
        """Phases without jumps: multiples of the period are added where neighbours differ too much."""
    def var(self, axis: Any = None, dtype: Any = None, ddof: builtins.float = 0, keepdims: builtins.bool = False, where: Any = True, mean: Any = ..., correction: Any = ..., *, dim: Any = ..., dims: Any = ..., keepdim: Any = ...) -> Any:
        """Variance over axes, of what ``where`` keeps: squared deviations over their count - ddof."""
    def vdot(self, b: Any) -> Any:
        """Sum of products of all elements, both flattened; a complex ``a`` is conjugated."""
    def view(self, *items: Any) -> Any:
        """Give the elements another shape; one length may be -1."""
    def view_as(self, other: Any) -> Any:
        """The elements in the shape of another."""
    def vsplit(self, indices_or_sections: Any) -> list[Any]:
        """Cut along the first axis of at least two."""
    def where(self, first: Any, second: Any) -> Any:
        """Choose elements by a boolean tensor."""
    def xlogy(self, *args: Any) -> Any:
        """``scipy.special.xlogy``."""
    @staticmethod
    def zeros(*shape: Any, dtype: Any = ..., requires_grad: builtins.bool = False) -> Tensor:
        """A tensor of zeros."""
    def zeros_like(self, *args: Any, dtype: Any = None, requires_grad: builtins.bool = False, **options: Any) -> Any:
        """A tensor of zeros. Of this shape and type."""
