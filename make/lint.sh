#!/usr/bin/env bash
# Formatting, vet, and the layout: which package may import which.
. "$(dirname "$0")/lib.sh"
say "gofmt"
unformatted=$(git -c safe.directory='*' ls-files -co --exclude-standard '*.go' | xargs -r ls -d 2>/dev/null | xargs -r gofmt -l)
[ -z "$unformatted" ] || die "not formatted:" $unformatted "Run: gofmt -w ."
say "go vet"
go vet ./...
(cd e2e && go vet ./...)
say "layout"
go test -count=1 ./make/layout # what it reads is unknown to the test cache
say "shell scripts"
for script in make/*.sh .ci/run; do bash -n "$script"; done
