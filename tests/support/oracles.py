"""Answers that are known without the library, and how far the library is from each.

ORACLES: one row each, what is computed, what it must equal, the error allowed, and a function that
gives the error reached. tests/docs/test_oracles.py checks them; docs/accuracy.md lists them.
"""

# Each declares its rows when it is imported, in the order of the page.
import oracles_closed_forms  # noqa: F401, I001
import oracles_operators  # noqa: F401
import oracles_estimators  # noqa: F401
from oracle_rows import ORACLES, Oracle  # noqa: F401
