#!/usr/bin/env bash
# Removes all that make/up.sh made: the daemon, its containers, the image, the
# data. A Docker engine is stopped only if make/engine.sh started it without
# systemd and no container is left on it; what was installed stays installed.
. "$(dirname "$0")/lib.sh"
state=$root/.cache/up
engine=$root/.cache/engine/dockerd.pid

stop_daemon() {
  [ -e "$state/pid" ] || return 0
  local pid deadline=$((SECONDS + 60))
  pid=$(cat "$state/pid")
  kill "$pid" 2>/dev/null || return 0
  say "stop maelstromd"
  while kill -0 "$pid" 2>/dev/null; do
    if [ $SECONDS -ge $deadline ]; then kill -9 "$pid"; fi
    sleep 0.1
  done
}

# The containers of this data directory's node, and of no other.
remove_containers() {
  [ -s "$state/data/node-id" ] || return 0
  local ids
  ids=$(docker ps -aq --filter "label=maelstrom.node=$(cat "$state/data/node-id")")
  [ -n "$ids" ] || return 0
  say "stop containers"
  # shellcheck disable=SC2086
  docker stop $ids >/dev/null && docker rm -f -v $ids >/dev/null
}

remove_image() {
  if docker image inspect maelstrom-hello:latest >/dev/null 2>&1; then
    say "remove image maelstrom-hello:latest"
    docker rmi -f maelstrom-hello:latest >/dev/null
  fi
}

stop_engine() {
  [ -e "$engine" ] || return 0
  if [ -n "$(docker ps -q)" ]; then
    say "leave the Docker engine running: other containers use it"
    return
  fi
  say "stop dockerd"
  local pid
  pid=$(cat "$engine")
  as_root kill "$pid"
  while as_root kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -rf "$root/.cache/engine"
}

if [ ! -d "$state" ]; then
  say "nothing is up"
else
  exec 9>"$state/lock"
  flock 9
  stop_daemon
  if docker version >/dev/null 2>&1; then
    remove_containers
    remove_image
  fi
  rm -rf "$state"
fi
stop_engine
rmdir "$root/.cache" 2>/dev/null || true
