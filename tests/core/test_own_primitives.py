"""One operation of each kind, declared as a user would: every part handles it as its own.

Each is compared with the same function made of the library's operations, under derivatives, maps,
replay (whole, mapped and cut), sparsity patterns, assignment, pictures and traces by example.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import comparing
import numpy as np
import pytest
from jit_routes import every_cut, every_split, recorded, route, steady
from replayed import declared as declared_rows
from test_curvature_by_example import check

import tinygrad_hess as tg
from tinygrad_hess.core.composite import PICK
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.curvature import HessianOperator, trace
from tinygrad_hess.transforms.sparse.plan import sparsity

close = functools.partial(comparing.close, rtol=1e-9, atol=1e-11, elementwise=True)

ops = tg.ops


class Own(NamedTuple):
    """A declared operation.

    Attributes
    ----------
    call : callable
    plain : callable
        The same function of the library's operations.
    shapes : list of shapes
        Of operands to try.
    cuts : int
        Axes of operands along which replay may cut it: all but those that it needs as a whole.
    """

    call: Callable[..., Any]
    plain: Callable[..., Any]
    shapes: list[tuple[int, ...]]
    cuts: int


WIDE: list[tuple[int, ...]] = [(4, 6)]
PAIR: list[tuple[int, ...]] = [(4, 6), (4, 6)]


def _bell(x: Any, out: Any = None) -> Any:
    """In one buffer, as replay gives it."""
    out = np.multiply(x, x, out=out) if out is not None else np.asarray(x * x)
    np.negative(out, out=out)
    return np.exp(out, out=out)[()]


def _swap(x: Any) -> Any:
    return x.swapaxes(-1, -2)


def _share(x: Any) -> Any:
    powers = np.exp(x)
    return powers / powers.sum(-1, keepdims=True)


def _share_slope(g: Any, y: Any, x: Any) -> Any:
    return y * (g - (g * y).sum(-1, keepdims=True))


def _length_and_direction(x: Any) -> tuple[Any, Any]:
    length = np.sqrt((x * x).sum(-1))
    return length, x / length[..., None]


def _polar_tangents(t: Any, y: Any, x: Any) -> tuple[Any, Any]:
    length, direction = y
    grown = (direction * t).sum(-1)
    return grown, (t - direction * grown[..., None]) / length[..., None]


def _polar_slope(g: Any, y: Any, x: Any) -> Any:
    g_length, g_direction = g
    assert g_length is None or g_direction is None  # nobody reads both here
    if g_direction is None:
        return g_length[..., None] * y[1]
    return _polar_tangents(g_direction, y, x)[1]  # a symmetric map


def _declare_polar(name: str) -> Any:
    return tg.structured(
        name,
        _length_and_direction,
        jvp=_polar_tangents,
        vjp=_polar_slope,
        signature="(n)->(),(n)",
        cases=[([(4,)], {})],
    )


def _pairs(x: Any) -> Any:
    return x[..., ::2] - 3 * x[..., 1::2]


def _pairs_back(g: Any, y: Any, x: Any) -> Any:
    return ops.reshape(ops.stack([g, -3 * g], axis=-1), shape=x.shape)


def _differences_back(g: Any, y: Any, x: Any) -> Any:
    zero = 0 * g[..., :1]
    return np.concatenate([zero, g], -1) - np.concatenate([g, zero], -1)


def declared() -> dict[str, Own]:
    """One of each kind, by what it is."""
    scaled = tg.linear(
        "own_scaled",
        lambda x, *, by: by * x,
        lambda g, y, x, by: by * g,
        cases=[([(4,)], {"by": 2.0})],
    )
    polar = _declare_polar("own_polar")
    return {
        "elementwise, a ufunc": Own(
            tg.elementwise("own_sinh", np.sinh, lambda g, y, x: g * np.cosh(x), domain=(-1, 1)),
            lambda x: (np.exp(x) - np.exp(-x)) / 2,
            WIDE,
            2,
        ),
        "elementwise, with out": Own(
            tg.elementwise("own_bell", _bell, lambda g, y, x: -2 * g * x * y, domain=(-1, 1)),
            lambda x: np.exp(-(x**2)),
            WIDE,
            2,
        ),
        "elementwise, of two": Own(
            tg.elementwise(
                "own_mix",
                lambda x, y: x * y + x**2,
                lambda g, z, x, y: g * (y + 2 * x),
                lambda g, z, x, y: g * x,
                domain=(-1, 1),
            ),
            lambda x, y: x * (x + y),
            [(4, 6), (6,)],
            3,
        ),
        "zero": Own(
            tg.zero("own_steps", lambda x: np.floor(2 * x) / 2, domain=(-1, 1)),
            lambda x: np.floor(2 * x) / 2,
            WIDE,
            2,
        ),
        "linear, nothing said": Own(
            tg.linear(
                "own_differences",
                lambda x: x[..., 1:] - x[..., :-1],
                _differences_back,
                cases=[([(4,)], {})],
            ),
            lambda x: np.diff(x),
            WIDE,
            1,
        ),
        "linear, with a parameter": Own(
            lambda x: scaled(x, by=2.5),
            lambda x: 2.5 * x,
            WIDE,
            2,
        ),
        "linear, with a signature": Own(
            tg.linear("own_pairs", _pairs, _pairs_back, signature="(n)->(m)", cases=[([(4,)], {})]),
            lambda x: x[..., ::2] - 3 * x[..., 1::2],
            WIDE,
            1,
        ),
        "linear, moving": Own(
            tg.linear(
                "own_backward",
                lambda x: x[..., ::-1],
                lambda g, y, x: g[..., ::-1],
                signature="(n)->(n)",
                moves=True,
                cases=[([(4,)], {})],
            ),
            lambda x: np.flip(x, -1).copy(),
            WIDE,
            1,
        ),
        "bilinear, nothing said": Own(
            tg.bilinear(
                "own_across",
                lambda a, b: a * b[..., ::-1],
                lambda g, y, a, b: g * b[..., ::-1],
                lambda g, y, a, b: (g * a)[..., ::-1],
                cases=[([(4,), (4,)], {})],
            ),
            lambda a, b: a * np.flip(b, -1),
            PAIR,
            2,
        ),
        "bilinear, with a signature": Own(
            tg.bilinear(
                "own_product",
                lambda a, b: a @ _swap(b),
                lambda g, y, a, b: g @ b,
                lambda g, y, a, b: _swap(g) @ a,
                signature="(m,n),(p,n)->(m,p)",
                partial="sum",
                cases=[([(2, 3), (4, 3)], {})],
            ),
            lambda a, b: np.einsum("mn,pn->mp", a, b),
            [(4, 6), (5, 6)],
            4,
        ),
        "variadic": Own(
            tg.variadic(
                "own_alternating",
                lambda *xs: sum((-1) ** i * x for i, x in enumerate(xs)),
                lambda g, y, args, params: [(-1) ** i * g for i in range(len(args))],
                cases=[([(4,), (4,)], {})],
            ),
            lambda x, y: x - y,
            PAIR,
            4,
        ),
        "structured": Own(
            tg.structured(
                "own_share",
                _share,
                jvp=lambda t, y, x: y * (t - (t * y).sum(-1, keepdims=True)),
                vjp=_share_slope,
                signature="(n)->(n)",
                cases=[([(4,)], {})],
            ),
            lambda x: ops.softmax(x, axis=-1),
            WIDE,
            1,
        ),
        "structured, of two results": Own(
            lambda x: polar(x)[1],
            lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)),
            WIDE,
            1,
        ),
    }


KINDS = (
    "elementwise, a ufunc", "elementwise, with out", "elementwise, of two", "zero",
    "linear, nothing said", "linear, with a parameter", "linear, with a signature",
    "linear, moving", "bilinear, nothing said", "bilinear, with a signature", "variadic",
    "structured", "structured, of two results",
)  # fmt: skip
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def everything() -> Iterator[dict[str, Own]]:
    before = set(REGISTRY)
    rows = declared()
    assert tuple(rows) == KINDS
    yield rows
    for name in set(REGISTRY) - before:
        REGISTRY.pop(name)


@pytest.fixture
def own(everything: dict[str, Own], kind: str) -> Own:
    return everything[kind]


def draw(own: Own, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in own.shapes]


def inside(call: Callable[..., Any]) -> Callable[..., Any]:
    """The operation between others."""
    return lambda *xs: np.tanh(call(*(np.sin(x) for x in xs))) * 2


def total(call: Callable[..., Any]) -> Callable[..., Any]:
    """A scalar with a full Hessian."""
    return lambda *xs: np.log1p((inside(call)(*xs) * np.cos(xs[0]).sum()) ** 2).sum()


def nums(own: Own) -> tuple[int, ...]:
    return tuple(range(len(own.shapes)))


def row_of(own: Own) -> Any:
    """The row that was declared."""
    y = own.call(*(tg.tensor(x, requires_grad=True) for x in draw(own)))
    return y.parents[0].prim if y.prim is PICK else y.prim


@kinds
def test_value_and_derivatives(kind: str, own: Own) -> None:
    xs, vs, n = draw(own), draw(own, 1), nums(own)
    close(inside(own.call)(*xs), inside(own.plain)(*xs))
    f, g = total(own.call), total(own.plain)
    close(tg.grad(f, n)(*xs), tg.grad(g, n)(*xs))
    of_first = lambda h: tg.hvp(lambda x: h(x, *xs[1:]), xs[0], vs[0])
    close(of_first(f), of_first(g))
    close(tg.hessian(f, argnums=n)(*xs), tg.hessian(g, argnums=n)(*xs))
    close(
        tg.jvp(inside(own.call), tuple(xs), tuple(vs)),
        tg.jvp(inside(own.plain), tuple(xs), tuple(vs)),
    )


@kinds
def test_maps(kind: str, own: Own) -> None:
    xs, n = draw(own), nums(own)
    stacks = [np.stack([x, 2 * x, x - 1]) for x in xs]
    for f, g in ((inside(own.call), inside(own.plain)), (total(own.call), total(own.plain))):
        close(tg.vmap(f)(*stacks), np.stack([g(*x) for x in zip(*stacks, strict=True)]))
        for i in n:  # one operand differs, the others are the same for all
            axes = tuple(0 if i == k else None for k in n)
            some = [stacks[k] if i == k else xs[k] for k in n]
            want = [g(*[x if i == k else xs[k] for k in n]) for x in stacks[i]]
            close(tg.vmap(f, in_axes=axes)(*some), np.stack(want))
    close(
        tg.vmap(tg.grad(total(own.call), n))(*stacks),
        tg.vmap(tg.grad(total(own.plain), n))(*stacks),
    )


@kinds
@pytest.mark.parametrize("count", [None, 1, 3])
def test_replay(kind: str, count: int | None, own: Own) -> None:
    """As the library chooses, and cut wherever that goes, on one thread and on three."""
    points, n = [draw(own), draw(own, 1)], nums(own)
    stacks = [[np.stack([x, x + 1, x * 2]) for x in xs] for xs in points]
    f, whole = inside(own.call), total(own.call)

    def check_all() -> None:
        steady(f, *points)
        steady(whole, *points)
        steady(tg.grad(whole, n), *points)
        steady(lambda *xs: tg.hvp(lambda x: whole(x, *xs[1:]), xs[0], xs[0]), *points)
        steady(tg.vmap(f), *stacks)
        steady(tg.vmap(tg.grad(whole, n)), *stacks)

    if count is None:
        check_all()
    else:
        with route(count):
            check_all()


@kinds
def test_cut_along_every_axis(kind: str, own: Own) -> None:
    f, points = inside(own.call), [draw(own), draw(own, 1)]
    stacks = [[np.stack([x, x + 1, x * 2]) for x in xs] for xs in points]
    with route(cache=16):
        splits = every_split(recorded(f, *points[0]).program)
        cut = [w for w, s in splits if any(i.prim is row_of(own) for i in s.shard.instructions)]
        assert len(cut) == own.cuts
        assert every_cut(f, *points) >= own.cuts
        assert every_cut(tg.vmap(f), *stacks) > own.cuts
        every_cut(tg.grad(total(own.call), nums(own)), *points)


@kinds
def test_sparsity(kind: str, own: Own) -> None:
    """No wider than the Jacobian itself."""
    xs = draw(own)
    f = lambda *xs: inside(own.call)(*xs)
    for g, at in ((f, xs), (tg.vmap(f), [np.stack([x, x + 1]) for x in xs])):
        blocks = tg.jacobian(g, argnums=nums(own))(*at)
        size = np.size(g(*at))
        dense = np.concatenate([b.reshape(size, -1) for b in blocks], axis=1)
        pattern = sparsity(g, *at, argnums=nums(own)).toarray()
        np.testing.assert_array_equal(pattern, dense != 0)
    h = tg.hessian(lambda x: inside(own.call)(x, *xs[1:]).sum(), sparse=True)(xs[0])
    want = tg.hessian(lambda x: inside(own.plain)(x, *xs[1:]).sum())(xs[0])
    close(h.toarray(), want.reshape(h.shape))


@kinds
def test_assignment_to_its_result(kind: str, own: Own) -> None:
    def by_at(call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: (
            call(*xs).at[0, 1:].set(xs[0][1, 0] ** 2).at[..., :2].multiply(3) ** 2
        ).sum()

    def by_item(call: Callable[..., Any]) -> Callable[..., Any]:
        def f(*xs: Any) -> Any:
            y = call(*xs)
            z = y * 2
            y[0, 1:] = xs[0][1, 0] ** 2
            y[..., :2] *= 3
            return (y**2).sum() + z.sum()

        return f

    points, n = [draw(own), draw(own, 1)], nums(own)
    for made in (by_at, by_item):
        f, g = tg.grad(made(own.call), n), tg.grad(made(own.plain), n)
        close(f(*points[0]), g(*points[0]))
        steady(f, *points)
    before = [x.copy() for x in points[0]]
    tensors = [tg.tensor(x, requires_grad=True) for x in points[0]]
    by_item(own.call)(*tensors).backward()
    close(tuple(x.grad.numpy() for x in tensors), tg.grad(by_item(own.plain), n)(*before))
    close([x.numpy() for x in tensors], before)  # its operands are not written to


@kinds
def test_picture(kind: str, own: Own) -> None:
    name = row_of(own).name
    source = tg.viz.graph(inside(own.call), *draw(own)).source
    assert name in source
    assert name in tg.viz.graph(tg.grad(total(own.call)), *draw(own)).source


@kinds
def test_trace_by_example(kind: str, own: Own) -> None:
    """In a hidden layer, after the weights of examples: they have copies all the same."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5))
    params = {"v": rng.normal(size=own.shapes[0][-1:]) * 0.3, "w": rng.normal(size=(5, 6)) * 0.3}
    others = [rng.normal(size=s) for s in own.shapes[1:]]

    def loss(p: Any, batch: Any) -> Any:
        h = batch @ p["w"]
        rows = [np.broadcast_to(o[0], h.shape) if len(o) == 4 else o for o in others]
        y = own.call(h, *rows)
        return (np.tanh(h) ** 2 * 0.1).mean() + (
            (np.cos(h) @ p["v"] + np.sin(y).mean(-1)) ** 2
        ).mean()

    op = HessianOperator(loss, params, x)
    check(op, 400)
    assert "example" in trace(op, max_matvecs=30).method


def test_several_results_are_a_tuple_and_those_unread_have_no_cotangent() -> None:
    with declared_rows("own_polar_alone"):
        polar = _declare_polar("own_polar_alone")
        x = np.array([3.0, 4.0])
        close(polar(x), (5.0, x / 5))
        close([y.numpy() for y in polar(tg.tensor(x))], [5.0, x / 5])
        close(tg.grad(lambda x: polar(x)[0])(x), x / 5)
        close(tg.vmap(lambda x: polar(x)[0])(np.stack([x, 2 * x])), np.array([5.0, 10.0]))
        with (
            np.errstate(all="ignore"),
            tg.debug_nans(),
            pytest.raises(tg.NanError, match="own_polar_alone"),
        ):
            polar(x * 0)


def test_only_structured_rows_have_several_results() -> None:
    with pytest.raises(ValueError, match="declare it structured"):
        tg.linear("own_pair", lambda x: (x, x), lambda g, y, x: g, signature="(n)->(n),(n)")
