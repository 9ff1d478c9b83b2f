# Everything that a person or a machine does with this checkout. `make` alone lists the targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
CONFIGURATION ?= release
SWIFT_BUILD := swift build -c $(CONFIGURATION)
TRUEUP := .build/$(CONFIGURATION)/trueup

# Of the torture: how many seeds, from which, and how many at a time.
SEEDS ?= 10000
FROM ?= 1
WORKERS ?= 4

.PHONY: help setup build demo test torture torture-selftest check format bench bench-schedule bench-report \
	bench-webhooks bench-rows bench-compare clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## Install the Debian packages that are missing (nothing when all are there)
	@scripts/setup

build: setup ## Build the program into .build/release/trueup
	$(SWIFT_BUILD) --product trueup

demo: build ## A nightly run on an embedded database and a stand-in for Stripe, three accounts, planted differences
	$(TRUEUP) demo

test: setup ## Run all tests: real PostgreSQL, real HTTP, the official Stripe SDK against the stand-in
	$(SWIFT_BUILD) --build-tests
	$(SWIFT_BUILD) --product trueup
	scripts/test $(CONFIGURATION)

torture: setup ## 10,000 seeds of the live side, resumable: every balance must be right (SEEDS=, FROM=, WORKERS=)
	$(SWIFT_BUILD) --build-tests
	scripts/torture $(CONFIGURATION) $(SEEDS) $(FROM) $(WORKERS)

torture-selftest: setup ## Plant bugs one by one: the torture must notice each
	$(SWIFT_BUILD) --build-tests
	swift test -c $(CONFIGURATION) --skip-build --filter 'EndToEndTests\.TortureTests/planted'

check: setup ## Formatter, linter and a build with warnings as errors
	swift format lint --strict --recursive --configuration .swift-format Sources Tests Package.swift
	$(SWIFT_BUILD) --product trueup

format: ## Format all Swift files in place
	swift format --in-place --recursive --configuration .swift-format Sources Tests Package.swift

bench: build ## Measure speed, CPU, memory, the comparison, repairs, start-up, as ratios in one run; and single parts
	$(SWIFT_BUILD) --product TrueupBench
	bench/run --trueup $(TRUEUP)
	bench/schedule --trueup $(TRUEUP)

bench-schedule: build ## Measure the scheduler: 10,000 job files, claims by 1 to 8 workers, 1,000 jobs due at once
	bench/schedule --trueup $(TRUEUP)

bench-report: build ## Measure the statement and the renderers: 50,000 open items of 5,000 agencies
	bench/report --trueup $(TRUEUP)

bench-webhooks: build ## Measure webhooks per second with their effect committed, next to pgbench
	bench/webhooks --trueup $(TRUEUP)

bench-rows: build ## Measure the comparison alone: 1,000,000 and 4,000,000 rows on each side
	$(SWIFT_BUILD) --product TrueupBench
	bench/compare-rows --rows 1000000,4000000 --trueup $(TRUEUP)

bench-compare: ## Hold two results of bench/run --json side by side: make bench-compare A=old.json B=new.json
	bench/compare $(A) $(B)

clean: ## Remove what was built
	rm -rf .build
