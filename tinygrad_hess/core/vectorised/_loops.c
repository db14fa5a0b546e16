/* exp and tanh of doubles, four at a time: the bits of NumPy's own, in a third of its time.

   Without AVX-512, NumPy's exp is that of the C library, one number at a time, and its tanh spends
   most of its time on choosing coefficients. Here are the same operations on the same numbers, in
   the same order; `__init__.py` compares the bits before anything is used.

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

static int is_worth_it(void) {
    /* with AVX-512, NumPy's own loops are faster still */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           !__builtin_cpu_supports("avx512f");
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

static void tanh_without_flags(char **args, const npy_intp *dimensions, const npy_intp *steps,
                               void *data) {
    tanh_loop(args, dimensions, steps, data);
    feclearexcept(FE_ALL_EXCEPT); /* as NumPy does: no tanh overflows or is invalid */
}

static PyUFuncGenericFunction loop_of(const char *name) {
    if (!is_worth_it()) return NULL;
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
    return PyModule_Create(&definition);
}
