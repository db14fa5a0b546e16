"""The optional C extensions, built where a compiler is; all else is in pyproject.toml."""

from glob import glob

from setuptools import Extension, setup

try:
    import numpy
except ImportError:  # built without isolation, and without NumPy's headers
    extensions = []
else:
    extensions = [
        Extension(
            f"tinygrad_hess.{name.replace('/', '.')}",
            [f"tinygrad_hess/{name}.c"],
            include_dirs=[numpy.get_include()],
            depends=glob(f"tinygrad_hess/{name.rpartition('/')[0]}/*.h"),
            optional=True,  # where it fails, that is said and the installation goes on
        )
        for name in ("core/vectorised/_loops", "replay/native/_runner")
    ]

setup(ext_modules=extensions)
