# Two commands for a newcomer: `make demo` and `make test`. Everything is put into .venv beside this file.

SHELL := /bin/bash
VENV := .venv
# The first Python that is new enough; `make PYTHON=/path/to/python ...` chooses another.
PYTHON ?= $(firstword $(foreach name,python3.12 python3.13 python3.11 python3 python,\
  $(if $(shell $(name) -c 'import sys; print(int(sys.version_info >= (3, 11)))' 2>/dev/null | grep 1),$(name))))
BIN := $(VENV)/bin
RUN := $(BIN)/python

.PHONY: help demo test test-media test-sdk test-soak lint types check clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(RUN):
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later was found: install one, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp an extra: what is installed already is not installed again until pyproject.toml changes.
$(VENV)/.installed-run: pyproject.toml | $(RUN)
	@echo "Installing aiortstream with its server and models (about 800 MB, once) ..."
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[local,cli]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(RUN)
	@echo "Installing aiortstream with everything its tests need (about 850 MB, once) ..."
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed-run

demo: $(VENV)/.installed-run  ## the main job on a live stream, on this machine, offline (ARGS="--source URL" for yours)
	$(RUN) -m aiortstream demo $(ARGS)

test: $(VENV)/.installed-dev  ## the tests that need nothing but pip
	$(RUN) -m pytest $(ARGS)

test-media: $(VENV)/.installed-dev  ## against RTMP and RTSP servers and a browser from Debian's packages
	bash tests/media/install.sh
	$(RUN) -m pytest -m media $(ARGS)

test-sdk: $(VENV)/.installed-dev  ## the official SDKs, unmodified, as clients of the embedded server
	$(RUN) -m pytest -m sdk $(ARGS)

test-soak: $(VENV)/.installed-dev  ## long runs
	$(RUN) -m pytest -m soak $(ARGS)

lint: $(VENV)/.installed-dev  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev  ## mypy --strict
	$(BIN)/mypy

check: lint types test  ## lint, types, tests

clean:  ## remove what these commands made
	rm -rf $(VENV) .venvs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
