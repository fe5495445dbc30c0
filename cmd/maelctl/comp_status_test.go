package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// brokenWeb is a component whose version 5 has failed, and version 4 runs on.
func brokenWeb() rpc.ComponentStatus {
	ago := func(d time.Duration) *time.Time { at := time.Now().Add(-d); return &at }
	status := rpc.ComponentStatus{
		Component: rpc.Component{
			Name: "shop_web", Project: "shop", Image: "shop/web:5", Version: 5, State: rpc.ComponentReady, InstancesReady: 1, MinInstances: 1, MemoryReservedMiB: 128,
			Reason: cluster.ReasonExited, Message: "version 5 is not rolled out: it exits with 3; version 4 runs on",
			Rollout: rpc.Rollout{
				State: rpc.RolloutFailed, Version: 5, RestartVersion: 5, Runs: 4, Proven: 4, Kept: 4, Tries: 3,
				Reason: cluster.ReasonExited, Message: "version 5 is not rolled out: it exits with 3; version 4 runs on", Since: ago(5 * time.Minute),
			},
		},
		Instances: []rpc.Instance{
			webInstance("a", 0, 4, cluster.InstanceReady),
			webInstance("b", 1, 5, cluster.InstanceBackoff),
		},
	}
	one, two := &status.Instances[0], &status.Instances[1]
	one.ImageDigest, one.Address, one.Since = "sha256:4f2a9c1b0d3e5566", "127.0.0.1:3000", ago(3*time.Hour)
	one.LastFailure, one.LastFailureAt, one.LastFailureDetail, one.Restarts = cluster.ReasonUnhealthy, ago(4*time.Hour), "GET / answers 500", 1
	two.Reason, two.Message, two.Since = cluster.ReasonExited, "it exits\nwith 3", ago(10*time.Second)
	return status
}

func TestStatusOfAComponent(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*rpc.ComponentStatus)
		want   string
	}{
		"failed": {func(*rpc.ComponentStatus) {}, `shop_web ready, version 5 failed
project shop, image shop/web:5, 1 ready of 1 to any number, 128 MiB each
version 5 is not rolled out: it exits with 3; version 4 runs on
failed 5m ago (try 3): exited; it is not tried again before the component is changed or restarted

SLOT  STATE    SINCE  VERSION  NODE  RESTARTS  ADDRESS         RUNS          LAST FAILURE
0     ready    3h     4        n1    1         127.0.0.1:3000  4f2a9c1b0d3e  unhealthy 4h ago
1     backoff  10s    5        n1    0         -               -             -

slot 0 failed last: GET / answers 500

slot 1 fails: it exits | with 3
`},
		"proving": {func(s *rpc.ComponentStatus) {
			s.Component.Reason, s.Component.Message, s.Component.MaxInstances = "", "", 4
			s.Component.Rollout.State, s.Component.Rollout.Message = rpc.RolloutProving, "version 5 waits for an instance that proves it"
			s.Instances = nil
		}, `shop_web ready, version 5 to be proven
project shop, image shop/web:5, 1 ready of 1 to 4, 128 MiB each
version 5 waits for an instance that proves it
declared 5m ago; version 4 is kept until it is proven
`},
		"done, and a suspect": {func(s *rpc.ComponentStatus) {
			s.Component.Rollout = rpc.Rollout{State: rpc.RolloutDone}
			s.Component.Reason, s.Component.Message = "", ""
			s.Instances = s.Instances[:1]
			s.Instances[0].Suspect, s.Instances[0].FailedChecks, s.Instances[0].Message = true, 3, "GET / answers 503"
		}, `shop_web ready, version 5 rolled out
project shop, image shop/web:5, 1 ready of 1 to any number, 128 MiB each

SLOT  STATE                             SINCE  VERSION  NODE  RESTARTS  ADDRESS         RUNS          LAST FAILURE
0     ready, suspect (3 failed checks)  3h     4        n1    1         127.0.0.1:3000  4f2a9c1b0d3e  unhealthy 4h ago

slot 0 fails: GET / answers 503
`},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, _ := testApp(nil)
			status := brokenWeb()
			test.change(&status)
			var out bytes.Buffer
			if err := printComponent(&out, a, status); err != nil || out.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), test.want)
			}
			a.stdoutTTY = true
			var coloured bytes.Buffer
			if err := printComponent(&coloured, a, status); err != nil || !strings.HasPrefix(coloured.String(), "\x1b[1mshop_web\x1b[0m") {
				t.Errorf("on a terminal %q, %v", coloured.String(), err)
			}
		})
	}
}

func TestWhenAFailedRollOutIsTriedAgain(t *testing.T) {
	at := time.Now().Add(40*time.Second + 300*time.Millisecond)
	if got := again(rpc.Rollout{RetryAt: &at}); !strings.HasPrefix(got, "it is tried again in 40s") && !strings.HasPrefix(got, "it is tried again in 3") {
		t.Errorf("%q", got)
	}
}

// watch shows a component that goes from broken to rolled out, and then ends.
func watch(t *testing.T, terminal bool, args ...string) string {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ ID json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
		}
		status := brokenWeb()
		status.Component.Rollout.Since, status.Instances = nil, status.Instances[1:]
		status.Instances[0].Since = nil
		if asked++; asked > 1 {
			status.Component.Rollout = rpc.Rollout{State: rpc.RolloutDone, Version: 5, RestartVersion: 5}
			status.Instances[0] = webInstance("b", 1, 5, cluster.InstanceReady)
		}
		if asked > 2 {
			end()
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": status})
	}))
	defer server.Close()
	a, stdout, stderr := testApp(map[string]string{"MAELSTROM_API_TOKEN": "x"})
	a.stdoutTTY = terminal
	if code := a.run(ctx, append([]string{"--url", server.URL, "comp", "status", "shop_web", "--watch"}, args...)); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	return clock.ReplaceAllString(stdout.String(), "")
}

func TestWatchedComponent(t *testing.T) {
	lines := watch(t, false)
	first, _, _ := strings.Cut(lines, "\n")
	if first != "shop_web ready, version 5 failed" || !strings.HasSuffix(lines, "\nshop_web version 5: rolled out\nshop_web slot 1 version 5 on n1: ready\n") {
		t.Errorf("in a pipe\n%s", lines)
	}
	if drawn := watch(t, true); strings.Count(drawn, redraw) < 2 || !strings.Contains(drawn, "rolled out") {
		t.Errorf("on a terminal\n%s", drawn)
	}
	if documents := watch(t, false, "--jq", ".component.rollout.state"); documents != "failed\nrolled_out\n" {
		t.Errorf("for programs\n%s", documents)
	}
}
