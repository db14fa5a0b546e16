"""Special functions as in ``scipy.special``, loaded only when one is asked for."""
