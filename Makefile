# Set-up is part of every target: `make test` in a fresh clone is all there is to do.
# PYTHON picks the interpreter (3.11 or later), VENV the place of the virtual environment.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Bytecode is kept whatever the environment says: the tests start the program hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
UV ?= $(shell command -v uv 2>/dev/null)

BIN := $(VENV)/bin
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
SOURCES := ogfd benchmarks $(wildcard plugins/*/ogfd_*)
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
E2E_PACKAGES := systemd systemd-container dbus util-linux python3-venv
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -E)

# Installs with uv if it is there, else with the venv's own pip, else with the system's pip:
# Debian without python3-venv makes venvs that have none. The venv gets the pip of constraints.txt
# first, which resolves in a third of the time of those that come with Python 3.11. None of them
# compiles what it installs, as most of it is never imported; Python does so for what is.
ifneq ($(UV),)
INSTALL = $(UV) pip install --quiet --python $(BIN)/python -c constraints.txt
else
INSTALL = $$([ -x $(BIN)/pip ] && echo $(BIN)/python -m pip || echo $(PYTHON) -m pip --python $(BIN)/python) \
	install --quiet --disable-pip-version-check --no-compile -c constraints.txt
endif

# Test files that name a mark: to import all the others for nothing takes longer than some of them.
NAMING = grep -rlF --include='test_*.py' --exclude-dir='.*' -e

# pip before 25.1 knows no dependency groups, so they are read from pyproject.toml.
GROUP = $(BIN)/python -c 'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"][sys.argv[1]], sep="\n")'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/.run ## Run the whole system once on local stand-ins of the clouds; no account needed
	$(BIN)/ogfd demo --once

.PHONY: test
test: $(VENV)/.test ## Run the tests that need nothing but pip packages
	$(BIN)/python -m pytest -q -n auto -m "not e2e and not slow and not live"

.PHONY: test-quick
test-quick: $(VENV)/.test ## Run them but for the installed program and the stand-ins: with make demo, for one more interpreter
	$(BIN)/python -m pytest -q -n auto -m "not e2e and not slow and not live" \
	  --ignore tests/program --ignore tests/kill --ignore tests/faults --ignore plugins/ogfd-sandbox

.PHONY: check
check: $(VENV)/.check ## Check format, lint, types and architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

.PHONY: e2e
e2e: $(VENV)/.test ## Run the tests that take longer or need root: a real systemd, a full disk (installs apt packages)
	@dpkg -s $(E2E_PACKAGES) >/dev/null 2>&1 || { \
	  $(SUDO) apt-get update -q && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(E2E_PACKAGES); }
	$(BIN)/python -m pytest -q -n auto -m "slow and not e2e" $$($(NAMING) mark.slow tests plugins)
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -p no:cacheprovider -m e2e $$($(NAMING) mark.e2e tests plugins)

.PHONY: bench
bench: bench-traffic ## Measure ogfd beside its floors and peers on a generated 1 M-row report (minutes)
	@$(MAKE) --no-print-directory VENV=$(VENV)-peers $(VENV)-peers/.peers
	BENCH_PEERS=$(VENV)-peers/bin/python $(BIN)/python -m benchmarks.run $(BENCH)
	BENCH_PEERS=$(VENV)-peers/bin/python $(BIN)/python -m benchmarks.formats
	$(BIN)/python -m benchmarks.bigquery

.PHONY: bench-traffic
bench-traffic: $(VENV)/.limiters ## Measure token bucket, requests and breaker alone (a minute)
	$(BIN)/python -m benchmarks.buckets
	$(BIN)/python -m benchmarks.requests
	$(BIN)/python -m benchmarks.outage

.PHONY: docs
docs: $(VENV)/.test ## Renew the pages of docs/ that are made of the program's own tables
	PYTHONPATH=tests $(BIN)/python -m pages.write

.PHONY: constraints
constraints: ## Renew constraints.txt: the newest of everything that fits 3.11 and later (needs uv)
	printf '%s\n' pip hatchling editables $(PLUGINS:%='-e ./%') '-e .' | uv pip compile --quiet - \
	  --group test --group check --group limiters --group bench --universal --python-version 3.11 --fork-strategy fewest \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade \
	  | cat <(grep '^#' constraints.txt) <(grep -v "^-e\|sys_platform == 'win32'\|os_name == 'nt'") > constraints.txt.new
	mv constraints.txt.new constraints.txt

.PHONY: clean
clean: ## Remove the virtual environments, caches and build products
	rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis benchmarks/.data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of dependencies, so that none is installed before it is needed, and again
# only when what names them changes.
$(VENV)/.run: Makefile constraints.txt $(PROJECTS) | $(BIN)/python
	@echo "Installing ogfd and its plugins into $(VENV)"
	@$(INSTALL) $(if $(UV),,pip) hatchling editables
	@$(INSTALL) --no-build-isolation -e . $(PLUGINS:%=-e %)
	@touch $@

$(VENV)/.test: $(VENV)/.run
$(VENV)/.check: $(VENV)/.test
$(VENV)/.limiters: $(VENV)/.test  # pure Python and imported by nothing else: they do no harm there
$(VENV)/.test $(VENV)/.check $(VENV)/.limiters:
	@echo "Installing what make $(@F:.%=%) needs"
	@$(GROUP) $(@F:.%=%) > $@.txt
	@$(INSTALL) -r $@.txt
	@touch $@

$(VENV)/.peers: Makefile constraints.txt pyproject.toml | $(BIN)/python
	@echo "Installing the peers into $(VENV)"
	@$(GROUP) bench > $@.txt
	@$(INSTALL) -r $@.txt
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make needs Python 3.11 or later: '$(PYTHON)' is none; name one with make PYTHON=..." >&2; exit 1; }
ifneq ($(UV),)
	@$(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
else
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	  rm -rf $(VENV); \
	  $(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	    echo "make needs pip: run  apt-get install python3-pip  (or python3-venv)" >&2; exit 1; }; \
	  $(PYTHON) -m venv --without-pip $(VENV); }
endif
