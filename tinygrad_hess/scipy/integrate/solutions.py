"""Solutions of ordinary differential equations, and their derivatives of any order.

    solution : (y0, t, p)    -> Y (T, n)        y' = f(t, y, p), y(t[0]) = y0, at the times t
    adjoint  : (y0, t, p, G) -> (n + T + p,)    cotangents of y0, t and p, from one of Y

Forward, a tangent v of y follows the variational equation v' = f_y v + f_p ṗ, solved along with y:
that is a solution again, of the system of (y, v). Reverse, the adjoint equation λ' = -f_yᵀ λ runs
back in time from one given time to the one before, with jumps by G, and p̄' = -f_pᵀ λ
(Pontryagin et al., 1962; Chen, Rubanova, Bettencourt and Duvenaud, "Neural ordinary differential
equations", 2018, appendix B). In it, y is read off the interpolant of a solution forward in time:
to solve for y backward is unstable where the equation is dissipative. A solver starts anew at each
jump. So where components and parameters are few, beside the times, all derivatives of y are solved
along with it instead (Hindmarsh et al., "SUNDIALS", 2005, section 3.2), and multiplied by G.

The derivative of the adjoint is the adjoint of the system of (y, v), so the two close under
differentiation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import modes, signatures
from ...core.batching import full_lead
from ...core.primitive import Primitive
from ...ops import concatenate, stack
from ...transforms.gradients import vjp
from .systems import System, by_steps

# ---- values -------------------------------------------------------------------------------------


def _check_times(t: Any) -> None:
    steps = np.diff(t)
    if not np.isfinite(t).all() or ((steps < 0).any() and (steps > 0).any()):
        raise ValueError(f"times must be finite and in order, one way or the other, got {t}")


def _largest(*arrays: Any) -> float:
    """The largest size of any element, or 1 where that cannot be divided by."""
    size = max((float(np.abs(x).max()) for x in arrays if x.size), default=0.0)
    return size if 0 < size < np.inf else 1.0


def _solution(y0: Any, t: Any, p: Any, *, system: System) -> Any:
    dtype = np.result_type(y0, t, p)
    y0, t, p = (np.array(x, np.float64) for x in (y0, t, p))
    half = len(y0) // 2 if system.has_tangent else len(y0)
    scale = 1.0
    if system.has_tangent:  # the equation is linear in it: atol is relative to its size
        q = p[len(p) // 2 :]
        scale = _largest(y0[half:], q)
        y0[half:] /= scale
        q /= scale
    with modes.untraced():
        _check_times(t)
        if t[0] == t[-1]:
            out = np.tile(y0, (len(t), 1))
        else:
            out = system.solved(system.rates_at(p), y0, t, system.atol)
    out[:, half:] *= scale
    return out.astype(dtype)


def _adjoint(y0: Any, t: Any, p: Any, g: Any, *, system: System) -> Any:
    dtype = np.result_type(y0, t, p, g)
    y0, t, p, g = (np.array(x, np.float64) for x in (y0, t, p, g))
    scale = _largest(g)
    by_sensitivities = system.has_few(len(p), len(t)) and t[0] != t[-1]
    integrate = _integrate_sensitivities if by_sensitivities else _integrate_backward
    with modes.untraced():
        out = integrate(y0, t, p, g / scale, system)
    return (scale * out).astype(dtype)


def _integrate_backward(y0: Any, t: Any, p: Any, g: Any, system: System) -> Any:
    n, count = len(y0), len(t)
    costate, t_cotangent, p_cotangent = np.zeros(n), np.zeros(count), np.zeros(len(p))
    rates = system.rates_at(p)
    path = system.path(rates, y0, t) if t[0] != t[-1] else lambda t: y0
    back = system.costate_rates_at(p, path)
    atol = np.full(n + len(p), system.atol.min(initial=np.inf))
    for i in range(count - 1, 0, -1):
        costate += g[i]
        t_cotangent[i] = g[i] @ rates(t[i], path(t[i]))
        if t[i] != t[i - 1] and costate.any():
            z = np.concatenate([costate, np.zeros(len(p))])
            z = system.solved(back, z, t[[i, i - 1]], atol, within=True)[-1]
            costate, p_cotangent = z[:n], p_cotangent + z[n:]
    t_cotangent[0] = -costate @ rates(t[0], y0)
    return np.concatenate([costate + g[0], t_cotangent, p_cotangent])


def _integrate_sensitivities(y0: Any, t: Any, p: Any, g: Any, system: System) -> Any:
    """The same from all derivatives of y, solved along with it: the solver starts once."""
    n, m = len(y0), len(p)
    start = np.concatenate([y0, np.eye(n + m, n).ravel()])
    atol = np.tile(system.atol, 1 + n + m)
    found = system.solved(system.sensitivity_rates_at(p), start, t, atol)
    y, by_start = found[:, :n], found[:, n:].reshape(len(t), n + m, n)
    cotangents = np.einsum("ijk,ik->j", by_start[1:], g[1:])
    rates = system.rates_at(p)
    t_cotangent = np.array([x @ rates(s, at) for x, s, at in zip(g, t, y, strict=True)])
    t_cotangent[0] = -cotangents[:n] @ rates(t[0], y0)
    return np.concatenate([cotangents[:n] + g[0], t_cotangent, cotangents[n:]])


# ---- derivatives --------------------------------------------------------------------------------


def _push(system: System, point: Any, direction: Any) -> tuple[Any, Any]:
    """A solution and its tangent along directions of y0, t and p; None stands for zero."""
    (y0, t, p), (ty, tt, tp) = point, direction
    n = y0.shape[0]
    v0 = np.zeros(n) if ty is None else ty
    if tt is not None:  # the same y0 at a later time is another y0 at this one
        v0 = v0 - system.f(t[0], y0, p) * tt[0]
    start = concatenate([y0, v0])
    parameters = concatenate([p, np.zeros(p.shape) if tp is None else tp])
    both = solution(start, t, parameters, system=system.with_tangent)
    y, v = both[:, :n], both[:, n:]
    if tt is not None:
        v = v + stack([system.f(t[i], y[i], p) * tt[i] for i in range(t.shape[0])])
    return y, v


def _split_like(x: Any, *like: Any) -> list[Any]:
    parts, at = [], 0
    for y in like:
        parts.append(x[at : at + y.shape[0]])
        at += y.shape[0]
    return parts


def _solution_tangent(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    return _push(params["system"], args, tangents)[1]


def _solution_cotangents(g: Any, y: Any, args: Any, params: Any) -> Any:
    return _split_like(adjoint(*args, g, **params), *args)


def _adjoint_tangent(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    *point, g = args
    *direction, tg = tangents
    if all(d is None for d in direction):
        return adjoint(*point, tg, **params)
    pushed = lambda *point: _push(params["system"], point, direction)
    _, pull = vjp(pushed, *point)
    return concatenate(pull((np.zeros(g.shape, g.dtype) if tg is None else tg, g)))


def _adjoint_cotangents(c: Any, y: Any, args: Any, params: Any) -> Any:
    *point, g = args
    direction = _split_like(c, *point)
    tangent = lambda *point: _push(params["system"], point, direction)[1]
    g_cotangent, pull = vjp(tangent, *point)
    return [*pull(g), g_cotangent]


# ---- the primitives -----------------------------------------------------------------------------


def _primitive(name: str, fn: Any, shape: Any, tangent: Any, cotangents: Any, **row: Any) -> Any:
    def batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
        """Each example by itself, with its own steps."""
        values = full_lead(values, ndims, lead)
        logical = shape(*(v.shape[len(lead) :] for v in values))
        out = np.empty(lead + logical, np.result_type(*values))
        for i in np.ndindex(lead):
            out[i] = fn(*(v[i] for v in values), **params)
        return out

    return Primitive(
        name, "structured", fn, vjps=None, pullback=cotangents, pushforward=tangent, batch=batch,
        signature=signatures.unknown, effects=True, **row,
    ).call  # fmt: skip


_SAMPLE = System(
    lambda t, y, p: stack([p[0] * y[1] + t, p[1]]),
    "a system whose solutions are polynomials, and steps of third order exact",
    by_steps,
    {"method": "RK23", "rtol": 1e-10, "first_step": 0.15},
    np.full(2, 1e-10),
)


def _sample(count: int, cotangent: bool = False) -> Any:
    def case(rng: Any) -> Any:
        t = np.cumsum(rng.uniform(0.2, 0.5, count))
        args = (rng.uniform(-1, 1, 2), t, rng.uniform(-1, 1, 2))
        return (*args, *([rng.uniform(-1, 1, (count, 2))] * cotangent)), {"system": _SAMPLE}

    return case


solution: Any = _primitive(
    "ode_solution",
    _solution,
    lambda y0, t, p: (*t, *y0),
    _solution_tangent,
    _solution_cotangents,
    cases=[_sample(3)],
    doc="Values at the times t of the solution that begins at y0, with parameters p.",
)

adjoint: Any = _primitive(
    "ode_adjoint",
    _adjoint,
    lambda y0, t, p, g: (y0[0] + t[0] + p[0],),
    _adjoint_tangent,
    _adjoint_cotangents,
    cases=[_sample(2, cotangent=True)],
    doc="Cotangents of y0, t and p, one after the other, from the cotangent g of the solution.",
)
