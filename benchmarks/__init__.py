"""Times beside HIPS/autograd, JAX and PyTorch: ``python -m benchmarks`` (see README.md here)."""
