"""What moves elements and computes nothing: reshaping, broadcasting, joining, permuting axes."""
