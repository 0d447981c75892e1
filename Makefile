# `make demo` and `make test` do all the set-up that they need on a fresh machine.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# A CPU build of torch is enough for everything here. Where pip would pick a CUDA build and that is too large, point
# PIP_FLAGS at an index of CPU builds (`--extra-index-url ...`), as PyTorch's installation page gives it.
PIP_FLAGS ?=
TORCH  ?= torch>=2.11,<2.14
PYTEST_FLAGS ?=
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)

# Each worker of the tests gets one thread; training in the demo uses all of them.
TEST_ENV := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help install graphviz demo test test-slow test-gpu test-kernels experiments check format goldens docs build clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## make .venv with dnac and all that tests and demo need

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dnac needs Python 3.11 or newer; try: make PYTHON=python3.12 install")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check $(PIP_FLAGS) "$(TORCH)"
	$(BIN)/python -m pip install -qq --disable-pip-version-check $(PIP_FLAGS) -e ".[dev]"
	@touch $@

graphviz: # `dot` draws SVG and PNG; everything else works without it
	@command -v dot >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq graphviz; } >/dev/null 2>&1 \
	    || echo "graphviz could not be installed: pictures will be Mermaid, DOT and HTML only"; \
	else echo "graphviz (the program dot) is not installed: pictures will be Mermaid, DOT and HTML only"; fi

demo: install graphviz ## check, plan, train, eval, generate and draw a small language and vision model (CPU, < 5 min)
	@$(BIN)/python examples/demo.py

test: install graphviz ## the fast suite
	$(TEST_ENV) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q $(PYTEST_FLAGS)

test-slow: install graphviz ## what takes longer: learning, whole runs, many seeds
	$(TEST_ENV) $(BIN)/python -m pytest -m "slow and not gpu" -q $(PYTEST_FLAGS)

test-gpu: install ## what needs a CUDA device
	$(BIN)/python -m pytest -m gpu -n 3 --dist loadfile -q $(PYTEST_FLAGS)

test-kernels: install ## the GPU kernels on a CPU, by Triton's interpreter (installs triton in a folder of its own)
	@test -d $(VENV)/kernels || $(BIN)/python -m pip install -qq --disable-pip-version-check --target $(VENV)/kernels 'triton==3.6.*' 'numpy<2.4'
	TRITON_INTERPRET=1 PYTHONPATH=$(VENV)/kernels $(TEST_ENV) $(BIN)/python -m pytest tests/unit/lowering/test_joined.py tests/unit/lowering/test_order.py tests/parity/test_grouped.py tests/parity/test_lowerings_agree.py tests/parity/test_limits_agree.py tests/parity/test_decode.py tests/parity/test_carried.py tests/parity/test_mixers_agree.py tests/parity/test_gates_agree.py tests/parity/test_budgets_agree.py tests/parity/test_sampled_choices.py tests/parity/test_grouped_leaves.py tests/parity/test_turns_chosen.py tests/parity/test_chain.py tests/parity/test_curriculum.py tests/parity/test_noisy_top.py tests/parity/test_frozen_modules.py -m "slow or not slow" -W ignore -q $(PYTEST_FLAGS)

experiments: install ## the experiments of docs/systems.md over their seeds, into runs/ (CPU, 104 core minutes, 54 on two cores; resumable)
	$(TEST_ENV) $(BIN)/python examples/experiments/all.py --jobs $(JOBS)

check: install ## format, lint, types, layers and the tests that need no torch (under a minute)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-cache | tail -12
	@types=$$(mktemp); $(BIN)/pyright --pythonpath $(BIN)/python > $$types 2>&1 & checker=$$!; tests=0; \
	$(TEST_ENV) $(BIN)/python -m pytest tests/unit tests/architecture -m "torchfree and not slow" -n $(JOBS) --deselect tests/unit/semantics/test_size_bombs.py -q $(PYTEST_FLAGS) || tests=$$?; \
	wait $$checker || { tail -20 $$types; tests=1; }; rm -f $$types; exit $$tests

format: install ## rewrite all Python files in the one style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

goldens: install ## accept what the tests print now as the goldens, and show the difference
	-$(TEST_ENV) $(BIN)/python -m pytest -q --update-goldens tests
	git diff --stat -- tests/golden

docs: install ## the pages of docs/ as a site in site/; warnings are errors
	$(BIN)/python -m pip install -qq --disable-pip-version-check $(PIP_FLAGS) -e ".[docs]"
	$(BIN)/zensical build --strict --clean

build: install ## source distribution and wheel in dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove what was built; keeps runs/
	rm -rf $(VENV) demo build dist site .cache .pytest_cache .ruff_cache .hypothesis
