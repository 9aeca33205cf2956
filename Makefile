# The commands of `make help`. Each installs its tools and packages below the project's directory, and
# repeats no step that is up to date. GNU make 3.81 or newer.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-long test-night lint lint-rust lint-python lint-text test-rust test-bench \
	test-package test-package-long test-pythons test-faults test-faults-long test-faults-night \
	format wheel sdist clean fuzz needs-faults \
	bench bench-quick bench-plot bench-compare bench-scaling needs-rust needs-lint needs-postgres

# The directory of rustup, which shells started before its installation lack.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
# Without a C compiler BLAKE3 would be built without its fast paths: make that an error.
export BLAKE3_CI := 1

VENV := .venv
PY := $(VENV)/bin/python
DEMO_VENV := target/demo-venv
DEMO_PY := $(DEMO_VENV)/bin/python
# The interpreter that PyO3 takes its configuration from, the same for every cargo command and clone.
export PYO3_PYTHON = $(realpath $(PY))
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

# All clones share a build directory, so that dependencies are compiled once. Programs and libraries
# are still written below target/. A cargo older than 1.91 keeps all files there.
ifeq ($(CARGO_TARGET_DIR)$(CARGO_BUILD_BUILD_DIR)$(RUSTC_WORKSPACE_WRAPPER),)
BUILD_DIR := $(shell sh scripts/build_dir.sh)
ifneq ($(BUILD_DIR),)
export CARGO_BUILD_BUILD_DIR := $(BUILD_DIR)
WRAPPERS := $(shell sh scripts/clone_dir.sh)
export RUSTC_WORKSPACE_WRAPPER := $(or $(WRAPPERS),$(CURDIR)/scripts)/rustc_of_clone.sh
endif
endif

CARGO_SOURCES := Cargo.toml Cargo.lock .cargo/config.toml $(wildcard rust/*/Cargo.toml) \
	$(shell find rust -name '*.rs')
REFERENCE_SOURCES := Cargo.toml Cargo.lock .cargo/config.toml $(shell find benches/reference -type f)
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi' -o -name 'py.typed')
METADATA := pyproject.toml README.md LICENSE CHANGELOG.md

DEV := $(VENV)/.dev-installed
EXTENSION := $(VENV)/.extension-built
REFERENCE := target/release/laboxide-reference
WHEEL := dist/.wheel-built
SDIST := dist/.sdist-built
DEMO := $(DEMO_VENV)/.wheel-installed

# Fails with one line and status 2 before the first recipe runs.
fail_if = $(if $(1),$(error $(1)))
require = $(call fail_if,$(shell sh scripts/missing_tool.sh $(1)))
PYTHONS = $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
found_python = $(or $(shell sh scripts/find_python.sh $(PYTHONS)),$(error laboxide needs CPython \
	3.11 or newer with its venv module (tried: $(PYTHONS)); install it, or set PYTHON to the path of one))

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: $(DEMO) ## build the wheel, then compare it with hashlib on a real file (FILE=path)
	$(DEMO_PY) -m benches.demo $(if $(FILE),'$(FILE)')

test: needs-postgres lint test-rust test-bench test-package ## checks and tests of each change (5 minutes)

test-long: needs-postgres lint test-rust test-bench test-package-long test-pythons test-faults-long ## all loops, both paths, all drivers, other Pythons (100 minutes, root)

test-night: test-faults-night ## all fault drivers with the largest numbers; resumes a stopped run (root)

# The tests whose result can depend on the portable path: they publish, stage, list, lock, follow
# links, fork or open files below a root. The others do not reach code with two implementations.
BOTH_PATHS := tests/audit tests/faults tests/file tests/hostile tests/contract/test_limits.py \
	$(addprefix tests/contract/test_conformance.py::, TestFileStorage TestFileStorageWithLargeChunks \
	TestFileStorageWithOtherOptions TestFileStorageWithARouterAndOddChunks) \
	tests/labox/test_damage.py tests/labox/test_storage.py tests/runtime/test_cancel.py \
	tests/runtime/test_descriptors.py tests/runtime/test_forks.py tests/runtime/test_processes.py

test-package: $(EXTENSION)
	$(PY) -m pytest -n auto
	LABOXIDE_PORTABLE=1 $(PY) -m pytest -n auto $(BOTH_PATHS)

test-package-long: $(EXTENSION)
	$(PY) -m pytest -n auto --tier=long
	LABOXIDE_PORTABLE=1 $(PY) -m pytest -n auto --tier=long

# The binding has no tests in Rust, and its test program would have to link libpython, which many
# installations of CPython lack.
test-rust: | $(PY)
	cargo test --workspace --exclude laboxide-python --locked

# Runs one tiny round of every benchmark, which checks the content.
test-bench: $(EXTENSION) $(REFERENCE)
	$(PY) -m pytest benches/suite --bench-scale=tiny --benchmark-quiet -q

test-pythons: $(WHEEL) ## test the wheel on each other CPython of this machine
	$(PY) scripts/test_pythons.py dist/*.whl

test-faults: needs-faults $(EXTENSION) ## fault drivers of each change: kills, errnos, power cuts, mutants (4 minutes, root)
	$(PY) -m faults

test-faults-long: needs-faults $(EXTENSION) ## all fault drivers, sanitizers and fuzzers too (70 minutes, root)
	$(PY) -m faults --tier long --record

test-faults-night: needs-faults $(EXTENSION)
	$(PY) -m faults --tier night --record

fuzz: needs-rust | $(PY) ## fuzz the engine (TARGET=streams SECONDS=60), or repeat an input (INPUT=hex)
	@:$(call fail_if,$(if $(TARGET),,name what to fuzz: make fuzz TARGET=chunking, names or streams))
	$(PY) -m faults.fuzz.fuzzer $(TARGET) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(INPUT),--input $(INPUT))

bench: $(EXTENSION) $(REFERENCE) ## measure every operation, peers and hardware limits; write benches/results
	$(PY) -m benches.run
	$(PY) -m benches.report.pictures

bench-quick: $(EXTENSION) $(REFERENCE) ## measure and print the rows that have floors
	$(PY) -m benches.run --quick

bench-plot: $(DEV) ## draw the plots of the last results
	$(PY) -m benches.report.pictures

bench-compare: $(EXTENSION) $(REFERENCE) ## compare this tree with a revision (BASE=revision)
	@:$(call fail_if,$(if $(BASE),,name the revision to compare with: make bench-compare BASE=main))
	$(PY) -m benches.compare $(BASE)

bench-scaling: $(EXTENSION) ## measure the speedup per core
	$(PY) -m benches.scaling

lint: lint-text lint-rust lint-python ## words, layers, formatting, clippy, ruff, mypy and stubtest; changes nothing

# Finds markers of unclear prose (`scripts/check_words.py PATH...` lists them) and upward imports.
lint-text: | $(PY)
	$(PY) scripts/check_words.py
	$(PY) scripts/check_layers.py

lint-rust: | needs-lint $(PY)
	cargo fmt --all --check
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	RUSTC_WORKSPACE_WRAPPER='$(or $(WRAPPERS),$(CURDIR)/scripts)/clippy_of_clone.sh' \
		cargo check --workspace --all-targets --locked

lint-python: $(EXTENSION)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m mypy.stubtest laboxide._native

format: $(DEV) | needs-lint ## format Rust and Python, and apply the linters' fixes
	cargo fmt --all
	cargo fmt --manifest-path rust/fuzz/Cargo.toml
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

wheel: $(WHEEL) ## build the wheel into dist/, and try it on each CPython of this machine
	$(PY) scripts/check_dist.py dist/*.whl

sdist: $(SDIST) ## build the source distribution into dist/, and try a wheel built from it
	$(PY) scripts/check_dist.py dist/*.tar.gz

clean: ## remove all files that these commands create
	rm -rf $(VENV) target dist demo-data .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f python/laboxide/_native.*.so python/laboxide/_native.so
	find python tests benches scripts docs -name __pycache__ -prune -exec rm -rf {} +

needs-rust:
	@:$(call require,rust c)

needs-postgres:
	@sh scripts/need_postgres.sh

needs-faults:
	@sh scripts/need_fault_tools.sh

needs-lint: needs-rust
	@:$(call require,lint)

$(PY): | needs-rust
	'$(found_python)' -m venv --clear $(VENV)

$(DEV): $(PY) pyproject.toml
	$(PY) -m pip install --upgrade 'pip>=25.1'
	$(PY) -m pip install --group dev --group peers
	@touch $@

$(EXTENSION): $(DEV) $(CARGO_SOURCES) pyproject.toml
	$(PY) -m maturin develop --release --locked
	@touch $@

$(REFERENCE): $(REFERENCE_SOURCES) | needs-rust $(PY)
	cargo build --release -p laboxide-reference --locked
	@touch $@

$(WHEEL): $(DEV) $(CARGO_SOURCES) $(PYTHON_SOURCES) $(METADATA)
	rm -f dist/*.whl
	$(PY) -m maturin build --release --locked --out dist
	@touch $@

$(SDIST): $(DEV) $(CARGO_SOURCES) $(PYTHON_SOURCES) $(METADATA)
	rm -f dist/*.tar.gz
	$(PY) -m maturin sdist --out dist
	@touch $@

# A separate environment with maturin and the wheel, without the linters and the peers.
$(DEMO): export PYO3_PYTHON := $(CURDIR)/$(DEMO_PY)
$(DEMO): export VIRTUAL_ENV := $(CURDIR)/$(DEMO_VENV)
$(DEMO): $(CARGO_SOURCES) $(PYTHON_SOURCES) $(METADATA) | needs-rust
	'$(found_python)' -m venv --clear $(DEMO_VENV)
	$(DEMO_PY) -m pip install 'maturin>=1.9,<2'
	$(DEMO_PY) -m maturin build --release --locked --out $(DEMO_VENV)/wheel
	$(DEMO_PY) -m pip install $(DEMO_VENV)/wheel/*.whl
	@touch $@
