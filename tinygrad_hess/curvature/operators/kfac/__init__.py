"""kfac."""
