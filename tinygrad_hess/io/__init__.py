"""Files, and models from elsewhere."""
