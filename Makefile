# Everything runs from here: `make help` lists it. Needs Python 3.12 and make; installs the rest
# below .local/, from requirements/ with hashes.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENVS := .local/venvs
UV := .local/uv/bin/uv
DEV := $(VENVS)/dev/bin
PY := $(DEV)/python
CODE := layers/shared/gpu_shopper $(wildcard functions agent reference simulator local tests bench)

# The first Python 3.12 found; looked for only when something has to be installed.
PYTHON ?= $(shell for each in python3.12 python3 python; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null && echo $$each && break; \
	done)

export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0

PORT ?= 8888
OFFERS ?= 60
SEED ?= 1
SEEDS ?= 10000
FIRST_SEED ?= 1
SLOW := $(addprefix tests/e2e/,test_ageing.py test_crowds.py test_killed.py test_knobs.py \
	test_load.py test_two_deployments.py)
ROUGH := $(addprefix tests/e2e/,test_connections.py test_rough.py test_store_trouble.py)
VASTAI_KEY ?=
TENSORDOCK_TOKEN ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- tools -------------------------------------------------------------------------------------

.PHONY: setup
setup: $(UV) ## install the three environments (dev, emulator, sam); costs nothing when done
	@$(MAKE) --silent -j3 $(foreach each,dev emulator sam,$(VENVS)/$(each)/.installed)

$(UV): requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.12 is needed and was not found (see .python-version)" >&2; exit 1; }
	@echo "installing uv"
	@$(PYTHON) -m venv --clear .local/uv
	@.local/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENVS)/%/.installed: requirements/%.txt $(UV)
	@echo "installing the environment $*"
	@test -x $(VENVS)/$*/bin/python || $(UV) venv --quiet --python .local/uv/bin/python3.12 $(VENVS)/$*
	@$(UV) pip sync --quiet --require-hashes --python $(VENVS)/$* $<
	@if [ $* = dev ]; then \
		$(UV) pip install --quiet --no-deps --no-build-isolation --python $(VENVS)/dev --editable .; fi
	@touch $@

.PHONY: lock
lock: $(UV) ## resolve requirements/*.txt anew from pyproject.toml
	@compile() { $(UV) pip compile --quiet --python-version 3.12 --generate-hashes --no-annotate --no-header "$$@"; }; \
	compile pyproject.toml --group dev -o requirements/dev.txt; \
	compile pyproject.toml --group bench -o requirements/bench.txt; \
	compile --group pyproject.toml:emulator -o requirements/emulator.txt; \
	compile --group pyproject.toml:sam -o requirements/sam.txt

# ---- code --------------------------------------------------------------------------------------

.PHONY: format
format: setup ## format the code and repair what ruff can
	@$(DEV)/ruff check --quiet --fix $(CODE) || true
	@$(DEV)/ruff format $(CODE)

.PHONY: check
check: setup lint types floors documents ## format, lint, types, floors, stale documents

.PHONY: lint
lint: setup
	@$(DEV)/ruff format --check $(CODE)
	@$(DEV)/ruff check $(CODE)

.PHONY: types
types: setup
	@$(DEV)/mypy $(CODE)

.PHONY: floors
floors: setup
	@$(DEV)/lint-imports

.PHONY: documents
documents: setup
	@$(PY) -m reference --check

# ---- tests -------------------------------------------------------------------------------------

.PHONY: test
test: check validate unit simulate e2e ## all that CI runs

.PHONY: validate
validate: setup ## lint template.yaml as SAM and CloudFormation, and scan it for unsafe settings
	@AWS_DEFAULT_REGION=us-east-1 $(VENVS)/sam/bin/sam validate --lint --template template.yaml
	@$(DEV)/checkov --quiet --compact --skip-download --framework cloudformation --file template.yaml

.PHONY: unit
unit: setup ## the tests that need no emulator
	@$(DEV)/pytest -n 2 --dist worksteal --ignore tests/e2e tests

.PHONY: e2e
e2e: setup build ## deploy into a fresh emulator and drive it over HTTP and SSH
	@# The rough world mostly waits: it gets a run of its own, shown when the other has ended.
	@$(DEV)/pytest $(ROUGH) > .local/e2e-rough.log 2>&1 & rough=$$!; status=0; \
	trap "kill $$rough 2> /dev/null || true" EXIT; \
	$(DEV)/pytest tests/e2e $(addprefix --ignore ,$(SLOW) $(ROUGH)) || status=$$?; \
	wait $$rough || status=$$?; cat .local/e2e-rough.log; exit $$status

.PHONY: e2e-slow
e2e-slow: setup build ## the part of it that takes minutes: real time, crowds, kills, odd providers
	@$(DEV)/pytest $(SLOW)

.PHONY: simulate
simulate: setup ## random runs on a virtual clock (SEEDS= FIRST_SEED=), or one as a story (SEED=)
	@$(PY) -m tests.simulation $(if $(findstring command,$(origin SEED)),$(SEED),seeds $(FIRST_SEED) $(SEEDS))

.PHONY: soak
soak: setup ## the same with 200,000 seeds
	@$(PY) -m tests.simulation seeds $(FIRST_SEED) $(if $(findstring command,$(origin SEEDS)),$(SEEDS),200000)

.PHONY: crashes
crashes: setup ## kill functions at every call, and at every two, of the main paths
	@$(PY) -m tests.simulation crashes

.PHONY: mutants
mutants: setup ## take each safety rule out of the product: some seed must notice, and is kept
	@$(PY) -m tests.simulation mutants

.PHONY: acceptance
acceptance: setup ## list the acceptance ids that tests name
	@$(PY) -m tests.acceptance

# ---- running -----------------------------------------------------------------------------------

.PHONY: build
build: setup ## build template.yaml into .local/build; nothing to do when nothing changed
	@$(PY) -m local build

.PHONY: run
run: setup ## start everything, play the main job, stay up until Ctrl-C
	@exec $(PY) -m local run

.PHONY: demo
demo: setup ## the same, and exit at its end
	@exec $(PY) -m local demo

.PHONY: dashboard
dashboard: setup ## the same with some trouble, and draw the dashboard: .local/dashboard.html
	@exec $(PY) -m local dashboard

.PHONY: up
up: setup ## start everything and return when it is ready; see .local/endpoints.json
	@$(PY) -m local up

.PHONY: down
down: setup ## end what `make up` started
	@$(PY) -m local down

.PHONY: simulator
simulator: setup ## run the provider simulator alone (PORT= OFFERS= SEED= VASTAI_KEY= TENSORDOCK_TOKEN=)
	@exec $(PY) -m simulator --port $(PORT) --offers $(OFFERS) --seed $(SEED) \
		$(if $(VASTAI_KEY),--vastai-key $(VASTAI_KEY)) \
		$(if $(TENSORDOCK_TOKEN),--tensordock-token $(TENSORDOCK_TOKEN))

.PHONY: bench
bench: setup build $(VENVS)/bench/.installed ## measure speed, also against gpuhunt; see docs/benchmarks.md
	@$(PY) -m bench

.PHONY: docs
docs: setup ## write docs/metrics.md, openapi.json, settings.md and states.md from the code
	@$(PY) -m reference

.PHONY: openapi
openapi: docs

.PHONY: clean
clean: ## remove builds, logs and caches; the environments stay
	@test ! -x $(PY) || $(PY) -m local down
	@rm -rf .local/build .local/run .local/e2e .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
