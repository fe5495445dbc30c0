package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
)

// arrival is one request as a server has seen it.
type arrival struct {
	method, path string
	header       http.Header
	body         []byte
}

func (a arrival) json(t *testing.T) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
	return out
}

// server answers what answer says and passes on what has arrived.
func server(t *testing.T, answer http.HandlerFunc) (url string, arrivals <-chan arrival) {
	t.Helper()
	c := make(chan arrival, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		c <- arrival{r.Method, r.URL.EscapedPath(), r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, c
}

func created(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }

func next(t *testing.T, arrivals <-chan arrival) arrival {
	t.Helper()
	select {
	case a := <-arrivals:
		return a
	case <-time.After(30 * time.Second):
		t.Fatal("nothing arrives")
		return arrival{}
	}
}

func TestWebhooksAreAsDocumented(t *testing.T) {
	url, arrivals := server(t, created)
	w := newWorld()
	w.source("shop", "https://example.com/o/r.git", map[string]cluster.Condition{"checkout": {Status: cluster.StatusFalse, Reason: cluster.ReasonParseError}})
	w.notifier(&cluster.Notifier{Name: "hook", Webhook: url + "/in?key=1"}, "s3cret")
	run(t, w.sender(nil))
	e := happened(cluster.EventFailed, "a.yml:3:1: no image")
	e.Severity, e.Details = cluster.EventError, json.RawMessage(`{"n":1}`)
	w.happen(e)
	a := next(t, arrivals)
	id := a.header.Get("X-Maelstrom-Delivery")
	timestamp := a.header.Get("X-Maelstrom-Timestamp")
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(timestamp + "." + id + "." + string(a.body)))
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); a.header.Get("X-Maelstrom-Signature") != want {
		t.Errorf("signature %s, want %s", a.header.Get("X-Maelstrom-Signature"), want)
	}
	if a.method != "POST" || a.path != "/in" || a.header.Get("X-Maelstrom-Event") != "failed" || a.header.Get("Content-Type") != "application/json" || a.header.Get("User-Agent") != "maelstrom/1.2" {
		t.Errorf("%s %s %v", a.method, a.path, a.header)
	}
	body := a.json(t)
	for key, want := range map[string]any{
		"format_version": "1.0", "event": "failed", "severity": "error", "source": "shop", "project": "checkout", "component": "", "node": "",
		"revision": "c0ffee", "actor": "", "message": "a.yml:3:1: no image",
	} {
		if body[key] != want {
			t.Errorf("%s is %v, want %v", key, body[key], want)
		}
	}
	if got := strconv.FormatFloat(body["id"].(float64), 'f', 0, 64); got != id {
		t.Errorf("id %s, delivery %s", got, id)
	}
	if _, err := time.Parse(time.RFC3339Nano, body["time"].(string)); err != nil {
		t.Error(err)
	}
	conditions := body["conditions"].([]any)
	if len(conditions) != 1 || conditions[0].(map[string]any)["reason"] != "ParseError" || body["details"].(map[string]any)["n"] != 1.0 {
		t.Errorf("body %s", a.body)
	}

	w.happen(cluster.Event{Kind: cluster.EventFailed, Source: "shop", Message: "not reached"}, cluster.Event{Kind: cluster.EventDrift, Project: "by hand"})
	if got := next(t, arrivals).json(t)["conditions"].([]any); len(got) != 1 || got[0].(map[string]any)["type"] != "Ready" {
		t.Errorf("of the source: %v", got)
	}
	if got := next(t, arrivals).json(t)["conditions"].([]any); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestWithoutASecretThereIsNoSignature(t *testing.T) {
	url, arrivals := server(t, created)
	outcome, err := newWorld().sender(nil).Send(t.Context(), &cluster.Notifier{Name: "x", Webhook: url}, "")
	a := next(t, arrivals)
	if err != nil || outcome != "answered 201" || a.header["X-Maelstrom-Signature"] != nil || a.json(t)["event"] != "test" {
		t.Errorf("%q, %v: %v %s", outcome, err, a.header, a.body)
	}
}

// apis are the documented ways to set a status.
var apis = map[string]struct {
	repository, path, authorization, token, failure, name string
	look                                                  string
}{
	"github": {"https://github.com/octo/shop.git", "/repos/octo/shop/statuses/c0ffee", "Bearer t0ken", "", "failure", "context", "/repos/octo/shop"},
	"gitlab": {"git@gitlab.com:group/sub/shop.git", "/projects/group%2Fsub%2Fshop/statuses/c0ffee", "", "t0ken", "failed", "name", "/projects/group%2Fsub%2Fshop"},
	"gitea":  {"https://git.example.com/octo/shop", "/repos/octo/shop/statuses/c0ffee", "token t0ken", "", "failure", "context", "/repos/octo/shop"},
}

func TestCommitStatusesAreSetAsTheAPIsWantThem(t *testing.T) {
	for provider, api := range apis {
		t.Run(provider, func(t *testing.T) {
			url, arrivals := server(t, created)
			w := newWorld()
			w.at = "c0ffee"
			w.source("shop", api.repository, map[string]cluster.Condition{"checkout": {Status: cluster.StatusTrue}})
			spec := &cluster.Notifier{Name: "status", Commit: &cluster.CommitStatus{Provider: provider, API: url + "/"}}
			w.notifier(spec, "t0ken")
			run(t, w.sender(nil))
			for _, c := range []struct {
				event       cluster.Event
				state, says string
			}{
				{happened(cluster.EventSynced, "2 added"), "success", "1 project is synced"},
				{happened(cluster.EventFailed, strings.Repeat("long ", 100)), api.failure, strings.Repeat("long ", 27) + "lo..."},
				{happened(cluster.EventBrake, "12 removals wait"), "pending", "12 removals wait"},
				{happened(cluster.EventRecovered, "well"), "success", "1 project is synced"},
				{looked("c0ffee", true, "shop: no"), api.failure, "shop: no"},
			} {
				w.happen(c.event)
				a := next(t, arrivals)
				body := a.json(t)
				if a.method != "POST" || a.path != api.path || a.header.Get("Authorization") != api.authorization || a.header.Get("Private-Token") != api.token {
					t.Errorf("%s %s %v", a.method, a.path, a.header)
				}
				if body["state"] != c.state || body["description"] != c.says || body[api.name] != "maelstrom/shop" || len(body) != 3 {
					t.Errorf("%s gives %s", c.event.Kind, a.body)
				}
			}
			if provider == "github" {
				w.happen(happened(cluster.EventFailed, "x"))
				if h := next(t, arrivals).header; h.Get("Accept") != "application/vnd.github+json" || h.Get("X-Github-Api-Version") != "2022-11-28" {
					t.Errorf("headers %v", h)
				}
			}
			if outcome, err := w.sender(nil).Send(t.Context(), spec, "t0ken"); err != nil || outcome != "1 repositories can be seen" {
				t.Errorf("Send: %q, %v", outcome, err)
			}
			if a := next(t, arrivals); a.method != "GET" || a.path != api.look {
				t.Errorf("looked at %s %s", a.method, a.path)
			}
		})
	}
}

func TestAStateThatGitLabHasAlreadyIsNoFailure(t *testing.T) {
	url, arrivals := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"message":"Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"}`)
	})
	w := newWorld()
	w.source("shop", "https://gitlab.com/a/b.git", nil)
	w.notifier(&cluster.Notifier{Name: "status", Commit: &cluster.CommitStatus{Provider: "gitlab", API: url}}, "t")
	s := w.sender(nil)
	worker := &worker{Sender: s, row: must(w.Snapshot().Notifiers.Get("status")), hold: hold, log: s.log}
	if failed := worker.sendStatus(t.Context(), happened(cluster.EventBrake, "x")); failed != nil {
		t.Error(failed)
	}
	next(t, arrivals)
}

func must[T any](value T, _ bool) T { return value }

func TestErrorsTellWhatHelpsAndNoSecret(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"message": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"message":"Bad credentials: t0ken-of-mine\u0007"}`)
		}, "answered 401: Bad credentials: (secret) "},
		"text": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `t0ken-of-mine`)
		}, "answered 500"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 302) }, "answered 302: redirects are not followed"},
		"cut off":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			url, arrivals := server(t, c.answer)
			_, err := newWorld().sender(nil).Send(t.Context(), &cluster.Notifier{Name: "x", Webhook: url + "/path-that-is-secret"}, "t0ken-of-mine")
			if err == nil || err.Error() != c.says {
				t.Errorf("error %v, want %q", err, c.says)
			}
			next(t, arrivals)
			if len(arrivals) != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
	s := newWorld().sender(nil)
	_, err := s.Send(t.Context(), &cluster.Notifier{Name: "x", Webhook: "http://127.0.0.1:1/path-that-is-secret"}, "")
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := s.Send(t.Context(), &cluster.Notifier{Name: "x", Webhook: "http://[::1/path-that-is-secret"}, ""); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("no address: %v", err)
	}
	if _, err := s.Send(t.Context(), &cluster.Notifier{Name: "x", Commit: &cluster.CommitStatus{Provider: "github"}}, ""); err == nil {
		t.Error("no repository is well")
	}
}

func TestLogsHaveNoSecrets(t *testing.T) {
	url, arrivals := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"message":"what is t0ken-of-mine?"}`)
	})
	w := newWorld()
	w.notifier(&cluster.Notifier{Name: "hook", Webhook: url + "/path-that-is-secret"}, "t0ken-of-mine")
	w.notifier(&cluster.Notifier{Name: "gone", Webhook: "http://127.0.0.1:1/path-that-is-secret"}, "t0ken-of-mine")
	stop := run(t, w.sender(nil))
	changed, cancel := w.Subscribe()
	defer cancel()
	w.happen(happened(cluster.EventSynced, "one"))
	next(t, arrivals)
	for len(w.ofKind(cluster.EventUndelivered)) == 0 || w.state("gone").Failed == 0 {
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond):
		}
	}
	_ = stop()
	told := w.log() + strings.Join(w.ofKind(cluster.EventUndelivered), " ") + w.state("hook").Error + w.state("gone").Error
	if strings.Contains(told, "secret-path") || strings.Contains(told, "t0ken") || strings.Contains(told, "path-that") || !strings.Contains(told, "answered 422") {
		t.Errorf("told %s", told)
	}
}

func TestAddressesAreLimited(t *testing.T) {
	url, arrivals := server(t, created)
	send := func(networks string, url string) error {
		var list []netip.Prefix
		if networks != "" {
			list = append(list, netip.MustParsePrefix(networks))
		}
		s := New(Options{Networks: list}, Deps{Feed: newWorld(), Store: newWorld()})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := s.Send(ctx, &cluster.Notifier{Name: "x", Webhook: url}, "")
		return err
	}
	for _, allowed := range []string{"", "127.0.0.0/8"} {
		if err := send(allowed, url); err != nil {
			t.Errorf("%q: %v", allowed, err)
		}
		next(t, arrivals)
	}
	localhost := strings.Replace(url, "127.0.0.1", "localhost", 1)
	for _, c := range [][2]string{
		{"10.0.0.0/8", url}, {"10.0.0.0/8", localhost}, {"", "http://169.254.169.254/"}, {"", "http://[fe80::1%25lo]/"},
		{"", "http://[::ffff:169.254.169.254]/"}, {"", "http://[fd00:ec2::254]/"}, {"", "http://0.0.0.0/"}, {"", "http://224.0.0.1/"},
	} {
		if err := send(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "not one that this node may reach") {
			t.Errorf("%v: %v", c, err)
		}
	}
	if len(arrivals) != 0 {
		t.Error("something arrived")
	}
}
