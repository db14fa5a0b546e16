"""Linear operators of a loss on its parameters, and how products with them are made."""
