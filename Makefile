# lexome: `make` builds the environment and runs the demo. See README.md.
PYTHON ?= python3.11
VENV ?= .venv
CORES ?= all
CONFIG ?= config/config.yaml
TEST_JOBS ?= 2
BIN := $(VENV)/bin
# uv does not read pip's settings: hand over the folder of local wheels where pip has one.
FIND_LINKS ?= $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
INSTALL = $(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python \
	$(addprefix --find-links ,$(FIND_LINKS)) $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) \
	-c constraints.txt

.DEFAULT_GOAL := demo
.PHONY: demo env test lint format lock unlock clean

# A killed run leaves its lock; it is taken over if no process of this environment runs snakemake or one of its jobs.
demo: env
	@if [ -n "$$(ls .snakemake/locks 2>/dev/null)" ] && ! pgrep -f "$(abspath $(BIN))/[p]ython.*snakemake" >/dev/null; \
	then echo "The last run was killed; going on from there"; $(BIN)/snakemake --unlock --quiet all; fi
	@$(BIN)/snakemake --cores $(CORES) --configfile $(CONFIG)

env: $(VENV)/.done
$(VENV)/.done: requirements.in constraints.txt
	@echo "Building the environment in $(VENV) (about a minute; torch is the largest part)"
	@$(PYTHON) -c 'import sys; sys.exit("lexome needs Python >= 3.11; set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check uv
	@$(INSTALL) -r requirements.in
	@touch $@

$(VENV)/.dev-done: $(VENV)/.done requirements-dev.in
	@$(INSTALL) -r requirements-dev.in
	@touch $@

test: $(VENV)/.dev-done
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.dev-done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/lint_workflow.py

format: $(VENV)/.dev-done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# One lock for all platforms and Python versions; no host names, no local wheels.
lock: $(VENV)/.done
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate $(LOCK_ARGS) \
		requirements.in requirements-dev.in -o constraints.txt

# After a run that was killed with SIGKILL: gives up its lock on this folder.
unlock: env
	@$(BIN)/snakemake --unlock

clean:
	rm -rf results/* .snakemake
