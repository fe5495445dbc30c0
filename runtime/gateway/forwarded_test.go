package gateway

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// forwarded is a request as another node sends it.
func forwarded(component, placement string, body io.Reader) *http.Request {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, "http://shop.example/", body)
	r.Header.Set(proxy.FieldForward, component+" "+placement)
	r.Header.Set(proxy.FieldDeadlineMs, "60000")
	return r
}

// forward sends a request to an instance as another node does.
func (w *world) forward(component, placement string) *httptest.ResponseRecorder {
	return w.do(http.HandlerFunc(w.g.ServeForwarded), forwarded(component, placement, nil))
}

// beginForward is forward that returns at once.
func (w *world) beginForward(component, placement string) <-chan *httptest.ResponseRecorder {
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- w.forward(component, placement) }()
	return answer
}

// wantRefused tells that the node itself has answered.
func wantRefused(t testing.TB, rec *httptest.ResponseRecorder, status int, reason cluster.Reason) {
	t.Helper()
	wantAnswer(t, rec, status, reason)
	if got := rec.Header().Get(proxy.FieldForward); got != proxy.ForwardRefused {
		t.Errorf("%s: %q", proxy.FieldForward, got)
	}
}

// wantServed tells that the container has answered.
func wantServed(t testing.TB, rec *httptest.ResponseRecorder) {
	t.Helper()
	wantAnswer(t, rec, 200, "")
	if got, ok := rec.Header()[proxy.FieldForward]; ok {
		t.Errorf("%s: %q", proxy.FieldForward, got)
	}
}

// unread is a body that nobody may read.
type unread struct{ t testing.TB }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// What the asker has made of the request is what the container sees, but for
// what the nodes tell each other, and a moment that only one clock knows.
func TestForwardedIsPassedOnUnchanged(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		var seen *http.Request
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			seen = r
			rw.Header().Set(proxy.FieldForward, "refused") // of a container it says nothing
			rw.WriteHeader(http.StatusMisdirectedRequest)
		})
		r := forwarded("shop_web", "p", nil)
		sent := map[string]string{
			"X-Forwarded-For": "192.0.2.1, 10.0.0.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example:8443",
			"X-Forwarded-Port": "8443", "X-Request-Id": "the-asker's", "X-Request-Start": "t=1.000",
			"Maelstrom-Start-Nano": "17", "Traceparent": "00-1-2-01", "Cookie": "a=b",
		}
		for name, value := range sent {
			r.Header.Set(name, value)
		}
		r.Header.Set("Maelstrom-Deadline-Nano", "23")
		r.Header.Set("Connection", "X-Hop")
		r.Header.Set("X-Hop", "between the nodes")
		r.URL.Path, r.URL.RawQuery = "/a%2Fb//c", "x"
		r.RequestURI = "/a%2Fb//c?x"
		deadline := time.Now().Add(time.Minute)
		rec := httptest.NewRecorder()
		w.g.ServeForwarded(rec, r)
		wantAnswer(t, rec, http.StatusMisdirectedRequest, "")
		if _, ok := rec.Header()[proxy.FieldForward]; ok {
			t.Error("the container speaks as the node")
		}
		sent["Maelstrom-Deadline-Nano"] = strconv.FormatInt(deadline.UnixNano(), 10)
		got := map[string]string{}
		for name, values := range seen.Header {
			got[name] = strings.Join(values, "|")
		}
		if !maps.Equal(got, sent) || seen.RequestURI != "/a%2Fb//c?x" || seen.Host != "shop.example" {
			t.Errorf("the container sees %s, %s, %v, want %v", seen.Host, seen.RequestURI, got, sent)
		}
	})
}

// Only the client's own expectation reaches the container.
func TestForwardedExpectations(t *testing.T) {
	for name, client := range map[string]string{"of the asker": "", "of the client": "100-continue"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", nil)
				var seen string
				w.serving("p", "shop_web", 0, func(_ http.ResponseWriter, r *http.Request) {
					seen = r.Header.Get("Expect")
					io.Copy(io.Discard, r.Body)
				})
				r := forwarded("shop_web", "p", strings.NewReader("body"))
				r.Header.Set("Expect", "100-continue")
				if client != "" {
					r.Header.Set(proxy.FieldExpect, client)
				}
				w.do(http.HandlerFunc(w.g.ServeForwarded), r) // a recorder takes 100 Continue for the answer
				if seen != client {
					t.Errorf("the container sees %q", seen)
				}
			})
		})
	}
}

// A request that can't have its instance goes back as it was.
func TestForwardedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		component, placement string
		before               func(w *world)
		status               int
		reason               cluster.Reason
	}{
		"unknown component":    {"shop_other", "p", nil, 421, cluster.ReasonGone},
		"unknown placement":    {"shop_web", "q", nil, 421, cluster.ReasonGone},
		"of another component": {"shop_api", "p", nil, 421, cluster.ReasonGone},
		"of another node":      {"shop_web", "far", nil, 421, cluster.ReasonGone},
		"not ready": {"shop_web", "p", func(w *world) {
			w.state("p", cluster.InstanceStarting)
		}, 421, cluster.ReasonGone},
		"to be stopped": {"shop_web", "p", func(w *world) { w.want("p", cluster.WantStop) }, 421, cluster.ReasonDraining},
		"draining": {"shop_web", "p", func(w *world) {
			w.state("p", cluster.InstanceDraining)
		}, 421, cluster.ReasonDraining},
		"drained here": {"shop_web", "p", func(w *world) {
			if err := w.g.Drain(w.t.Context(), "p"); err != nil {
				w.t.Error(err)
			}
		}, 421, cluster.ReasonDraining},
		"the node ends":  {"shop_web", "p", func(w *world) { w.g.RefuseForwarded() }, 421, cluster.ReasonDraining},
		"removed":        {"shop_web", "p", func(w *world) { w.remove("p") }, 421, cluster.ReasonGone},
		"not to be had":  {"shop_web", "p", func(w *world) { w.kill("p") }, 421, cluster.ReasonGone},
		"says not where": {"shop_web", "", nil, 421, cluster.ReasonGone},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.t = t
				w.component("shop_web", nil)
				w.component("shop_api", nil)
				w.serving("p", "shop_web", 0, ok)
				w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{"far": {
					ID: "far", Component: "shop_web", Slot: 1, Node: "node-2", Want: cluster.WantRun, PlacedVersion: 1,
				}}})
				w.change(func(s *cluster.Snapshot) *cluster.Snapshot {
					return s.WithInstances(cluster.InstanceList{Node: "node-2", Counter: 1, Instances: []cluster.Instance{
						{Placement: "far", Node: "node-2", State: cluster.InstanceReady, Address: "upstream-0:80"},
					}})
				})
				if c.before != nil {
					c.before(w)
				}
				rec := w.do(http.HandlerFunc(w.g.ServeForwarded), forwarded(c.component, c.placement, unread{t}))
				wantRefused(t, rec, c.status, c.reason)
				if n := w.wakes.Load(); n > 0 {
					t.Errorf("%d wakes", n)
				}
			})
		})
	}
}

// What this node itself would send on, it does not for others.
func TestForwardedGoesNoFurther(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		asked := 0
		n := w.other("node-3", func(rw http.ResponseWriter, r *http.Request) { asked++ })
		n.serving("far", "shop_web", 0)
		wantAnswer(t, w.get("shop_web"), 200, "")
		if asked != 1 {
			t.Fatalf("the other node was asked %d times", asked)
		}
		wantRefused(t, w.forward("shop_web", "far"), 421, cluster.ReasonGone)
		if asked != 1 {
			t.Error("a second hop")
		}
	})
}

func TestForwardedThatIsNoRequest(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		r := forwarded("shop_web", "p", nil)
		r.Header.Set(proxy.FieldForward, "shop_web")
		wantRefused(t, w.do(http.HandlerFunc(w.g.ServeForwarded), r), 400, "")
	})
}

// A drain waits for what other nodes have in flight, whatever the snapshot
// forgets meanwhile.
func TestDrainWaitsForForwarded(t *testing.T) {
	for name, forget := range map[string]func(w *world){
		"known": func(*world) {},
		"without a component": func(w *world) {
			w.put(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": nil}})
		},
		"without a placement": func(w *world) { w.remove("p") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", nil)
				h := newHeld()
				w.serving("p", "shop_web", 0, h.serve)
				answer := w.beginForward("shop_web", "p")
				<-h.arrived
				forget(w)
				synctest.Wait()
				drained := make(chan error, 1)
				go func() { drained <- w.g.Drain(t.Context(), "p") }()
				<-time.After(30 * time.Second)
				if len(drained) > 0 {
					t.Fatal("drained with a request in flight")
				}
				close(h.release)
				wantServed(t, <-answer)
				if err := <-drained; err != nil {
					t.Errorf("drain: %v", err)
				}
				synctest.Wait()
				wantRefused(t, w.forward("shop_web", "p"), 421, map[string]cluster.Reason{
					"known": cluster.ReasonDraining, "without a component": cluster.ReasonGone, "without a placement": cluster.ReasonGone,
				}[name])
			})
		})
	}
}

// What went wrong after the container had the request is the answer.
func TestForwardedThatFails(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			switch r.URL.Path {
			case "/break":
				panic(http.ErrAbortHandler)
			case "/cut":
				rw.Header().Set("Content-Length", "10")
				io.WriteString(rw, "half")
				http.NewResponseController(rw).Flush()
				panic(http.ErrAbortHandler)
			default:
				<-r.Context().Done()
			}
		})
		ask := func(path string) *httptest.ResponseRecorder {
			r := forwarded("shop_web", "p", strings.NewReader("body"))
			r.URL.Path = path
			return w.do(http.HandlerFunc(w.g.ServeForwarded), r)
		}
		wantRefused(t, ask("/break"), 502, cluster.ReasonExited)
		wantRefused(t, ask("/late"), 504, cluster.ReasonUnhealthy)
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("an answer that broke off ended with %v", v)
			}
		}()
		ask("/cut")
	})
}

// Nothing that failed to be dialled is lost for the next one.
func TestForwardedAfterAFailedDial(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		w.kill("p")
		wantRefused(t, w.forward("shop_web", "p"), 421, cluster.ReasonGone)
		w.run("p", ok)
		wantServed(t, w.forward("shop_web", "p"))
	})
}

func TestForwardedIsCountedAndLogged(t *testing.T) {
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	bubble(t, Options{Registerer: registry, AccessLog: slog.New(slog.NewTextHandler(&log, nil))}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		answers := []<-chan *httptest.ResponseRecorder{w.beginForward("shop_web", "p")}
		<-h.arrived
		for range 2 {
			answers = append(answers, w.beginForward("shop_web", "p"))
		}
		synctest.Wait()
		if got := counters(t, registry, "maelstrom_forwarded_requests_waiting"); got[""] != 2 {
			t.Errorf("waiting: %v", got)
		}
		w.forward("shop_web", "p")
		w.forward("shop_web", "q")
		close(h.release)
		for _, answer := range answers {
			<-answer
		}
		w.g.RefuseForwarded()
		w.forward("shop_web", "p")
		want := map[string]float64{"served": 3, "full": 1, "gone": 1, "draining": 1, "timeout": 0, "failed": 0, "abandoned": 0}
		if got := counters(t, registry, "maelstrom_forwarded_requests_total"); !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
		if got := counters(t, registry, "maelstrom_requests_total"); got["200"] != 0 {
			t.Errorf("counted as requests of the component: %v", got)
		}
	})
	if lines := strings.Count(log.String(), "forwarded_by=192.0.2.1:1234"); lines != 6 {
		t.Errorf("%d lines in the access log:\n%s", lines, &log)
	}
}

// counters are the values of a metric by its first label.
func counters(t testing.TB, from prometheus.Gatherer, name string) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				values[firstLabel(m)] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return values
}

func firstLabel(m *dto.Metric) string {
	if len(m.GetLabel()) == 0 {
		return ""
	}
	return m.GetLabel()[0].GetValue()
}
