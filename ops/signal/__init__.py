"""Fourier transforms, convolution, filters, polynomials, and calculus on samples."""
