# One vocabulary for people, hooks and CI. `make` alone prints it.
# Settings (environment or `make NAME=value`):
#   PYTHON       the interpreter that makes the local environment (python3.11)
#   TORCH_INDEX  an extra package index for CPU builds of torch (README: PyTorch's public CPU index)
#   TEST_WORKERS how many processes run the tests (2)
#   PIP          the installer; pip's own PIP_* variables (mirror, proxy, certificates) are honoured
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    ?= $(BIN)/python -m pip
EXTRAS ?= dev
TEST_WORKERS ?= 2
STAMP       := $(VENV)/.denguard-installed
LLAMA_STAMP := $(VENV)/.denguard-llama

# llama.cpp's default build uses AMX and dies with SIGILL on some virtual machines: native tuning and
# AMX are off, and only instruction sets that this processor lists are switched on. What reads pictures
# (LLAVA) is left out: 51 of 178 files to compile.
CPU_HAS = $(shell grep -qw $(1) /proc/cpuinfo 2>/dev/null && echo ON || echo OFF)
LLAMA_CMAKE_ARGS = -DGGML_NATIVE=OFF -DGGML_AMX_TILE=OFF -DGGML_AMX_INT8=OFF -DGGML_AMX_BF16=OFF \
	-DGGML_AVX=$(call CPU_HAS,avx) -DGGML_AVX2=$(call CPU_HAS,avx2) -DGGML_FMA=$(call CPU_HAS,fma) \
	-DGGML_F16C=$(call CPU_HAS,f16c) -DGGML_BMI2=$(call CPU_HAS,bmi2) \
	-DGGML_AVX512=$(call CPU_HAS,avx512vl) -DGGML_AVX512_VNNI=$(call CPU_HAS,avx512_vnni) -DLLAVA_BUILD=OFF

INSTALL_LOCKED = PIP="$(PIP)" PYTHON="$(BIN)/python" TORCH_INDEX="$(TORCH_INDEX)" sh pipelines/local/install_locked.sh

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install llama demo test test-slow stack-test bench coverage check check-supply site up down status clean lock

help: ## print this list
	@echo "denguard: make <target>"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## make the local environment (.venv) from requirements.lock; needs the network once

demo: $(STAMP) ## install, start everything here, follow the weekly run, show its forecast (under 10 min)
	@$(BIN)/denguard demo

# Compiled files are kept, whatever the shell says: without them each process compiles ours and the tests anew.
test test-slow stack-test bench: export PYTHONDONTWRITEBYTECODE :=

test: $(STAMP) ## run the tests
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup

test-slow: $(STAMP) ## run the tests that take over half a minute each; before a release
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup -m slow

stack-test: $(STAMP) ## the containers for real: up from nothing, a week, faults, a table (Docker; hours on two cores)
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pytest -m stack tests/stack -s

bench: $(STAMP) ## time the work beside its rivals on a quiet machine (15 min); benchmarks/results/latest.json
	@PYTHONPATH=.:tests $(BIN)/python -m benchmarks.speed $(NAMES)

coverage: export PYTHONDONTWRITEBYTECODE :=
coverage: $(STAMP) ## run the tests, say which lines they do not execute; fails below 95 %
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup --cov --cov-report=term:skip-covered

site: $(STAMP) ## build the documentation site from docs/ into site/, links checked, without the network
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --config-file .ci/mkdocs.yml && echo "open site/index.html"

# Of 37 seconds from nothing mypy took 35 with one process. Where its two do not find each other within
# ten seconds, as on a busy machine, it ends with 2 and is asked again with one.
check: $(STAMP) ## ruff, mypy and the import contracts; changes nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -n 2 || { [ $$? = 2 ] && $(BIN)/mypy; }
	@$(BIN)/lint-imports

# One list for each image: what it installs from the lock. The tool has an environment of its own, so that it
# is no dependency of ours; it reads the lock and asks nobody.
CYCLONEDX = cyclonedx-bom==7.5.0
SUPPLY    = artifacts/supply
check-supply: $(STAMP) ## SBOMs (CycloneDX) of both images into artifacts/supply, scanned by OSV_DB=all.zip if given
	@mkdir -p $(SUPPLY)
	@test -x $(VENV)/supply/bin/cyclonedx-py || { $(PYTHON) -m venv $(VENV)/supply && \
		$(VENV)/supply/bin/python -m pip install -q $(CYCLONEDX); } || \
		{ echo "$(CYCLONEDX) cannot be installed. What to do: give pip an index (PIP_INDEX_URL)"; exit 1; }
	@for extra in production serving; do \
		grep -E "# (.* )?($$extra|build)( |$$)" requirements.lock | $(VENV)/supply/bin/python -W ignore -m cyclonedx_py \
			requirements --output-reproducible --validate --pyproject pyproject.toml -o $(SUPPLY)/$$extra.cdx.json - || exit 1; \
	done
	@$(BIN)/python -m pipelines.local.supply $(if $(OSV_DB),--database "$(OSV_DB)") \
		$(SUPPLY)/production.cdx.json $(SUPPLY)/serving.cdx.json

up: $(STAMP) ## start Airflow, MLflow and the endpoint on free ports of this machine
	@$(BIN)/denguard up

down: ## stop all of it; leaves no process
	@if [ -x $(BIN)/denguard ]; then $(BIN)/denguard down; else echo "nothing is installed in $(VENV), so nothing runs"; fi

status: $(STAMP) ## what runs, how far the newest run is, what needs a person
	@$(BIN)/denguard status || true

llama: $(LLAMA_STAMP) ## compile llama.cpp for this processor (about 4 minutes) and get its GGUF weights

clean: down ## stop, then remove everything runs made (artifacts/); CLEAN_DATA=1 removes data/ too
	@echo "removing artifacts/ (runs, models, versions, logs); $(VENV) stays"
	@rm -rf artifacts
	@if [ "$(CLEAN_DATA)" = 1 ]; then echo "removing data/ (the drops)"; chmod -R u+w data 2>/dev/null; rm -rf data; else echo "data/ stays; CLEAN_DATA=1 removes it"; fi

lock: $(STAMP) ## resolve all extras anew and rewrite requirements.lock (network); KEEP=1: add what is new, move no version
	@$(BIN)/python -m pipelines.local.requirements_lock $(if $(KEEP),--keep)

$(STAMP): pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on PATH. What to do: install Python 3.11 with venv (Debian: apt install python3.11 python3.11-venv), or name it: make install PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), and the locked versions need 3.11. What to do: make install PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "$(PYTHON) has no venv module. What to do: apt install python3.11-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing .[$(EXTRAS)] into $(VENV): the versions and hashes of requirements.lock"
	@$(INSTALL_LOCKED) $(EXTRAS) && $(PIP) install -q --no-deps --no-build-isolation -e . || \
		{ echo "installing failed. What to do: read pip's last lines above; behind a mirror set PIP_INDEX_URL, and see the README for TORCH_INDEX."; exit 1; }
	@touch $@

$(LLAMA_STAMP): $(STAMP)
	@command -v c++ >/dev/null || { echo "no C++ compiler. What to do: apt install build-essential"; exit 1; }
	@echo "compiling llama-cpp-python with $(LLAMA_CMAKE_ARGS)"
	@CMAKE_ARGS="$(LLAMA_CMAKE_ARGS) $(CMAKE_ARGS)" $(INSTALL_LOCKED) llama --no-cache-dir --no-binary llama-cpp-python
	@touch $@
