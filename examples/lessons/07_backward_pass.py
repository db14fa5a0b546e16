r"""
A backward pass, node by node
=============================

The library does not manipulate formulas. It records every operation with its numbers, on a *tape*,
and walks back from the result with one rule a node: given the *cotangent* of a node's output (how
fast the result changes with it), a rule gives the cotangents of its operands. Where paths meet they
add.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.core.tape import Tape

plt.style.use("tinygrad_hess.viz.figures")

x = tg.tensor(1.2, requires_grad=True)
y = tg.tensor(0.5, requires_grad=True)
product = x * y
wave = np.sin(product)
square = x**2
result = wave + square

nodes = Tape([result]).nodes  # in the order of recording: operands come before what uses them
names = dict(zip(nodes, ("x", "y", "xy", "sin xy", "x²", "sin xy + x²")))
assert [node.prim.name for node in nodes] == ["leaf", "leaf", "multiply", "sin", "square", "add"]

# %%
# The sweep is this loop: it starts with 1 at the result, since d result / d result = 1.

cotangents, shares = {result: np.float64(1)}, {}
print(f"{'node':<12} {'value':>7}  cotangent")
for node in reversed(nodes):
    c = cotangents[node]
    print(f"{names[node]:<12} {node.value:>7.4f}  {c:.4f}")
    if node.parents:
        for parent, rule in zip(node.parents, node.prim.vjps):
            share = rule(c, node.value, *node.args, **(node.params or {}))
            cotangents[parent] = cotangents.get(parent, 0) + share
            shares[node, parent] = share

# %%
# By calculus, :math:`\partial_x = y\cos xy + 2x` (two paths) and :math:`\partial_y = x\cos xy`.

a, b = 1.2, 0.5
np.testing.assert_allclose(cotangents[x], b * np.cos(a * b) + 2 * a)
np.testing.assert_allclose(cotangents[y], a * np.cos(a * b))
np.testing.assert_allclose(cotangents[product], np.cos(a * b))
result.backward()  # the library's own loop
assert x.grad.item() == cotangents[x] and y.grad.item() == cotangents[y]

# %%
# What a cotangent means: replace a node's value by one that is a little larger, and the result
# grows by so many times as much.

h = 1e-6
measured = (np.sin(a * b + h) - np.sin(a * b - h)) / (2 * h)  # the product alone is changed
np.testing.assert_allclose(measured, cotangents[product], rtol=1e-9)

# %%
# The price is one walk whatever the number of inputs: forward differences would run the function
# once for each input.

calls = []
many = np.linspace(0, 1, 1000)
gradient = tg.grad(lambda v: (calls.append(1), np.sin(v).sum())[1])(many)
assert len(calls) == 1
np.testing.assert_allclose(gradient, np.cos(many))

spots = [(0, 0), (0, 1.6), (1, 1.6), (2, 1.6), (1.5, 0), (3, 0.8)]
places = dict(zip(names.values(), spots))
fig, ax = plt.subplots(figsize=(8.4, 3.4))
box = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": "C0", "lw": 1.4}
boxes = {}
for node in nodes:
    text = f"{names[node]} = {node.value:.3f}"
    spot = places[names[node]]
    drawn = ax.text(*spot, text, ha="center", va="center", bbox=box, color="C0")
    boxes[node] = drawn.get_bbox_patch()
    beside = spot[0], spot[1] + (0.28 if spot[1] > 1 else -0.38)
    text = f"cotangent {cotangents[node]:.3f}"
    ax.text(*beside, text, ha="center", color="C1", weight="bold", fontsize=9)
for (node, parent), share in shares.items():
    start, end = np.array(places[names[node]]), np.array(places[names[parent]])
    arrow = {"arrowstyle": "->", "color": "C1", "lw": 1.6}
    arrow |= {"patchA": boxes[node], "patchB": boxes[parent]}
    ax.annotate("", end, start, arrowprops=arrow)
    place = (start + end) / 2 + (0, 0.16 if start[1] == end[1] else 0.22)
    ax.text(*place, f"{share:.3f}", color="C1", ha="center", va="center")
ax.set(title="Values go to the right, cotangents come back, and add up where paths meet (at x)")
ax.set(xlim=(-0.5, 3.6), ylim=(-0.6, 2.1))
ax.axis("off")
plt.show()
