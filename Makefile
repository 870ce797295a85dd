# `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cat requirements/dev.txt pyproject.toml 2>/dev/null | cksum | cut -d" " -f1)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "numascope needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "setting up $(VENV) with what requirements/dev.txt locks: half a minute, once" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.ready-* && touch $@

.PHONY: setup
setup: $(READY) ## Make .venv with everything that is locked in requirements/

.PHONY: run
run: $(READY) ## Start the agent on this machine, alone (ARGS="--listen 127.0.0.1:9000")
	@exec $(BIN)/numascope agent $(ARGS)

.PHONY: test
test: $(READY) ## Run the tests
	@$(BIN)/pytest $(ARGS)

.PHONY: check
check: $(READY) ## What CI runs: format, lint, types, import contracts, tests with branch coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy image/rootfs.py
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: golden
golden: $(READY) ## Rewrite golden files, and the pages of docs/ that come from tables in the code
	@$(BIN)/pytest -q --golden

.PHONY: format
format: $(READY) ## Rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: e2e
e2e: $(READY) ## Test against a real kubelet and API server (root; builds Kubernetes once: 10 minutes)
	@$(BIN)/pytest -m e2e tests/e2e $(ARGS)

.PHONY: bed-up
bed-up: $(READY) ## Start a kubelet and API server to play with, and leave them running (ARGS="--machine sparse")
	@$(BIN)/python -m tests.e2e.bed up $(ARGS)

.PHONY: bed-down
bed-down: $(READY) ## End what bed-up started
	@$(BIN)/python -m tests.e2e.bed down

.PHONY: demo
demo: $(READY) ## A kubelet, the agent, and pods that come, go and are refused, until Ctrl-C
	@$(BIN)/python -m tests.e2e.bed demo $(ARGS)

.PHONY: bench-e2e
bench-e2e: $(READY) ## Measure freshness, writes, memory and CPU of the agent beside a real kubelet (ARGS="--json FILE")
	@$(BIN)/python -m tests.e2e.bench $(ARGS)

.PHONY: corpus
corpus: $(READY) ## Collect every TREES/*.tar.xz and write one OUT/<tree>.json (make corpus TREES=DIR OUT=DIR)
	@$(BIN)/python -m tests.corpus "$(TREES)" "$(OUT)"

.PHONY: fuzz
fuzz: $(READY) ## 20,000 mutated machines with a fresh seed (ARGS="--trees 1000 --seed 7")
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: oracle
oracle: $(READY) ## Compare 20,000 random scenarios with the kubelet's own code (ARGS="--seed random --only cpu"; needs Go)
	@$(BIN)/python -m tests.oracle $(ARGS)

.PHONY: oracle-long
oracle-long: $(READY) ## The same with 300,000 scenarios, then 20,000 with each older kubelet down to 1.31 (hours)
	@$(BIN)/python -m tests.oracle --long --seed random $(ARGS)

.PHONY: bench
bench: $(READY) ## Measure: survey, start, memory (docs/performance.md has the figures)
	@$(BIN)/pytest -q -m bench tests/bench --benchmark-columns=median,min,max,rounds --benchmark-sort=name
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: proto
proto: $(READY) ## Compile collectors/kubelet/wire/*.proto; the Python that comes out is checked in
	@$(BIN)/python -m grpc_tools.protoc -I . --python_out=. --pyi_out=. collectors/kubelet/wire/*.proto

IMAGE ?= numascope:dev

.PHONY: image
image: ## Build the image, with docker or buildah (IMAGE=registry.example.com/numascope:0.1.0 ARGS="--build-arg BASE=…")
	@image/build.sh $(IMAGE) $(ARGS)

.PHONY: lock
lock: ## Resolve the dependencies anew into requirements/ (needs uv: pip install uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements/build.in -o requirements/build.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml requirements/build.in --group dev -o requirements/dev.txt

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
