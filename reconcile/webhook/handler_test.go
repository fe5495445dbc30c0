package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

func addSource(s *cluster.Snapshot, rows ...*cluster.SourceRow) cluster.ChangeSet {
	changes := cluster.ChangeSet{Number: s.Number + 1, Sources: map[string]*cluster.SourceRow{}}
	for _, row := range rows {
		changes.Sources[row.Spec.Name] = row
	}
	return changes
}

func TestCallsThatAreNoWebhooks(t *testing.T) {
	good := generically("main", `{}`)
	for name, c := range map[string]struct {
		request func() *http.Request
		status  int
		says    string
	}{
		"no name":        {func() *http.Request { return httptest.NewRequest("POST", Prefix, nil) }, 404, "/_mael/hooks/NAME"},
		"deeper":         {func() *http.Request { return httptest.NewRequest("POST", Prefix+"main/x", nil) }, 404, "/_mael/hooks/NAME"},
		"elsewhere":      {func() *http.Request { return httptest.NewRequest("POST", "/_mael/v1/x", nil) }, 404, "/_mael/hooks/NAME"},
		"get":            {func() *http.Request { return httptest.NewRequest("GET", Prefix+"main", nil) }, 405, "POST"},
		"announced size": {func() *http.Request { return sized(bytes.NewReader(make([]byte, bodyLimit+1)), bodyLimit+1) }, 413, "1048576"},
		"streamed size":  {func() *http.Request { return sized(bytes.NewReader(make([]byte, bodyLimit+1)), -1) }, 413, "1048576"},
		"broken body":    {func() *http.Request { return sized(io.MultiReader(strings.NewReader("{"), broken{}), -1) }, 400, "whole"},
		"type":           {func() *http.Request { return good.with("Content-Type", "text/plain").request() }, 415, "application/json"},
		"bad type":       {func() *http.Request { return good.with("Content-Type", ";;").request() }, 415, "application/json"},
		"no type":        {func() *http.Request { return good.with("Content-Type", "").request() }, 415, "application/json"},
		"no secret":      {func() *http.Request { d := good; d.source = "open"; return d.request() }, 403, "maelctl source set"},
		"unknown":        {func() *http.Request { d := good; d.source = "nobody"; return d.request() }, 404, "no source"},
		"unsigned":       {func() *http.Request { return good.with("X-Maelstrom-Signature", "").request() }, 401, "not signed"},
		"delivery":       {func() *http.Request { return good.with("X-Maelstrom-Delivery", "a.b").request() }, 401, "malformed"},
		"old":            {func() *http.Request { return timed("main", "1", `{}`, time.Now().Add(-6*time.Minute)).request() }, 401, "five minutes"},
		"future":         {func() *http.Request { return timed("main", "1", `{}`, time.Now().Add(6*time.Minute)).request() }, 401, "five minutes"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			a := call1(t, w.handler(), c.request())
			if a.status != c.status || !strings.Contains(a.Message, c.says) {
				t.Errorf("answered %d %q, want %d with %q", a.status, a.Message, c.status, c.says)
			}
			if a.status == 405 && a.header.Get("Allow") != "POST" {
				t.Error("does not say what is allowed")
			}
			if len(w.kept()) != 0 {
				t.Error("kept")
			}
		})
	}
}

func sized(body io.Reader, length int64) *http.Request {
	r := httptest.NewRequest("POST", Prefix+"main", body)
	r.ContentLength = length
	r.Header.Set("Content-Type", "application/json")
	return r
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("gone") }

func TestMalformedPayloadsAreKeptAndRefused(t *testing.T) {
	for _, d := range []delivered{
		generically("main", `{"ref":`), generically("main", `[]`), generically("main", `{"ref":1}`),
		github("main", "push", []byte(`{}`)), github("main", "push", nil), github("main", "create", []byte(`{}`)),
		gitlab("main", "Push Hook", []byte(`{"object_kind":"push"}`)), gitea("main", "push", []byte(`"x"`)),
		bitbucket("main", "repo:push", []byte(`{"push":{"changes":[{}]}}`)), bitbucket("main", "repo:refs_changed", []byte(`{}`)),
		bitbucket("main", "other", []byte(`{`)),
	} {
		w := newWorld()
		a := call1(t, w.handler(), d.request())
		if kept := w.kept(); a.status != 400 || len(kept) != 1 || kept[0].Status != 400 {
			t.Errorf("%s: answered %d %s, kept %+v", d.body, a.status, a.Message, kept)
		}
	}
}

func TestADeliveryCountsOnce(t *testing.T) {
	w := newWorld()
	h := w.handler()
	d := github("master", "push", payload(t, "github-push-branch.json"))
	if a := call1(t, h, d.request()); a.status != 202 {
		t.Fatalf("answered %d %s", a.status, a.Message)
	}
	h.pending.take()
	if a := call1(t, h, d.request()); a.status != 200 || !strings.Contains(a.Message, "already seen") {
		t.Errorf("answered %d %s", a.status, a.Message)
	}
	if len(h.pending.take()) != 0 || len(w.kept()) != 1 {
		t.Error("counted twice")
	}
	if count, last := h.Refused("master"); count != 0 || len(last) != 1 || last[0].Status != 200 || last[0].ID != w.kept()[0].ID || !strings.Contains(last[0].Message, "already seen") {
		t.Errorf("shown: %d refused, %+v", count, last)
	}
	if a := call1(t, h, d.with("X-GitHub-Delivery", "another").request()); a.status != 202 {
		t.Errorf("another delivery is answered %d %s", a.status, a.Message)
	}
}

func TestEventsOfGitLabMayHaveSeveralCalls(t *testing.T) {
	w := newWorld()
	h := w.handler()
	first := gitlab("default", "Push Hook", payload(t, "gitlab-push.json"))
	second := first
	second.body = bytes.ReplaceAll(first.body, []byte("da15"), []byte("aa15"))
	for _, d := range []delivered{first, second} {
		if a := call1(t, h, d.request()); a.status != 202 {
			t.Errorf("answered %d %s", a.status, a.Message)
		}
	}
	if a := call1(t, h, first.request()); !strings.Contains(a.Message, "already seen") {
		t.Errorf("a repetition is answered %d %s", a.status, a.Message)
	}
}

func TestSigningTokensNeedSignatures(t *testing.T) {
	w := fullWorld()
	d := gitlab("signed", "Push Hook", payload(t, "gitlab-push.json")).with("X-Gitlab-Token", signingKey)
	if a := call1(t, w.handler(), d.request()); a.status != 401 || !strings.Contains(a.Message, "Webhook-Signature") {
		t.Errorf("the token itself is answered %d %s", a.status, a.Message)
	}
	signed := gitlabSigned("signed", "Push Hook", payload(t, "gitlab-push.json"))
	both := signed.with("webhook-signature", "v1,bm90IG1pbmU= "+signed.header["webhook-signature"])
	if a := call1(t, w.handler(), both.request()); a.status != 202 {
		t.Errorf("one of two signatures is answered %d %s", a.status, a.Message)
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp"} {
		if a := call1(t, w.handler(), signed.with(name, "1").request()); a.status != 401 {
			t.Errorf("another %s is answered %d %s", name, a.status, a.Message)
		}
	}
	w.secrets["signed"] = "whsec_!"
	if a := call1(t, w.handler(), signed.request()); a.status != 401 || !strings.Contains(a.Message, "malformed") {
		t.Errorf("a broken token is answered %d %s", a.status, a.Message)
	}
}

func TestAWrongSignatureIsNotMadeGoodByAnother(t *testing.T) {
	d := forgejo("master", "push", payload(t, "gitea-push.json")).with("X-Forgejo-Signature", hexMAC("other", nil))
	if a := call1(t, newWorld().handler(), d.request()); a.status != 401 {
		t.Errorf("answered %d", a.status)
	}
}

func TestSuspendedSourcesAreLeftAlone(t *testing.T) {
	d := generically("main", `{}`)
	for name, c := range map[string]struct {
		until time.Time
		want  int
	}{"for good": {time.Time{}, 200}, "still": {time.Now().Add(time.Hour), 200}, "no more": {time.Now().Add(-time.Hour), 202}} {
		w := newWorld()
		row := &cluster.ControlRow{Kind: cluster.ControlSource, Name: "main", Control: cluster.Control{Suspended: &cluster.Suspension{Until: c.until}}}
		w.snapshot = w.snapshot.With(cluster.ChangeSet{Number: 10, Controls: map[string]*cluster.ControlRow{row.Key(): row}})
		if a := call1(t, w.handler(), d.request()); a.status != c.want {
			t.Errorf("%s: answered %d %s", name, a.status, a.Message)
		}
	}
}

func TestSecretsAreReadOnceForEachVersion(t *testing.T) {
	w := newWorld()
	h := w.handler()
	for i := range 5 {
		call1(t, h, generically("main", `{}`).with("X-Maelstrom-Delivery", strconv.Itoa(i)).request())
	}
	if w.reads != 1 {
		t.Errorf("%d reads", w.reads)
	}
	w.set(func() {
		w.secrets["main"] = "changed"
		w.snapshot = w.snapshot.With(addSource(w.snapshot, source("main", "main", 30)))
	})
	if a := call1(t, h, generically("main", `{}`).request()); a.status != 401 || w.reads != 2 {
		t.Errorf("answered %d after %d reads", a.status, w.reads)
	}
	w.set(func() { w.snapshot = newWorld().snapshot.With(cluster.ChangeSet{Number: 99, Full: true}) })
	call1(t, h, generically("main", `{}`).request())
	h.forget(w.Snapshot())
	if len(h.secrets) != 0 {
		t.Error("the secret of a source that is gone is remembered")
	}
}

func TestADatabaseThatIsAwayIsSaid(t *testing.T) {
	w := newWorld()
	h := w.handler()
	w.set(func() { w.away = errAway })
	a := call1(t, h, generically("main", `{}`).request())
	if a.status != 503 || a.header.Get("Retry-After") != "10" || strings.Contains(a.Message, errAway.Error()) {
		t.Errorf("no secret: answered %d %+v", a.status, a)
	}
	w.set(func() { w.away = nil })
	call1(t, h, generically("main", `{}`).request())
	w.set(func() { w.away = errAway })
	if a := call1(t, h, generically("main", `{}`).with("X-Maelstrom-Delivery", "2").request()); a.status != 503 {
		t.Errorf("no delivery: answered %d %+v", a.status, a)
	}
}

func TestRefusedCallsAreCountedAndNeverKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		h := w.handler()
		statuses := map[int]int{}
		for i := range 1000 {
			d := generically("main", `{"ref":"main"}`).with("X-Maelstrom-Signature", fmt.Sprint("sha256=", i))
			statuses[call1(t, h, d.request()).status]++
		}
		if statuses[401] != refuseBurst || statuses[429] != 1000-refuseBurst {
			t.Errorf("answered %v", statuses)
		}
		if a := call1(t, h, generically("main", `{}`).request()); a.status != 202 {
			t.Errorf("garbage keeps the git server out: %d %s", a.status, a.Message)
		}
		count, last := h.Refused("main")
		if count != 1000 || len(last) != refusedShown || last[0].Status != 401 || last[0].Time.Before(last[9].Time) {
			t.Errorf("refused %d: %+v", count, last)
		}
		if kept := w.kept(); len(kept) != 1 {
			t.Errorf("%d deliveries kept", len(kept))
		}
		<-time.After(time.Second)
		if a := call1(t, h, generically("main", `{}`).with("X-Maelstrom-Signature", "x").request()); a.status != 401 {
			t.Errorf("after a pause: %d %s", a.status, a.Message)
		}
		if count, last := h.Refused("nobody"); count != 0 || last != nil {
			t.Error("somebody else's refusals")
		}
	})
}

func TestUnknownNamesShareALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newWorld().handler()
		statuses := map[int]int{}
		for i := range 200 {
			a := call1(t, h, generically("nobody"+strconv.Itoa(i), `{}`).request())
			statuses[a.status]++
			if a.status == 429 && a.header.Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
		}
		if statuses[404] != unknownBurst || len(h.limits.wrong) != 0 || len(h.refused.sources) != 0 {
			t.Errorf("answered %v, remembers %d and %d", statuses, len(h.limits.wrong), len(h.refused.sources))
		}
	})
}

func TestSignedCallsAreLimitedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		h := w.handler()
		send := func(source string, i int) answerOf {
			return call1(t, h, generically(source, `{}`).with("X-Maelstrom-Delivery", strconv.Itoa(i)).request())
		}
		var last answerOf
		for i := range acceptBurst + 1 {
			last = send("main", i)
		}
		if last.status != 429 || last.header.Get("Retry-After") != "1" || len(w.kept()) != acceptBurst {
			t.Errorf("answered %d %v, %d kept", last.status, last.header, len(w.kept()))
		}
		if a := send("master", 1); a.status != 202 {
			t.Errorf("another source is answered %d", a.status)
		}
		<-time.After(time.Second)
		if a := send("main", 1000); a.status != 202 {
			t.Errorf("after a pause: %d", a.status)
		}
	})
}

func TestBodiesAtOnceAreLimited(t *testing.T) {
	h := newWorld().handler()
	for range bodySlots {
		h.bodies <- struct{}{}
	}
	if a := call1(t, h, generically("main", `{}`).request()); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("answered %d %s", a.status, a.Message)
	}
	<-h.bodies
	if a := call1(t, h, generically("main", `{}`).request()); a.status != 202 || len(h.bodies) != bodySlots-1 {
		t.Errorf("answered %d, %d slots taken", a.status, len(h.bodies))
	}
}

func TestRunPokesOnceForManyCallsAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		h := w.handler()
		for i := range 20 {
			call1(t, h, generically("main", `{}`).with("X-Maelstrom-Delivery", strconv.Itoa(i)).request())
		}
		w.set(func() { w.pokeErr = errAway })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		<-time.After(time.Minute)
		if len(w.poked) != 0 {
			t.Fatal("poked")
		}
		w.set(func() { w.pokeErr = nil })
		<-time.After(5 * time.Second)
		if len(w.poked) != 1 || <-w.poked != "main" {
			t.Errorf("%d pokes", len(w.poked))
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestAPokeOfASourceThatIsGoneIsForgotten(t *testing.T) {
	w := newWorld()
	h := w.handler()
	h.pending.add("gone")
	w.pokeErr = cluster.ErrNotFound
	if h.pokeAll(t.Context()) || len(h.pending.take()) != 0 {
		t.Error("tried again for ever")
	}
}

func TestFollowing(t *testing.T) {
	for _, c := range []struct {
		f    following
		ref  string
		want bool
	}{
		{following{ref: "main"}, "refs/heads/main", true},
		{following{ref: "main"}, "refs/tags/main", true},
		{following{ref: "main"}, "refs/heads/mainly", false},
		{following{ref: "refs/heads/main"}, "refs/heads/main", true},
		{following{ref: "refs/heads/main"}, "refs/tags/main", false},
		{following{ref: ">=1.2 <2"}, "refs/tags/v1.9.1", true},
		{following{ref: ">=1.2 <2"}, "refs/tags/1.2", true},
		{following{ref: ">=1.2 <2"}, "refs/tags/v2.0.0", false},
		{following{ref: ">=1.2 <2"}, "refs/heads/v1.9.1", false},
		{following{ref: ">=1.2 <2"}, "refs/tags/latest", false},
		{following{ref: "1.2"}, "refs/heads/1.2", true},
		{following{}, "refs/heads/any", true},
		{following{}, "refs/tags/any", false},
		{following{found: "refs/heads/trunk"}, "refs/heads/trunk", true},
		{following{found: "refs/heads/trunk"}, "refs/heads/main", false},
		{following{found: "refs/heads/trunk", defaultBranch: "main"}, "refs/heads/main", true},
		{following{defaultBranch: "main"}, "refs/heads/next", false},
		{following{defaultBranch: "main"}, "main", true},
	} {
		if got := c.f.has(c.ref); got != c.want {
			t.Errorf("%+v has %s: %t", c.f, c.ref, got)
		}
	}
}

func TestWhatIsKeptIsFitToBeShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, longest := rapid.String().Draw(t, "text"), rapid.IntRange(3, 50).Draw(t, "longest")
		got := clean(text, longest)
		if len(got) > longest || strings.ToValidUTF8(got, "") != got || strings.ContainsAny(got, "\x00\n\r\x1b") {
			t.Fatalf("clean = %q", got)
		}
		if clean(got, longest) != got {
			t.Fatalf("%q is not clean", got)
		}
	})
	c := &call{header: http.Header{"X-Maelstrom-Delivery": {strings.Repeat("x", 300)}}, sender: generic}
	if id := c.id(); len(id) > longestID || id != c.id() {
		t.Errorf("id %q", id)
	}
}

func FuzzHandler(f *testing.F) {
	for _, c := range recorded(f) {
		f.Add(c.source, "application/json", c.header["X-GitHub-Event"], c.header["X-Gitlab-Event"], c.header["X-Event-Key"], c.body)
	}
	f.Add("main", "application/x-www-form-urlencoded", "push", "", "", []byte("payload={}"))
	f.Fuzz(func(t *testing.T, name, contentType, github, gitlab, bitbucket string, body []byte) {
		w := fullWorld()
		h := w.handler()
		r := httptest.NewRequest("POST", Prefix+"main", bytes.NewReader(body))
		r.URL.Path = Prefix + name
		for header, value := range map[string]string{
			"Content-Type": contentType, "X-Github-Event": github, "X-Gitlab-Event": gitlab, "X-Event-Key": bitbucket,
			"X-Hub-Signature-256": "sha256=" + hexMAC(testKey, body), "X-Hub-Signature": "sha256=" + hexMAC(testKey, body),
			"X-Gitlab-Token": testKey, "X-Maelstrom-Signature": "sha256=" + hexMAC(testKey, body),
		} {
			r.Header.Set(header, value)
		}
		a := call1(t, h, r)
		pending := h.pending.take()
		if (a.status == 202) != (len(pending) == 1) {
			t.Fatalf("answered %d, to be poked: %v", a.status, pending)
		}
		if _, there := w.snapshot.Sources.Get(name); !there && a.status != 404 {
			t.Fatalf("a source that is not there is answered %d %s", a.status, a.Message)
		}
		for _, d := range w.kept() {
			if clean(d.Ref+d.Revision+d.Event+d.Message+d.ID, 10_000) != d.Ref+d.Revision+d.Event+d.Message+d.ID {
				t.Fatalf("kept %+v", d)
			}
		}
		if strings.Contains(a.Message, testKey) {
			t.Fatal("the secret is told")
		}
	})
}
