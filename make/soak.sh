#!/usr/bin/env bash
# Long tests, by scenario: make soak SCENARIO=fuzz
. "$(dirname "$0")/lib.sh"

# fuzz: each fuzzer for FUZZTIME (a minute).
fuzz() {
  local file name
  grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file name; do
    name=${name#func }
    say "$name in $(dirname "$file"), ${FUZZTIME:-1m}"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-1m}" "$(dirname "$file")"
  done
}

case ${1:-} in
  fuzz) fuzz ;;
  *) die "unknown scenario '${1:-}'" "Scenarios: fuzz. Example: make soak SCENARIO=fuzz" ;;
esac
