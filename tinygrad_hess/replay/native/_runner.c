/* A list of inner loops of NumPy's ufuncs, run one after the other with no Python in between.

   An operation is a row of words, as `operations.py` writes them:

       size  loop  data  operands  dimensions  steps  axes
       pointer[operands]  dimension[dimensions]  step[steps]  {length  stride[operands]}[axes]

   The loop is called once for each index of the axes, the last one fastest. It is the function that
   NumPy itself would call, on the same pointers and strides: so the results are the same, bit by
   bit. Nothing is checked here that the lowering has checked. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

#include <stddef.h>
#include <string.h>
#include <structmember.h>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#define HAS_MMAP
#endif

#ifndef Py_T_PYSSIZET /* before Python 3.12 */
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_READONLY READONLY
#endif

enum { SIZE, LOOP, DATA, OPERANDS, DIMENSIONS, STEPS, AXES, HEAD };
enum { MOST_OPERANDS = 64, MOST_AXES = 32 };

static void run_operation(const npy_intp *op) {
    const PyUFuncGenericFunction loop = (PyUFuncGenericFunction)op[LOOP];
    void *const data = (void *)op[DATA];
    const npy_intp count = op[OPERANDS], axes = op[AXES];
    const npy_intp *const pointers = op + HEAD, *const dimensions = pointers + count;
    const npy_intp *const steps = dimensions + op[DIMENSIONS], *const outer = steps + op[STEPS];
    char *at[MOST_OPERANDS], *given[MOST_OPERANDS]; /* loops may move what they are given */

    for (npy_intp j = 0; j < count; j++) at[j] = (char *)pointers[j];
    if (axes == 0) {
        loop(at, dimensions, steps, data);
        return;
    }
    npy_intp index[MOST_AXES] = {0};
    for (;;) {
        memcpy(given, at, count * sizeof *at);
        loop(given, dimensions, steps, data);
        npy_intp k = axes - 1;
        for (; k >= 0; k--) {
            const npy_intp *const axis = outer + k * (1 + count);
            for (npy_intp j = 0; j < count; j++) at[j] += axis[1 + j];
            if (++index[k] < axis[0]) break;
            for (npy_intp j = 0; j < count; j++) at[j] -= axis[0] * axis[1 + j];
            index[k] = 0;
        }
        if (k < 0) return;
    }
}

/* Loops of our own, of the same kind: NumPy's copies are no ufuncs. `data` is the item's size. */

typedef struct {
    npy_uint64 low, high;
} Pair;

#define BY_SIZE(DO)                                                                                \
    switch ((npy_intp)data) {                                                                      \
    case 1: DO(npy_uint8) break;                                                                   \
    case 4: DO(npy_uint32) break;                                                                  \
    case 8: DO(npy_uint64) break;                                                                  \
    case 16: DO(Pair) break;                                                                       \
    }

#define AT(type, base, step) (*(type *)((base) + i * (step)))

#define COPY(type)                                                                                 \
    if (from_step == 0 && to_step == sizeof(type)) {                                               \
        const type x = *(const type *)from;                                                        \
        for (npy_intp i = 0; i < n; i++) ((type *)to)[i] = x;                                      \
    } else {                                                                                       \
        for (npy_intp i = 0; i < n; i++) AT(type, to, to_step) = AT(const type, from, from_step);  \
    }

static void copy(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    const npy_intp n = dimensions[0], from_step = steps[0], to_step = steps[1];
    const char *from = args[0];
    char *to = args[1];
    if (from_step == (npy_intp)data && to_step == from_step)
        memmove(to, from, n * to_step);
    else
        BY_SIZE(COPY)
}

/* By bits and without a branch: of a mask that goes up and down, half the guesses would be wrong. */

static inline npy_uint64 chosen(npy_bool mask, npy_uint64 x, npy_uint64 old) {
    return old ^ ((old ^ x) & -(npy_uint64)(mask != 0));
}

#define COPY_WHERE(type)                                                                           \
    if (from_step == sizeof(type) && mask_step == 1 && to_step == sizeof(type)) {                  \
        const type *const x = (const type *)from; /* which may be y */                             \
        const npy_bool *const m = (const npy_bool *)mask;                                          \
        type *const y = (type *)to;                                                                \
        for (npy_intp i = 0; i < n; i++) y[i] ^= (y[i] ^ x[i]) & -(type)(m[i] != 0);               \
    } else {                                                                                       \
        for (npy_intp i = 0; i < n; i++) {                                                         \
            type *const y = &AT(type, to, to_step);                                                \
            *y = chosen(AT(npy_bool, mask, mask_step), AT(const type, from, from_step), *y);       \
        }                                                                                          \
    }

static void copy_where(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    const npy_intp n = dimensions[0], from_step = steps[0], mask_step = steps[1];
    const npy_intp to_step = steps[2];
    char *const from = args[0], *const mask = args[1], *const to = args[2];
    switch ((npy_intp)data) {
    case 1: COPY_WHERE(npy_uint8) break;
    case 4: COPY_WHERE(npy_uint32) break;
    case 8: COPY_WHERE(npy_uint64) break;
    case 16:
        for (npy_intp i = 0; i < n; i++) {
            const Pair x = AT(const Pair, from, from_step);
            Pair *const y = &AT(Pair, to, to_step);
            const npy_bool m = AT(npy_bool, mask, mask_step);
            y->low = chosen(m, x.low, y->low), y->high = chosen(m, x.high, y->high);
        }
    }
}

/* And loops of doubles: for a few, NumPy's take longer to choose a way than to go it, and where
   results lie apart they are not to be trusted. Each is exact, or rounded once, so that there is one
   right answer. */

#define OWN(name, result)                                                                          \
    static void own_##name(char **args, const npy_intp *dimensions, const npy_intp *steps,         \
                           void *data) {                                                           \
        for (npy_intp i = 0; i < dimensions[0]; i++) {                                             \
            const double x = AT(const double, args[0], steps[0]);                                  \
            const double y = AT(const double, args[1], steps[1]);                                  \
            AT(double, args[2], steps[2]) = result;                                                \
        }                                                                                          \
    }

OWN(add, x + y)
OWN(subtract, x - y)
OWN(multiply, x * y)
OWN(divide, x / y)

static void own_negative(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    for (npy_intp i = 0; i < dimensions[0]; i++)
        AT(double, args[1], steps[1]) = -AT(const double, args[0], steps[0]);
}

/* Elements at positions, of which there are as many arrays as `data` says. After the strides of the
   operands, the steps say how large an element is, how many in a row belong to a position, and of
   each array what it indexes. Positions may come in with a call, so they are looked at in each. */

typedef struct {
    npy_intp length, stride, axis;
} Indexed;

typedef struct {
    npy_intp itemsize, in_a_row;
    Indexed axes[];
} Places;

static int is_outside(npy_intp position, const Indexed *axis) {
    if (position >= -axis->length && position < axis->length) return 0;
    const PyGILState_STATE state = PyGILState_Ensure();
    PyErr_Format(PyExc_IndexError, "index %zd is out of bounds for axis %zd with size %zd",
                 (Py_ssize_t)position, (Py_ssize_t)axis->axis, (Py_ssize_t)axis->length);
    PyGILState_Release(state);
    return 1;
}

/* How far the i-th position is from where the axes begin; -1 where it is outside. (Strides that are
   negative are not lowered.) */
static inline npy_intp offset_at(char *const *args, const npy_intp *steps, npy_intp i,
                                 npy_intp arrays, const Indexed *axis) {
    npy_intp offset = 0;
    for (npy_intp j = 0; j < arrays; j++, axis++) {
        const npy_intp position = AT(const npy_intp, args[1 + j], steps[1 + j]);
        if (is_outside(position, axis)) return -1;
        offset += (position < 0 ? position + axis->length : position) * axis->stride;
    }
    return offset;
}

/* For each of n elements. One array of positions of single elements is what there is most often. */
#define AT_POSITIONS(type, DO_ONE, DO)                                                             \
    const npy_intp arrays = (npy_intp)data, n = dimensions[0];                                     \
    const npy_intp from_step = steps[0], to_step = steps[arrays + 1];                              \
    const Places *const places = (const Places *)(steps + arrays + 2);                             \
    const npy_intp nbytes = places->itemsize * places->in_a_row;                                   \
    char *from = args[0], *to = args[arrays + 1];                                                  \
    if (arrays == 1 && nbytes == sizeof(type)) {                                                   \
        for (npy_intp i = 0; i < n; i++, from += from_step, to += to_step) {                       \
            const npy_intp offset = offset_at(args, steps, i, 1, places->axes);                    \
            if (offset < 0) return;                                                                \
            DO_ONE;                                                                                \
        }                                                                                          \
    } else {                                                                                       \
        for (npy_intp i = 0; i < n; i++, from += from_step, to += to_step) {                       \
            const npy_intp offset = offset_at(args, steps, i, arrays, places->axes);               \
            if (offset < 0) return;                                                                \
            DO;                                                                                    \
        }                                                                                          \
    }

static void gather(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    AT_POSITIONS(npy_uint64, memcpy(to, from + offset, sizeof(npy_uint64)),
                 memcpy(to, from + offset, nbytes))
}

static void put(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    AT_POSITIONS(npy_uint64, memcpy(to + offset, from, sizeof(npy_uint64)),
                 memcpy(to + offset, from, nbytes))
}

#define ADD_AT(name, type)                                                                         \
    static void name(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) { \
        AT_POSITIONS(type, *(type *)(to + offset) += *(const type *)from,                          \
                     for (npy_intp k = 0; k < places->in_a_row; k++)((type *)(to + offset))[k] +=  \
                     ((const type *)from)[k])                                                      \
    }

ADD_AT(add_doubles, double)
ADD_AT(add_floats, float)

/* ---- a run of operations ---------------------------------------------------------------------- */

typedef union { /* room for one number of any type that is lowered */
    npy_bool b;
    double d[2];
} Number;

typedef struct { /* a pointer of an operation: its word, whose memory it is, and where in it */
    npy_intp word, owner, offset;
} Relocation;

typedef struct {
    PyObject_HEAD
    PyObject *fallback;            /* the same lines in Python, for other arguments */
    PyObject *args, *results;      /* tuples of arrays like those that come in and go out */
    PyObject *fixed;               /* a tuple of arrays that stay where they are */
    Py_ssize_t n_args, n_results, n_words, n_moving;
    PyTypeObject **scalars;        /* by argument: the type of a number in place of a 0-d array */
    npy_intp *words;
    Relocation *moving;            /* pointers that are another one in each call */
    Number *numbers;               /* of arguments and results without axes */
    char **bases;                  /* addresses of arguments and results */
    PyObject **kept;               /* by result: large ones of earlier calls */
    int release;
    vectorcallfunc vectorcall;
} Run;

static int lies_like(PyArrayObject *a, PyArrayObject *like) {
    for (int k = 0; k < PyArray_NDIM(like); k++) {
        if (PyArray_DIM(a, k) != PyArray_DIM(like, k)) return 0;
        /* along an axis of length one, no step is made */
        if (PyArray_STRIDE(a, k) != PyArray_STRIDE(like, k) && PyArray_DIM(like, k) != 1) return 0;
    }
    return 1;
}

/* Where an argument's data is; NULL where it is not such an argument as was planned for. */
static char *address(const Run *self, Py_ssize_t i, PyObject *x) {
    PyArrayObject *const like = (PyArrayObject *)PyTuple_GET_ITEM(self->args, i);
    const int ndim = PyArray_NDIM(like);
    if (PyArray_Check(x)) {
        PyArrayObject *const a = (PyArrayObject *)x;
        const int plain = PyArray_TYPE(a) == PyArray_TYPE(like) && PyArray_NDIM(a) == ndim &&
                          PyArray_ISALIGNED(a) && PyArray_ISNOTSWAPPED(a) && lies_like(a, like);
        if (!plain || ndim) return plain ? PyArray_BYTES(a) : NULL;
        /* a number is copied, so that it shares no memory with what the operations write */
        return memcpy(self->numbers + i, PyArray_BYTES(a), PyArray_ITEMSIZE(a));
    }
    if (ndim) return NULL;
    if (PyFloat_CheckExact(x) && PyArray_TYPE(like) == NPY_DOUBLE)
        self->numbers[i].d[0] = PyFloat_AS_DOUBLE(x);
    else if (Py_TYPE(x) == self->scalars[i])
        PyArray_ScalarAsCtype(x, self->numbers + i);
    else
        return NULL;
    return (char *)(self->numbers + i);
}

/* Large results are kept for later calls: to have their pages mapped anew, and set to zero by the
   system, takes as long as to fill them. Two, since the last one is often an argument of the next
   call; and only what nobody but the run holds any more is written again. */
#ifdef Py_GIL_DISABLED
enum { KEPT = 0 }; /* the count of references is not exact there */
#else
enum { KEPT = 2 };
#endif
enum { LEAST_KEPT = 1 << 17, MOST_KEPT = 1 << 25 };

static int is_unheld(PyObject *x, PyArrayObject *like) {
    PyArrayObject *const a = (PyArrayObject *)x;
    const Py_ssize_t weak = Py_TYPE(x)->tp_weaklistoffset;
    return Py_REFCNT(x) == 1 && *(PyObject **)((char *)x + weak) == NULL &&
           PyArray_CHKFLAGS(a, NPY_ARRAY_WRITEABLE | NPY_ARRAY_OWNDATA) &&
           PyArray_TYPE(a) == PyArray_TYPE(like) && PyArray_NDIM(a) == PyArray_NDIM(like) &&
           lies_like(a, like);
}

static PyObject *new_result(Run *self, Py_ssize_t i) {
    PyArrayObject *const like = (PyArrayObject *)PyTuple_GET_ITEM(self->results, i);
    PyObject **const kept = self->kept + KEPT * i;
    for (int k = 0; k < KEPT; k++)
        if (kept[k] && is_unheld(kept[k], like)) return Py_NewRef(kept[k]);
    PyObject *const y = PyArray_EMPTY(PyArray_NDIM(like), PyArray_DIMS(like), PyArray_TYPE(like),
                                      !PyArray_IS_C_CONTIGUOUS(like));
    const npy_intp nbytes = PyArray_NBYTES(like);
    if (KEPT && y && nbytes >= LEAST_KEPT && nbytes <= MOST_KEPT) {
        Py_XDECREF(kept[0]);
        kept[0] = kept[1];
        kept[1] = Py_NewRef(y);
    }
    return y;
}

static PyObject *run_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names) {
    Run *const self = (Run *)callable;
    const Py_ssize_t n = self->n_args, count = self->n_results;
    int planned = PyVectorcall_NARGS(nargsf) == n && names == NULL;
    for (Py_ssize_t i = 0; planned && i < n; i++)
        planned = (self->bases[i] = address(self, i, args[i])) != NULL;
    if (!planned) return PyObject_Vectorcall(self->fallback, args, nargsf, names);

    PyObject *const found = PyTuple_New(count);
    if (found == NULL) return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyArrayObject *const like = (PyArrayObject *)PyTuple_GET_ITEM(self->results, i);
        if (PyArray_NDIM(like) == 0) {
            self->bases[n + i] = (char *)(self->numbers + n + i);
            continue;
        }
        PyObject *const y = new_result(self, i);
        if (y == NULL) goto failed;
        PyTuple_SET_ITEM(found, i, y);
        self->bases[n + i] = PyArray_BYTES((PyArrayObject *)y);
    }
    for (const Relocation *r = self->moving, *end = r + self->n_moving; r < end; r++)
        self->words[r->word] = (npy_intp)(self->bases[r->owner] + r->offset);

    PyThreadState *const state = self->release ? PyEval_SaveThread() : NULL;
    for (const npy_intp *op = self->words, *end = op + self->n_words; op < end; op += op[SIZE])
        run_operation(op);
    if (state) PyEval_RestoreThread(state);
    if (PyErr_Occurred()) goto failed; /* by a loop of a library that raises */

    for (Py_ssize_t i = 0; i < count; i++) {
        PyArrayObject *const like = (PyArrayObject *)PyTuple_GET_ITEM(self->results, i);
        if (PyArray_NDIM(like) != 0) continue;
        PyObject *const y = PyArray_Scalar(self->numbers + n + i, PyArray_DESCR(like), NULL);
        if (y == NULL) goto failed;
        PyTuple_SET_ITEM(found, i, y);
    }
    return found;

failed:
    Py_DECREF(found);
    return NULL;
}

/* The same many times, each time elsewhere in given memory: of each argument and result, where it
   begins, how far the next step is from one, and after how many steps it is back (0 for never). */
static PyObject *run_repeat(PyObject *object, PyObject *args) {
    Run *const self = (Run *)object;
    Py_ssize_t n;
    PyObject *arrays;
    PyArrayObject *ways;
    if (!PyArg_ParseTuple(args, "nO!O!:repeat", &n, &PyTuple_Type, &arrays, &PyArray_Type, &ways))
        return NULL;
    const Py_ssize_t count = self->n_args + self->n_results;
    int planned = PyTuple_GET_SIZE(arrays) == count && PyArray_TYPE(ways) == NPY_INTP &&
                  PyArray_SIZE(ways) == 3 * count && PyArray_ISCARRAY_RO(ways);
    for (Py_ssize_t i = 0; planned && i < count; i++) {
        PyObject *const x = PyTuple_GET_ITEM(arrays, i);
        planned = PyArray_Check(x);
        if (planned) self->bases[i] = PyArray_BYTES((PyArrayObject *)x);
    }
    if (!planned) {
        PyErr_SetString(PyExc_ValueError, "repeat: an array for each argument and result, please");
        return NULL;
    }
    struct {
        npy_intp begin, step, period;
    } const *const way = PyArray_DATA(ways);
    char **const bases = self->bases;
    for (Py_ssize_t i = 0; i < count; i++) bases[i] += way[i].begin;

    PyThreadState *const state = PyEval_SaveThread();
    for (Py_ssize_t t = 0; t < n; t++) {
        for (const Relocation *r = self->moving, *end = r + self->n_moving; r < end; r++)
            self->words[r->word] = (npy_intp)(bases[r->owner] + r->offset);
        for (Py_ssize_t i = 0; i < count; i++) {
            const int back = way[i].period && (t + 1) % way[i].period == 0;
            bases[i] += back ? (1 - way[i].period) * way[i].step : way[i].step;
        }
        for (const npy_intp *op = self->words, *end = op + self->n_words; op < end; op += op[SIZE])
            run_operation(op);
    }
    PyEval_RestoreThread(state);
    if (PyErr_Occurred()) return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef run_methods[] = {
    {"repeat", run_repeat, METH_VARARGS,
     "repeat(n, arrays, ways): the operations n times, on the memory of these arrays."},
    {NULL, NULL, 0, NULL},
};

static int of_arrays(PyObject *tuple) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++)
        if (!PyArray_Check(PyTuple_GET_ITEM(tuple, i))) return 0;
    return 1;
}

static int is_words(PyArrayObject *a) {
    return PyArray_TYPE(a) == NPY_INTP && PyArray_NDIM(a) == 1 && PyArray_ISCARRAY_RO(a);
}

/* Whether the words are whole operations; their number otherwise tells nothing of what they say. */
static int is_whole(const npy_intp *words, npy_intp n) {
    npy_intp k = 0;
    while (k + HEAD <= n) {
        const npy_intp *op = words + k, count = op[OPERANDS];
        if (count < 1 || count > MOST_OPERANDS || op[AXES] < 0 || op[AXES] > MOST_AXES) return 0;
        if (op[SIZE] != HEAD + count + op[DIMENSIONS] + op[STEPS] + op[AXES] * (1 + count)) return 0;
        k += op[SIZE];
    }
    return k == n;
}

static PyObject *run_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *fallback, *given, *results, *fixed;
    PyArrayObject *words, *relocations;
    int release;
    if (!PyArg_ParseTuple(args, "OO!O!O!O!O!p:Run", &fallback, &PyTuple_Type, &given, &PyTuple_Type,
                          &results, &PyTuple_Type, &fixed, &PyArray_Type, &words, &PyArray_Type,
                          &relocations, &release))
        return NULL;
    const npy_intp n_words = PyArray_SIZE(words), n_pointers = PyArray_SIZE(relocations) / 3;
    const Py_ssize_t n = PyTuple_GET_SIZE(given), moving = n + PyTuple_GET_SIZE(results);
    if (!of_arrays(given) || !of_arrays(results) || !of_arrays(fixed) || !is_words(words) ||
        !is_words(relocations) || !is_whole((npy_intp *)PyArray_DATA(words), n_words)) {
        PyErr_SetString(PyExc_ValueError, "Run: tuples of arrays and whole operations, please");
        return NULL;
    }
    Run *const self = (Run *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->fallback = Py_NewRef(fallback);
    self->args = Py_NewRef(given);
    self->results = Py_NewRef(results);
    self->fixed = Py_NewRef(fixed);
    self->n_args = n, self->n_results = moving - n, self->n_words = n_words;
    self->release = release;
    self->vectorcall = run_call;
    self->words = PyMem_New(npy_intp, n_words);
    self->moving = PyMem_New(Relocation, n_pointers);
    self->numbers = PyMem_New(Number, moving);
    self->bases = PyMem_New(char *, moving);
    self->kept = PyMem_Calloc(KEPT * self->n_results + 1, sizeof(PyObject *));
    self->scalars = PyMem_New(PyTypeObject *, n);
    if (!self->words || !self->moving || !self->numbers || !self->bases || !self->kept ||
        !self->scalars) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    memcpy(self->words, PyArray_DATA(words), n_words * sizeof(npy_intp));
    memset(self->scalars, 0, n * sizeof(PyTypeObject *));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyArrayObject *const like = (PyArrayObject *)PyTuple_GET_ITEM(given, i);
        self->scalars[i] = (PyTypeObject *)PyArray_TypeObjectFromType(PyArray_TYPE(like));
    }
    const Relocation *const r = (const Relocation *)PyArray_DATA(relocations);
    for (npy_intp k = 0; k < n_pointers; k++) {
        if (r[k].word < 0 || r[k].word >= n_words || r[k].owner < 0 ||
            r[k].owner >= moving + PyTuple_GET_SIZE(fixed)) {
            Py_DECREF(self);
            PyErr_SetString(PyExc_ValueError, "Run: a pointer to nothing");
            return NULL;
        }
        if (r[k].owner < moving) {
            self->moving[self->n_moving++] = r[k];
        } else {
            PyObject *const owner = PyTuple_GET_ITEM(fixed, r[k].owner - moving);
            self->words[r[k].word] = (npy_intp)(PyArray_BYTES((PyArrayObject *)owner) + r[k].offset);
        }
    }
    return (PyObject *)self;
}

static int run_traverse(PyObject *object, visitproc visit, void *arg) {
    Run *const self = (Run *)object;
    Py_VISIT(self->fallback);
    Py_VISIT(self->args);
    Py_VISIT(self->results);
    Py_VISIT(self->fixed);
    return 0;
}

static int run_clear(PyObject *object) {
    Run *const self = (Run *)object;
    Py_CLEAR(self->fallback);
    Py_CLEAR(self->args);
    Py_CLEAR(self->results);
    Py_CLEAR(self->fixed);
    return 0;
}

static void run_dealloc(PyObject *object) {
    Run *const self = (Run *)object;
    PyObject_GC_UnTrack(object);
    run_clear(object);
    for (Py_ssize_t i = 0; self->scalars && i < self->n_args; i++) Py_XDECREF(self->scalars[i]);
    for (Py_ssize_t i = 0; self->kept && i < KEPT * self->n_results; i++) Py_XDECREF(self->kept[i]);
    PyMem_Free(self->words);
    PyMem_Free(self->moving);
    PyMem_Free(self->numbers);
    PyMem_Free(self->bases);
    PyMem_Free(self->kept);
    PyMem_Free(self->scalars);
    Py_TYPE(object)->tp_free(object);
}

static PyTypeObject run_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tinygrad_hess.replay.native._runner.Run",
    .tp_doc = "Run(fallback, args, results, fixed, words, relocations, release)\n\n"
              "Operations that are run by one call, with the arguments of their fallback.",
    .tp_basicsize = sizeof(Run),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_methods = run_methods,
    .tp_new = run_new,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Run, vectorcall),
    .tp_traverse = run_traverse,
    .tp_clear = run_clear,
    .tp_dealloc = run_dealloc,
};

/* ---- machine code ----------------------------------------------------------------------------- */

/* Memory of its own for a function: written, then made executable, never both at once. */

typedef struct {
    PyObject_HEAD
    void *memory;
    Py_ssize_t size;
} Code;

#ifdef HAS_MMAP

static PyObject *code_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Py_buffer given;
    if (!PyArg_ParseTuple(args, "y*:Code", &given)) return NULL;
    Code *self = (Code *)type->tp_alloc(type, 0);
    if (self == NULL) goto failed;
    self->size = given.len;
    void *const memory =
        mmap(NULL, given.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) {
        self->memory = memory;
        memcpy(memory, given.buf, given.len);
    }
    if (memory == MAP_FAILED || mprotect(memory, given.len, PROT_READ | PROT_EXEC) != 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(self);
        self = NULL;
    }
failed:
    PyBuffer_Release(&given);
    return (PyObject *)self;
}

static void code_dealloc(PyObject *object) {
    Code *const self = (Code *)object;
    if (self->memory) munmap(self->memory, self->size);
    Py_TYPE(object)->tp_free(object);
}

#else

static PyObject *code_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyErr_SetString(PyExc_OSError, "this system gives no executable memory");
    return NULL;
}

static void code_dealloc(PyObject *object) { Py_TYPE(object)->tp_free(object); }

#endif

static PyMemberDef code_members[] = {
    {"address", Py_T_PYSSIZET, offsetof(Code, memory), Py_READONLY, "Where the function begins."},
    {NULL},
};

static PyTypeObject code_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tinygrad_hess.replay.native._runner.Code",
    .tp_doc = "Code(bytes)\n\nMachine code in executable memory, as long as this object lives.",
    .tp_basicsize = sizeof(Code),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_members = code_members,
    .tp_new = code_new,
    .tp_dealloc = code_dealloc,
};

/* Whether the processor has the instructions that kernels are made of. */
static int has_avx2(void) {
#if defined(HAS_MMAP) && defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return 0;
#endif
}

/* ---- what NumPy says of a ufunc ---------------------------------------------------------------- */

static PyObject *structure(PyObject *module, PyObject *object) {
    if (!PyObject_TypeCheck(object, &PyUFunc_Type)) {
        PyErr_SetString(PyExc_TypeError, "structure: give a ufunc");
        return NULL;
    }
    const PyUFuncObject *const u = (PyUFuncObject *)object;
    return Py_BuildValue("iiis", u->nin, u->nout, u->ntypes, u->name);
}

static PyObject *loop(PyObject *module, PyObject *args) {
    PyObject *object, *types;
    if (!PyArg_ParseTuple(args, "O!O!:loop", &PyUFunc_Type, &object, &PyTuple_Type, &types)) return NULL;
    const PyUFuncObject *const u = (PyUFuncObject *)object;
    if (PyTuple_GET_SIZE(types) != u->nargs || u->functions == NULL) Py_RETURN_NONE;
    for (int k = 0; k < u->ntypes; k++) {
        int same = u->functions[k] != NULL;
        for (int j = 0; same && j < u->nargs; j++)
            same = u->types[k * u->nargs + j] == PyLong_AsLong(PyTuple_GET_ITEM(types, j));
        if (PyErr_Occurred()) return NULL;
        if (same)
            return Py_BuildValue("nn", (Py_ssize_t)u->functions[k],
                                 (Py_ssize_t)(u->data ? u->data[k] : NULL));
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"structure", structure, METH_O,
     "structure(ufunc) -> (nin, nout, ntypes, name), as this file was compiled to read them."},
    {"loop", loop, METH_VARARGS,
     "loop(ufunc, types) -> (function, data): addresses of the inner loop for exactly these types\n"
     "(by number), or None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_runner", "Runs inner loops of NumPy's ufuncs from a list.", -1, methods,
};

PyMODINIT_FUNC PyInit__runner(void) {
    import_array();
    import_umath();
    PyObject *const module = PyModule_Create(&definition);
    if (module == NULL) return NULL;
#ifdef Py_GIL_DISABLED /* a run is called by one thread at a time: `compiled.py` sees to that */
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    if (PyType_Ready(&run_type) < 0 || PyModule_AddObjectRef(module, "Run", (PyObject *)&run_type) < 0 ||
        PyType_Ready(&code_type) < 0 ||
        PyModule_AddObjectRef(module, "Code", (PyObject *)&code_type) < 0 ||
        PyModule_AddIntConstant(module, "AVX2", has_avx2()) < 0 ||
        PyModule_AddObject(module, "COPY", PyLong_FromSsize_t((Py_ssize_t)copy)) < 0 ||
        PyModule_AddObject(module, "COPY_WHERE", PyLong_FromSsize_t((Py_ssize_t)copy_where)) < 0 ||
        PyModule_AddObject(module, "AT_POSITIONS",
                           Py_BuildValue("{s:n,s:n,s:n,s:n}", "gather", (Py_ssize_t)gather, "put",
                                         (Py_ssize_t)put, "add d", (Py_ssize_t)add_doubles, "add f",
                                         (Py_ssize_t)add_floats)) < 0 ||
        PyModule_AddObject(module, "OWN",
                           Py_BuildValue("{s:n,s:n,s:n,s:n,s:n}", "add", (Py_ssize_t)own_add,
                                         "subtract", (Py_ssize_t)own_subtract, "multiply",
                                         (Py_ssize_t)own_multiply, "divide", (Py_ssize_t)own_divide,
                                         "negative", (Py_ssize_t)own_negative)) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
