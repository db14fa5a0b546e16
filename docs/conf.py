"""The site: ``make docs``. It builds without network, and a warning is an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two scripts run side by side
os.environ["MPLBACKEND"] = "Agg"
os.environ["SCIPY_ARRAY_API"] = "1"  # read when SciPy is imported; examples/array_api.py needs it

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE / "_ext")]

import matplotlib  # noqa: E402

import tinygrad_hess  # noqa: E402

matplotlib.use("Agg")

project = "tinygrad_hess"
author = "The tinygrad_hess authors"
copyright = author
version = release = tinygrad_hess.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "figure_links",
    "mathml",
    "notebooks",
    "reference",
    "scripts",
    "sources",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = [
    "_*",
    "README.md",
    "gallery/*/index.rst",
    "gallery/*/sg_execution_times.rst",
    "gallery/backreferences",
    "sg_execution_times.rst",
]

# ---- text ---------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
nitpicky = False
autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # numpydoc's sections tell them
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_exclude = ".linenos, .gp, .go"
toc_object_entries_show_parents = "hide"
modindex_common_prefix = ["tinygrad_hess."]

# ---- lessons and examples -----------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": ["../examples/lessons", "_scripts/examples", "_scripts/autograd"],
    "gallery_dirs": ["gallery/lessons", "gallery/examples", "gallery/autograd"],
    "filename_pattern": r"/(?!digits_batchnorm|million_parameters|optimizers_compared)\w+\.py$",
    "min_reported_time": 5,
    "parallel": 2,
    "first_notebook_cell": "%matplotlib inline",
    "remove_config_comments": True,
    "show_signature": False,
    "show_memory": False,
    "image_srcset": ["2x"],
    "download_all_examples": False,
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "backreferences_dir": "gallery/backreferences",
}

# ---- looks --------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # it is fetched, which browsers refuse for file:// pages
html_context = {"default_mode": "auto"}
html_sidebars = {"index": []}
html_theme_options = {
    "show_nav_level": 1,
    "navigation_depth": 3,
    "collapse_navigation": True,
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "index": [],
        "reference/tinygrad_hess.numpy": [],
        "reference/tinygrad_hess.ops": [],
        "reference/tinygrad_hess.scipy.special": [],
    },
    "back_to_top_button": False,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
