"""The methods and operators of tensors, as NumPy, PyTorch and tinygrad name them; creation."""
