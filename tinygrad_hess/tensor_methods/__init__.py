"""tensor_methods."""
