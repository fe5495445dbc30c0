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
	"maelstrom/runtime/drivertest"
)

// broken is a component that can't run, and what everybody has to be told.
type broken struct {
	name    string
	image   string // empty: the test app
	lines   []string
	reason  cluster.Reason
	message string // what the operator has to read, the key to change above all
}

var brokenComponents = []broken{
	{name: "noimage", image: "nothing.invalid/here:1", reason: cluster.ReasonPullFailed, message: "does not answer the node"},
	{name: "exits", lines: []string{environment("EXIT_CODE=3", "ERR=no money left")}, reason: cluster.ReasonExited, message: "no money left"},
	{name: "ends", lines: []string{environment("EXIT_CODE=0")}, reason: cluster.ReasonExited, message: "`command`"},
	{name: "otherport", lines: []string{environment("LISTEN=:9090")}, reason: cluster.ReasonNeverListened, message: "`httpport: 9090`"},
	{name: "ownloopback", lines: []string{environment("LISTEN=127.0.0.1:8080")}, reason: cluster.ReasonNeverListened, message: "0.0.0.0"},
	{name: "noport", lines: []string{environment("LISTEN=none")}, reason: cluster.ReasonNeverListened, message: "`httpport`"},
	{name: "https", lines: []string{environment("STATUS=301")}, reason: cluster.ReasonUnhealthy, message: "`httphealthcheckpath`"},
	{name: "denies", lines: []string{environment("STATUS=401")}, reason: cluster.ReasonUnhealthy, message: "`httphealthcheckpath`"},
	{name: "silent", lines: []string{"httphealthcheckpath: /?ms=60000"}, reason: cluster.ReasonUnhealthy, message: "`httphealthcheckpath`"},
	{name: "nosource", lines: []string{"volumes: [{source: /nothing/here, target: /data}]"}, reason: cluster.ReasonExited, message: "`volumes`"},
	{name: "nonetwork", lines: []string{"networkname: nothing-here"}, reason: cluster.ReasonExited, message: "`networkname`"},
	{name: "noprogram", lines: []string{"entrypoint: [/nothing]"}, reason: cluster.ReasonExited, message: "`entrypoint`"},
	{name: "nouser", lines: []string{"user: nobody"}, reason: cluster.ReasonExited, message: "`user`"},
}

func TestWhatCannotRunSaysWhyAndRecovers(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	var bad, good []web
	for _, b := range brokenComponents {
		w := web{name: b.name, image: image, lines: append([]string{"httpstarthealthcheckseconds: 2"}, b.lines...)}
		if b.image != "" {
			w.image = b.image
		}
		bad = append(bad, w)
		good = append(good, web{name: b.name, image: image})
	}
	n.apply(projectOf("broken", bad...))

	var all sync.WaitGroup
	for i, b := range brokenComponents {
		all.Go(func() { n.checkBroken(t, b, bad[i].host()) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	n.apply(projectOf("broken", good...))
	fixed := time.Now()
	for i, b := range brokenComponents {
		all.Go(func() {
			if !holdsWithin(patience, func() bool { return n.get(good[i].host(), "/").status == http.StatusOK }) {
				t.Errorf("%s: not served after it was repaired: %s", b.name, n.get(good[i].host(), "/"))
			}
		})
	}
	all.Wait()
	t.Logf("all %d are served %s after the repair", len(good), time.Since(fixed).Round(time.Millisecond))
	for _, i := range n.ps("") {
		if i.Reason != cluster.ReasonNone || i.Message != "" {
			t.Errorf("%s is repaired, but tells %s: %s", i.Component, i.Reason, i.Message)
		}
	}
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
	if i := list[0]; i.Reason != b.reason || !strings.Contains(i.Message, b.message) {
		t.Errorf("%s: cluster ps tells %s, %s: %s; want %s and %q", b.name, i.State, i.Reason, i.Message, b.reason, b.message)
	}
	if !holdsWithin(patience, func() bool { return n.log.has(component, "reason="+string(b.reason), b.message) }) {
		t.Errorf("%s: not in the log: %s, %q", b.name, b.reason, b.message)
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
