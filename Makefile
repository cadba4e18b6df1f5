# Two targets do everything on a fresh machine: `make demo` and `make test`. They install into .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# setuptools remarks on every editable install that a folder of the same name comes first in imports: here it is the same folder.
PIP_INSTALL := $(BIN)/python -W 'ignore:Editable installation' -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint types layers unit soak bench bench-cluster clean help

help:
	@echo "make demo   a three-node cluster from a schema file: SQL, replication, scatter and gather, shown"
	@echo "make test   lint, types, layers, unit tests, golden scripts, simulator, end-to-end tests"
	@echo "make soak   simulator, property tests, random SQL with new seeds until stopped (Ctrl-C)"
	@echo "make bench  the embedded engine beside sqlite3, as ratios of one run; DuckDB and PostgreSQL where installed"
	@echo "make bench-cluster   commits per second of three nodes, beside other replicated stores"
	@echo "make clean  removes .venv and caches"

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "exdbsql needs Python 3.11 or later; %s is %s. Set PYTHON=/path/to/python3.11" % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "this Python has no venv module; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --upgrade pip setuptools
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/python examples/demo.py

test: lint types layers unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports

unit: $(INSTALLED)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

soak: $(INSTALLED)
	$(BIN)/python -m tests.soak

bench: $(INSTALLED)
	@$(PIP_INSTALL) --editable '.[bench]' || echo "going on without the drivers of other databases"
	$(BIN)/python benchmarks/embedded.py --others

bench-cluster: $(INSTALLED)
	@$(PIP_INSTALL) --editable '.[bench]'
	$(BIN)/python benchmarks/cluster.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
