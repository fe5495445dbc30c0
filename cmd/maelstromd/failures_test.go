package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// broken is a component that can't run, and what everybody has to be told.
type broken struct {
	name   string
	image  string // empty: the test app
	lines  []string
	reason cluster.Reason
	words  []string // what the operator has to read, beginning with what the log says too
	fix    string   // what that ends with: where to write what; empty: nothing to write
}

// brokenComponents can't run for reasons that people meet.
func brokenComponents(t *testing.T) []broken {
	return []broken{
		{"noimage", "nothing.invalid/here:1", nil, cluster.ReasonPullFailed, []string{"does not answer the node"}, ""},
		{"exits", "", []string{environment("EXIT_CODE=3", "ERR=no money left|dial db: password=hunter2 refused", "DB_PASSWORD=hunter2")}, cluster.ReasonExited,
			[]string{"no money left", "exited with code 3", "password=(sensitive) refused"}, ".environment: write `- NAME=VALUE`"},
		{"ends", "", []string{environment("EXIT_CODE=0")}, cluster.ReasonExited, []string{"`command`", "foreground"}, ": write `command: [PROGRAM, ITS_ARGUMENTS]`"},
		{"outofmemory", "", []string{environment("MEMORY_MB=200"), "reservememory: 16", "limitmemory: 40"}, cluster.ReasonExited,
			[]string{"needs more than 40 MiB"}, ": write `limitmemory: 80`"},
		{"architecture", drivertest.BuildForeignImage(t), nil, cluster.ReasonExited, []string{"`image`", "not one for this node"}, ": write `image: NAME:TAG`"},
		{"variable", "", []string{environment("NEED=DATABASE_URL")}, cluster.ReasonExited,
			[]string{"the variable DATABASE_URL is not set"}, ".environment: write `- DATABASE_URL=VALUE`"},
		{"readonly", "", []string{environment("WRITE=/data/cache.db"), "volumes: [{source: " + t.TempDir() + ", target: /data, readonly: true}]"}, cluster.ReasonExited,
			[]string{"it can't write /data/cache.db", "mounts /data read-only"}, ".volumes, target /data: write `readonly: false`"},

		{"otherport", "", []string{environment("LISTEN=:9090")}, cluster.ReasonNeverListened,
			[]string{"listens on [::]:9090, not on port 8080", "the image exposes 8080/tcp"}, ": write `httpport: 9090`"},
		{"ownloopback", "", []string{environment("LISTEN=127.0.0.1:8080", "OUT=here I am")}, cluster.ReasonNeverListened,
			[]string{"127.0.0.1:8080, its own loopback", "0.0.0.0", "here I am"}, ".environment: write `- HOST=0.0.0.0`"},
		{"datagrams", "", []string{environment("LISTEN=udp::5353")}, cluster.ReasonNeverListened,
			[]string{"takes UDP only", "[::]:5353/udp"}, ": write `httpstarthealthcheckseconds: 60`"},
		{"noport", "", []string{environment("LISTEN=none")}, cluster.ReasonNeverListened,
			[]string{"no port at all after 2s"}, ": write `httpstarthealthcheckseconds: 60`"},
		{"slowboot", "", []string{environment("BOOT_MS=60000", "OUT=warming up")}, cluster.ReasonNeverListened,
			[]string{"no port at all after 2s", "warming up"}, ": write `httpstarthealthcheckseconds: 60`"},

		{"https", "", []string{environment("STATUS=301")}, cluster.ReasonUnhealthy,
			[]string{"`httphealthcheckpath`", "answered 301, a redirect to https://", "plain http"}, "`httpstarthealthcheckseconds: -1`"},
		{"denies", "", []string{environment("STATUS=401", "ERR=who is there?")}, cluster.ReasonUnhealthy,
			[]string{"`httphealthcheckpath`", "answered 401", "no credentials", "it listens on [::]:8080", "who is there?"}, "`httpstarthealthcheckseconds: -1`"},
		{"silent", "", []string{"httphealthcheckpath: /?ms=60000"}, cluster.ReasonUnhealthy,
			[]string{"`httphealthcheckpath`", "no HTTP answer within 2s"}, ": write `httphealthcheckpath: /A/FAST/PATH`"},

		{"nonetwork", "", []string{"networkname: nothing-here"}, cluster.ReasonExited, []string{"`networkname`"}, ": write `networkname: NAME`"},
		{"noprogram", "", []string{"entrypoint: [/nothing]"}, cluster.ReasonExited, []string{"`entrypoint`"}, ": write `entrypoint: [/PATH/OF/PROGRAM]`"},
		{"nouser", "", []string{"user: nobody"}, cluster.ReasonExited, []string{"`user`"}, ": write `user: \"1000:1000\"`"},
	}
}

func TestWhatCannotRunSaysWhyAndRecovers(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	var bad, good []web
	table := brokenComponents(t)
	for _, b := range table {
		w := web{name: b.name, image: image, lines: append([]string{"httpstarthealthcheckseconds: 2"}, b.lines...)}
		if b.image != "" {
			w.image = b.image
		}
		bad = append(bad, w)
		good = append(good, web{name: b.name, image: image})
	}
	n.apply(projectOf("broken", bad...))

	var all sync.WaitGroup
	for i, b := range table {
		all.Go(func() { n.checkBroken(t, b, bad[i].host()) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	n.apply(projectOf("broken", good...))
	fixed := time.Now()
	for i, b := range table {
		all.Go(func() {
			if !holdsWithin(patience, func() bool { return n.get(good[i].host(), "/").status == http.StatusOK }) {
				t.Errorf("%s: not served after it was repaired: %s", b.name, n.get(good[i].host(), "/"))
			}
		})
	}
	all.Wait()
	t.Logf("all %d are served %s after the repair", len(good), time.Since(fixed).Round(time.Millisecond))
	n.await("none tells of a failure after the repair", patience, func() bool {
		return !slices.ContainsFunc(n.ps(""), func(i rpc.Instance) bool { return i.Reason != cluster.ReasonNone || i.Message != "" })
	})
}

// checkBroken asks a component that can't run, and looks at what is told
// where, and at how often it is tried.
func (n *node) checkBroken(t *testing.T, b broken, host string) {
	component := "broken_" + b.name
	got := n.get(host, "/secret?token=1")
	first := time.Now()
	checkRefusal(t, b.name, got, b.reason)
	if strings.Contains(got.body, b.name) {
		t.Errorf("%s: the client reads %q", b.name, got.body)
	}
	list := n.ps(component)
	if len(list) != 1 {
		t.Errorf("%s: %d placements", b.name, len(list))
		return
	}
	b.checkMessage(t, list[0])
	if !holdsWithin(patience, func() bool { return n.log.has(component, "reason="+string(b.reason), b.words[0]) }) {
		t.Errorf("%s: not in the log: %s, %q", b.name, b.reason, b.words[0])
	}
	if n.log.has("hunter2") {
		t.Errorf("%s: the log has a secret", b.name)
	}

	// One more try after about one second, another two seconds after that,
	// then four: whoever asks meanwhile makes it no more often.
	const window = 6 * time.Second
	end := time.NewTimer(window - time.Since(first))
	defer end.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-end.C:
			waiting = false
		case <-tick.C:
			got := n.get(host, "/")
			checkRefusal(t, b.name+" again", got, b.reason)
		}
	}
	if tries := n.failedTries(component); tries > 4 {
		t.Errorf("%s: tried %d times in %s", b.name, tries, time.Since(first))
	}
	if !holdsWithin(patience, func() bool { return n.failedTries(component) >= 2 }) {
		t.Errorf("%s: not tried again", b.name)
	}
}

// checkMessage checks what cluster ps tells of an instance.
func (b *broken) checkMessage(t *testing.T, i rpc.Instance) {
	if i.Reason != b.reason {
		t.Errorf("%s: cluster ps tells %s, %s: %s; want %s", b.name, i.State, i.Reason, i.Message, b.reason)
		return
	}
	for _, word := range b.words {
		if !strings.Contains(i.Message, word) {
			t.Errorf("%s: cluster ps does not tell %q: %s", b.name, word, i.Message)
		}
	}
	if b.fix == "" {
		return
	}
	at := strings.LastIndex(i.Message, "in maelstrom.yml, components."+b.name)
	if at < 0 || !strings.HasSuffix(i.Message, b.fix) {
		t.Errorf("%s: cluster ps does not end with the line to write, %q: %s", b.name, b.fix, i.Message)
	}
	if strings.Contains(i.Message, "hunter2") {
		t.Errorf("%s: cluster ps tells a secret: %s", b.name, i.Message)
	}
}

// failedTries counts the starts of a component that failed, by the log.
func (n *node) failedTries(component string) int {
	tries := 0
	for line := range strings.Lines(n.log.String()) {
		if strings.Contains(line, "instance failed") && slices.Contains(strings.Fields(line), "component="+component) {
			tries++
		}
	}
	return tries
}

// checkRefusal checks what a client is told of a component that can't run.
func checkRefusal(t testing.TB, what string, got answer, reason cluster.Reason) {
	t.Helper()
	if got.err != nil || got.status != http.StatusServiceUnavailable || got.reason() != string(reason) {
		t.Errorf("%s: the client gets %s, want 503 %s", what, got, reason)
		return
	}
	if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 120 {
		t.Errorf("%s: Retry-After %q", what, got.header.Get("Retry-After"))
	}
	if got.header.Get("X-Request-Id") == "" {
		t.Errorf("%s: no X-Request-Id", what)
	}
	if got.body != "The component cannot run now" {
		t.Errorf("%s: the client reads %q", what, got.body)
	}
}
