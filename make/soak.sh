#!/usr/bin/env bash
# Long tests, by scenario: make soak SCENARIO=fuzz
#
# A scenario is a list of steps. Those that went well are noted in
# .cache/soak/SCENARIO, so that a run that was stopped goes on where it was;
# FRESH=1 starts anew.
. "$(dirname "$0")/lib.sh"

scenario=${1:-}
done_steps=.cache/soak/$scenario

# step NAME COMMAND... runs a command unless it went well before.
step() {
  local name=$1
  shift
  if grep -qxF "$name" "$done_steps" 2>/dev/null; then
    say "$name: done before"
    return
  fi
  say "$name"
  "$@"
  echo "$name" >>"$done_steps"
}

# fuzz: each fuzzer for FUZZTIME (a minute).
fuzz() {
  local file name
  while IFS=: read -r file name; do
    name=${name#func }
    step "$name in $(dirname "$file") for ${FUZZTIME:-1m}" \
      go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-1m}" "$(dirname "$file")"
  done < <(grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort)
}

# simulation: SEEDS (1000) random histories of a node in virtual time.
simulation() {
  local first
  for ((first = 1; first <= ${SEEDS:-1000}; first += 100)); do
    step "seeds from $first" go test -run RandomHistories -timeout 30m ./cmd/maelstromd/daemon -sim.first "$first" -sim.seeds 100
  done
}

# cluster: SEEDS (2000) random histories of a cluster in virtual time.
cluster() {
  local first
  for ((first = 1; first <= ${SEEDS:-2000}; first += 50)); do
    step "seeds from $first" go test -run '^TestPromisesHoldInRandomHistoriesOfClusters$' -timeout 30m ./cmd/maelstromd/daemon -cluster.first "$first" -cluster.seeds 50 -cluster.steps 40
  done
}

# clocks: SEEDS (500) of those with a clock for each node, up to an hour off and
# set now and then, by a time.Now of their own.
clocks() {
  local dir=$root/.cache/clocks source first
  source=$(go env GOROOT)/src/time/time.go
  mkdir -p "$dir"
  sed -e 's|^\t_ "unsafe"|\t"unsafe"|' -e '/^func Now() Time {/,/^}/s|^\t\treturn Time{uint64(nsec), sec + unixToInternal, Local}|\t\tsec, nsec, mono = ownTime(sec, nsec)|' "$source" >"$dir/time.go"
  grep -q ownTime "$dir/time.go" || die "time.Now of this Go is another one than is known here: $source"
  cat cmd/maelstromd/daemon/testdata/clocks/time.go.txt >>"$dir/time.go"
  printf '{"Replace": {"%s": "%s"}}\n' "$source" "$dir/time.go" >"$dir/overlay.json"
  for ((first = 1; first <= ${SEEDS:-500}; first += 50)); do
    step "seeds from $first" go test -overlay "$dir/overlay.json" -tags clocks -run '^TestPromisesHoldInRandomHistoriesOfClusters$' -timeout 30m \
      ./cmd/maelstromd/daemon -cluster.first "$first" -cluster.seeds 50 -cluster.steps 40
  done
}

# histories: SEEDS (200) random histories on each database, put in order.
histories() {
  make/databases.sh
  local first
  for ((first = 1; first <= ${SEEDS:-200}; first += 20)); do
    step "seeds from $first" go -C e2e test -run '^TestHistories$' -timeout 30m ./histories -histories.first "$first" -histories.seeds 20
  done
}

# kills: KILLS (1000) kills of a daemon that applies a source.
kills() {
  make/engine.sh
  local first
  for ((first = 1; first <= ${KILLS:-1000}; first += 50)); do
    step "kills from $first" go test -run '^TestAKillLeavesProjectsWhole$' -timeout 30m ./cmd/maelstromd -gitops.kills 50
  done
}

# logs: a container that writes 10 GiB (FLOOD_MIB) leaves its ring at the cap.
logs() {
  make/engine.sh
  step "${FLOOD_MIB:-10240} MiB of output" go test -run '^TestAFloodLeavesTheRingAtItsCap$' -timeout 3h -v \
    ./cmd/maelstromd -logs.flood "${FLOOD_MIB:-10240}"
}

# restarts: a daemon under load is restarted, and upgraded in place, ROUNDS (20)
# times each.
restarts() {
  make/engine.sh
  step "${ROUNDS:-20} restarts and upgrades" go test -run '^Test(ARestartWithInheritedSocketsFailsNoRequest|AnUpgradeInPlaceFailsNoRequest|AnUpgradeLosesNoCallBetweenComponents)$' \
    -timeout 1h -v ./cmd/maelstromd -upgrade.rounds "${ROUNDS:-20}"
}

# deploys: RATE (500) requests a second while a component is deployed 50 times
# with each restartorder, put to sleep 100 times, its daemon restarted and
# upgraded 20 times each, and its container killed 20 times; broken versions
# and pulls; 100 WebSockets and 100 event streams across a deploy.
deploys() {
  make/engine.sh
  local i order
  for order in startstop stopstart; do
    for i in 1 2 3 4 5; do
      steady "10 deploys with $order, part $i" "AcrossDeploys/$order" -steady.deploys 10
    done
  done
  for i in 1 2 3 4 5; do steady "20 sleeps, part $i" AcrossSleeps -steady.sleeps 20; done
  for i in 1 2; do steady "10 restarts and 10 upgrades, part $i" AcrossRestarts -steady.restarts 10; done
  for i in 1 2; do steady "10 kills, part $i" AcrossKills -steady.kills 10; done
  step "broken versions" go test -run '^TestA(Broken(Version|FirstVersion)|VersionThatCannotBePulled)' -timeout 30m -v ./cmd/maelstromd -rollout.all
  step "100 WebSockets and 100 event streams" go test -run '^TestStreamsAcross' -timeout 30m -v ./cmd/maelstromd -streams 100
}

# steady NAME TEST FLAG... is a step of tests under steady requests.
steady() {
  local name=$1 run=$2
  shift 2
  step "$name" go test -run "^TestSteadyRequests$run\$" -timeout 1h -v ./cmd/maelstromd -steady.rate "${RATE:-500}" "$@"
}

# rolling: RATE (300) requests a second through HAProxy and directly, for a
# component on each node and for one on one node, while the three nodes of a
# cluster are restarted, upgraded and downgraded, one after the other, 10 times
# on PostgreSQL and on MariaDB; and 20 nodes join.
rolling() {
  make/engine.sh
  make/databases.sh
  make/haproxy.sh
  local i server
  for i in 1 2; do
    for server in postgres mariadb; do
      rolled "5 rolling restarts on $server, part $i" ARollingRestartFailsNoRequest "$server"
      rolled "5 rolling upgrades and downgrades on $server, part $i" ARollingUpgradeAndDowngradeFailNoRequest "$server"
    done
  done
  step "20 nodes join" go test -run '^TestANewNodeIsPlacedOn$' -timeout 1h -v ./cmd/maelstromd -rolling.joins 20
}

# rolled NAME TEST SERVER is a step of tests of rolling changes, whose load comes four
# ways.
rolled() {
  step "$1" go test -run "^Test$2\$" -timeout 1h -v ./cmd/maelstromd -rolling.rate $((${RATE:-300} / 4)) -rolling.rounds 5 -rolling.server "$3"
}

# autoscale: components of one daemon whose loads grow at the same time: from 1
# to 100 clients at once and one by one, in square waves of a minute, by 25
# requests of 30 s that have an instance each, and by requests that need a
# processor for 100 ms; then the first goes down to one client. Before that, what
# was learned of a component keeps it awake across a restart.
autoscale() {
  make/engine.sh
  step "five idle times" go test -run '^TestHabitsOutliveTheDaemon$' -timeout 30m -v ./cmd/maelstromd -learned.idles 5
  step "loads that grow" go test -run '^TestCapacityFollowsLoad$' -timeout 1h -v ./cmd/maelstromd \
    -autoscale.crowd 100 -autoscale.long 30s -autoscale.waves 5 -autoscale.half 30s -autoscale.down
}

# faults: three daemons on each database: HERD (10000) requests at once to one
# sleeping component, 1,000 sleepers in a second, KILLS (400, 100 of each role) of
# holders and FREEZES (20) of them under load, and each partition for OUTAGE (60s).
faults() {
  make/engine.sh
  make/databases.sh
  local on first
  step "1000 sleepers in a second" go test -run '^TestManySleepersInASecond$' -timeout 30m -v ./cmd/maelstromd/daemon -sleepers 1000
  for on in postgres mariadb; do
    step "$on, ${HERD:-10000} requests at once" go test -run "^TestThreeDaemons\$/^$on\$" -timeout 1h -v ./cmd/maelstromd -trio.herd "${HERD:-10000}"
    for ((first = 1; first <= ${KILLS:-400} / 2; first += 20)); do
      step "$on, kills from $first" go test -run '^TestRolesOutliveTheirHolders$' -timeout 1h -v \
        ./cmd/maelstromd -faults.on $on -faults.kills 20 -faults.bound 4s
    done
    step "$on, ${FREEZES:-20} freezes" go test -run '^TestAFrozenHolderIsFenced$' -timeout 1h -v \
      ./cmd/maelstromd -faults.on $on -faults.freezes "${FREEZES:-20}" -faults.bound 4s
    step "$on, partitions of ${OUTAGE:-60s}" go test -run '^TestPartitionsFailNoRequestToWhatRuns$' -timeout 2h -v \
      ./cmd/maelstromd -faults.on $on -faults.all -faults.outage "${OUTAGE:-60s}" -faults.recovery 10s
  done
}

# simulate: requests are recorded for LENGTH (5m), replayed against containers,
# and what was foretold of them compared.
simulate() {
  make/engine.sh
  step "${LENGTH:-5m} of requests" go test -run '^TestSimulationForetellsReality$' -timeout 3h -v ./cmd/maelstromd -simulate.length "${LENGTH:-5m}"
}

case $scenario in
  autoscale | clocks | cluster | deploys | faults | fuzz | histories | kills | logs | restarts | rolling | simulate | simulation)
    mkdir -p .cache/soak
    if [ -n "${FRESH:-}" ]; then rm -f "$done_steps"; fi
    "$scenario"
    say "$scenario: $(wc -l <"$done_steps") steps went well"
    ;;
  *) die "unknown scenario '$scenario'" "Scenarios: autoscale, clocks, cluster, deploys, faults, fuzz, histories, kills, logs, restarts, rolling, simulate, simulation. Example: make soak SCENARIO=fuzz" ;;
esac
