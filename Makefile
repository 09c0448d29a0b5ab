# `make fit` and `make test` are all a fresh machine needs. PYTHON=python3.12 takes another Python,
# with an environment of its own.
PYTHON ?= python3
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
# The GPU build is taken when an NVIDIA GPU answers; REQUIREMENTS=... overrides.
REQUIREMENTS ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo requirements-gpu.txt || echo requirements-cpu.txt)
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
# What has been installed is remembered in files of these names.
TRAINING := $(VENV)/installed-$(REQUIREMENTS)
TESTING := $(VENV)/installed-requirements-dev.txt

.PHONY: setup fit test test-slow test-pythons lint format board clean

# What training needs.
setup: $(TRAINING)

$(TRAINING): $(REQUIREMENTS) requirements-common.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r $(REQUIREMENTS) -r requirements-common.txt
	@touch $@

# And what the tests need besides.
$(TESTING): $(TRAINING) requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	@touch $@

fit: setup
	$(BIN)/python -m app fit

board: setup
	$(BIN)/python -m app board

lint: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(TESTING)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One process per core, and one thread each: the tests are many and small.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test: lint
	$(PYTEST)

# The checks that take minutes: the deep networks, long videos, every frame.
test-slow: $(TESTING)
	$(PYTEST) -m slow

# The tests on every Python that the project runs on and that is installed here.
test-pythons:
	@for python in python3.10 python3.11 python3.12 python3.13; do \
		if $$python -c pass 2>/dev/null; then $(MAKE) test PYTHON=$$python || exit 1; \
		else echo "$$python: not installed here"; fi; \
	done

clean:
	rm -rf .venv .venv-* .pytest_cache .ruff_cache
