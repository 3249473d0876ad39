# One environment, .venv, serves every target. Each group of packages leaves a stamp in it once it is
# installed, so a second run installs nothing until pyproject.toml or constraints.txt changes.
#
#   make demo PYTHON=python3.12            another interpreter (3.11 or newer)
#   make test TESTS=tests/test_engine.py   some of the tests
#   make test PYTEST="-n 0 -x --pdb"       other pytest options
#   make bench-layers ROWS="attention"     some of the rows; ROWS=--quick for a rough table
#
# pip reads its own variables too. On Linux the default build of torch carries CUDA; PIP_EXTRA_INDEX_URL
# or PIP_FIND_LINKS can name a place that has the much smaller CPU build.

PYTHON ?= python3
PYTEST ?= -n 2
TESTS ?=
ROWS ?=

VENV := .venv
BIN := $(VENV)/bin
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PINS := pyproject.toml constraints.txt

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test check format bench bench-layers bench-models bench-costs bench-diagrams gallery clean FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make demo     train a vision transformer on real digits and a GPT on Shakespeare (two minutes)"
	@echo "make test     run the tests"
	@echo "make check    ruff and pyright"
	@echo "make format   let ruff rewrite what it can"
	@echo "make bench    time wirework beside hand-written torch, einops and einx"
	@echo "make bench-layers  time every layer beside torch.nn and hand-written torch"
	@echo "make bench-models  time every architecture beside Hugging Face, timm and plain torch"
	@echo "make bench-costs   count multiply-adds beside torchinfo, fvcore and torch's own counter"
	@echo "make bench-diagrams  time drawing every architecture, and 1,000 operations"
	@echo "make gallery  draw docs/gallery anew"
	@echo "make clean    remove the environment and all caches"

demo: $(VENV)/stamp-train
	@$(BIN)/wirework demo

test: $(VENV)/stamp-test
	@$(ONE_THREAD) $(BIN)/python -m pytest $(PYTEST) $(TESTS)

check: $(VENV)/stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: $(VENV)/stamp-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/stamp-test
	@$(ONE_THREAD) $(BIN)/python bench/run.py

bench-layers: $(VENV)/stamp-test
	@$(BIN)/python bench/layers.py $(ROWS)

bench-models: $(VENV)/stamp-test
	@$(BIN)/python bench/models.py $(ROWS)

bench-costs: $(VENV)/stamp-test
	@$(BIN)/python -m pip install -q -c constraints.txt torchinfo==1.8.0 fvcore==0.1.5.post20221221
	@$(BIN)/python bench/cost_tools.py $(ROWS)

bench-diagrams: $(VENV)/stamp-test
	@$(ONE_THREAD) $(BIN)/python bench/diagrams.py

gallery: $(VENV)/stamp-test
	@$(ONE_THREAD) $(BIN)/python docs/gallery/make.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find src tests bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# $(call install,WHAT,ARGUMENTS) runs pip and shows only its large downloads. awk passes pip's exit
# status on, so a failed install stops make before the stamp is written; pip's errors go to stderr.
define install
@echo "==> installing $(1)"
@{ $(BIN)/python -m pip install -c constraints.txt $(2); echo "pip-exit-status $$?"; } | awk ' \
	BEGIN { status = 1 } \
	/^ *(Downloading|Using cached) .*MB/ { print "    " $$0; fflush() } \
	/^Installing collected packages/ && NF > 4 { print "    unpacking " NF - 3 " packages"; fflush() } \
	/^pip-exit-status / { status = $$2 } \
	END { exit status }'
endef

# A copied or moved clone must not go on importing the original through its old environment.
ifneq ($(shell cat $(VENV)/made-in 2>/dev/null),$(CURDIR))
$(VENV)/stamp-venv: FORCE
endif

$(VENV)/stamp-venv:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "No $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wirework needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`." \
		"Name another: make PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make environments: its venv module is not installed." \
		"On Debian and Ubuntu: apt install python3-venv"; exit 1; } >&2
	@echo "==> making $(VENV) with `$(PYTHON) -V`"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "$(CURDIR)" > $(VENV)/made-in
	@touch $@

# torch goes first, at its pinned version: a package that depends on it would fetch the newest instead.
$(VENV)/stamp-train: $(VENV)/stamp-venv $(PINS)
	$(call install,torch (the largest part),$(shell grep '^torch==' constraints.txt))
	$(call install,wirework and what training needs,-e '.[train]')
	@touch $@

$(VENV)/stamp-test: $(VENV)/stamp-train
	$(call install,what the tests need (JAX and other libraries to compare with),-e '.[test]')
	@touch $@

$(VENV)/stamp-dev: $(VENV)/stamp-venv $(PINS)
	$(call install,ruff and pyright,-e '.[dev]')
	@touch $@
