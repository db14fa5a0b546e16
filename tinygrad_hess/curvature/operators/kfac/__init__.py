"""Kronecker factors of the Gauss-Newton matrix or Fisher, a pair for each layer: KFAC and EKFAC."""
