# Every command sets up what it needs; the first run installs, later ones start in seconds.
#   make PYTHON=/path/to/python3.12 ...   another interpreter (3.10 to 3.13)
#   make PIP_ARGS="..." ...               more arguments for every `pip install`
#   make TORCH_ARGS="..." ...             more arguments for PyTorch's own install only (a CPU or CUDA index, say)
VENV       ?= .venv
PYTHON     ?=
PIP_ARGS   ?=
TORCH_ARGS ?=
WORKERS    ?= 2

BIN     := $(VENV)/bin
STAMPS  := $(VENV)/.stamps
LOCK    := constraints/lock.txt
TORCH   := $(shell sed -n 's/^\(torch==[0-9.]*\).*/\1/p' $(LOCK))
PIP     := $(BIN)/python -m pip install --disable-pip-version-check -c $(LOCK) $(PIP_ARGS)
INSTALL := $(PIP) --quiet
DEMO    := demo/index.html

# What has to hold with every version of transformers: the comparisons with the originals, and reading model files.
ACROSS  := tests/parity $(addprefix tests/test_,$(addsuffix .py, models practice threads hub embedded \
             openai_family openai_tokenizer multilingual m_clip taiyi sentence_transformers \
             weights loading_weights shards pickled_head safety hostile_pickles)) \
             tests/test_training.py::test_the_original_library_opens_the_result
SETS    := parity-colab parity-transformers4

.DEFAULT_GOAL := help
.PHONY: help demo test parity $(SETS) lab notebooks lint format clean distclean

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMPS)/run ## classify, search and map the bundled pictures; writes demo/index.html
	@$(BIN)/python -m clipnb demo --out $(DEMO)

# One pytest for everything, so that its closing line speaks for all. The notebooks come first: they take longest.
# Thread pools of one: the workers share the cores.
test: $(STAMPS)/test ## unit, parity, notebook and browser tests, and the linters
	@$(BIN)/python -c 'from clipnb.plots.static import find_chromium as f; print("browser tests:", f() or \
	  "no Chromium or Chrome found, they are skipped (Debian, Ubuntu: apt-get install chromium)")'
	@TQDM_DISABLE=1 OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest notebooks tests \
	  --nbval --nbval-sanitize-with notebooks/sanitize.cfg -n $(WORKERS) --dist loadfile

parity: $(SETS) ## compare with the originals on other versions too: Colab's, and transformers 4

# parity-colab runs under constraints/colab.txt, in an environment of its own beside the first.
$(SETS): parity-%: $(VENV)-%/.stamps/parity
	@echo "$* ($$($(VENV)-$*/bin/python -c 'import transformers as t; print("transformers", t.__version__)')):"
	@TQDM_DISABLE=1 OMP_NUM_THREADS=1 $(VENV)-$*/bin/python -m pytest $(ACROSS) -n $(WORKERS) --dist loadfile

lab: $(STAMPS)/lab ## open JupyterLab on the notebooks
	@$(BIN)/python -m clipnb lab

notebooks: $(STAMPS)/test ## run the notebooks and store what they show
	@$(BIN)/python notebooks/execute.py

lint: $(STAMPS)/test ## ruff, mypy and the house's import rules
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports

format: $(STAMPS)/test ## let ruff mend what it can
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

clean: ## remove caches, builds and the demo page
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find clipnb tests training notebooks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## the same, and the virtual environments
	rm -rf $(VENV) $(SETS:parity-%=$(VENV)-%)

# --- installation: a stamp a step, inside the environment so that they vanish with it -------------------------------

$(STAMPS)/venv:
	@sh .ci/venv "$(VENV)" "$(PYTHON)"
	@mkdir -p $(STAMPS) && touch $@

# PyTorch goes first and alone: what follows then finds it installed, whichever build it is.
$(STAMPS)/torch: $(STAMPS)/venv $(LOCK)
	@echo "Installing $(TORCH) into $(VENV) (the largest download, once) ..."
	@$(PIP) $(TORCH_ARGS) "$(TORCH)"
	@touch $@

$(STAMPS)/run: $(STAMPS)/torch pyproject.toml
	@echo "Installing clipnb and what it needs ..."
	@$(INSTALL) -e .
	@touch $@

$(STAMPS)/lab: $(STAMPS)/torch pyproject.toml
	@echo "Installing clipnb[lab] ..."
	@$(INSTALL) -e ".[lab]"
	@$(BIN)/python -m ipykernel install --sys-prefix --name python3 > /dev/null
	@touch $@ $(STAMPS)/run

$(STAMPS)/test: $(STAMPS)/torch pyproject.toml
	@echo "Installing clipnb[test] ..."
	@$(INSTALL) -e ".[test]"
	@$(BIN)/python -m ipykernel install --sys-prefix --name python3 > /dev/null
	@touch $@ $(STAMPS)/run $(STAMPS)/lab

$(VENV)-%/.stamps/parity: constraints/%.txt $(LOCK) pyproject.toml
	@sh .ci/venv "$(VENV)-$*" "$(PYTHON)"
	@mkdir -p $(@D) && $(VENV)-$*/bin/python .ci/constraints $< > $(@D)/constraints.txt
	@echo "Installing clipnb into $(VENV)-$*, under $< ..."
	@$(VENV)-$*/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) $(TORCH_ARGS) "$(TORCH)"
	@$(VENV)-$*/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) \
	  -c $(@D)/constraints.txt -e . pytest pytest-xdist
	@touch $@
