#!/usr/bin/env bash
# Runs every benchmark once, against a real engine.
. "$(dirname "$0")/lib.sh"
make/databases.sh
make/gitserver.sh
say "Docker engine"
make/engine.sh
say "what nodes send"
go test -run Crowd -v -count 1 -crowd 40 ./cluster/peer
say "go test -bench"
exec go test -run '^$' -bench . -benchmem -timeout 30m ${BENCHFLAGS:-} ./...
