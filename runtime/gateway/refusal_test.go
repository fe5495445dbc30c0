package gateway

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
	"maelstrom/project"
)

// TestFailuresOfNobodyElseAreLogged meets what no other part of a node knows
// of: a queue that is full, a wait that is too long, an answer that breaks off.
func TestFailuresOfNobodyElseAreLogged(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		opt  Options
		meet func(t *testing.T, w *world)
	}{
		"queue full": {`reason=queue_full waited=0s`, Options{QueueLimit: 1}, func(t *testing.T, w *world) {
			w.place("p", "shop_web", 0)
			first := w.begin("shop_web")
			synctest.Wait()
			wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonQueueFull)
			wantAnswer(t, <-first, 504, cluster.ReasonQueueTimeout)
		}},
		"too late": {`reason=queue_timeout waited=5s`, Options{}, func(t *testing.T, w *world) {
			w.place("p", "shop_web", 0)
			wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
		}},
		"broken off": {`status=200 bytes=4 error="answer cut short`, Options{}, func(t *testing.T, w *world) {
			w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Content-Length", "9")
				io.WriteString(rw, "half")
				http.NewResponseController(rw).Flush()
				panic(http.ErrAbortHandler)
			})
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Error("the client is not told that the answer broke off")
				}
			}()
			w.g.Public().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://shop_web/", nil))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c.opt.Logger = slog.New(slog.NewTextHandler(&out, nil))
			bubble(t, c.opt, func(t *testing.T, w *world) {
				w.component("shop_web", func(spec *project.Component) { spec.MaxDurationSeconds = 5 })
				c.meet(t, w)
			})
			if !strings.Contains(out.String(), "level=WARN") || !strings.Contains(out.String(), c.log) || !strings.Contains(out.String(), "component=shop_web") {
				t.Errorf("the log lacks %s:\n%s", c.log, out.String())
			}
		})
	}
}
