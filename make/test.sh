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
make/haproxy.sh
say "Docker engine"
make/engine.sh

# The pointer checks that come with the race detector cost half the time of tests
# on SQLite, which is C made Go: they are for Go's own code. Races are found there
# as elsewhere.
flags=(-race '-gcflags=modernc.org/...=-d=checkptr=0' -timeout 25m)

# tests MODULE PACKAGES... runs tests of a module, the packages in their order,
# and again those in which the race detector itself crashed, which it does now
# and then on timers in bubbles of synctest: a crash of its own is no Go panic
# and names no test.
tests() {
  local output crashed packages=("${@:2}")
  output=$(mktemp)
  crashed='^(ThreadSanitizer: CHECK failed|SIGSEGV: segmentation violation$)'
  if (cd "$1" && CGO_ENABLED=1 go test "${flags[@]}" ${TESTFLAGS:-} "${packages[@]}" 2>&1) | tee "$output"; then return 0; fi
  if ! grep -qE "$crashed" "$output"; then return 1; fi
  # Any other failure counts.
  if grep -qE '^\s*--- FAIL|^panic: |WARNING: DATA RACE|\[build failed\]' "$output"; then return 1; fi
  local again
  again=$(grep -E '^FAIL[[:space:]]+[^[:space:]]+' "$output" | awk '{print $2}' | sort -u)
  for try in 1 2 3; do
    say "the race detector crashed: again, $try: $again"
    # shellcheck disable=SC2086 # a list
    if (cd "$1" && CGO_ENABLED=1 go test "${flags[@]}" ${TESTFLAGS:-} $again 2>&1) | tee "$output"; then return 0; fi
    if ! grep -qE "$crashed" "$output"; then return 1; fi
  done
  return 1
}

status=0
say "go test -race ./... in . (tells nothing before cmd/maelstromd has ended)"
# What takes longest, and waits most, begins first: the others run beside it.
tests . ./cmd/maelstromd ./cmd/... ./... || status=1
say "go test -race ./... in e2e" # a module of its own, for what only its tests need
tests e2e ./... || status=1
exit $status
