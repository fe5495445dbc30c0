# maelstrom. `make help` lists the targets; the scripts behind them are in make/.

SHELL   := /bin/bash
VERSION := $(shell git -c safe.directory='*' describe --always --dirty --tags 2>/dev/null || echo unknown)
BUILD   := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
ARCHES  := amd64 arm64

export GOTOOLCHAIN := local# an older Go says so at once instead of fetching another one
export PATH := $(PATH):/usr/local/go/bin

.DEFAULT_GOAL := help
.PHONY: help build up down test bench soak lint dist generate clean go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: go ## build bin/maelstromd and bin/maelctl (static, version stamped)
	$(BUILD) -o bin/maelstromd ./cmd/maelstromd
	$(BUILD) -o bin/maelctl ./cmd/maelctl

up: ## start maelstrom here, apply examples/hello, send the first requests
	@make/up.sh

down: ## stop what `make up` started and remove all that it left
	@make/down.sh

test: go ## run every test, real Docker and race detector included
	@make/test.sh

bench: go ## run the benchmarks
	@make/bench.sh

soak: go ## run a long test: make soak SCENARIO=fuzz
	@make/soak.sh "$(SCENARIO)"

lint: go ## check formatting, vet, and that imports and files keep to the layout
	@make/lint.sh

dist: go ## build static binaries for amd64 and arm64, checksums, systemd units in dist/
	@VERSION="$(VERSION)" ARCHES="$(ARCHES)" make/dist.sh

generate: go ## write what is generated from code: schemas, command line reference
	go generate ./...

clean: ## remove what was built, images of the tests included
	rm -rf bin dist
	-docker image prune -a -f --filter label=maelstrom.testapp >/dev/null 2>&1

go:
	@make/go.sh
