"""What neural nets are made of: activations, normalisation, convolution, pooling, losses."""
