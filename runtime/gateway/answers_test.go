package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// bubble runs a story with a gateway in virtual time.
func bubble(t *testing.T, opt Options, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, opt)
		defer w.end()
		story(t, w)
	})
}

func TestNoComponentMatches(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.route("gone-http", "shop_gone", project.HTTPSource{Hostname: "gone"})
		for name, r := range map[string]*http.Request{
			"host":              httptest.NewRequest("GET", "http://other/", nil),
			"HEAD":              httptest.NewRequest("HEAD", "http://other/", nil),
			"OPTIONS":           httptest.NewRequest("OPTIONS", "http://other/", nil),
			"POST":              httptest.NewRequest("POST", "http://other/", strings.NewReader("x")),
			"health check, sub": httptest.NewRequest("GET", "http://other/_mael_health_check/x", nil),
			"health check, ask": httptest.NewRequest("GET", "http://other/_mael_health_check?", nil),
			"missing component": httptest.NewRequest("GET", "http://gone/", nil),
		} {
			rec := w.do(w.g.Public(), r)
			wantAnswer(t, rec, 404, cluster.ReasonNotFound)
			if rec.Body.String() != "No component matches the request" || rec.Header().Get("X-Request-Id") == "" ||
				!strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain") {
				t.Errorf("%s: body %q, header %v", name, rec.Body, rec.Header())
			}
		}
	})
}

func TestRequestIDOfTheClientIsKept(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		r := httptest.NewRequest("GET", "http://other/", nil)
		r.Header.Set("X-Request-Id", "mine-1")
		if id := w.do(w.g.Public(), r).Header().Get("X-Request-Id"); id != "mine-1" {
			t.Errorf("request id %q", id)
		}
	})
}

func TestHealthCheck(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		for _, h := range []http.Handler{w.g.Public(), w.g.Private()} {
			r := httptest.NewRequest("GET", "http://any/_mael_health_check", nil)
			r.Header.Set("Maelstrom-Component", "none")
			if rec := w.do(h, r); rec.Code != 200 || rec.Body.String() != "OK" ||
				!strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain") {
				t.Errorf("healthy: %d %q", rec.Code, rec.Body)
			}
			w.g.SetLeaving(true)
			if rec := w.do(h, r); rec.Code != 503 {
				t.Errorf("leaving: %d", rec.Code)
			}
			w.g.SetLeaving(false)
		}
	})
}

func TestRoutesAndTargets(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.component("shop_api", nil)
		w.route("api", "shop_api", project.HTTPSource{Hostname: "shop_web", PathPrefix: "/api", StripPrefix: true})
		for _, c := range []string{"shop_web", "shop_api"} {
			w.serving("p-"+c, c, 0, func(rw http.ResponseWriter, r *http.Request) {
				io.WriteString(rw, c+" "+r.Host+" "+r.RequestURI)
			})
		}
		for target, want := range map[string]string{
			"/":             "shop_web shop_web /",
			"/a%2Fb?q=%zz":  "shop_web shop_web /a%2Fb?q=%zz",
			"/api/x%20y?z":  "shop_api shop_web /x%20y?z",
			"/api":          "shop_api shop_web /",
			"/_mael/v1":     "shop_web shop_web /_mael/v1",
			"/api/../x//y?": "shop_api shop_web /../x//y?",
		} {
			r := httptest.NewRequest("GET", "http://shop_web/", nil)
			r.RequestURI, r.URL.Host = target, ""
			if rec := w.do(w.g.Public(), r); rec.Body.String() != want {
				t.Errorf("%s: %q, want %q", target, rec.Body, want)
			}
		}
	})
}

// TestDisabledRoute meets a route that is switched off: it leaves a request to
// any other that matches, and only without one says that it is off.
func TestDisabledRoute(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "web") })
		w.disabled("api", "shop_web", project.HTTPSource{Hostname: "shop_web", PathPrefix: "/api"})
		w.disabled("old", "shop_web", project.HTTPSource{Hostname: "old", PathPrefix: "/shop"})
		get := func(url string) *httptest.ResponseRecorder {
			return w.do(w.g.Public(), httptest.NewRequest("GET", url, nil))
		}
		if rec := get("http://shop_web/api/x"); rec.Body.String() != "web" {
			t.Errorf("the next route: %d %q", rec.Code, rec.Body)
		}
		wantAnswer(t, get("http://old/other"), 404, cluster.ReasonNotFound)
		rec := get("http://old/shop/1")
		wantAnswer(t, rec, 503, cluster.ReasonStopped)
		if rec.Body.String() != "The route is disabled" || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%q, %v", rec.Body, rec.Header())
		}
		w.route("old", "shop_web", project.HTTPSource{Hostname: "old", PathPrefix: "/shop"})
		if rec := get("http://old/shop/1"); rec.Body.String() != "web" {
			t.Errorf("enabled again: %d %q", rec.Code, rec.Body)
		}
	})
}

func TestRequestTarget(t *testing.T) {
	for uri, want := range map[string]string{
		"/a?b": "/a?b", "*": "*", "http://h/a/b?c": "/a/b?c", "http://h": "/", "http://h?q": "/?q",
		"http://h/x?u=http://y/z": "/x?u=http://y/z",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI = uri
		if got, malformed := requestTarget(r); got != want || malformed {
			t.Errorf("%s: %q, %v, want %q", uri, got, malformed, want)
		}
	}
}

func TestImpossibleRequests(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		for _, bad := range []struct{ host, target string }{
			{"shop_web:http", "/"}, {"shop web", "/"}, {"[shop_web]", "/"},
			{"shop_web", "/%zz"}, {"shop_web", "a/b"}, {"shop_web", "ftp://shop_web/"}, {"a b", "/_mael_health_check"},
		} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host, r.RequestURI = bad.host, bad.target
			if rec := w.do(w.g.Public(), r); rec.Code != http.StatusBadRequest || rec.Header().Get("X-Request-Id") == "" {
				t.Errorf("%+v: %d %q", bad, rec.Code, rec.Body)
			}
		}
	})
}

func TestComponentField(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.component("shop_api", nil)
		w.route("strip", "shop_web", project.HTTPSource{Hostname: "shop_web", PathPrefix: "/p", StripPrefix: true})
		for _, c := range []string{"shop_web", "shop_api"} {
			w.serving("p-"+c, c, 0, func(rw http.ResponseWriter, r *http.Request) {
				io.WriteString(rw, c+" "+r.RequestURI+" "+r.Header.Get("Maelstrom-Component"))
			})
		}
		ask := func(h http.Handler, component string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "http://shop_web/p/x", nil)
			r.Header.Set("MAELSTROM-COMPONENT", component)
			return w.do(h, r)
		}
		if got := ask(w.g.Public(), "shop_api").Body.String(); got != "shop_web /x " {
			t.Errorf("public: %q", got)
		}
		if got := ask(w.g.Private(), "shop_api").Body.String(); got != "shop_api /p/x " {
			t.Errorf("private: %q", got)
		}
		wantAnswer(t, ask(w.g.Private(), "shop_none"), 404, cluster.ReasonNotFound)
		wantAnswer(t, ask(w.g.Private(), ""), 404, cluster.ReasonNotFound)
	})
}

func TestDeadlineWhileWaiting(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 7 })
		begun := time.Now()
		rec := w.get("shop_web")
		wantAnswer(t, rec, 504, cluster.ReasonQueueTimeout)
		if rec.Body.String() != "gateway: Timeout proxying component: shop_web" || rec.Header().Get("X-Request-Id") == "" {
			t.Errorf("body %q, header %v", rec.Body, rec.Header())
		}
		if took := time.Since(begun); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestDeadlineIsTheLeastOfAll(t *testing.T) {
	for _, c := range []struct {
		name    string
		opt     Options
		header  http.Header
		private bool
		want    time.Duration
	}{
		{name: "queue", opt: Options{QueueTimeout: 3 * time.Second}, want: 3 * time.Second},
		{name: "gRPC", header: http.Header{"Content-Type": {"application/grpc"}, "Grpc-Timeout": {"2S"}}, want: 2 * time.Second},
		{name: "gRPC, longer", header: http.Header{"Content-Type": {"application/grpc"}, "Grpc-Timeout": {"1H"}}, want: 7 * time.Second},
		{name: "told", private: true, header: http.Header{"Maelstrom-Deadline-Nano": {"in 4s"}}, want: 4 * time.Second},
		{name: "told, longer", private: true, header: http.Header{"Maelstrom-Deadline-Nano": {"in 40s"}}, want: 7 * time.Second},
		{name: "told, nonsense", private: true, header: http.Header{"Maelstrom-Deadline-Nano": {"-5"}}, want: 7 * time.Second},
		{name: "told by a stranger", header: http.Header{"Maelstrom-Deadline-Nano": {"in 4s"}}, want: 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, c.opt, func(t *testing.T, w *world) {
				w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 7 })
				r := httptest.NewRequest("GET", "http://shop_web/", nil)
				for k, v := range c.header {
					if after, ok := strings.CutPrefix(v[0], "in "); ok {
						d, _ := time.ParseDuration(after)
						v = []string{strconv.FormatInt(time.Now().Add(d).UnixNano(), 10)}
					}
					r.Header[k] = v
				}
				h := w.g.Public()
				if c.private {
					h = w.g.Private()
				}
				begun := time.Now()
				wantAnswer(t, w.do(h, r), 504, cluster.ReasonQueueTimeout)
				if took := time.Since(begun); took != c.want {
					t.Errorf("took %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestDeadlineWhileWorking(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 7 })
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		rec := w.get("shop_web")
		wantAnswer(t, rec, 504, cluster.ReasonUnhealthy)
		if rec.Body.String() != "gateway: Timeout proxying component: shop_web" {
			t.Errorf("body %q", rec.Body)
		}
	})
}

func TestDeadlineOfTheCaller(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		rec := httptest.NewRecorder()
		w.g.ServeComponent(rec, httptest.NewRequestWithContext(ctx, "GET", "/", nil), "shop_web")
		wantAnswer(t, rec, 504, cluster.ReasonQueueTimeout)
	})
}

func TestServeComponent(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			io.WriteString(rw, r.Method+" "+r.RequestURI+" "+string(body))
		})
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "http://127.0.0.1:8374/job?x", strings.NewReader("data"))
		if err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		w.g.ServeComponent(rec, r, "shop_web")
		if rec.Body.String() != "PUT /job?x data" {
			t.Errorf("upstream got %q", rec.Body)
		}
		w.g.ServeComponent(rec, r, "shop_none")
	})
}

func TestBrokenOffAnswers(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		cut := false
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			if cut {
				io.WriteString(rw, "part")
				http.NewResponseController(rw).Flush()
			}
			panic(http.ErrAbortHandler)
		})
		rec := w.get("shop_web")
		wantAnswer(t, rec, 502, cluster.ReasonExited)
		if strings.Contains(rec.Body.String(), "upstream") || rec.Header().Get("X-Request-Id") == "" {
			t.Errorf("body %q, header %v", rec.Body, rec.Header())
		}
		cut = true
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("recovered %v", v)
				}
			}()
			w.get("shop_web")
			t.Error("a part of an answer was passed off as the whole")
		}()
		if l := w.g.Load().Components["shop_web"]; l.InFlight != 0 {
			t.Errorf("%d still in flight", l.InFlight)
		}
	})
}

func TestConnectIsRefused(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		r := httptest.NewRequest("CONNECT", "http://shop_web/", nil)
		wantAnswer(t, w.do(w.g.Public(), r), 400, "")
	})
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		given    time.Duration
		from, to int
	}{{0, 1, 3}, {time.Millisecond, 1, 1}, {time.Second, 1, 1}, {1001 * time.Millisecond, 2, 2}} {
		for range 20 {
			if s := (&refusal{retryAfter: c.given}).retrySeconds(); s < c.from || s > c.to {
				t.Errorf("%v: %d seconds", c.given, s)
			}
		}
	}
}
