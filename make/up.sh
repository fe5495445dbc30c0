#!/usr/bin/env bash
# Starts maelstrom on this machine and shows a container woken by a request.
# All that it makes is under .cache/up; make/down.sh removes it again.
. "$(dirname "$0")/lib.sh"
state=$root/.cache/up
image=maelstrom-hello:latest
host=hello.localhost
export MAEL_DATA_DIR=$state/data MAEL_PUBLIC_PORT=${MAEL_PUBLIC_PORT:-8008} MAEL_PRIVATE_PORT=${MAEL_PRIVATE_PORT:-8374}
export MAELSTROM_PRIVATE_URL=http://127.0.0.1:$MAEL_PRIVATE_PORT

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

running() { [ -e "$state/pid" ] && kill -0 "$(cat "$state/pid")" 2>/dev/null; }

ready() { [[ $(request "$MAEL_PRIVATE_PORT" localhost /readyz 2>/dev/null) == *" 200 "* ]]; }

milliseconds() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

build_image() {
  local context=$state/image
  mkdir -p "$context"
  CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$context/hello" ./examples/hello
  cp examples/hello/Dockerfile "$context/"
  local sum
  sum=$(cat "$context/hello" "$context/Dockerfile" | sha256sum | cut -d' ' -f1)
  if [ "$(docker image inspect --format '{{index .Config.Labels "maelstrom.sum"}}' $image 2>/dev/null)" = "$sum" ]; then return; fi
  say "build image $image"
  docker build -q --label "maelstrom.sum=$sum" -t $image "$context" >"$state/build.log" 2>&1 || {
    cat "$state/build.log" >&2
    die "the image of examples/hello can't be built."
  }
}

check_port() {
  if listens "${!1}"; then
    die "port ${!1} is in use by another program." "Choose another one: $1=$((${!1} + 1)) make up"
  fi
}

# The daemon is started again if it is of another build or with other settings.
start_daemon() {
  local settings
  settings=$(cat bin/maelstromd <(env | grep '^MAEL_' | sort) | sha256sum)
  if running; then
    if [ "$(cat "$state/settings")" = "$settings" ]; then return; fi
    say "stop the older maelstromd (its containers go on)"
    stop_daemon
  fi
  check_port MAEL_PUBLIC_PORT
  check_port MAEL_PRIVATE_PORT
  say "start maelstromd (public port $MAEL_PUBLIC_PORT, log: .cache/up/maelstromd.log)"
  mkdir -p -m 700 "$MAEL_DATA_DIR"
  setsid nohup bin/maelstromd </dev/null >>"$state/maelstromd.log" 2>&1 9>&- &
  echo $! >"$state/pid"
  echo "$settings" >"$state/settings"
  disown
}

stop_daemon() {
  local pid
  pid=$(cat "$state/pid")
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

await_daemon() {
  local deadline=$((SECONDS + 30))
  until ready; do
    if ! running || [ $SECONDS -ge $deadline ]; then
      tail -n 10 "$state/maelstromd.log" >&2
      die "maelstromd is not ready." "Its log: .cache/up/maelstromd.log"
    fi
    sleep 0.05
  done
}

# first_requests shows the answer and how long a cold and a warm one took.
first_requests() {
  local before after answer what="first request, container started for it"
  if [ -n "$(docker ps -q --filter label=maelstrom_component=hello_hello --filter "label=maelstrom.node=$(cat "$MAEL_DATA_DIR/node-id")")" ]; then
    what="request, container was awake"
  fi
  before=$(milliseconds)
  answer=$(request "$MAEL_PUBLIC_PORT" $host /)
  after=$(milliseconds)
  [[ $answer == "HTTP/1.1 200"* ]] || die "no answer from examples/hello:" "${answer:-nothing at all}" "See: bin/maelctl cluster ps, and .cache/up/maelstromd.log"
  say "curl http://$host:$MAEL_PUBLIC_PORT/"
  sed '1,/^\r*$/d' <<<"$answer"
  say "$what: $((after - before)) ms"
  before=$(milliseconds)
  request "$MAEL_PUBLIC_PORT" $host / >/dev/null
  say "the next request, container awake: $(($(milliseconds) - before)) ms"
}

make/go.sh
mkdir -p "$state"
exec 9>"$state/lock"
flock 9
make/engine.sh
say "build"
make --no-print-directory -s build
build_image
start_daemon
await_daemon
say "maelctl project apply -f examples/hello/maelstrom.yml"
bin/maelctl project apply -f examples/hello/maelstrom.yml
first_requests
cat <<TEXT

What to try next:
  curl http://$host:$MAEL_PUBLIC_PORT/                    (or open it in a browser)
  export MAEL_DATA_DIR=$MAEL_DATA_DIR
  bin/maelctl cluster ps                              what runs, and why
  bin/maelctl comp ls                                 after 30 s without a request: asleep
  bin/maelctl logs -f                                 the container's output
  edit examples/hello/maelstrom.yml, then bin/maelctl project diff -f examples/hello/maelstrom.yml
  make down                                           stop all of it, leave nothing
TEXT
