"""Agreement with JAX and PyTorch in float64: values, gradients, Hessians of small nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import close
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg

pytestmark = [
    pytest.mark.peers,
    # JAX and PyTorch warn of what is no concern here (deprecated corners of NumPy, no GPU).
    pytest.mark.filterwarnings("ignore"),
]
RTOL = 1e-9
RNG = np.random.default_rng(0)


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


# ---- two nets, written once for each library ----------------------------------------------------


def mlp_params(widths: tuple[int, ...], seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    out: list[np.ndarray] = []
    for n, m in zip(widths, widths[1:]):
        out += [rng.normal(size=(n, m)) / np.sqrt(n), 0.1 * rng.normal(size=m)]
    return out


def mlp(xp: Any, params: Any, x: Any) -> Any:
    """Dense tanh layers; ``xp`` is any of the three namespaces."""
    for i in range(0, len(params), 2):
        x = x @ params[i] + params[i + 1]
        if i + 2 < len(params):
            x = xp.tanh(x)
    return x


def cross_entropy_here(z: Any, labels: Any) -> Any:
    return -np.mean(tg.ops.log_softmax(z, axis=-1)[np.arange(len(labels)), labels])


MLP = mlp_params((6, 8, 5, 3))
SMALL = mlp_params((3, 4, 2), seed=2)
DATA = {6: RNG.normal(size=(20, 6)), 3: RNG.normal(size=(20, 3))}
LABELS = {6: RNG.integers(3, size=20), 3: RNG.integers(2, size=20)}

CONV = [
    RNG.normal(size=(4, 1, 3, 3)) / 3,
    0.1 * RNG.normal(size=4),
    RNG.normal(size=(6, 2, 3, 3)) / 4,  # two groups of two channels
    0.1 * RNG.normal(size=6),
    RNG.normal(size=(6, 3)) / 2,
    0.1 * RNG.normal(size=3),
]
IMAGES = RNG.normal(size=(5, 1, 8, 8))
IMAGE_LABELS = RNG.integers(3, size=5)


def conv_here(p: Any, pool: str) -> Any:
    pooling = tg.ops.max_pool2d if pool == "max" else tg.ops.avg_pool2d
    x = np.tanh(tg.ops.conv2d(IMAGES, p[0], padding=1) + p[1][:, None, None])
    x = pooling(x, 2)
    x = tg.ops.softplus(tg.ops.conv2d(x, p[2], stride=2, padding=1, groups=2) + p[3][:, None, None])
    x = x.mean(axis=(2, 3))
    return cross_entropy_here(x @ p[4] + p[5], IMAGE_LABELS)


def conv_jax(jax: Any, p: Any, pool: str) -> Any:
    import jax.numpy as jnp
    from jax import lax

    conv = lambda x, w, stride, groups: lax.conv_general_dilated(
        x, w, (stride, stride), [(1, 1), (1, 1)], feature_group_count=groups,
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )  # fmt: skip
    x = jnp.tanh(conv(IMAGES, p[0], 1, 1) + p[1][:, None, None])
    blocks = x.reshape(5, 4, 4, 2, 4, 2)
    x = blocks.max(axis=(3, 5)) if pool == "max" else blocks.mean(axis=(3, 5))
    x = jax.nn.softplus(conv(x, p[2], 2, 2) + p[3][:, None, None]).mean(axis=(2, 3))
    z = jax.nn.log_softmax(x @ p[4] + p[5])
    return -jnp.mean(z[jnp.arange(5), IMAGE_LABELS])


def conv_torch(torch: Any, p: Any, pool: str) -> Any:
    F = torch.nn.functional
    images = torch.tensor(IMAGES)
    x = torch.tanh(F.conv2d(images, p[0], p[1], padding=1))
    x = F.max_pool2d(x, 2) if pool == "max" else F.avg_pool2d(x, 2)
    x = F.softplus(F.conv2d(x, p[2], p[3], stride=2, padding=1, groups=2)).mean(dim=(2, 3))
    return F.cross_entropy(x @ p[4] + p[5], torch.tensor(IMAGE_LABELS))


def mlp_jax(jax: Any, p: Any) -> Any:
    import jax.numpy as jnp

    d = p[0].shape[0]
    z = jax.nn.log_softmax(mlp(jnp, p, DATA[d]))
    return -jnp.mean(z[jnp.arange(20), LABELS[d]])


def mlp_torch(torch: Any, p: Any) -> Any:
    d = p[0].shape[0]
    z = mlp(torch, p, torch.tensor(DATA[d]))
    return torch.nn.functional.cross_entropy(z, torch.tensor(LABELS[d]))


def mlp_here(p: Any) -> Any:
    d = p[0].shape[0]
    return cross_entropy_here(mlp(np, p, DATA[d]), LABELS[d])


NETS = {
    "mlp": (mlp_here, mlp_jax, mlp_torch, MLP),
    "small mlp": (mlp_here, mlp_jax, mlp_torch, SMALL),
    "conv, max pooling": (
        lambda p: conv_here(p, "max"),
        lambda jax, p: conv_jax(jax, p, "max"),
        lambda torch, p: conv_torch(torch, p, "max"),
        CONV,
    ),
    "conv, average pooling": (
        lambda p: conv_here(p, "avg"),
        lambda jax, p: conv_jax(jax, p, "avg"),
        lambda torch, p: conv_torch(torch, p, "avg"),
        CONV,
    ),
}


def directions(params: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.normal(size=p.shape) for p in params]


@pytest.mark.parametrize("name", NETS)
def test_jax_value_gradient_and_hessian_vector_product(jax: Any, name: str) -> None:
    here, theirs, _, params = NETS[name]
    v = directions(params)
    f = lambda p: theirs(jax, p)
    value, g = tg.value_and_grad(here)(params)
    close(value, f(params), RTOL)
    _, hv = jax.jvp(jax.grad(f), (params,), (v,))
    got = tg.hvp(here, params, v)
    for a, b in zip(g, jax.grad(f)(params), strict=True):
        close(a, b, RTOL)
    for a, b in zip(got, hv, strict=True):
        close(a, b, RTOL)


@pytest.mark.parametrize("name", NETS)
def test_torch_value_gradient_and_hessian_vector_product(torch: Any, name: str) -> None:
    here, _, theirs, params = NETS[name]
    v = directions(params)
    p = [torch.tensor(a, requires_grad=True) for a in params]
    loss = theirs(torch, p)
    g = torch.autograd.grad(loss, p, create_graph=True)
    inner = sum((a * torch.tensor(t)).sum() for a, t in zip(g, v, strict=True))
    hv = torch.autograd.grad(inner, p)
    value, got = tg.value_and_grad(here)(params)
    close(value, loss.detach(), RTOL)
    for a, b in zip(got, g, strict=True):
        close(a, b.detach(), RTOL)
    for a, b in zip(tg.hvp(here, params, v), hv, strict=True):
        close(a, b, RTOL)
    q = [leaf(a) for a in params]
    here(q).backward()
    for a, b in zip(q, g, strict=True):
        close(a.grad.numpy(), b.detach(), RTOL)


@pytest.mark.parametrize("name", ["small mlp", "conv, average pooling"])
def test_jax_hessian(jax: Any, name: str) -> None:
    here, theirs, _, params = NETS[name]
    ours = tg.hessian(here)(params)
    h = jax.hessian(lambda p: theirs(jax, p))(params)
    for row, want in zip(ours, h, strict=True):
        for a, b in zip(row, want, strict=True):
            close(a, b, RTOL)


def test_torch_hessian_of_a_small_net(torch: Any) -> None:
    p = tuple(torch.tensor(a) for a in SMALL)
    h = torch.autograd.functional.hessian(lambda *p: mlp_torch(torch, p), p)
    for row, want in zip(tg.hessian(mlp_here)(SMALL), h, strict=True):
        for a, b in zip(row, want, strict=True):
            close(a, b, RTOL)


def test_jax_jacobian_of_a_classifier_and_per_example_gradients(jax: Any) -> None:
    import jax.numpy as jnp

    x = DATA[3]
    probabilities = lambda x: tg.ops.softmax(mlp(np, SMALL, x))
    theirs = lambda x: jax.nn.softmax(mlp(jnp, SMALL, x))
    close(tg.vmap(tg.jacobian(probabilities))(x), jax.vmap(jax.jacobian(theirs))(x), RTOL)
    close(tg.vmap(tg.hessian(probabilities))(x), jax.vmap(jax.hessian(theirs))(x), RTOL)
    one = lambda p, x: np.sum(np.sin(mlp(np, p, x)))
    other = lambda p, x: jnp.sum(jnp.sin(mlp(jnp, p, x)))
    got = tg.vmap(tg.grad(one), in_axes=(None, 0))(SMALL, x)
    want = jax.vmap(jax.grad(other), in_axes=(None, 0))(SMALL, x)
    for a, b in zip(got, want, strict=True):
        close(a, b, RTOL)


# ---- random compositions ------------------------------------------------------------------------

A = RNG.normal(size=(4, 4)) / 2


def steps(xp: Any, softmax: Any, logsumexp: Any) -> list[Any]:
    """The same operations in either namespace, from four numbers to four numbers."""
    return [
        lambda x: xp.sin(x) * x,
        lambda x: xp.tanh(A @ x),
        lambda x: xp.exp(-x * x) + x[::-1],
        lambda x: xp.log1p(x * x),
        lambda x: xp.sqrt(1.0 + x**2) - 1.0,
        lambda x: xp.arctan2(x, 2.0 + xp.cos(x)),
        lambda x: xp.cumsum(x) / 4,
        lambda x: xp.where(x > 0, x**3, 2 * x) / (1 + x * x),
        lambda x: xp.concatenate([x[2:], x[:2] * x[2:]]),
        lambda x: softmax(x) * xp.sum(x),
        lambda x: x - logsumexp(x),
        lambda x: xp.einsum("i,ij,j->j", x, A, x),
        lambda x: xp.max(x) * x + xp.min(x),
        lambda x: xp.outer(x, x).mean(axis=0) + xp.prod(x),
        lambda x: xp.logaddexp(x, x[::-1]),
        lambda x: xp.sort(x) * xp.arange(1.0, 5.0) / 4,
        lambda x: xp.linalg.norm(x + 0.1) * xp.expm1(-xp.abs(x)),
        lambda x: (x.reshape(2, 2) @ x.reshape(2, 2).T).reshape(-1) / 2,
        lambda x: xp.var(x) + xp.std(x + x**2) + 0 * x,
        lambda x: xp.arcsinh(x) + xp.square(xp.maximum(x, 0.3)),
        lambda x: (
            xp.stack([x, x**2], axis=1).sum(axis=0).repeat(2)
            if xp is np
            else xp.repeat(xp.stack([x, x**2], axis=1).sum(axis=0), 2)
        ),
        # no hypot: JAX's second derivative of it is off by 6e-9, checked in 60 digits
        lambda x: xp.broadcast_to(x[:, None], (4, 3)).sum(axis=1) * xp.cos(x),
    ]


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    st.lists(st.integers(0, 21), min_size=1, max_size=6),
    st.lists(st.integers(-1500, 1500).map(lambda k: k / 1000), min_size=4, max_size=4, unique=True),
)
def test_random_compositions_agree_with_jax_to_second_order(
    program: list[int], point: list[float]
) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    ours = steps(np, tg.ops.softmax, tg.ops.logsumexp)
    theirs = steps(jnp, jax.nn.softmax, jax.scipy.special.logsumexp)

    def run(table: Any, x: Any) -> Any:
        for i in program:
            x = table[i](x)
        return x

    x = np.array(point) + 1e-3 * np.arange(4) + 3e-4
    v = np.array([0.3, -1.0, 0.7, 0.2])
    f, g = (lambda x: run(ours, x)), (lambda x: run(theirs, x))
    h = lambda x: np.sum(f(x) * v)
    k = lambda x: jnp.sum(g(x) * v)
    everything = jax.jit(
        lambda x: (g(x), jax.jacobian(g)(x), jax.hessian(k)(x), jax.jvp(jax.grad(k), (x,), (v,))[1])
    )
    want, want_j, want_h, want_hv = map(np.asarray, everything(x))
    if not np.isfinite(want_h).all() or np.abs(want_h).max() > 1e6:
        return  # a kink or an overflow: conventions differ, and are tested elsewhere
    size = 1 + np.abs(want_h).max()
    np.testing.assert_allclose(f(x), want, rtol=1e-11, atol=1e-11 * size)
    np.testing.assert_allclose(tg.jacobian(f)(x), want_j, rtol=1e-9, atol=1e-10 * size)
    np.testing.assert_allclose(tg.hessian(h)(x), want_h, rtol=1e-9, atol=1e-9 * size)
    np.testing.assert_allclose(tg.hvp(h, x, v), want_hv, rtol=1e-9, atol=1e-9 * size)
