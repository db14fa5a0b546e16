/* Functions of doubles, four at a time: the same bits in a third of the time.

   Without AVX-512, NumPy's exp is that of the C library, one number at a time, and its tanh spends
   most of its time on choosing coefficients. SciPy's erf and ndtr take one number at a time on all
   processors. Here are the same operations on the same numbers, in the same order; `__init__.py`
   compares the bits before anything is used.

   faster(ufunc) -> a ufunc with all loops of the given one, but for the one of doubles; or None. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

#include <fenv.h>
#include <math.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#include "_tables.h"

#define AVX2 __attribute__((target("avx2,fma")))

static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* Two neighbouring columns of the rows r0 to r3 of a table, as a vector each. */
#define COLUMNS(at, even, odd)                                                                     \
    const __m256d first_##even = rows(r0 + at, r2 + at), second_##even = rows(r1 + at, r3 + at);   \
    const __m256d even = _mm256_unpacklo_pd(first_##even, second_##even);                          \
    const __m256d odd = _mm256_unpackhi_pd(first_##even, second_##even);

AVX2 static inline __m256d rows(const double *low, const double *high) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
}

/* As in numpy/_core/src/umath/loops_hyperbolic.dispatch.cpp.src (BSD), which has it from Intel's
   SVML: a polynomial of degree 16 on each of 16 intervals of |x|. */

AVX2 static inline __m256d tanh_of_four(__m256d x) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    const __m256i exponent =
        _mm256_and_si256(_mm256_castpd_si256(x), _mm256_set1_epi64x(0x7ff8000000000000));
    const __m256i above = _mm256_sub_epi64(exponent, _mm256_set1_epi64x(0x3fc0000000000000));
    const __m256i interval = _mm256_srli_epi64(
        _mm256_min_epi32(_mm256_max_epi32(above, _mm256_setzero_si256()),
                         _mm256_set1_epi32(0x780000)),
        51);
    const double *const r0 = TANH[_mm256_extract_epi64(interval, 0)].f;
    const double *const r1 = TANH[_mm256_extract_epi64(interval, 1)].f;
    const double *const r2 = TANH[_mm256_extract_epi64(interval, 2)].f;
    const double *const r3 = TANH[_mm256_extract_epi64(interval, 3)].f;

    COLUMNS(0, middle, c0)
    COLUMNS(16, c15, c16)
    const __m256d y = _mm256_sub_pd(_mm256_andnot_pd(sign, x), middle);
    __m256d r = _mm256_fmadd_pd(c16, y, c15);
#define TWO_MORE(at, even, odd)                                                                    \
    COLUMNS(at, even, odd)                                                                         \
    r = _mm256_fmadd_pd(r, y, odd);                                                                \
    r = _mm256_fmadd_pd(r, y, even);
    TWO_MORE(14, c13, c14)
    TWO_MORE(12, c11, c12)
    TWO_MORE(10, c9, c10)
    TWO_MORE(8, c7, c8)
    TWO_MORE(6, c5, c6)
    TWO_MORE(4, c3, c4)
    TWO_MORE(2, c1, c2)
    r = _mm256_fmadd_pd(r, y, c0);

    const __m256i infinite = _mm256_cmpgt_epi64(exponent, _mm256_set1_epi64x(0x7fe0000000000000));
    r = _mm256_blendv_pd(r, _mm256_set1_pd(1.0), _mm256_castsi256_pd(infinite));
    r = _mm256_or_pd(r, _mm256_and_pd(x, sign));
    return _mm256_blendv_pd(r, _mm256_set1_pd(NAN), _mm256_cmp_pd(x, x, _CMP_UNORD_Q));
}

/* As in sysdeps/ieee754/dbl-64/e_exp.c of the GNU C library, which has it from Arm's optimized
   routines (MIT): exp(x) = 2^(k/128) exp(r), with the low bits of 2^(k/128) as a tail. */

AVX2 static inline __m256d exp_of_four(__m256d x) {
    const __m256d size = _mm256_andnot_pd(_mm256_set1_pd(-0.0), x);
    if (_mm256_movemask_pd(_mm256_cmp_pd(size, _mm256_set1_pd(512.0), _CMP_NLT_UQ))) {
        double each[4]; /* some overflow, underflow or are no numbers */
        _mm256_storeu_pd(each, x);
        for (int k = 0; k < 4; k++) each[k] = exp(each[k]);
        return _mm256_loadu_pd(each);
    }
    /* of these the result is 1, and their square would underflow */
    x = _mm256_and_pd(x, _mm256_cmp_pd(size, _mm256_set1_pd(0x1p-54), _CMP_GE_OQ));

    const __m256d shift = _mm256_set1_pd(0x1.8p52);
    const __m256d shifted = _mm256_fmadd_pd(_mm256_set1_pd(0x1.71547652b82fep7), x, shift);
    const __m256i k = _mm256_castpd_si256(shifted);
    const __m256d whole = _mm256_sub_pd(shifted, shift);
    __m256d r = _mm256_fmadd_pd(whole, _mm256_set1_pd(-0x1.62e42fefa0000p-8), x);
    r = _mm256_fmadd_pd(whole, _mm256_set1_pd(-0x1.cf79abc9e3b39p-47), r);

    const __m256i row = _mm256_and_si256(k, _mm256_set1_epi64x(127));
    const double *const r0 = EXP[_mm256_extract_epi64(row, 0)].f;
    const double *const r1 = EXP[_mm256_extract_epi64(row, 1)].f;
    const double *const r2 = EXP[_mm256_extract_epi64(row, 2)].f;
    const double *const r3 = EXP[_mm256_extract_epi64(row, 3)].f;
    COLUMNS(0, tail, power)
    const __m256i bits = _mm256_add_epi64(_mm256_castpd_si256(power), _mm256_slli_epi64(k, 45));
    const __m256d scale = _mm256_castsi256_pd(bits);

    const __m256d square = _mm256_mul_pd(r, r);
    const __m256d c2 = _mm256_set1_pd(0x1.ffffffffffdbdp-2);
    const __m256d c3 = _mm256_set1_pd(0x1.555555555543cp-3);
    const __m256d c4 = _mm256_set1_pd(0x1.55555cf172b91p-5);
    const __m256d c5 = _mm256_set1_pd(0x1.1111167a4d017p-7);
    __m256d low = _mm256_fmadd_pd(square, _mm256_fmadd_pd(r, c3, c2), _mm256_add_pd(tail, r));
    low = _mm256_fmadd_pd(_mm256_mul_pd(square, square), _mm256_fmadd_pd(r, c5, c4), low);
    return _mm256_fmadd_pd(scale, low, scale);
}

/* As in xsf/cephes/ndtr.h of SciPy (BSD), which has it from Moshier's Cephes library: quotients of
   polynomials, by Horner's rule, on either side of 1 and, for erfc, of 8. No products are fused with
   sums here, as they are not there. */

#define HORNER(c, x) horner(c, sizeof(c) / sizeof *(c), x)

AVX2 static inline __m256d horner(const double *c, int n, __m256d x) {
    __m256d y = _mm256_set1_pd(c[0]);
#pragma GCC unroll 8
    for (int k = 1; k < n; k++) {
        y = _mm256_mul_pd(y, x);
        __asm__("" : "+x"(y)); /* the compiler is not to fuse them */
        y = _mm256_add_pd(y, _mm256_set1_pd(c[k]));
    }
    return y;
}

/* The NaN that SciPy gives, whatever came in. */
AVX2 static inline __m256d with_nan(__m256d x, __m256d y) {
    return _mm256_blendv_pd(y, _mm256_set1_pd(NAN), _mm256_cmp_pd(x, x, _CMP_UNORD_Q));
}

AVX2 static inline int any(__m256d mask) { return _mm256_movemask_pd(mask); }

AVX2 static inline __m256d below(__m256d x, double limit) {
    return _mm256_cmp_pd(x, _mm256_set1_pd(limit), _CMP_LT_OQ);
}

/* Of numbers up to 1. */
AVX2 static inline __m256d erf_of_small(__m256d x) {
    static const double above[] = {9.60497373987051638749E0, 9.00260197203842689217E1,
                                   2.23200534594684319226E3, 7.00332514112805075473E3,
                                   5.55923013010394962768E4};
    static const double under[] = {1.0,
                                   3.35617141647503099647E1,
                                   5.21357949780152679795E2,
                                   4.59432382970980127987E3,
                                   2.26290000613890934246E4,
                                   4.92673942608635921086E4};
    const __m256d z = _mm256_mul_pd(x, x);
    return _mm256_div_pd(_mm256_mul_pd(x, HORNER(above, z)), HORNER(under, z));
}

/* Of numbers from 1 on; beyond 26.6 it is 0. */
AVX2 static inline __m256d erfc_of_large(__m256d x) {
    static const double above[] = {2.46196981473530512524E-10, 5.64189564831068821977E-1,
                                   7.46321056442269912687E0,   4.86371970985681366614E1,
                                   1.96520832956077098242E2,   5.26445194995477358631E2,
                                   9.34528527171957607540E2,   1.02755188689515710272E3,
                                   5.57535335369399327526E2};
    static const double under[] = {1.0,
                                   1.32281951154744992508E1,
                                   8.67072140885989742329E1,
                                   3.54937778887819891062E2,
                                   9.75708501743205489753E2,
                                   1.82390916687909736289E3,
                                   2.24633760818710981792E3,
                                   1.65666309194161350182E3,
                                   5.57535340817727675546E2};
    static const double far_above[] = {5.64189583547755073984E-1, 1.27536670759978104416E0,
                                       5.01905042251180477414E0,  6.16021097993053585195E0,
                                       7.40974269950448939160E0,  2.97886665372100240670E0};
    static const double far_under[] = {1.0,
                                       2.26052863220117276590E0,
                                       9.39603524938001434673E0,
                                       1.20489539808096656605E1,
                                       1.70814450747565897222E1,
                                       9.60896809063285878198E0,
                                       3.36907645100081516050E0};
    const __m256d minus_z = _mm256_xor_pd(_mm256_mul_pd(x, x), _mm256_set1_pd(-0.0));
    const __m256d near = below(x, 8.0), vanishes = below(minus_z, -7.09782712893383996843E2);
    const __m256d e = exp_of_four(_mm256_andnot_pd(vanishes, minus_z));
    __m256d y = _mm256_div_pd(_mm256_mul_pd(e, HORNER(above, x)), HORNER(under, x));
    if (any(near) != 15) {
        const __m256d far =
            _mm256_div_pd(_mm256_mul_pd(e, HORNER(far_above, x)), HORNER(far_under, x));
        y = _mm256_blendv_pd(far, y, near);
    }
    return _mm256_andnot_pd(vanishes, y);
}

AVX2 static inline __m256d erf_of_four(__m256d x) {
    const __m256d sign = _mm256_set1_pd(-0.0), size = _mm256_andnot_pd(sign, x);
    const __m256d large = _mm256_cmp_pd(size, _mm256_set1_pd(1.0), _CMP_GT_OQ);
    const __m256d small = erf_of_small(x);
    if (!any(large)) return with_nan(x, small);
    /* from 6 on it is 1, and polynomials could overflow */
    const __m256d limited = _mm256_min_pd(size, _mm256_set1_pd(6.0));
    __m256d y = _mm256_sub_pd(_mm256_set1_pd(1.0), erfc_of_large(limited));
    y = _mm256_blendv_pd(small, _mm256_or_pd(y, _mm256_and_pd(x, sign)), large);
    return with_nan(x, y);
}

AVX2 static inline __m256d ndtr_of_four(__m256d a) {
    const __m256d sign = _mm256_set1_pd(-0.0), half = _mm256_set1_pd(0.5);
    const __m256d x = _mm256_mul_pd(a, _mm256_set1_pd(7.07106781186547524400E-1));
    const __m256d size = _mm256_andnot_pd(sign, x);
    const __m256d small = _mm256_cmp_pd(size, _mm256_set1_pd(1.0), _CMP_NGE_UQ);
    const __m256d middle = _mm256_add_pd(half, _mm256_mul_pd(half, erf_of_small(x)));
    if (any(small) == 15) return with_nan(x, middle);
    const __m256d limited = _mm256_min_pd(size, _mm256_set1_pd(40.0));
    __m256d tail = _mm256_mul_pd(half, erfc_of_large(limited));
    const __m256d positive = _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_GT_OQ);
    tail = _mm256_blendv_pd(tail, _mm256_sub_pd(_mm256_set1_pd(1.0), tail), positive);
    return with_nan(x, _mm256_blendv_pd(tail, middle, small));
}

#define LOOP(name)                                                                                 \
    AVX2 static void name##_loop(char **args, const npy_intp *dimensions, const npy_intp *steps,   \
                                 void *data) {                                                     \
        const npy_intp n = dimensions[0], from = steps[0], to = steps[1];                          \
        const char *x = args[0];                                                                   \
        char *y = args[1];                                                                         \
        npy_intp i = 0;                                                                            \
        if (from == sizeof(double) && to == sizeof(double))                                        \
            for (; i + 4 <= n; i += 4, x += 4 * from, y += 4 * to)                                 \
                _mm256_storeu_pd((double *)y, name##_of_four(_mm256_loadu_pd((const double *)x))); \
        while (i < n) {                                                                            \
            const npy_intp count = n - i < 4 ? n - i : 4;                                          \
            double four[4] = {0};                                                                  \
            for (npy_intp k = 0; k < count; k++, x += from) memcpy(four + k, x, sizeof *four);     \
            _mm256_storeu_pd(four, name##_of_four(_mm256_loadu_pd(four)));                         \
            for (npy_intp k = 0; k < count; k++, y += to) memcpy(y, four + k, sizeof *four);       \
            i += count;                                                                            \
        }                                                                                          \
    }

LOOP(exp)
LOOP(tanh)
LOOP(erf)
LOOP(ndtr)

/* None of them overflows or is invalid, whatever its steps do; NumPy's tanh says so too. */
#define WITHOUT_FLAGS(name)                                                                        \
    static void name##_without_flags(char **args, const npy_intp *dimensions,                      \
                                     const npy_intp *steps, void *data) {                          \
        name##_loop(args, dimensions, steps, data);                                                \
        feclearexcept(FE_ALL_EXCEPT);                                                              \
    }

WITHOUT_FLAGS(tanh)
WITHOUT_FLAGS(erf)
WITHOUT_FLAGS(ndtr)

static PyUFuncGenericFunction loop_of(const char *name) {
    if (!has_avx2()) return NULL;
    if (!strcmp(name, "erf")) return erf_without_flags;
    if (!strcmp(name, "ndtr")) return ndtr_without_flags;
    if (__builtin_cpu_supports("avx512f")) return NULL; /* NumPy's own loops are faster still */
    if (!strcmp(name, "exp")) return exp_loop;
    if (!strcmp(name, "tanh")) return tanh_without_flags;
    return NULL;
}

#else

static PyUFuncGenericFunction loop_of(const char *name) { return NULL; }

#endif

/* The ufunc is never freed, and neither is what it points to. */
static PyObject *faster(PyObject *module, PyObject *object) {
    if (!PyObject_TypeCheck(object, &PyUFunc_Type)) {
        PyErr_SetString(PyExc_TypeError, "faster: give a ufunc");
        return NULL;
    }
    const PyUFuncObject *const u = (PyUFuncObject *)object;
    const PyUFuncGenericFunction own = loop_of(u->name);
    if (own == NULL || u->nin != 1 || u->nout != 1) Py_RETURN_NONE;

    const size_t n = u->ntypes;
    PyUFuncGenericFunction *const loops = PyMem_New(PyUFuncGenericFunction, n);
    void **const data = PyMem_New(void *, n);
    char *const types = PyMem_New(char, 2 * n);
    if (loops == NULL || data == NULL || types == NULL) return PyErr_NoMemory();
    memcpy(types, u->types, 2 * n);
    for (size_t k = 0; k < n; k++) {
        const int is_double = types[2 * k] == NPY_DOUBLE && types[2 * k + 1] == NPY_DOUBLE;
        loops[k] = is_double ? own : u->functions[k];
        data[k] = u->data ? u->data[k] : NULL;
    }
    return PyUFunc_FromFuncAndData(loops, data, types, u->ntypes, 1, 1, u->identity, u->name, u->doc,
                                   0);
}

static PyMethodDef methods[] = {
    {"faster", faster, METH_O,
     "faster(ufunc) -> a ufunc whose loop of doubles is one of this file; None where there is none."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_loops", "Loops of ufuncs for processors with AVX2.", -1, methods,
};

PyMODINIT_FUNC PyInit__loops(void) {
    import_array();
    import_umath();
    PyObject *const module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED /* there is nothing that changes */
    if (module) PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
