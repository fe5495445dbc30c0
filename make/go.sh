#!/usr/bin/env bash
# Checks that Go is here and new enough, before any of its own messages.
. "$(dirname "$0")/lib.sh"
want=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod)
get="Get it from https://go.dev/dl/ (unpack it to /usr/local/go) and run make again."
command -v go >/dev/null || die "maelstrom needs Go $want or newer; there is no go in PATH or /usr/local/go/bin." "$get"
have=$(cd / && go env GOVERSION 2>/dev/null || go version | cut -d' ' -f3)
number=$(sed -n 's/^\(go\|devel go\)\([0-9]*\.[0-9]*\).*/\2/p' <<<"$have")
[ "$(printf '%s\n' "$want" "${number:-0}" | sort -V | head -n 1)" = "$want" ] ||
  die "maelstrom needs Go $want or newer; $(command -v go) is ${have:-of an unknown version}." "$get"
