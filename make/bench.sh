#!/usr/bin/env bash
# Runs every benchmark once, against a real engine.
. "$(dirname "$0")/lib.sh"
make/databases.sh
make/gitserver.sh
say "Docker engine"
make/engine.sh
say "go test -bench"
exec go test -run '^$' -bench . -benchmem -timeout 30m ${BENCHFLAGS:-} ./...
