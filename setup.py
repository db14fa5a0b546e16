"""The optional C extension of jit, built where a compiler is; all else is in pyproject.toml."""

from setuptools import Extension, setup

try:
    import numpy
except ImportError:  # built without isolation, and without NumPy's headers
    extensions = []
else:
    extensions = [
        Extension(
            "tinygrad_hess.replay.native._runner",
            ["tinygrad_hess/replay/native/_runner.c"],
            include_dirs=[numpy.get_include()],
            optional=True,  # where it fails, that is said and the installation goes on
        )
    ]

setup(ext_modules=extensions)
