# Every target sets up what it needs; bare `make` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BACKENDS := $(VENV)/.backends
MONAI  := $(VENV)/.monai
PEERS  := benchmarks/.venv/.installed
JUPYTER := $(VENV)/.jupyter
SPHINX := $(VENV)/.sphinx
ANY_BACKEND := tests/similarities tests/losses tests/metrics tests/models tests/pipelines tests/studies/test_any_backend.py tests/studies/test_training.py tests/studies/test_devices.py tests/studies/test_unfinished.py tests/test_wheel.py
# Two processes; a file's tests stay together, since they share what is costly to make.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
RAY := tests/studies/test_engine_ray.py
# JAX compiles every operation of a test once and runs it once: what compiles fast wins.
FAST_COMPILE := --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-backends lint bench-losses bench-pipeline bench-inference bench-models bench-statistics notebooks test-notebooks docs results clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; this is " + sys.version + ". Name another with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[tensorflow,study,ray,dev]'
	touch $@

setup: $(STAMP)  ## make .venv with everything that tests and studies need

demo: $(STAMP)  ## phantoms, five folds, five losses, one marked table: ./demo/report.html (about 5 minutes)
	KERAS_BACKEND=tensorflow $(BIN)/kerasmetricloss demo --out demo

lint: $(STAMP)  ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

$(BACKENDS): $(STAMP) tests/requirements-backends.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements-backends.txt
	touch $@

test-backends: $(BACKENDS)  ## losses, metrics, models and augmentation on JAX and on PyTorch; studies on Ray
	KERAS_BACKEND=jax XLA_FLAGS="$(FAST_COMPILE)" $(PYTEST) $(ANY_BACKEND)
	KERAS_BACKEND=torch $(PYTEST) $(ANY_BACKEND)
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest $(RAY)

$(MONAI): $(BACKENDS) benchmarks/requirements-monai.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements-monai.txt
	touch $@

bench-losses: $(MONAI)  ## time and bytes of every loss, and of the Hausdorff distance, against their peers
	$(BIN)/python benchmarks/bench_losses.py
	KERAS_BACKEND=tensorflow $(BIN)/python benchmarks/bench_surface.py

bench-inference: $(MONAI)  ## time of tiled prediction of a volume against MONAI's, one table
	$(BIN)/python benchmarks/bench_inference.py

$(PEERS): benchmarks/requirements-pipeline.txt
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

bench-pipeline: $(BACKENDS) $(PEERS)  ## augmented volumes and patches a second against MONAI, TorchIO, batchgeneratorsv2
	$(BIN)/python benchmarks/bench_pipeline.py --peers benchmarks/.venv/bin/python

bench-models: $(MONAI)  ## parameters, work, memory and time of the networks, DeepVoxNet2's and MONAI's, one table
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python deepvoxnet2==2.20.5
	$(BIN)/python benchmarks/bench_models.py

bench-statistics: $(STAMP)  ## time of all pairs of 17 losses on 1,166 cases, bootstrap and permutation, against a plain loop
	$(BIN)/python benchmarks/bench_bootstrap.py

# On networks as small as the tests' oneDNN takes longer to set up a step than it saves in it.
test: lint  ## lint and all tests but those of Ray, on the TensorFlow backend
	KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 $(PYTEST) tests --ignore=$(RAY)

$(JUPYTER): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[notebooks]'
	touch $@

notebooks: $(JUPYTER)  ## execute every notebook and store its outputs; some of them: make notebooks ONLY="01 04"
	KERAS_BACKEND=tensorflow $(BIN)/python notebooks/build.py $(ONLY)

test-notebooks: $(JUPYTER)  ## execute every notebook again and compare with what is stored
	$(BIN)/python -m pytest tests/notebooks
	KERAS_BACKEND=tensorflow $(BIN)/python notebooks/build.py --check --jobs 2 $(ONLY)

$(SPHINX): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

docs: $(SPHINX)  ## the notebooks and the API as a static site: build/site/html/index.html
	KERAS_BACKEND=tensorflow $(BIN)/sphinx-build -q -W --keep-going -b html docs/site build/site/html
	$(BIN)/python docs/check_site.py build/site/html

results: $(STAMP)  ## rebuild the results on real images, in README.md and docs/results, from data/
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python docs/results.py

clean:  ## delete the environment and every cache
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .ruff_cache *.egg-info
