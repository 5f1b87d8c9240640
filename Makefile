# Every target sets up what it needs, from a bare python3 and a C compiler.
#   PYTHON  the interpreter to build with and run on
#   VENV    the virtual environment, made anew when PYTHON is another one than before
#   ARGS    arguments for the demo, for pytest or for the benchmark
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

IN_VENV := $(VENV)/bin/python
PIP := $(IN_VENV) -m pip --quiet --disable-pip-version-check --no-input
SOURCES := $(sort $(shell find src -type f ! -name '*.py[co]' ! -path '*.egg-info/*'))
TYPED := src tests tools $(wildcard examples benchmarks)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # the environments share build/
.PHONY: help demo build test test-all lint docs bench instructions clean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.installed ## watch one thread serve 1,000 connections (ARGS="--connections 5000")
	$(VENV)/bin/netpoll demo $(ARGS)

build: $(VENV)/.installed ## compile the package and install it into the environment

test: $(VENV)/.installed ## run the suite against the installed package (ARGS="-k deadline")
	$(IN_VENV) -m pytest $(ARGS)

test-all: ## run the suite on each CPython from 3.11 to 3.14 that this machine has, all at once
	@$(PYTHON) tools/check_machine.py
	@MAKE='$(MAKE)' $(PYTHON) tools/test_each_python.py $(if $(AGAIN),--again)

lint: $(VENV)/.installed $(VENV)/.lint ## check style, types, stubs and layers
	$(IN_VENV) -m ruff check
	$(IN_VENV) -m ruff format --check
	$(IN_VENV) -m mypy --strict $(TYPED)
	$(IN_VENV) -m mypy.stubtest --concise --mypy-config-file pyproject.toml \
	  --allowlist tools/stubtest_allowlist.txt netpoll
	PATH="$(VENV)/bin:$$PATH" cython-lint src
	$(VENV)/bin/lint-imports --no-cache --no-logo

# What is not to be shown: the modules dial, listen and once, which have the names of functions.
docs: $(VENV)/.installed $(VENV)/.docs ## write the reference, of every public name, to build/reference
	$(IN_VENV) -W error::UserWarning -m pdoc --no-show-source --output-directory build/reference \
	  netpoll netpoll.testing '!netpoll.net.dial' '!netpoll.net.listen' '!netpoll.sync.once'

bench: $(VENV)/.installed $(VENV)/.bench ## measure side by side with the peers (ARGS="echo --conns 50")
	$(IN_VENV) -m benchmarks $(ARGS)

instructions: $(VENV)/.installed $(VENV)/.bench ## count instructions per echo, switch, hand-over and lock (ARGS=--save)
	$(IN_VENV) -m benchmarks.instructions $(ARGS)

clean: ## remove all that make has made
	rm -rf .venv .venv-3.* $(VENV) build dist src/*.egg-info .hypothesis .*_cache
	rm -rf benchmarks/build benchmarks/results/last
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Holds the interpreter that the environment was made with; remade when that is another or gone.
$(VENV)/.python: FORCE
	@python=$$($(PYTHON) -c 'import sys; print(sys.base_prefix, sys.version)') || \
	  { echo 'netpoll cannot be built here: $(PYTHON) is no Python 3 that runs;' \
	    'install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12' >&2; exit 1; }; \
	if [ "$$python" != "$$(cat $@ 2>/dev/null)" ] || ! $(IN_VENV) -c '' 2>/dev/null; then \
	  $(PYTHON) tools/check_machine.py && rm -rf $(VENV) && \
	  $(PYTHON) -m venv $(VENV) && echo "$$python" >$@; \
	fi

$(VENV)/.required: $(VENV)/.python pyproject.toml
	$(IN_VENV) tools/requirements.py build run cli test >$@.txt
	$(PIP) install -r $@.txt
	@touch $@

$(VENV)/.lint: $(VENV)/.required
	$(IN_VENV) tools/requirements.py lint >$@.txt
	$(PIP) install -r $@.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.required
	$(IN_VENV) tools/requirements.py docs >$@.txt
	$(PIP) install -r $@.txt
	@touch $@

# A peer that cannot be installed here is left out, and the benchmark says so.
$(VENV)/.bench: $(VENV)/.required
	$(IN_VENV) tools/requirements.py bench >$@.txt
	$(PIP) install -r $@.txt || while read -r peer; do \
	  $(PIP) install "$$peer" || echo "left out: $$peer" >&2; done <$@.txt
	@touch $@

# Holds the names of the sources and a sum of setup.py; a change starts the build afresh. setuptools
# never removes a file from build/, so a source that was renamed would be installed for ever, and
# Cython does not compile again because its directives have changed.
build/.sources: FORCE
	@now="$(SOURCES) $$(cksum setup.py)"; \
	if [ "$$now" != "$$(cat $@ 2>/dev/null)" ]; then rm -rf build && mkdir build && echo "$$now" >$@; fi

$(VENV)/.installed: $(VENV)/.required build/.sources $(SOURCES) setup.py pyproject.toml
	@$(IN_VENV) tools/check_machine.py
	@[ -d build/cython ] || echo 'compiling the package: a few minutes, this time'
	$(PIP) install --no-build-isolation --no-deps .
	@touch $@
