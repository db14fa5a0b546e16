r"""
Derivatives of matrices, and their layouts
==========================================

The derivative of a matrix with respect to a matrix has four indices: entry (i, j) of the output, by
entry (k, l) of the input. Two conventions flatten it to a matrix, row after row or column after
column. Formulas from books disagree mostly because of that.
"""

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_hess as tg

plt.style.use("tinygrad_hess.viz.figures")
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
A = rng.normal(size=(2, 3))
delta = np.eye

# %%
# The library keeps all four indices: output's shape, then input's shape.
#
# ============  ==============================
# function      derivative [i, j, k, l]
# ============  ==============================
# X             δ(i,k) δ(j,l)
# Xᵀ Y          δ(i,l) Y[k,j]
# A X           A[i,k] δ(j,l)
# ============  ==============================

of_identity = tg.jacobian(lambda X: X * 1)(X)
of_transposed = tg.jacobian(lambda X: X.T @ Y)(X)
of_product = tg.jacobian(lambda X: A @ X)(X)

assert of_identity.shape == (3, 2, 3, 2)
assert of_transposed.shape == (2, 2, 3, 2)
np.testing.assert_allclose(of_identity, np.einsum("ik,jl->ijkl", delta(3), delta(2)))
np.testing.assert_allclose(of_transposed, np.einsum("il,kj->ijkl", delta(2), Y))
np.testing.assert_allclose(of_product, np.einsum("ik,jl->ijkl", A, delta(2)))

# %%
# "d(XᵀY)/dX = Y" is right for two vectors, where the output is a number, and for the derivative of
# the *trace* of XᵀY. For matrices even the shape is another.

x, y = X[:, 0], Y[:, 0]
np.testing.assert_allclose(tg.grad(lambda x: x @ y)(x), y)
np.testing.assert_allclose(tg.grad(lambda X: np.trace(X.T @ Y))(X), Y)
assert of_transposed.shape != Y.shape

# %%
# Flattened
# ---------
# Row after row, as NumPy lies in memory, vec(A X) = (A ⊗ I) vec X. Column after column, as most
# books write vec, it is (I ⊗ A) vec X.


def flattened(J, order):
    rows = J.shape[0] * J.shape[1]
    if order == "columns":
        J = J.transpose(1, 0, 3, 2)
    return J.reshape(rows, -1)


by_rows, by_columns = flattened(of_product, "rows"), flattened(of_product, "columns")
np.testing.assert_allclose(by_rows, np.kron(A, delta(2)))
np.testing.assert_allclose(by_columns, np.kron(delta(2), A))
assert not np.allclose(by_rows, by_columns)  # the same entries, at other places
np.testing.assert_allclose(np.sort(by_rows.ravel()), np.sort(by_columns.ravel()))

# %%
# Either works, as long as the input is flattened in the same way.

np.testing.assert_allclose(by_rows @ X.ravel(), (A @ X).ravel())
np.testing.assert_allclose(by_columns @ X.ravel(order="F"), (A @ X).ravel(order="F"))
assert not np.allclose(by_columns @ X.ravel(), (A @ X).ravel())

fig, axes = plt.subplots(1, 4, figsize=(9.6, 3.0), width_ratios=(6, 6, 6, 6))
shown = {
    "dX / dX: ones on\nthe diagonal": flattened(of_identity, "rows"),
    "d(XᵀY) / dX:\nY, spread out": flattened(of_transposed, "rows"),
    "d(AX) / dX by rows:\nA ⊗ I": by_rows,
    "d(AX) / dX by columns:\nI ⊗ A": by_columns,
}
for ax, (title, J) in zip(axes, shown.items()):
    image = ax.imshow(J, cmap="PuOr", vmin=-1.5, vmax=1.5)
    ax.set(title=title, xlabel="entry of X", xticks=range(J.shape[1]), yticks=range(J.shape[0]))
    ax.grid(False)
axes[0].set_ylabel("entry of the output")
fig.colorbar(image, ax=axes, label="derivative", shrink=0.7)
plt.show()
