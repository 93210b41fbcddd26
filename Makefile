# Every target does its own set-up in .venv; nothing is installed outside it (`make ci` alone adds
# system programs, and says so). Needs Python >= 3.11 and a C++20 compiler.

VENV ?= .venv
OUT ?= out
JOB ?= samples/jobs/morning.toml
PY := $(VENV)/bin/python
JOBS ?= 2
# The one name of the reference data folder in this tree; tests that need it skip where it is absent.
IMI_REFERENCE ?= $(if $(wildcard ../shared/domain.md),$(abspath ../shared))
export IMI_REFERENCE

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
ASAN := build/asan
CXX_FILES := $(wildcard csrc/*.h csrc/*.cpp imicore/*.h imicore/bind_*.cpp imicore/_imaging.cpp \
	fuzz/*.h fuzz/*.cpp samples/c/*.c samples/integration/*.c bench/*.c tests/imicore/c/*)

# The C library: the kernels that a reader needs, compiled as the Python modules' are (setup.py).
LIB := build/lib
LIB_VERSION := $(shell awk '/define IMI_VERSION_(MAJOR|MINOR|PATCH)/ {v = v s $$3; s = "."} END {print v}' csrc/imicore.h)
LIB_SONAME := libimicore.so.$(firstword $(subst ., ,$(LIB_VERSION)))
LIB_SOURCES := $(filter-out csrc/ecdsa% csrc/libcrypto% csrc/raster% csrc/pwg% csrc/presence%,$(wildcard csrc/*.cpp))
LIB_OBJECTS := $(LIB_SOURCES:csrc/%.cpp=$(LIB)/%.o)
LIB_FLAGS := -std=c++20 -O3 -g0 -fPIC -fvisibility=hidden -ffunction-sections -Wall -Wextra
PREFIX ?= /usr/local

.PHONY: help run test bench lint types portable asan docs ci clean build lib install-lib fuzz fuzz-parsers format \
	reliability reliability-nightly soak check-machine coverage mutation

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.line build  ## run a morning's mail through the whole line; pictures and report in out/
	$(PY) -m imi run $(JOB) --out $(OUT) --fresh

test: $(VENV)/.line $(VENV)/.web $(VENV)/.token $(VENV)/.bench $(VENV)/.test build lib  ## run the tests, doctests and samples
	$(PY) -m pytest -n $(JOBS) -q $(PYTEST)

bench: $(VENV)/.line $(VENV)/.web $(VENV)/.token $(VENV)/.bench $(VENV)/.test build  ## measure beside the peers; table, JSON, plot
	$(PY) -m imi bench --out $(OUT)-bench

lint: $(VENV)/.lint  ## ruff and clang-format, the same commands as the pre-commit hooks
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/clang-format --dry-run --Werror $(CXX_FILES)

format: $(VENV)/.lint  ## let the formatters write
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i $(CXX_FILES)

types: $(VENV)/.line $(VENV)/.web $(VENV)/.token $(VENV)/.bench $(VENV)/.test $(VENV)/.lint build  ## mypy strict, and the stubs against the natives
	$(PY) -m mypy
	$(PY) -m mypy.stubtest imicore._codec imicore._imaging --allowlist tests/stubtest_allowlist.txt

portable: $(VENV)/.line $(VENV)/.web $(VENV)/.token $(VENV)/.bench $(VENV)/.test build  ## the native tests on the plain kernels
	IMI_ISA=portable $(PY) -m pytest -n $(JOBS) -q -m native $(PYTEST)

asan: $(VENV)/.line $(VENV)/.web $(VENV)/.token $(VENV)/.bench $(VENV)/.test  ## the native tests under AddressSanitizer and UBSan
	IMI_CXXFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
	IMI_LDFLAGS="-fsanitize=address,undefined" \
	$(PY) setup.py --quiet build --build-base $(ASAN) --build-lib $(ASAN)/lib
	rm -f $(ASAN)/report.*
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so.6)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:log_path=$(ASAN)/report PYTHONMALLOC=malloc \
	$(VENV)/bin/pytest -o "pythonpath=$(ASAN)/lib ." -n $(JOBS) -q -m native $(PYTEST) \
	|| { cat $(ASAN)/report.* 2>/dev/null; exit 1; }

SCALE ?= full
reliability: $(VENV)/.line $(VENV)/.test build  ## break the meter in every way known; table and JSON (12 minutes)
	$(PY) -m tests.reliability --scale $(SCALE) --jobs $(JOBS) --out $(OUT)/reliability.json

reliability-nightly: SCALE := nightly
reliability-nightly: reliability  ## the same with 5,000,000 crash points and every fault (hours)

soak: $(VENV)/.line $(VENV)/.test build  ## ten minutes each on this disk: a meter at 310 letters a minute, a lane at 40,000 pieces an hour
	$(PY) -m tests.reliability.soak
	$(PY) -m tests.sorter.soak_lane --on-time

# The least of the tests that runs every branch of the money core; pyproject.toml says what that is.
MONEY_TESTS := tests/postage/test_registers.py \
	$(patsubst %,tests/pipeline/test_%.py,journal record checkpoint rules lifecycle psd contact)
coverage: $(VENV)/.line $(VENV)/.test build  ## every branch of the money core is run by a test, or it fails (30 s)
	$(PY) -m coverage run -m pytest -q -m "not slow" $(MONEY_TESTS)
	$(PY) -m coverage report

mutation: $(VENV)/.line $(VENV)/.test $(VENV)/.mutation build  ## plant faults where money moves; tests must find 90 % (20 minutes)
	rm -rf mutants
	PYTHONHASHSEED=0 $(VENV)/bin/mutmut run --max-children $(JOBS)
	$(PY) -m tests.mutation_score

docs: $(VENV)/.line $(VENV)/.docs build  ## the documentation site, with generated tables
	$(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html

ci: ## everything, from a clean clone; installs the system programs that tests use, fails on any skip
	.ci/programs
	$(MAKE) lint
	$(MAKE) types
	IMI_NO_SKIPS=1 $(MAKE) test
	$(MAKE) reliability SCALE=ci
	$(PY) -m tests.sorter.soak_lane --seconds 60
	$(MAKE) portable
	$(MAKE) asan
	$(MAKE) docs

lib: $(LIB)/libimicore.so  ## the reader as a C library, for programs without Python (csrc/imicore.h)

install-lib: lib  ## put the C library, its header and pkg-config file under PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 644 csrc/imicore.h $(DESTDIR)$(PREFIX)/include
	install -m 755 $(LIB)/libimicore.so.$(LIB_VERSION) $(DESTDIR)$(PREFIX)/lib
	ln -sf libimicore.so.$(LIB_VERSION) $(DESTDIR)$(PREFIX)/lib/$(LIB_SONAME)
	ln -sf $(LIB_SONAME) $(DESTDIR)$(PREFIX)/lib/libimicore.so
	printf '%s\n' 'Name: imicore' 'Description: reads Intelligent Mail Indicia off mail images' \
	  'Version: $(LIB_VERSION)' 'Cflags: -I$(PREFIX)/include' 'Libs: -L$(PREFIX)/lib -limicore' \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/imicore.pc

$(LIB)/libimicore.so: $(LIB_OBJECTS) csrc/libimicore.map
	@$(CXX) -shared -pthread -Wl,-soname,$(LIB_SONAME) -Wl,--version-script=csrc/libimicore.map \
	  -Wl,--gc-sections -Wl,--no-undefined $(LIB_OBJECTS) -o $@.$(LIB_VERSION)
	@ln -sf libimicore.so.$(LIB_VERSION) $(LIB)/$(LIB_SONAME)
	@ln -sf $(LIB_SONAME) $@

$(LIB)/%.o: csrc/%.cpp
	@mkdir -p $(LIB) && echo "compiling $< for the C library"
	@$(CXX) $(LIB_FLAGS) -MMD -MP -c $< -o $@

-include $(LIB_OBJECTS:.o=.d)

# Programs under AddressSanitizer and UBSan that libFuzzer drives; `make -j2 fuzz` runs two at a time.
FUZZ := build/fuzz
FUZZ_CXX ?= $(firstword $(foreach name,clang++ clang++-19 clang++-16 clang++-14,$(shell command -v $(name))))
FUZZ_FLAGS := -std=c++20 -O2 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_TARGETS := codewords reed_solomon frame c_api
RUNS ?= 100000

fuzz: $(FUZZ_TARGETS:%=fuzz-%)  ## try RUNS inputs (100,000) on each native target; or make fuzz-codewords

fuzz-%: $(FUZZ)/% $(FUZZ)/corpus/.made
	fuzz/run.sh $* $(RUNS)

# The parsers of what others hand us, driven by atheris; the same inputs are made without it by --plain.
PARSERS := payload register rates discrepancy
fuzz-parsers: $(VENV)/.line $(VENV)/.fuzz build  ## try RUNS inputs on each parser: indicium, register, rate file, message
	@for name in $(PARSERS); do $(PY) -m fuzz.parsers $$name --count $(RUNS) 2> build/fuzz-$$name.log \
	  || { tail -40 build/fuzz-$$name.log; exit 1; }; grep number_of_executed build/fuzz-$$name.log; done

$(FUZZ)/corpus/.made: fuzz/make_seeds.py | build
	$(PY) fuzz/make_seeds.py $(FUZZ)/corpus
	@touch $@

$(FUZZ_TARGETS:%=$(FUZZ)/%): $(FUZZ)/%: $(FUZZ)/%.main.o $(LIB_SOURCES:csrc/%.cpp=$(FUZZ)/%.o)
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer -pthread $^ -o $@

$(FUZZ)/%.main.o: fuzz/%.cpp
	@$(check-fuzz-cxx) && mkdir -p $(FUZZ)
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer -Icsrc -MMD -MP -c $< -o $@

$(FUZZ)/%.o: csrc/%.cpp
	@$(check-fuzz-cxx) && mkdir -p $(FUZZ)
	@echo "compiling $< for the fuzzers"
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

check-fuzz-cxx = { [ -n "$(FUZZ_CXX)" ] || { echo "clang is missing: Debian: apt-get install clang libclang-rt-14-dev"; exit 1; }; }
-include $(wildcard $(FUZZ)/*.d)

build: $(VENV)/.ready  ## compile what has changed
	@$(PY) setup.py --quiet build_ext --inplace

clean:  ## remove everything that was made
	rm -rf $(VENV) build out out-bench docs/_build *.egg-info imicore/*.so .mypy_cache .ruff_cache .pytest_cache \
	  mutants .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +

check-machine:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is missing: install it (Debian: apt-get install python3 python3-venv python3-dev)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "Python.h is missing: Debian: apt-get install python3-dev"; exit 1; }
	@echo 'int main() {}' | $(CXX) -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || { echo "a C++20 compiler is missing ($(CXX) does not take -std=c++20): Debian: apt-get install g++"; exit 1; }

# The build tools and the package itself, editable; then each extra on its own, so that `make run`
# does not wait for linters.
$(VENV)/.ready: pyproject.toml | check-machine
	@[ -x $(PY) ] || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	$(PIP) --upgrade pip
	$(PIP) "setuptools>=77" "Cython>=3.1" "pybind11>=3.0" "numpy>=2.0"
	@echo "compiling the native modules (about a minute)"
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.%: $(VENV)/.ready
	@echo "installing what '$*' needs"
	@$(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['$*'], sep='\n')" > $@.txt
	$(PIP) -r $@.txt
	@touch $@
