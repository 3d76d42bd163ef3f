# Everything a newcomer types. `make help` lists it. Setting up is sim/setup/prepare.sh's work.

SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
RINGFENCE := $(VENV)/bin/ringfence
STAMP := $(VENV)/.ringfence-ready
# One more than there are cores: tests wait for the processes that they start.
JOBS ?= $(shell expr $$(nproc) + 1)
BOARD ?= ulx3s_85f
SCENARIO ?= sanctuary
# Each worker has a run of neighbouring tests, which share what they build; who is done first takes over.
PYTEST := $(PYTHON) -m pytest -n $(JOBS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup packages regress-packages sim test regress lint formal bench bitstream measure wave docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: packages $(STAMP) ## install what is needed (the other targets do this by themselves)

packages:
	@sim/setup/packages.sh

regress-packages:
	@sim/setup/packages.sh regress

$(STAMP): pyproject.toml sim/setup/prepare.sh
	@sim/setup/prepare.sh $(VENV) $(STAMP)

sim: packages $(STAMP) ## the whole demonstration, with its attacks: SCENARIO=sanctuary (two guests and a kernel) or bank (a payment, from a lying BIOS on)
	$(RINGFENCE) sim --scenario $(SCENARIO)

test: packages $(STAMP) ## the tests (-n $(JOBS)), without the long ones
	$(PYTEST) -m "not regress and not formal" cocotb_tests

regress: regress-packages $(STAMP) ## the long tests, and those that need Bochs or a browser
	RINGFENCE_SEED=$${RINGFENCE_SEED:-random} $(PYTEST) -m regress cocotb_tests

lint: $(STAMP) ## ruff, mypy, and the size of the isolation kernel
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYTHON) -m sim.checks.kernel_lines

formal: packages $(STAMP) ## unbounded proofs of the DMA check, its bus wrappers, the TLB's tags, the trusted line
	$(PYTEST) -v -m formal cocotb_tests

bench: packages $(STAMP) ## measure, and write build/bench.json
	$(RINGFENCE) bench

bitstream: packages $(STAMP) ## BOARD=ulx3s_85f or icebreaker: synthesis, place and route, packing
	$(RINGFENCE) bitstream --board $(BOARD) $(FLAGS)

measure: packages $(STAMP) ## area of the DMA guard on an ECP5; with FLAGS=--clock its MHz, an hour and more
	$(RINGFENCE) measure $(FLAGS)

wave: $(STAMP) ## open the demonstration's waveforms
	$(RINGFENCE) wave

docs: $(STAMP) ## make the reference pages of docs/ from the declarations
	$(PYTHON) -m sim.docs

clean: ## remove what was built (the virtual environment stays)
	rm -rf build
