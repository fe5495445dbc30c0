package main

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"maelstrom/runtime/drivertest"
)

const growthRounds = 10

// BenchmarkGrowth measures how long after a load has grown the engine has made
// the next container: where what was learned says that the queue will last, and
// where only the time says so for which nobody is answered.
func BenchmarkGrowth(b *testing.B) {
	for b.Loop() {
		n := newNode(b, "MAEL_LOG_LEVEL=info")
		n.apply(projectOf("growth", web{name: "web", image: drivertest.BuildImage(b), lines: []string{"maxinstances: 2"}}))
		seen := n.engine.watch(b, n.id)
		var known, silent []float64
		for range growthRounds {
			known = append(known, n.growth(b, seen, "/?ms=200", 20))
			silent = append(silent, n.growth(b, seen, "/", 2))
		}
		b.ReportMetric(quantile(known, 0.5), "ms-known-p50")
		b.ReportMetric(quantile(known, 0.99), "ms-known-p99")
		b.ReportMetric(quantile(silent, 0.5), "ms-silent-p50")
		b.ReportMetric(quantile(silent, 0.99), "ms-silent-p99")
		b.ReportMetric(0, "ns/op")
		n.cleanUp()
	}
}

// growth wakes a component, lets it learn how long requests take, and sends
// some at once, which stay until a second container was made.
func (n *node) growth(b *testing.B, seen *history, path string, requests int) (ms float64) {
	b.Helper()
	n.asleep(b, "growth_web")
	for range 8 {
		n.mustGet("web.localhost", path)
	}
	made := len(seen.of(events.ActionCreate, ""))
	var all sync.WaitGroup
	defer all.Wait()
	signal := time.Now()
	for range requests {
		body, end := io.Pipe()
		defer end.Close()
		all.Go(func() { do(n.request(b.Context(), http.MethodPost, "web.localhost", "/upload", body)) })
	}
	n.await("a second container", patience, func() bool { return len(seen.of(events.ActionCreate, "")) > made })
	return milliseconds(at(seen.of(events.ActionCreate, "")[made]).Sub(signal))
}
