#!/usr/bin/env bash
# Holds a document, README.md or the one that is named, to its word: runs its
# ```sh blocks in one shell, in a fresh copy of this tree and a fresh home, and
# looks in the output of each for the lines of the ```text block that follows
# it. Numbers and ids may differ, and ... stands for lines that are not shown.
. "$(dirname "$0")/lib.sh"
document=$(realpath "${1:-README.md}")
export MAEL_PUBLIC_PORT=${MAEL_PUBLIC_PORT:-18008} MAEL_PRIVATE_PORT=${MAEL_PRIVATE_PORT:-18374}
images=(maelstrom-hello:latest shop:latest)
temp=$(mktemp -d)
output=$temp/output

# The document's `make down` and build work on these names; give back what was there.
keep_images() {
  local image
  for image in "${images[@]}"; do docker tag "$image" "${image%:*}:kept" 2>/dev/null || true; done
}

restore_images() {
  local image
  for image in "${images[@]}"; do
    docker rmi -f "$image" >/dev/null 2>&1 || true
    docker tag "${image%:*}:kept" "$image" 2>/dev/null || continue
    docker rmi "${image%:*}:kept" >/dev/null
  done
}

finish() {
  local status=$?
  if [ $status -ne 0 ] && [ -s "$output" ]; then cat "$output" >&2; fi
  # shellcheck disable=SC2046
  kill $(jobs -p) 2>/dev/null || true # what a block has left in the background
  (cd "$temp/maelstrom" && make -s down) || true
  restore_images
  chmod -R u+w "$temp" # of Go's module cache, if it is there
  rm -rf "$temp"
  exit $status
}

copy_tree() {
  mkdir -p "$temp/maelstrom" "$temp/home" "$temp/blocks"
  git -c safe.directory='*' ls-files -co --exclude-standard -z |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
    tar --null -T - -c | tar -x -C "$temp/maelstrom"
}

# split_blocks writes NNN.sh and NNN.text, with our ports in place of theirs.
split_blocks() {
  sed "s/\b8008\b/$MAEL_PUBLIC_PORT/g; s/\b8375\b/18375/g; s/\b8418\b/18418/g" "$document" | awk -v dir="$temp/blocks" '
    /^```sh$/   { n++; file = sprintf("%s/%03d.sh", dir, n); next }
    /^```text$/ { file = sprintf("%s/%03d.text", dir, n); next }
    /^```/      { file = ""; next }
    file != ""  { print > file }'
}

# flatten makes lines comparable that differ in ids, times and column widths.
flatten() {
  sed -E 's/\b(laptop|'"$(hostname)"')\b/ID/g; s/\b[0-9a-f]{8,64}\b/ID/g; s/\b[a-z2-7]{26}\b/ID/g; s/[0-9]+(\.[0-9]+)?/N/g; s/N(ms|[smhd])\b/N/g; s#(^| )-/N\b#\1N/N#g; s/[[:space:]]+/ /g; s/ $//' "$1"
  echo # the last line may have no end
}

# compare EXPECTED: each line is in the output, in this order.
compare() {
  local line found
  exec 4< <(flatten "$output")
  while IFS= read -r line; do
    if [ -z "$line" ] || [ "$line" = "..." ]; then continue; fi
    while IFS= read -r found <&4 || die "${document##*/} shows what was not printed:" "$line" "See the end of this output."; do
      [ "$found" != "$line" ] || break
    done
  done < <(flatten "$1")
  exec 4<&-
}

command -v curl >/dev/null || apt_install "curl" curl
keep_images
trap finish EXIT
copy_tree
split_blocks
GOCACHE=$(go env GOCACHE) GOMODCACHE=$(go env GOMODCACHE) HOME=$temp/home
export GOCACHE GOMODCACHE HOME
cd "$temp/maelstrom"
for block in "$temp"/blocks/*.sh; do
  say "$(head -n 1 "$block") ..."
  # shellcheck disable=SC1090
  . "$block" >"$output" 2>&1
  if [ -e "${block%.sh}.text" ]; then compare "${block%.sh}.text"; fi
done
: >"$output"
say "${document##*/} holds"
