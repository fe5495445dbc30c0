#!/usr/bin/env bash
# Runs every test. Installs what the tests need where it is missing.
. "$(dirname "$0")/lib.sh"
say "C compiler for the race detector"
command -v "$(go env CC)" >/dev/null || apt_install "a C compiler (the race detector needs one)" gcc libc6-dev
say "Docker engine"
make/engine.sh
say "go test -race ./..."
exec env CGO_ENABLED=1 go test -race -timeout 15m ${TESTFLAGS:-} ./...
