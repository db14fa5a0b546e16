# Everything is installed from PyPI into .venv; nothing else is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
INSTALLED := pyproject.toml setup.py $(wildcard tinygrad_hess/*/*/_*.[ch])

.PHONY: demo test slow fuzz hard versions peers lint docs dist bench limits sizes accuracy supported names clean help

help:  ## Say what there is to make
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.%: $(INSTALLED) | $(BIN)/python  # the extra of that name
	$(BIN)/python -m pip install --quiet -e ".[$*]"
	@touch $@

$(VENV)/.lint: $(INSTALLED) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[test,lint]"
	@touch $@

$(VENV)/.peers: $(INSTALLED) | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[test]" autograd jax micrograd
	@touch $@

$(BENCH)/.made: $(INSTALLED)
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -e ".[viz]" autograd jax
	@touch $@

$(BENCH)/.torch: $(BENCH)/.made
	$(BENCH)/bin/python -m pip install --quiet torch
	@touch $@

demo: $(VENV)/.viz  ## Train a net on digits, print its curvature, draw figures and graphs
	$(BIN)/python -m tinygrad_hess demo

test: $(VENV)/.test  ## Run the tests, doctests and examples
	$(BIN)/python -m pytest -m "not slow and not fuzz and not hard"

slow: $(VENV)/.test  ## Run the long ones: coverage of intervals, published results, many programs
	$(BIN)/python -m pytest -m slow
	$(BIN)/python tools/reliability_page.py

fuzz: $(VENV)/.test  ## Call every public name with malformed arguments, 100,000 times
	$(BIN)/python -m pytest -m fuzz

hard: $(VENV)/.test  ## Kill, fork, fill disks, damage files, train 100,000 steps; writes docs/reliability.md
	$(BIN)/python -m pytest -m hard -n 1
	$(BIN)/python tools/reliability_page.py

versions: $(VENV)/.test $(VENV)/.versions  ## Run quick tests on Python 3.11 to 3.14 and without its lock, oldest and newest NumPy and SciPy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/versions.py --write $(ARGS)
	$(BIN)/python tools/reliability_page.py

peers: $(VENV)/.peers  ## Compare with JAX (and with PyTorch, if you install it into .venv)
	$(BIN)/python -m pytest -m peers -rs

lint: $(VENV)/.lint  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs  ## Build the site with its lessons into docs/_build/html (ten minutes), and check its links
	$(BIN)/python -m sphinx -q -W --keep-going -j 2 -b html -d docs/_build/doctrees docs docs/_build/html
	$(BIN)/python tools/check_site.py docs/_build/html

dist: $(VENV)/.release  ## Build a wheel and a source distribution into dist/, and check them
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*

packages: $(VENV)/.test  ## Run the tests of packages that use autograd, on autograd and on the drop-in
	$(BIN)/python tests/compat/packages.py $(ARGS)

bench: $(BENCH)/.made $(if $(TORCH),$(BENCH)/.torch)  ## Time everything beside autograd and JAX; TORCH=1: and PyTorch (gigabytes)
	$(BENCH)/bin/python -m benchmarks $(if $(TORCH),--torch) $(ARGS)

limits: $(BENCH)/.made $(if $(TORCH),$(BENCH)/.torch)  ## Time against size beside other libraries, and the machine's limits
	$(BENCH)/bin/python -m benchmarks.limits $(if $(TORCH),--torch) $(ARGS)

sizes: $(VENV)/.viz  ## Print lines a file, and microseconds an operation
	@git ls-files 'ops/*.py' 'tinygrad_hess/*.py' | xargs wc -l | sort -n
	@$(BIN)/python -m benchmarks.overhead

accuracy: $(VENV)/.test  ## Measure accuracy anew and write docs/accuracy.md (minutes)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/accuracy_page.py

supported: $(VENV)/.test  ## Try every name of NumPy and SciPy anew and write docs/coverage.md (minutes)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/coverage_page.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/element_types_page.py

names: $(VENV)/.test  ## Write the index of names and the type stubs anew, after a new primitive
	$(BIN)/python tools/public_names.py

clean:  ## Remove what was made
	rm -rf $(VENV) $(BENCH) .venv-versions build dist *.egg-info demo_output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/_scripts docs/copied docs/gallery docs/reference/tinygrad_hess*.rst docs/sg_execution_times.rst
