"""Whole spectra by stochastic Lanczos quadrature, and what is read off them."""
