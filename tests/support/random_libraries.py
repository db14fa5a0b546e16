"""One face for two libraries, so that a random program is written once and runs in both.

    here(numpy) : this library, through NumPy's protocols or through its own namespace
    there()     : JAX

Names are those of NumPy and SciPy. What JAX spells otherwise, or lacks, is written out from its
own primitives, never from ours.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import tinygrad_hess as tg
from tinygrad_hess.scipy import linalg, special, stats


def here(numpy: Any) -> SimpleNamespace:
    """This library; ``numpy`` is NumPy itself or ``tinygrad_hess.numpy``."""
    ops, nn = tg.ops, tg.nn
    return SimpleNamespace(
        np=numpy,
        special=special,
        linalg=linalg,
        stats=stats,
        grad=tg.grad,
        vmap=tg.vmap,
        jvp=lambda f, x, t: tg.jvp(f, (x,), (t,))[1],
        checkpoint=tg.checkpoint,
        jit=tg.jit,
        stop_gradient=tg.stop_gradient,
        softmax=ops.softmax,
        log_softmax=ops.log_softmax,
        softplus=ops.softplus,
        relu=ops.relu,
        gelu=ops.gelu,
        elu=ops.elu,
        silu=ops.silu,
        leaky_relu=ops.leaky_relu,
        hard_tanh=ops.hard_tanh,
        cummax=lambda x, axis: ops.cummax(x, axis)[0],
        cummin=lambda x, axis: ops.cummin(x, axis)[0],
        topk=lambda x, k: ops.topk(x, k)[0],
        set_at=ops.set_at,
        add_at=ops.add_at,
        multiply_at=lambda x, key, v: ops.combine_at(x, key, v, ops.multiply),
        scatter_add_along=ops.scatter_add_along,
        conv=lambda x, w, **o: (ops.conv1d if len(w.shape) == 3 else ops.conv2d)(x, w, **o),
        conv_transpose=lambda x, w, **o: (
            ops.conv_transpose1d if len(w.shape) == 3 else ops.conv_transpose2d
        )(x, w, **o),
        avg_pool2d=ops.avg_pool2d,
        max_pool2d=ops.max_pool2d,
        layer_norm=ops.layer_norm,
        batch_norm=ops.batch_norm,
        cross_entropy=nn.cross_entropy,
        huber=lambda x, y: nn.huber(x, y, reduction="none"),
        binary_cross_entropy=lambda x, y: nn.binary_cross_entropy_with_logits(x, y, "none"),
        matrix_norm=lambda x, kind: numpy.linalg.norm(x, kind, axis=(-2, -1)),
        triangular=lambda a, b, lower: linalg.solve_triangular(a, b, lower=lower),
    )


def there() -> SimpleNamespace:
    """JAX."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    def conv(
        x: Any, w: Any, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
    ) -> Any:
        rank = w.ndim - 2
        return lax.conv_general_dilated(
            x, w, (stride,) * rank, [(padding, padding)] * rank,
            rhs_dilation=(dilation,) * rank, feature_group_count=groups,
        )  # fmt: skip

    def conv_transpose(x: Any, w: Any, stride: int = 1, padding: int = 0) -> Any:
        rank = w.ndim - 2
        turned = jnp.flip(jnp.swapaxes(w, 0, 1), axis=tuple(range(2, w.ndim)))
        sides = [(k - 1 - padding, k - 1 - padding) for k in w.shape[2:]]
        return lax.conv_general_dilated(
            x, turned, (1,) * rank, sides, lhs_dilation=(stride,) * rank
        )

    def pooled(x: Any, start: float, join: Any, size: int, stride: Any, padding: int) -> Any:
        lead = x.ndim - 2
        window = (1,) * lead + (size, size)
        steps = (1,) * lead + (size if stride is None else stride,) * 2
        sides = [(0, 0)] * lead + [(padding, padding)] * 2
        return lax.reduce_window(x, start, join, window, steps, sides)

    def normalized(x: Any, axes: Any, eps: float) -> Any:
        centred = x - jnp.mean(x, axes, keepdims=True)
        return centred / jnp.sqrt(jnp.mean(centred**2, axes, keepdims=True) + eps)

    def cross_entropy(x: Any, labels: Any) -> Any:
        return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(len(labels)), labels])

    def huber(x: Any, y: Any) -> Any:
        d = x - y
        return jnp.where(jnp.abs(d) <= 1, 0.5 * d * d, jnp.abs(d) - 0.5)

    def scatter_add_along(x: Any, axis: int, at: Any, source: Any) -> Any:
        key = list(jnp.indices(at.shape))
        key[axis] = at
        return x.at[tuple(key)].add(source)

    return SimpleNamespace(
        np=jnp,
        special=jax.scipy.special,
        linalg=jax.scipy.linalg,
        stats=jax.scipy.stats,
        grad=jax.grad,
        vmap=jax.vmap,
        jvp=lambda f, x, t: jax.jvp(f, (x,), (t,))[1],
        checkpoint=jax.checkpoint,
        jit=lambda f: f,
        stop_gradient=lax.stop_gradient,
        softmax=jax.nn.softmax,
        log_softmax=jax.nn.log_softmax,
        softplus=jax.nn.softplus,
        relu=jax.nn.relu,
        gelu=jax.nn.gelu,
        elu=jax.nn.elu,
        silu=jax.nn.silu,
        leaky_relu=jax.nn.leaky_relu,
        hard_tanh=jax.nn.hard_tanh,
        cummax=lambda x, axis: lax.cummax(x, axis % x.ndim),
        cummin=lambda x, axis: lax.cummin(x, axis % x.ndim),
        topk=lambda x, k: lax.top_k(x, k)[0],
        set_at=lambda x, key, v: x.at[key].set(v),
        add_at=lambda x, key, v: x.at[key].add(v),
        multiply_at=lambda x, key, v: x.at[key].multiply(v),
        scatter_add_along=scatter_add_along,
        conv=conv,
        conv_transpose=conv_transpose,
        avg_pool2d=lambda x, size, stride=None, padding=0: (
            pooled(x, 0.0, lax.add, size, stride, padding) / size**2
        ),
        max_pool2d=lambda x, size, stride=None, padding=0: pooled(
            x, -jnp.inf, lax.max, size, stride, padding
        ),
        layer_norm=lambda x, axis=-1, eps=1e-5: normalized(x, axis, eps),
        batch_norm=lambda x, eps=1e-5: normalized(x, (0, *range(2, x.ndim)), eps),
        cross_entropy=cross_entropy,
        huber=huber,
        binary_cross_entropy=lambda x, y: jax.nn.softplus(x) - x * y,
        matrix_norm=lambda x, kind: jnp.linalg.norm(x, kind, axis=(-2, -1)),
        triangular=lambda a, b, lower: jax.scipy.linalg.solve_triangular(a, b, lower=lower),
    )
