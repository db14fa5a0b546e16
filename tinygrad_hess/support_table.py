"""What came of trying every name: written by tests/supported_page.py, not by hand."""

# ruff: noqa: E501

VERSIONS = "NumPy 2.4.6, SciPy 1.17.1"

TABLE = """\
numpy.False_|none||constant or indexing object
numpy.ScalarType|none||constant or indexing object
numpy.True_|none||constant or indexing object
numpy.abs|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.absolute|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.acos|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.acosh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.add|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.all|none||integers, booleans, text or types
numpy.allclose|none||integers, booleans, text or types
numpy.amax|differentiable|value float32 jvp vjp second vmap jit|
numpy.amin|differentiable|value float32 jvp vjp second vmap jit|
numpy.angle|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.any|none||integers, booleans, text or types
numpy.append|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.apply_along_axis|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.apply_over_axes|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.arange|none||makes arrays from lengths, types or functions
numpy.arccos|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.arccosh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.arcsin|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.arcsinh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.arctan|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.arctan2|differentiable|value float32 jvp vjp second vmap jit|
numpy.arctanh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.argmax|none||integers, booleans, text or types
numpy.argmin|none||integers, booleans, text or types
numpy.argpartition|none||integers, booleans, text or types
numpy.argsort|none||integers, booleans, text or types
numpy.argwhere|none||integers, booleans, text or types
numpy.around|constant|value float32 jvp vjp second vmap jit complex|
numpy.array|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.array; NumPy's own asks for arrays
numpy.array2string|none||integers, booleans, text or types
numpy.array_equal|none||integers, booleans, text or types
numpy.array_equiv|none||integers, booleans, text or types
numpy.array_repr|none||integers, booleans, text or types
numpy.array_split|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.array_str|none||integers, booleans, text or types
numpy.asanyarray|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.asanyarray; NumPy's own asks for arrays
numpy.asarray|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.asarray; NumPy's own asks for arrays
numpy.asarray_chkfinite|unsupported||check x with np.isfinite, and keep the tensor
numpy.ascontiguousarray|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.ascontiguousarray; NumPy's own asks for arrays
numpy.asfortranarray|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.asfortranarray; NumPy's own asks for arrays
numpy.asin|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.asinh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.asmatrix|none||matrix objects
numpy.astype|differentiable|value jvp vjp complex|
numpy.atan|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.atan2|differentiable|value float32 jvp vjp second vmap jit|
numpy.atanh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.atleast_1d|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.atleast_2d|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.atleast_3d|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.average|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.bartlett|none||makes arrays from lengths, types or functions
numpy.base_repr|none||printing and numbers as text
numpy.binary_repr|none||printing and numbers as text
numpy.bincount|differentiable|value float32 jvp vjp second vmap jit|
numpy.bitwise_and|none||integers, booleans, text or types
numpy.bitwise_count|none||integers, booleans, text or types
numpy.bitwise_invert|none||integers, booleans, text or types
numpy.bitwise_left_shift|none||integers, booleans, text or types
numpy.bitwise_not|none||integers, booleans, text or types
numpy.bitwise_or|none||integers, booleans, text or types
numpy.bitwise_right_shift|none||integers, booleans, text or types
numpy.bitwise_xor|none||integers, booleans, text or types
numpy.blackman|none||makes arrays from lengths, types or functions
numpy.block|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.bmat|none||matrix objects
numpy.bool|none||type or class
numpy.bool_|none||type or class
numpy.broadcast|none||type or class
numpy.broadcast_arrays|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.broadcast_shapes|none||looks at memory or shapes
numpy.broadcast_to|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.busday_count|none||dates
numpy.busday_offset|none||dates
numpy.busdaycalendar|none||type or class
numpy.byte|none||type or class
numpy.bytes_|none||type or class
numpy.c_|none||constant or indexing object
numpy.can_cast|none||integers, booleans, text or types
numpy.cbrt|differentiable|value float32 jvp vjp second vmap jit|
numpy.cdouble|none||type or class
numpy.ceil|constant|value float32 jvp vjp second vmap jit|
numpy.char|none||module
numpy.character|none||type or class
numpy.choose|differentiable|value float32 jvp vjp second complex|
numpy.clip|differentiable|value float32 jvp vjp second vmap jit|
numpy.clongdouble|none||type or class
numpy.column_stack|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.common_type|none||integers, booleans, text or types
numpy.complex128|none||type or class
numpy.complex256|none||type or class
numpy.complex64|none||type or class
numpy.complexfloating|none||type or class
numpy.compress|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.concat|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.concatenate|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.conj|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.conjugate|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.convolve|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.copy|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.copysign|differentiable|value float32 jvp vjp second vmap jit|
numpy.copyto|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.core|none||module
numpy.corrcoef|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.correlate|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.cos|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.cosh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.count_nonzero|none||integers, booleans, text or types
numpy.cov|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.cross|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.csingle|none||type or class
numpy.ctypeslib|none||module
numpy.cumprod|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.cumsum|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.cumulative_prod|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.cumulative_sum|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.datetime64|none||type or class
numpy.datetime_as_string|none||dates
numpy.datetime_data|none||dates
numpy.deg2rad|differentiable|value float32 jvp vjp second vmap jit|
numpy.degrees|differentiable|value float32 jvp vjp second vmap jit|
numpy.delete|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.diag|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.diag_indices|none||makes arrays from lengths, types or functions
numpy.diag_indices_from|none||integers, booleans, text or types
numpy.diagflat|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.diagonal|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.diff|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.digitize|none||integers, booleans, text or types
numpy.divide|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.divmod|differentiable|value float32 jvp vjp second vmap jit|
numpy.dot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.double|none||type or class
numpy.dsplit|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.dstack|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.dtype|none||type or class
numpy.dtypes|none||module
numpy.e|none||constant or indexing object
numpy.ediff1d|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.einsum|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.einsum_path|none||integers, booleans, text or types
numpy.emath|none||module
numpy.empty|none||makes arrays from lengths, types or functions
numpy.empty_like|none||takes a shape or type after an example
numpy.equal|none||integers, booleans, text or types
numpy.errstate|none||type or class
numpy.euler_gamma|none||constant or indexing object
numpy.exceptions|none||module
numpy.exp|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.exp2|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.expand_dims|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.expm1|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.extract|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.eye|none||makes arrays from lengths, types or functions
numpy.f2py|none||module
numpy.fabs|differentiable|value float32 jvp vjp second vmap jit|
numpy.fft|none||module
numpy.fill_diagonal|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.finfo|none||type or class
numpy.fix|constant|value float32 jvp vjp second vmap jit|
numpy.flatiter|none||type or class
numpy.flatnonzero|none||integers, booleans, text or types
numpy.flexible|none||type or class
numpy.flip|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fliplr|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.flipud|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.float128|none||type or class
numpy.float16|none||type or class
numpy.float32|none||type or class
numpy.float64|none||type or class
numpy.float_power|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.floating|none||type or class
numpy.floor|constant|value float32 jvp vjp second vmap jit|
numpy.floor_divide|constant|value float32 jvp vjp second vmap jit|
numpy.fmax|differentiable|value float32 jvp vjp second vmap jit|
numpy.fmin|differentiable|value float32 jvp vjp second vmap jit|
numpy.fmod|differentiable|value float32 jvp vjp second vmap jit|
numpy.format_float_positional|none||printing and numbers as text
numpy.format_float_scientific|none||printing and numbers as text
numpy.frexp|differentiable|value float32 jvp vjp second vmap jit|
numpy.from_dlpack|none||files and buffers
numpy.frombuffer|none||files and buffers
numpy.fromfile|none||files and buffers
numpy.fromfunction|none||makes arrays from lengths, types or functions
numpy.fromiter|none||makes arrays from lengths, types or functions
numpy.frompyfunc|none||wraps a Python function
numpy.fromregex|none||files and buffers
numpy.fromstring|none||files and buffers
numpy.full|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.full; NumPy's own asks for arrays
numpy.full_like|differentiable|value float32 jvp vjp second vmap jit complex|as tinygrad_hess.numpy.full_like; NumPy's own asks for arrays
numpy.gcd|none||integers, booleans, text or types
numpy.generic|none||type or class
numpy.genfromtxt|none||files and buffers
numpy.geomspace|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.get_include|none||settings and information
numpy.get_printoptions|none||printing and numbers as text
numpy.getbufsize|none||settings and information
numpy.geterr|none||settings and information
numpy.geterrcall|none||settings and information
numpy.gradient|differentiable|value float32 jvp vjp second vmap jit complex?|
numpy.greater|none||integers, booleans, text or types
numpy.greater_equal|none||integers, booleans, text or types
numpy.half|none||type or class
numpy.hamming|none||makes arrays from lengths, types or functions
numpy.hanning|none||makes arrays from lengths, types or functions
numpy.heaviside|constant|value float32 jvp vjp second vmap jit|
numpy.histogram|unsupported||counts are piecewise constant, and edges may come from the data
numpy.histogram2d|unsupported||counts are piecewise constant, and edges may come from the data
numpy.histogram_bin_edges|unsupported||counts are piecewise constant, and edges may come from the data
numpy.histogramdd|unsupported||counts are piecewise constant, and edges may come from the data
numpy.hsplit|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.hstack|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.hypot|differentiable|value float32 jvp vjp second vmap jit|
numpy.i0|differentiable|value float32 jvp vjp second vmap jit|
numpy.identity|none||makes arrays from lengths, types or functions
numpy.iinfo|none||type or class
numpy.imag|differentiable|complex|
numpy.index_exp|none||constant or indexing object
numpy.indices|none||makes arrays from lengths, types or functions
numpy.inexact|none||type or class
numpy.inf|none||constant or indexing object
numpy.info|none||settings and information
numpy.inner|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.insert|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.int16|none||type or class
numpy.int32|none||type or class
numpy.int64|none||type or class
numpy.int8|none||type or class
numpy.int_|none||type or class
numpy.intc|none||type or class
numpy.integer|none||type or class
numpy.interp|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.intersect1d|unsupported||how many elements there are changes where two of them meet
numpy.intp|none||type or class
numpy.invert|none||integers, booleans, text or types
numpy.is_busday|none||dates
numpy.isclose|none||integers, booleans, text or types
numpy.iscomplex|none||integers, booleans, text or types
numpy.iscomplexobj|none||integers, booleans, text or types
numpy.isdtype|none||types of elements
numpy.isfinite|none||integers, booleans, text or types
numpy.isfortran|none||looks at memory or shapes
numpy.isin|none||integers, booleans, text or types
numpy.isinf|none||integers, booleans, text or types
numpy.isnan|none||integers, booleans, text or types
numpy.isnat|none||dates
numpy.isneginf|none||integers, booleans, text or types
numpy.isposinf|none||integers, booleans, text or types
numpy.isreal|none||integers, booleans, text or types
numpy.isrealobj|none||integers, booleans, text or types
numpy.isscalar|none||integers, booleans, text or types
numpy.issubdtype|none||types of elements
numpy.iterable|none||integers, booleans, text or types
numpy.ix_|none||integers, booleans, text or types
numpy.kaiser|none||makes arrays from lengths, types or functions
numpy.kron|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.lcm|none||integers, booleans, text or types
numpy.ldexp|differentiable|value float32 jvp vjp second vmap jit|
numpy.left_shift|none||integers, booleans, text or types
numpy.less|none||integers, booleans, text or types
numpy.less_equal|none||integers, booleans, text or types
numpy.lexsort|none||integers, booleans, text or types
numpy.lib|none||module
numpy.linalg|none||module
numpy.linspace|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.little_endian|none||constant or indexing object
numpy.load|none||files and buffers
numpy.loadtxt|none||files and buffers
numpy.log|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.log10|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.log1p|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.log2|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.logaddexp|differentiable|value float32 jvp vjp second vmap jit|
numpy.logaddexp2|differentiable|value float32 jvp vjp second vmap jit|
numpy.logical_and|none||integers, booleans, text or types
numpy.logical_not|none||integers, booleans, text or types
numpy.logical_or|none||integers, booleans, text or types
numpy.logical_xor|none||integers, booleans, text or types
numpy.logspace|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.long|none||type or class
numpy.longdouble|none||type or class
numpy.longlong|none||type or class
numpy.ma|none||module
numpy.mask_indices|none||makes arrays from lengths, types or functions
numpy.matmul|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.matrix|none||type or class
numpy.matrix_transpose|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.matvec|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.max|differentiable|value float32 jvp vjp second vmap jit|
numpy.maximum|differentiable|value float32 jvp vjp second vmap jit|
numpy.may_share_memory|none||integers, booleans, text or types
numpy.mean|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.median|differentiable|value float32 jvp vjp second vmap jit|
numpy.memmap|none||type or class
numpy.meshgrid|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.mgrid|none||constant or indexing object
numpy.min|differentiable|value float32 jvp vjp second vmap jit|
numpy.min_scalar_type|none||integers, booleans, text or types
numpy.minimum|differentiable|value float32 jvp vjp second vmap jit|
numpy.mintypecode|none||types of elements
numpy.mod|differentiable|value float32 jvp vjp second vmap jit|
numpy.modf|differentiable|value float32 jvp vjp second vmap jit|
numpy.moveaxis|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.multiply|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nan|none||constant or indexing object
numpy.nan_to_num|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nanargmax|none||integers, booleans, text or types
numpy.nanargmin|none||integers, booleans, text or types
numpy.nancumprod|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nancumsum|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nanmax|differentiable|value float32 jvp vjp second vmap jit|
numpy.nanmean|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nanmedian|differentiable|value float32 jvp vjp second vmap jit|
numpy.nanmin|differentiable|value float32 jvp vjp second vmap jit|
numpy.nanpercentile|differentiable|value float32 jvp vjp second vmap jit|
numpy.nanprod|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nanquantile|differentiable|value float32 jvp vjp second vmap jit|
numpy.nanstd|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nansum|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nanvar|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.ndarray|none||type or class
numpy.ndenumerate|none||type or class
numpy.ndim|none||integers, booleans, text or types
numpy.ndindex|none||type or class
numpy.nditer|none||type or class
numpy.negative|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.nested_iters|none||looks at memory or shapes
numpy.newaxis|none||constant or indexing object
numpy.nextafter|unsupported||a step of one rounding is no function that can be differenced
numpy.nonzero|none||integers, booleans, text or types
numpy.not_equal|none||integers, booleans, text or types
numpy.number|none||type or class
numpy.object_|none||type or class
numpy.ogrid|none||constant or indexing object
numpy.ones|none||makes arrays from lengths, types or functions
numpy.ones_like|none||takes a shape or type after an example
numpy.outer|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.packbits|none||integers, booleans, text or types
numpy.pad|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.partition|differentiable|value float32 jvp vjp second vmap jit|
numpy.percentile|differentiable|value float32 jvp vjp second vmap jit|
numpy.permute_dims|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.pi|none||constant or indexing object
numpy.piecewise|differentiable|value float32 jvp vjp second complex|
numpy.place|differentiable|value float32 jvp vjp second complex vmap? jit?|
numpy.poly|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.poly1d|none||type or class
numpy.polyadd|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.polyder|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.polydiv|differentiable|value float32 jvp vjp second complex vmap? jit?|
numpy.polyfit|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.polyint|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.polymul|differentiable|value float32 jvp vjp second complex|
numpy.polynomial|none||module
numpy.polysub|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.polyval|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.positive|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.pow|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.power|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.printoptions|none||printing and numbers as text
numpy.prod|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.promote_types|none||types of elements
numpy.ptp|differentiable|value float32 jvp vjp second vmap jit|
numpy.put|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.put_along_axis|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.putmask|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.quantile|differentiable|value float32 jvp vjp second vmap jit|
numpy.r_|none||constant or indexing object
numpy.rad2deg|differentiable|value float32 jvp vjp second vmap jit|
numpy.radians|differentiable|value float32 jvp vjp second vmap jit|
numpy.random|none||module
numpy.ravel|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.ravel_multi_index|none||integers, booleans, text or types
numpy.real|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.real_if_close|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.rec|none||module
numpy.recarray|none||type or class
numpy.reciprocal|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.record|none||type or class
numpy.remainder|differentiable|value float32 jvp vjp second vmap jit|
numpy.repeat|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.require|unsupported||memory layout is NumPy's alone
numpy.reshape|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.resize|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.result_type|none||integers, booleans, text or types
numpy.right_shift|none||integers, booleans, text or types
numpy.rint|constant|value float32 jvp vjp second vmap jit complex|
numpy.roll|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.rollaxis|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.roots|differentiable|value float32 jvp vjp second complex|
numpy.rot90|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.round|constant|value float32 jvp vjp second vmap jit complex|
numpy.row_stack|none||gone from newer NumPy
numpy.s_|none||constant or indexing object
numpy.save|none||files and buffers
numpy.savetxt|none||files and buffers
numpy.savez|none||files and buffers
numpy.savez_compressed|none||files and buffers
numpy.sctypeDict|none||constant or indexing object
numpy.searchsorted|none||integers, booleans, text or types
numpy.select|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.set_printoptions|none||printing and numbers as text
numpy.setbufsize|none||settings and information
numpy.setdiff1d|unsupported||how many elements there are changes where two of them meet
numpy.seterr|none||settings and information
numpy.seterrcall|none||settings and information
numpy.setxor1d|unsupported||how many elements there are changes where two of them meet
numpy.shape|none||integers, booleans, text or types
numpy.shares_memory|none||integers, booleans, text or types
numpy.short|none||type or class
numpy.show_config|none||settings and information
numpy.show_runtime|none||settings and information
numpy.sign|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.signbit|none||integers, booleans, text or types
numpy.signedinteger|none||type or class
numpy.sin|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.sinc|differentiable|value float32 jvp vjp second vmap jit|
numpy.single|none||type or class
numpy.sinh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.size|none||integers, booleans, text or types
numpy.sort|differentiable|value float32 jvp vjp second vmap jit|
numpy.sort_complex|unsupported||a real array would become complex to be sorted; use sort
numpy.spacing|constant|value float32 jvp vjp second vmap jit|
numpy.split|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.sqrt|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.square|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.squeeze|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.stack|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.std|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.str_|none||type or class
numpy.strings|none||module
numpy.subtract|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.sum|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.swapaxes|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.take|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.take_along_axis|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.tan|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.tanh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.tensordot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.test|none||settings and information
numpy.testing|none||module
numpy.tile|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.timedelta64|none||type or class
numpy.trace|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.transpose|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.trapezoid|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.tri|none||makes arrays from lengths, types or functions
numpy.tril|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.tril_indices|none||makes arrays from lengths, types or functions
numpy.tril_indices_from|none||integers, booleans, text or types
numpy.trim_zeros|differentiable|value float32 jvp vjp second complex|
numpy.triu|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.triu_indices|none||makes arrays from lengths, types or functions
numpy.triu_indices_from|none||integers, booleans, text or types
numpy.true_divide|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.trunc|constant|value float32 jvp vjp second vmap jit|
numpy.typecodes|none||constant or indexing object
numpy.typename|none||types of elements
numpy.typing|none||module
numpy.ubyte|none||type or class
numpy.ufunc|none||type or class
numpy.uint|none||type or class
numpy.uint16|none||type or class
numpy.uint32|none||type or class
numpy.uint64|none||type or class
numpy.uint8|none||type or class
numpy.uintc|none||type or class
numpy.uintp|none||type or class
numpy.ulong|none||type or class
numpy.ulonglong|none||type or class
numpy.union1d|unsupported||how many elements there are changes where two of them meet
numpy.unique|unsupported||how many elements there are changes where two of them meet
numpy.unique_all|unsupported||how many elements there are changes where two of them meet
numpy.unique_counts|unsupported||how many elements there are changes where two of them meet
numpy.unique_inverse|unsupported||how many elements there are changes where two of them meet
numpy.unique_values|unsupported||how many elements there are changes where two of them meet
numpy.unpackbits|none||integers, booleans, text or types
numpy.unravel_index|none||integers, booleans, text or types
numpy.unsignedinteger|none||type or class
numpy.unstack|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.unwrap|differentiable|value float32 jvp vjp second vmap jit|
numpy.ushort|none||type or class
numpy.vander|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.var|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.vdot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.vecdot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.vecmat|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.vectorize|none||type or class
numpy.void|none||type or class
numpy.vsplit|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.vstack|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.where|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.zeros|none||makes arrays from lengths, types or functions
numpy.zeros_like|none||takes a shape or type after an example
numpy.linalg.LinAlgError|none||exception
numpy.linalg.cholesky|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.cond|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.cross|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.det|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.diagonal|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.eig|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.eigh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.eigvals|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.eigvalsh|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.inv|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.lstsq|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.matmul|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.matrix_norm|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.matrix_power|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.matrix_rank|none||integers, booleans, text or types
numpy.linalg.matrix_transpose|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.multi_dot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.norm|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.outer|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.pinv|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.qr|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.slogdet|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.solve|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.svd|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.svdvals|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.tensordot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.tensorinv|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.tensorsolve|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.test|none||settings and information
numpy.linalg.trace|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.vecdot|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.linalg.vector_norm|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.fft|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.fft2|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.fftfreq|none||makes arrays from lengths, types or functions
numpy.fft.fftn|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.fftshift|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.hfft|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.ifft|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.ifft2|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.ifftn|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.ifftshift|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.ihfft|differentiable|value float32 jvp vjp second vmap jit|
numpy.fft.irfft|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.irfft2|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.irfftn|differentiable|value float32 jvp vjp second vmap jit complex|
numpy.fft.rfft|differentiable|value float32 jvp vjp second vmap jit|
numpy.fft.rfft2|differentiable|value float32 jvp vjp second vmap jit|
numpy.fft.rfftfreq|none||makes arrays from lengths, types or functions
numpy.fft.rfftn|differentiable|value float32 jvp vjp second vmap jit|
numpy.fft.test|none||settings and information
scipy.special.SpecialFunctionError|none||exception
scipy.special.SpecialFunctionWarning|none||exception
scipy.special.agm|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ai_zeros|none||takes degrees, orders or counts alone
scipy.special.airy|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.airye|unsupported||no derivative is known here
scipy.special.assoc_laguerre|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.assoc_legendre_p|unsupported||no derivative is known here
scipy.special.assoc_legendre_p_all|unsupported||no derivative is known here
scipy.special.bdtr|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.bdtrc|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.bdtri|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.bdtrik|unsupported||no derivative is known here
scipy.special.bdtrin|unsupported||no derivative is known here
scipy.special.bei|unsupported||no derivative is known here
scipy.special.bei_zeros|none||takes degrees, orders or counts alone
scipy.special.beip|unsupported||no derivative is known here
scipy.special.beip_zeros|none||takes degrees, orders or counts alone
scipy.special.ber|unsupported||no derivative is known here
scipy.special.ber_zeros|none||takes degrees, orders or counts alone
scipy.special.bernoulli|none||takes degrees, orders or counts alone
scipy.special.berp|unsupported||no derivative is known here
scipy.special.berp_zeros|none||takes degrees, orders or counts alone
scipy.special.besselpoly|unsupported||no derivative is known here
scipy.special.beta|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.betainc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.betaincc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.betainccinv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.betaincinv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.betaln|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.bi_zeros|none||takes degrees, orders or counts alone
scipy.special.binom|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.boxcox|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.boxcox1p|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.btdtria|unsupported||no derivative is known here
scipy.special.btdtrib|unsupported||no derivative is known here
scipy.special.c_roots|none||takes degrees, orders or counts alone
scipy.special.cbrt|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.cg_roots|none||takes degrees, orders or counts alone
scipy.special.chdtr|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.chdtrc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.chdtri|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.chdtriv|unsupported||no derivative is known here
scipy.special.chebyc|none||takes degrees, orders or counts alone
scipy.special.chebys|none||takes degrees, orders or counts alone
scipy.special.chebyt|none||takes degrees, orders or counts alone
scipy.special.chebyu|none||takes degrees, orders or counts alone
scipy.special.chndtr|unsupported||no derivative is known here
scipy.special.chndtridf|unsupported||no derivative is known here
scipy.special.chndtrinc|unsupported||no derivative is known here
scipy.special.chndtrix|unsupported||no derivative is known here
scipy.special.comb|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.comb
scipy.special.cosdg|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.cosm1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.cotdg|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.dawsn|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.digamma|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.diric|unsupported||no derivative is known here
scipy.special.ellip_harm|unsupported||no derivative is known here
scipy.special.ellip_harm_2|unsupported||no derivative is known here
scipy.special.ellip_normal|none||takes degrees, orders or counts alone
scipy.special.ellipe|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ellipeinc|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ellipj|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ellipk|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ellipkinc|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ellipkm1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.elliprc|unsupported||no derivative is known here
scipy.special.elliprd|unsupported||no derivative is known here
scipy.special.elliprf|unsupported||no derivative is known here
scipy.special.elliprg|unsupported||no derivative is known here
scipy.special.elliprj|unsupported||no derivative is known here
scipy.special.entr|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.erf|differentiable|value float32 jvp vjp second vmap jit complex|
scipy.special.erf_zeros|none||takes degrees, orders or counts alone
scipy.special.erfc|differentiable|value float32 jvp vjp second vmap jit complex|
scipy.special.erfcinv|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.erfcx|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.erfi|differentiable|value float32 jvp vjp second vmap jit complex|
scipy.special.erfinv|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.errstate|none||type or class
scipy.special.euler|none||takes degrees, orders or counts alone
scipy.special.eval_chebyc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_chebys|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_chebyt|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_chebyu|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_gegenbauer|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_genlaguerre|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_hermite|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.eval_hermitenorm|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.eval_jacobi|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_laguerre|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_legendre|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_sh_chebyt|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_sh_chebyu|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.eval_sh_jacobi|unsupported||no derivative is known here
scipy.special.eval_sh_legendre|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.exp1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.exp10|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.exp2|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.expi|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.expit|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.expm1|differentiable|value float32 jvp vjp second vmap jit complex|
scipy.special.expn|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.exprel|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.factorial|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.factorial
scipy.special.factorial2|none||takes degrees, orders or counts alone
scipy.special.factorialk|none||takes degrees, orders or counts alone
scipy.special.fdtr|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.fdtrc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.fdtri|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.fdtridfd|unsupported||no derivative is known here
scipy.special.fresnel|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.fresnel_zeros|none||takes degrees, orders or counts alone
scipy.special.fresnelc_zeros|none||takes degrees, orders or counts alone
scipy.special.fresnels_zeros|none||takes degrees, orders or counts alone
scipy.special.gamma|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.gammainc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gammaincc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gammainccinv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gammaincinv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gammaln|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.gammasgn|constant|value float32 jvp vjp second vmap jit|
scipy.special.gdtr|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gdtrc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gdtria|unsupported||no derivative is known here
scipy.special.gdtrib|unsupported||no derivative is known here
scipy.special.gdtrix|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.gegenbauer|none||takes degrees, orders or counts alone
scipy.special.genlaguerre|none||takes degrees, orders or counts alone
scipy.special.geterr|none||settings and information
scipy.special.h1vp|unsupported||no derivative is known here
scipy.special.h2vp|unsupported||no derivative is known here
scipy.special.h_roots|none||takes degrees, orders or counts alone
scipy.special.hankel1|unsupported||no derivative is known here
scipy.special.hankel1e|unsupported||no derivative is known here
scipy.special.hankel2|unsupported||no derivative is known here
scipy.special.hankel2e|unsupported||no derivative is known here
scipy.special.he_roots|none||takes degrees, orders or counts alone
scipy.special.hermite|none||takes degrees, orders or counts alone
scipy.special.hermitenorm|none||takes degrees, orders or counts alone
scipy.special.huber|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.hyp0f1|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.hyp1f1|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.hyp2f1|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.hyperu|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.i0|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.i0e|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.i1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.i1e|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.inv_boxcox|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.inv_boxcox1p|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.it2i0k0|unsupported||no derivative is known here
scipy.special.it2j0y0|unsupported||no derivative is known here
scipy.special.it2struve0|unsupported||no derivative is known here
scipy.special.itairy|unsupported||no derivative is known here
scipy.special.iti0k0|unsupported||no derivative is known here
scipy.special.itj0y0|unsupported||no derivative is known here
scipy.special.itmodstruve0|unsupported||no derivative is known here
scipy.special.itstruve0|unsupported||no derivative is known here
scipy.special.iv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.ive|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.ivp|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.j0|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.j1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.j_roots|none||takes degrees, orders or counts alone
scipy.special.jacobi|none||takes degrees, orders or counts alone
scipy.special.jn|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.jn_zeros|none||takes degrees, orders or counts alone
scipy.special.jnjnp_zeros|none||takes degrees, orders or counts alone
scipy.special.jnp_zeros|none||takes degrees, orders or counts alone
scipy.special.jnyn_zeros|none||takes degrees, orders or counts alone
scipy.special.js_roots|none||takes degrees, orders or counts alone
scipy.special.jv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.jve|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.jvp|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.k0|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.k0e|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.k1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.k1e|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.kei|unsupported||no derivative is known here
scipy.special.kei_zeros|none||takes degrees, orders or counts alone
scipy.special.keip|unsupported||no derivative is known here
scipy.special.keip_zeros|none||takes degrees, orders or counts alone
scipy.special.kelvin|unsupported||no derivative is known here
scipy.special.kelvin_zeros|none||takes degrees, orders or counts alone
scipy.special.ker|unsupported||no derivative is known here
scipy.special.ker_zeros|none||takes degrees, orders or counts alone
scipy.special.kerp|unsupported||no derivative is known here
scipy.special.kerp_zeros|none||takes degrees, orders or counts alone
scipy.special.kl_div|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.kn|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.kolmogi|unsupported||no derivative is known here
scipy.special.kolmogorov|unsupported||no derivative is known here
scipy.special.kv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.kve|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.kvp|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.l_roots|none||takes degrees, orders or counts alone
scipy.special.la_roots|none||takes degrees, orders or counts alone
scipy.special.laguerre|none||takes degrees, orders or counts alone
scipy.special.lambertw|unsupported||no derivative is known here
scipy.special.legendre|none||takes degrees, orders or counts alone
scipy.special.legendre_p|unsupported||no derivative is known here
scipy.special.legendre_p_all|unsupported||no derivative is known here
scipy.special.lmbda|none||takes degrees, orders or counts alone
scipy.special.log1p|differentiable|value float32 jvp vjp second vmap jit complex|
scipy.special.log_expit|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.log_ndtr|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.log_softmax|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.log_softmax
scipy.special.log_wright_bessel|unsupported||no derivative is known here
scipy.special.loggamma|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.logit|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.logsumexp|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.logsumexp
scipy.special.lpmv|unsupported||no derivative is known here
scipy.special.lqmn|unsupported||no derivative is known here
scipy.special.lqn|unsupported||no derivative is known here
scipy.special.mathieu_a|unsupported||no derivative is known here
scipy.special.mathieu_b|unsupported||no derivative is known here
scipy.special.mathieu_cem|unsupported||no derivative is known here
scipy.special.mathieu_even_coef|none||takes degrees, orders or counts alone
scipy.special.mathieu_modcem1|unsupported||no derivative is known here
scipy.special.mathieu_modcem2|unsupported||no derivative is known here
scipy.special.mathieu_modsem1|unsupported||no derivative is known here
scipy.special.mathieu_modsem2|unsupported||no derivative is known here
scipy.special.mathieu_odd_coef|none||takes degrees, orders or counts alone
scipy.special.mathieu_sem|unsupported||no derivative is known here
scipy.special.modfresnelm|unsupported||no derivative is known here
scipy.special.modfresnelp|unsupported||no derivative is known here
scipy.special.modstruve|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.multigammaln|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.multigammaln
scipy.special.nbdtr|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.nbdtrc|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.nbdtri|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.nbdtrik|unsupported||no derivative is known here
scipy.special.nbdtrin|unsupported||no derivative is known here
scipy.special.ncfdtr|unsupported||no derivative is known here
scipy.special.ncfdtri|unsupported||no derivative is known here
scipy.special.ncfdtridfd|unsupported||no derivative is known here
scipy.special.ncfdtridfn|unsupported||no derivative is known here
scipy.special.ncfdtrinc|unsupported||no derivative is known here
scipy.special.nctdtr|unsupported||no derivative is known here
scipy.special.nctdtridf|unsupported||no derivative is known here
scipy.special.nctdtrinc|unsupported||no derivative is known here
scipy.special.nctdtrit|unsupported||no derivative is known here
scipy.special.ndtr|differentiable|value float32 jvp vjp second vmap jit complex|
scipy.special.ndtri|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.ndtri_exp|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.nrdtrimn|unsupported||no derivative is known here
scipy.special.nrdtrisd|unsupported||no derivative is known here
scipy.special.obl_ang1|unsupported||no derivative is known here
scipy.special.obl_ang1_cv|unsupported||no derivative is known here
scipy.special.obl_cv|unsupported||no derivative is known here
scipy.special.obl_cv_seq|none||takes degrees, orders or counts alone
scipy.special.obl_rad1|unsupported||no derivative is known here
scipy.special.obl_rad1_cv|unsupported||no derivative is known here
scipy.special.obl_rad2|unsupported||no derivative is known here
scipy.special.obl_rad2_cv|unsupported||no derivative is known here
scipy.special.owens_t|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.p_roots|none||takes degrees, orders or counts alone
scipy.special.pbdn_seq|none||takes degrees, orders or counts alone
scipy.special.pbdv|unsupported||no derivative is known here
scipy.special.pbdv_seq|none||takes degrees, orders or counts alone
scipy.special.pbvv|unsupported||no derivative is known here
scipy.special.pbvv_seq|none||takes degrees, orders or counts alone
scipy.special.pbwa|unsupported||no derivative is known here
scipy.special.pdtr|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.pdtrc|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.pdtri|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.pdtrik|unsupported||no derivative is known here
scipy.special.perm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.perm
scipy.special.poch|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.polygamma|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.polygamma
scipy.special.powm1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.pro_ang1|unsupported||no derivative is known here
scipy.special.pro_ang1_cv|unsupported||no derivative is known here
scipy.special.pro_cv|unsupported||no derivative is known here
scipy.special.pro_cv_seq|none||takes degrees, orders or counts alone
scipy.special.pro_rad1|unsupported||no derivative is known here
scipy.special.pro_rad1_cv|unsupported||no derivative is known here
scipy.special.pro_rad2|unsupported||no derivative is known here
scipy.special.pro_rad2_cv|unsupported||no derivative is known here
scipy.special.ps_roots|none||takes degrees, orders or counts alone
scipy.special.pseudo_huber|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.psi|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.radian|unsupported||no derivative is known here
scipy.special.rel_entr|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.rgamma|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.riccati_jn|none||takes degrees, orders or counts alone
scipy.special.riccati_yn|none||takes degrees, orders or counts alone
scipy.special.roots_chebyc|none||takes degrees, orders or counts alone
scipy.special.roots_chebys|none||takes degrees, orders or counts alone
scipy.special.roots_chebyt|none||takes degrees, orders or counts alone
scipy.special.roots_chebyu|none||takes degrees, orders or counts alone
scipy.special.roots_gegenbauer|none||takes degrees, orders or counts alone
scipy.special.roots_genlaguerre|none||takes degrees, orders or counts alone
scipy.special.roots_hermite|none||takes degrees, orders or counts alone
scipy.special.roots_hermitenorm|none||takes degrees, orders or counts alone
scipy.special.roots_jacobi|none||takes degrees, orders or counts alone
scipy.special.roots_laguerre|none||takes degrees, orders or counts alone
scipy.special.roots_legendre|none||takes degrees, orders or counts alone
scipy.special.roots_sh_chebyt|none||takes degrees, orders or counts alone
scipy.special.roots_sh_chebyu|none||takes degrees, orders or counts alone
scipy.special.roots_sh_jacobi|none||takes degrees, orders or counts alone
scipy.special.roots_sh_legendre|none||takes degrees, orders or counts alone
scipy.special.round|constant|value float32 jvp vjp second vmap jit|
scipy.special.s_roots|none||takes degrees, orders or counts alone
scipy.special.seterr|none||settings and information
scipy.special.sh_chebyt|none||takes degrees, orders or counts alone
scipy.special.sh_chebyu|none||takes degrees, orders or counts alone
scipy.special.sh_jacobi|none||takes degrees, orders or counts alone
scipy.special.sh_legendre|none||takes degrees, orders or counts alone
scipy.special.shichi|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.sici|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.sinc|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.sinc
scipy.special.sindg|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.smirnov|unsupported||no derivative is known here
scipy.special.smirnovi|unsupported||no derivative is known here
scipy.special.softmax|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.softmax
scipy.special.softplus|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.special.softplus
scipy.special.spence|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.sph_harm_y|unsupported||no derivative is known here
scipy.special.sph_harm_y_all|unsupported||no derivative is known here
scipy.special.sph_legendre_p|unsupported||no derivative is known here
scipy.special.sph_legendre_p_all|unsupported||no derivative is known here
scipy.special.spherical_in|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.special.spherical_in
scipy.special.spherical_jn|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.special.spherical_jn
scipy.special.spherical_kn|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.special.spherical_kn
scipy.special.spherical_yn|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.special.spherical_yn
scipy.special.stdtr|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.stdtridf|unsupported||no derivative is known here
scipy.special.stdtrit|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.stirling2|none||takes degrees, orders or counts alone
scipy.special.struve|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.t_roots|none||takes degrees, orders or counts alone
scipy.special.tandg|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.test|none||settings and information
scipy.special.tklmbda|unsupported||no derivative is known here
scipy.special.ts_roots|none||takes degrees, orders or counts alone
scipy.special.u_roots|none||takes degrees, orders or counts alone
scipy.special.us_roots|none||takes degrees, orders or counts alone
scipy.special.voigt_profile|unsupported||no derivative is known here
scipy.special.wofz|unsupported||no derivative is known here
scipy.special.wright_bessel|unsupported||no derivative is known here
scipy.special.wrightomega|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.xlog1py|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.xlogy|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.y0|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.y0_zeros|none||takes degrees, orders or counts alone
scipy.special.y1|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.y1_zeros|none||takes degrees, orders or counts alone
scipy.special.y1p_zeros|none||takes degrees, orders or counts alone
scipy.special.yn|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.yn_zeros|none||takes degrees, orders or counts alone
scipy.special.ynp_zeros|none||takes degrees, orders or counts alone
scipy.special.yv|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.yve|differentiable|value float32 second vmap jit jvp? vjp?|
scipy.special.yvp|differentiable|value float32 jvp vjp second vmap jit|
scipy.special.zeta|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.special.zeta
scipy.special.zetac|unsupported||no derivative is known here
scipy.linalg.block_diag|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.block_diag
scipy.linalg.cho_factor|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.cho_factor
scipy.linalg.cho_solve|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.cho_solve
scipy.linalg.cholesky|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.cholesky
scipy.linalg.circulant|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.circulant
scipy.linalg.coshm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.coshm
scipy.linalg.cosm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.cosm
scipy.linalg.det|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.det
scipy.linalg.eigh|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.eigh
scipy.linalg.eigvalsh|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.eigvalsh
scipy.linalg.expm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.expm
scipy.linalg.expm_frechet|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.expm_frechet
scipy.linalg.hankel|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.hankel
scipy.linalg.inv|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.inv
scipy.linalg.khatri_rao|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.khatri_rao
scipy.linalg.logm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.logm
scipy.linalg.lstsq|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.lstsq
scipy.linalg.lu|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.lu
scipy.linalg.lu_factor|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.lu_factor
scipy.linalg.lu_solve|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.lu_solve
scipy.linalg.norm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.norm
scipy.linalg.pinv|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.pinv
scipy.linalg.polar|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.polar
scipy.linalg.qr|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.qr
scipy.linalg.sinhm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.sinhm
scipy.linalg.sinm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.sinm
scipy.linalg.solve|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve
scipy.linalg.solve_banded|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve_banded
scipy.linalg.solve_continuous_lyapunov|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve_continuous_lyapunov
scipy.linalg.solve_discrete_lyapunov|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve_discrete_lyapunov
scipy.linalg.solve_lyapunov|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve_lyapunov
scipy.linalg.solve_sylvester|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve_sylvester
scipy.linalg.solve_triangular|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.solve_triangular
scipy.linalg.sqrtm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.sqrtm
scipy.linalg.svd|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.svd
scipy.linalg.svdvals|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.svdvals
scipy.linalg.tanhm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.tanhm
scipy.linalg.tanm|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.tanm
scipy.linalg.toeplitz|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.linalg.toeplitz
scipy.signal.convolve|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.convolve
scipy.signal.convolve2d|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.convolve2d
scipy.signal.correlate|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.correlate
scipy.signal.correlate2d|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.correlate2d
scipy.signal.fftconvolve|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.fftconvolve
scipy.signal.lfilter|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.lfilter
scipy.signal.oaconvolve|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.signal.oaconvolve
scipy.integrate.cumulative_trapezoid|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.integrate.cumulative_trapezoid
scipy.integrate.fixed_quad|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.integrate.fixed_quad
scipy.integrate.odeint|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.integrate.odeint
scipy.integrate.quad|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.integrate.quad
scipy.integrate.simpson|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.integrate.simpson
scipy.integrate.solve_ivp|differentiable|value float32 jvp vjp second|as tinygrad_hess.scipy.integrate.solve_ivp
scipy.integrate.trapezoid|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.integrate.trapezoid
scipy.stats.bernoulli.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.bernoulli.cdf
scipy.stats.bernoulli.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.bernoulli.logcdf
scipy.stats.bernoulli.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.bernoulli.logpmf
scipy.stats.bernoulli.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.bernoulli.logsf
scipy.stats.bernoulli.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.bernoulli.pmf
scipy.stats.bernoulli.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.bernoulli.sf
scipy.stats.beta.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.beta.cdf
scipy.stats.beta.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.beta.logcdf
scipy.stats.beta.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.beta.logpdf
scipy.stats.beta.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.beta.logsf
scipy.stats.beta.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.beta.pdf
scipy.stats.beta.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.beta.ppf
scipy.stats.beta.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.beta.sf
scipy.stats.betabinom.cdf|unsupported||no derivative is known here
scipy.stats.betabinom.logcdf|unsupported||no derivative is known here
scipy.stats.betabinom.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.betabinom.logpmf
scipy.stats.betabinom.logsf|unsupported||no derivative is known here
scipy.stats.betabinom.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.betabinom.pmf
scipy.stats.betabinom.sf|unsupported||no derivative is known here
scipy.stats.binom.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.binom.cdf
scipy.stats.binom.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.binom.logcdf
scipy.stats.binom.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.binom.logpmf
scipy.stats.binom.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.binom.logsf
scipy.stats.binom.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.binom.pmf
scipy.stats.binom.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.binom.sf
scipy.stats.cauchy.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.cdf
scipy.stats.cauchy.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.logcdf
scipy.stats.cauchy.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.logpdf
scipy.stats.cauchy.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.logsf
scipy.stats.cauchy.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.pdf
scipy.stats.cauchy.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.ppf
scipy.stats.cauchy.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.cauchy.sf
scipy.stats.chi.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi.cdf
scipy.stats.chi.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi.logcdf
scipy.stats.chi.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.chi.logpdf
scipy.stats.chi.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi.logsf
scipy.stats.chi.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.chi.pdf
scipy.stats.chi.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi.ppf
scipy.stats.chi.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi.sf
scipy.stats.chi2.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi2.cdf
scipy.stats.chi2.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi2.logcdf
scipy.stats.chi2.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.chi2.logpdf
scipy.stats.chi2.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi2.logsf
scipy.stats.chi2.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.chi2.pdf
scipy.stats.chi2.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi2.ppf
scipy.stats.chi2.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.chi2.sf
scipy.stats.dirichlet.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.dirichlet.logpdf
scipy.stats.dirichlet.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.dirichlet.pdf
scipy.stats.expon.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.cdf
scipy.stats.expon.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.logcdf
scipy.stats.expon.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.logpdf
scipy.stats.expon.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.logsf
scipy.stats.expon.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.pdf
scipy.stats.expon.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.ppf
scipy.stats.expon.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.expon.sf
scipy.stats.f.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.f.cdf
scipy.stats.f.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.f.logcdf
scipy.stats.f.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.f.logpdf
scipy.stats.f.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.f.logsf
scipy.stats.f.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.f.pdf
scipy.stats.f.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.f.ppf
scipy.stats.f.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.f.sf
scipy.stats.fisk.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.cdf
scipy.stats.fisk.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.logcdf
scipy.stats.fisk.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.logpdf
scipy.stats.fisk.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.logsf
scipy.stats.fisk.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.pdf
scipy.stats.fisk.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.ppf
scipy.stats.fisk.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.fisk.sf
scipy.stats.gamma.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.gamma.cdf
scipy.stats.gamma.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.gamma.logcdf
scipy.stats.gamma.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gamma.logpdf
scipy.stats.gamma.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.gamma.logsf
scipy.stats.gamma.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gamma.pdf
scipy.stats.gamma.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.gamma.ppf
scipy.stats.gamma.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.gamma.sf
scipy.stats.gennorm.cdf|unsupported||no derivative is known here
scipy.stats.gennorm.logcdf|unsupported||no derivative is known here
scipy.stats.gennorm.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gennorm.logpdf
scipy.stats.gennorm.logsf|unsupported||no derivative is known here
scipy.stats.gennorm.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gennorm.pdf
scipy.stats.gennorm.ppf|unsupported||no derivative is known here
scipy.stats.gennorm.sf|unsupported||no derivative is known here
scipy.stats.geom.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.geom.cdf
scipy.stats.geom.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.geom.logcdf
scipy.stats.geom.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.geom.logpmf
scipy.stats.geom.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.geom.logsf
scipy.stats.geom.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.geom.pmf
scipy.stats.geom.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.geom.sf
scipy.stats.gumbel_l.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.cdf
scipy.stats.gumbel_l.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.logcdf
scipy.stats.gumbel_l.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.logpdf
scipy.stats.gumbel_l.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.logsf
scipy.stats.gumbel_l.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.pdf
scipy.stats.gumbel_l.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.ppf
scipy.stats.gumbel_l.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_l.sf
scipy.stats.gumbel_r.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.cdf
scipy.stats.gumbel_r.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.logcdf
scipy.stats.gumbel_r.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.logpdf
scipy.stats.gumbel_r.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.logsf
scipy.stats.gumbel_r.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.pdf
scipy.stats.gumbel_r.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.ppf
scipy.stats.gumbel_r.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.gumbel_r.sf
scipy.stats.halfcauchy.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.cdf
scipy.stats.halfcauchy.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.logcdf
scipy.stats.halfcauchy.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.logpdf
scipy.stats.halfcauchy.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.logsf
scipy.stats.halfcauchy.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.pdf
scipy.stats.halfcauchy.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.ppf
scipy.stats.halfcauchy.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfcauchy.sf
scipy.stats.halfnorm.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.cdf
scipy.stats.halfnorm.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.logcdf
scipy.stats.halfnorm.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.logpdf
scipy.stats.halfnorm.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.logsf
scipy.stats.halfnorm.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.pdf
scipy.stats.halfnorm.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.ppf
scipy.stats.halfnorm.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.halfnorm.sf
scipy.stats.invgamma.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.invgamma.cdf
scipy.stats.invgamma.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.invgamma.logcdf
scipy.stats.invgamma.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.invgamma.logpdf
scipy.stats.invgamma.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.invgamma.logsf
scipy.stats.invgamma.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.invgamma.pdf
scipy.stats.invgamma.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.invgamma.ppf
scipy.stats.invgamma.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.invgamma.sf
scipy.stats.invgauss.cdf|unsupported||no derivative is known here
scipy.stats.invgauss.logcdf|unsupported||no derivative is known here
scipy.stats.invgauss.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.invgauss.logpdf
scipy.stats.invgauss.logsf|unsupported||no derivative is known here
scipy.stats.invgauss.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.invgauss.pdf
scipy.stats.invgauss.ppf|unsupported||no derivative is known here
scipy.stats.invgauss.sf|unsupported||no derivative is known here
scipy.stats.laplace.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.cdf
scipy.stats.laplace.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.logcdf
scipy.stats.laplace.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.logpdf
scipy.stats.laplace.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.logsf
scipy.stats.laplace.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.pdf
scipy.stats.laplace.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.ppf
scipy.stats.laplace.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.laplace.sf
scipy.stats.levy.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.cdf
scipy.stats.levy.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.logcdf
scipy.stats.levy.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.logpdf
scipy.stats.levy.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.logsf
scipy.stats.levy.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.pdf
scipy.stats.levy.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.ppf
scipy.stats.levy.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.levy.sf
scipy.stats.logistic.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.cdf
scipy.stats.logistic.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.logcdf
scipy.stats.logistic.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.logpdf
scipy.stats.logistic.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.logsf
scipy.stats.logistic.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.pdf
scipy.stats.logistic.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.ppf
scipy.stats.logistic.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logistic.sf
scipy.stats.lognorm.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.cdf
scipy.stats.lognorm.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.logcdf
scipy.stats.lognorm.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.logpdf
scipy.stats.lognorm.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.logsf
scipy.stats.lognorm.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.pdf
scipy.stats.lognorm.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.ppf
scipy.stats.lognorm.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.lognorm.sf
scipy.stats.logser.cdf|unsupported||no derivative is known here
scipy.stats.logser.logcdf|unsupported||no derivative is known here
scipy.stats.logser.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logser.logpmf
scipy.stats.logser.logsf|unsupported||no derivative is known here
scipy.stats.logser.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.logser.pmf
scipy.stats.logser.sf|unsupported||no derivative is known here
scipy.stats.loguniform.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.cdf
scipy.stats.loguniform.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.logcdf
scipy.stats.loguniform.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.logpdf
scipy.stats.loguniform.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.logsf
scipy.stats.loguniform.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.pdf
scipy.stats.loguniform.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.ppf
scipy.stats.loguniform.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.loguniform.sf
scipy.stats.maxwell.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.cdf
scipy.stats.maxwell.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.logcdf
scipy.stats.maxwell.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.logpdf
scipy.stats.maxwell.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.logsf
scipy.stats.maxwell.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.pdf
scipy.stats.maxwell.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.ppf
scipy.stats.maxwell.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.maxwell.sf
scipy.stats.multinomial.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.multinomial.logpmf
scipy.stats.multinomial.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.multinomial.pmf
scipy.stats.multivariate_normal.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.multivariate_normal.logpdf
scipy.stats.multivariate_normal.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.multivariate_normal.pdf
scipy.stats.nbinom.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.nbinom.cdf
scipy.stats.nbinom.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.nbinom.logcdf
scipy.stats.nbinom.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.nbinom.logpmf
scipy.stats.nbinom.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.nbinom.logsf
scipy.stats.nbinom.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.nbinom.pmf
scipy.stats.nbinom.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.nbinom.sf
scipy.stats.norm.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.cdf
scipy.stats.norm.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.logcdf
scipy.stats.norm.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.logpdf
scipy.stats.norm.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.logsf
scipy.stats.norm.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.pdf
scipy.stats.norm.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.ppf
scipy.stats.norm.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.norm.sf
scipy.stats.pareto.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.cdf
scipy.stats.pareto.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.logcdf
scipy.stats.pareto.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.logpdf
scipy.stats.pareto.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.logsf
scipy.stats.pareto.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.pdf
scipy.stats.pareto.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.ppf
scipy.stats.pareto.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.pareto.sf
scipy.stats.poisson.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.poisson.cdf
scipy.stats.poisson.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.poisson.logcdf
scipy.stats.poisson.logpmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.poisson.logpmf
scipy.stats.poisson.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.poisson.logsf
scipy.stats.poisson.pmf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.poisson.pmf
scipy.stats.poisson.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.poisson.sf
scipy.stats.powerlaw.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.cdf
scipy.stats.powerlaw.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.logcdf
scipy.stats.powerlaw.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.logpdf
scipy.stats.powerlaw.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.logsf
scipy.stats.powerlaw.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.pdf
scipy.stats.powerlaw.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.ppf
scipy.stats.powerlaw.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.powerlaw.sf
scipy.stats.rayleigh.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.cdf
scipy.stats.rayleigh.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.logcdf
scipy.stats.rayleigh.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.logpdf
scipy.stats.rayleigh.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.logsf
scipy.stats.rayleigh.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.pdf
scipy.stats.rayleigh.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.ppf
scipy.stats.rayleigh.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.rayleigh.sf
scipy.stats.skewnorm.cdf|unsupported||no derivative is known here
scipy.stats.skewnorm.logcdf|unsupported||no derivative is known here
scipy.stats.skewnorm.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.skewnorm.logpdf
scipy.stats.skewnorm.logsf|unsupported||no derivative is known here
scipy.stats.skewnorm.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.skewnorm.pdf
scipy.stats.skewnorm.ppf|unsupported||no derivative is known here
scipy.stats.skewnorm.sf|unsupported||no derivative is known here
scipy.stats.t.cdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.t.cdf
scipy.stats.t.logcdf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.t.logcdf
scipy.stats.t.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.t.logpdf
scipy.stats.t.logsf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.t.logsf
scipy.stats.t.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.t.pdf
scipy.stats.t.ppf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.t.ppf
scipy.stats.t.sf|differentiable|value float32 second vmap jit jvp? vjp?|as tinygrad_hess.scipy.stats.t.sf
scipy.stats.truncnorm.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.cdf
scipy.stats.truncnorm.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.logcdf
scipy.stats.truncnorm.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.logpdf
scipy.stats.truncnorm.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.logsf
scipy.stats.truncnorm.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.pdf
scipy.stats.truncnorm.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.ppf
scipy.stats.truncnorm.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.truncnorm.sf
scipy.stats.uniform.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.cdf
scipy.stats.uniform.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.logcdf
scipy.stats.uniform.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.logpdf
scipy.stats.uniform.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.logsf
scipy.stats.uniform.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.pdf
scipy.stats.uniform.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.ppf
scipy.stats.uniform.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.uniform.sf
scipy.stats.vonmises.cdf|unsupported||no derivative is known here
scipy.stats.vonmises.logcdf|unsupported||no derivative is known here
scipy.stats.vonmises.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.vonmises.logpdf
scipy.stats.vonmises.logsf|unsupported||no derivative is known here
scipy.stats.vonmises.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.vonmises.pdf
scipy.stats.vonmises.ppf|unsupported||no derivative is known here
scipy.stats.vonmises.sf|unsupported||no derivative is known here
scipy.stats.weibull_max.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.cdf
scipy.stats.weibull_max.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.logcdf
scipy.stats.weibull_max.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.logpdf
scipy.stats.weibull_max.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.logsf
scipy.stats.weibull_max.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.pdf
scipy.stats.weibull_max.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.ppf
scipy.stats.weibull_max.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_max.sf
scipy.stats.weibull_min.cdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.cdf
scipy.stats.weibull_min.logcdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.logcdf
scipy.stats.weibull_min.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.logpdf
scipy.stats.weibull_min.logsf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.logsf
scipy.stats.weibull_min.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.pdf
scipy.stats.weibull_min.ppf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.ppf
scipy.stats.weibull_min.sf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.weibull_min.sf
scipy.stats.wrapcauchy.cdf|unsupported||no derivative is known here
scipy.stats.wrapcauchy.logcdf|unsupported||no derivative is known here
scipy.stats.wrapcauchy.logpdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.wrapcauchy.logpdf
scipy.stats.wrapcauchy.logsf|unsupported||no derivative is known here
scipy.stats.wrapcauchy.pdf|differentiable|value float32 jvp vjp second vmap jit|as tinygrad_hess.scipy.stats.wrapcauchy.pdf
scipy.stats.wrapcauchy.ppf|unsupported||no derivative is known here
scipy.stats.wrapcauchy.sf|unsupported||no derivative is known here
"""
