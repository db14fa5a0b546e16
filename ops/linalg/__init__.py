"""Linear algebra on the last two axes: products, solving, factorisations, eigenvalues."""
