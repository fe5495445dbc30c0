#!/usr/bin/env bash
# Runs every test. Installs what the tests need where it is missing.
. "$(dirname "$0")/lib.sh"
say "C compiler for the race detector"
command -v "$(go env CC)" >/dev/null || apt_install "a C compiler (the race detector needs one)" gcc libc6-dev
say "programs that tests call: curl, jq, openssl, npm"
for program in curl jq openssl; do
  command -v $program >/dev/null || apt_install "$program" $program
done
command -v npm >/dev/null || apt_install "Node.js and npm" nodejs npm
make/databases.sh
make/gitserver.sh
make/registry.sh
say "Docker engine"
make/engine.sh
status=0
for module in . e2e; do # e2e is a module of its own, for what only its tests need
  say "go test -race ./... in $module"
  (cd "$module" && CGO_ENABLED=1 go test -race -timeout 15m ${TESTFLAGS:-} ./...) || status=1
done
exit $status
