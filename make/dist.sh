#!/usr/bin/env bash
# Builds what a node needs into dist/: static binaries, the systemd units, the
# licence, checksums. VERSION is stamped into the binaries, for ARCHES.
. "$(dirname "$0")/lib.sh"
: "${VERSION:?}" "${ARCHES:?}"

rm -rf dist
mkdir dist
for arch in $ARCHES; do
  for name in maelstromd maelctl; do
    say "build $name for linux/$arch"
    CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=$VERSION" -o "dist/$name-linux-$arch" "./cmd/$name"
  done
done
cp make/maelstromd.service make/maelstromd.socket LICENSE dist/
sums=$(cd dist && sha256sum -- *)
echo "$sums" >dist/SHA256SUMS
