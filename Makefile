# edf: make demo shows it, make test checks it.
LOCAL := docker/local
.DEFAULT_GOAL := help
.PHONY: help demo test sql psql stop clean purge

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: ## forecast 15 real homes, from an empty machine to HTTP
	@$(LOCAL)/demo.sh

test: ## set up what is needed and run every test
	@$(LOCAL)/test.sh

sql: ## run a statement on the demo database: make sql Q='select ...'
	@. $(LOCAL)/lib.sh && connection && psql -X -c "$$Q"

psql: ## open psql on the demo database
	@. $(LOCAL)/lib.sh && connection && psql

stop: ## stop the demo's servers
	@$(LOCAL)/api.sh stop && $(LOCAL)/cluster.sh stop

clean: stop ## stop, and remove the demo's and the tests' databases
	@$(LOCAL)/cluster.sh remove
	@EDF_STATE=$(CURDIR)/.edf-test $(LOCAL)/cluster.sh remove

purge: clean ## clean, and remove the build cache and tools
	@. $(LOCAL)/lib.sh && rm -rf "$$CACHE"

SHELL := /bin/bash
export Q
