# Two commands for a newcomer: `make demo` and `make test`. Everything is put into .venv beside this file.

VENV := .venv
# Another interpreter: make PYTHON=python3.13 ..., or a path. Without it the first that is new enough is taken.
PYTHON :=
RUN := $(VENV)/bin/python
# In CI nobody watches the progress bars.
PIP := $(RUN) -m pip install --disable-pip-version-check $(if $(CI),--quiet)

.PHONY: help demo test test-media test-sdk test-soak lint types check clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Stamps, one for the environment and one for each set of extras: what is there is not made again until what it was
# made of changes, and what was interrupted is not taken for whole.
SPEC := pyproject.toml aiortstream/_version.py
$(VENV)/.made:
	@python=$$(sh tools/find_python.sh $(PYTHON)) || exit 1; \
	$(RUN) -m pip --version >/dev/null 2>&1 || { \
	  echo "Making $(VENV) with $$python ..."; rm -rf $(VENV); "$$python" -m venv $(VENV) || exit 1; }
	@touch $@

$(VENV)/.installed-run: $(SPEC) | $(VENV)/.made
	@echo "Installing aiortstream with its server and models (about 800 MB, once) ..."
	@$(PIP) --editable '.[local,cli]'
	@touch $@

$(VENV)/.installed-dev: $(SPEC) | $(VENV)/.made
	@echo "Installing aiortstream with everything its tests need (about 850 MB, once) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed-run

demo: $(VENV)/.installed-run  ## the main job on a live stream, on this machine, offline (ARGS="--source URL" for yours)
	@$(RUN) -m aiortstream demo $(ARGS)

test: $(VENV)/.installed-dev  ## the tests that need nothing but pip (ARGS="tests/live -x" for some)
	$(RUN) -m pytest -n 2 --dist worksteal $(ARGS)

test-media: $(VENV)/.installed-dev  ## against RTMP and RTSP servers and a browser from Debian's packages (needs root once)
	sh tests/media/install.sh
	$(RUN) -m pytest -m media $(ARGS)

test-sdk: $(VENV)/.installed-dev  ## the official SDKs, unmodified, as clients of the embedded server
	$(RUN) -m pytest -m sdk $(ARGS)

test-soak: $(VENV)/.installed-dev  ## long runs
	$(RUN) -m pytest -m soak $(ARGS)

lint: $(VENV)/.installed-dev  ## ruff
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: $(VENV)/.installed-dev  ## mypy --strict
	$(RUN) -m mypy

check: lint types test  ## lint, types, tests

clean:  ## remove what these commands made
	rm -rf $(VENV) .venvs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis aiortstream-demo
