package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hexMAC is the signature by the rule that each provider documents, written
// down here once more.
func hexMAC(key string, body []byte) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// The headers that each provider sends.

func github(source, event string, body []byte) delivered {
	return delivered{source, body, map[string]string{
		"X-GitHub-Event": event, "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-GitHub-Hook-ID": "292430182",
		"User-Agent": "GitHub-Hookshot/044aadd", "X-Hub-Signature-256": "sha256=" + hexMAC(testKey, body),
	}}
}

func gitlab(source, event string, body []byte) delivered {
	return delivered{source, body, map[string]string{
		"X-Gitlab-Event": event, "X-Gitlab-Token": testKey, "X-Gitlab-Event-UUID": "13792a34-cac6-4fda-95a8-c58e00a3954e",
		"X-Gitlab-Instance": "https://gitlab.example.com", "User-Agent": "GitLab/17.3.0",
	}}
}

const signingKey = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="

func gitlabSigned(source, event string, body []byte) delivered {
	id, timestamp := "f5e5f430-f57b-4e6e-9fac-d9128cd7232f", strconv.FormatInt(time.Now().Unix(), 10)
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingKey, "whsec_"))
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + timestamp + "." + string(body)))
	d := gitlab(source, event, body)
	delete(d.header, "X-Gitlab-Token")
	return d.with("webhook-id", id).with("webhook-timestamp", timestamp).with("Idempotency-Key", id).
		with("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
}

func gitea(source, event string, body []byte) delivered {
	return delivered{source, body, map[string]string{
		"X-Gitea-Event": event, "X-Gitea-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473", "X-Gitea-Signature": hexMAC(testKey, body),
		"X-Gogs-Event": event, "X-GitHub-Event": event, "X-GitHub-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473",
		"X-Hub-Signature-256": "sha256=" + hexMAC(testKey, body),
	}}
}

func forgejo(source, event string, body []byte) delivered {
	return gitea(source, event, body).with("X-Forgejo-Event", event).
		with("X-Forgejo-Delivery", "0b6a7ac4-3d6c-4a53-9f6c-1d3b0d1a7f10").with("X-Forgejo-Signature", hexMAC(testKey, body))
}

func bitbucket(source, event string, body []byte) delivered {
	return delivered{source, body, map[string]string{
		"X-Event-Key": event, "X-Request-UUID": "69c56047-577b-46f9-a1dd-9c4e27273bc1", "X-Hook-UUID": "0302255c-f4f0-4232-916b-bef521fbdd08",
		"X-Attempt-Number": "1", "User-Agent": "Bitbucket-Webhooks/2.0", "X-Hub-Signature": "sha256=" + hexMAC(testKey, body),
	}}
}

func generically(source string, body string) delivered {
	return delivered{source, []byte(body), map[string]string{
		"X-Maelstrom-Signature": "sha256=" + hexMAC(testKey, []byte(body)), "X-Maelstrom-Delivery": "push-1",
	}}
}

func timed(source, id, body string, at time.Time) delivered {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	d := generically(source, body).with("X-Maelstrom-Timestamp", timestamp).with("X-Maelstrom-Delivery", id)
	return d.with("X-Maelstrom-Signature", "sha256="+hexMAC(testKey, []byte(timestamp+"."+id+"."+body)))
}

// recorded is every kind of call, and what is to come of it.
func recorded(t testing.TB) map[string]struct {
	delivered
	provider, event, ref, revision string
	status                         int
} {
	p := func(name string) []byte { return payload(t, name) }
	type want = struct {
		delivered
		provider, event, ref, revision string
		status                         int
	}
	const yes, no = http.StatusAccepted, http.StatusOK
	return map[string]want{
		"github branch":        {github("master", "push", p("github-push-branch.json")), "github", "push", "refs/heads/master", "", yes},
		"github default":       {github("default", "push", p("github-push-branch.json")), "github", "push", "refs/heads/master", "", yes},
		"github other branch":  {github("main", "push", p("github-push-branch.json")), "github", "push", "refs/heads/master", "", no},
		"github to a commit":   {github("commit", "push", p("github-push-branch.json")), "github", "push", "refs/heads/master", "", no},
		"github tag":           {github("tag", "push", p("github-push-tag.json")), "github", "push", "refs/tags/simple-tag", "", yes},
		"github tag deleted":   {github("tag", "push", p("github-push-tag-deleted.json")), "github", "push", "refs/tags/simple-tag", "", yes},
		"github tag elsewhere": {github("master", "push", p("github-push-tag.json")), "github", "push", "refs/tags/simple-tag", "", no},
		"github tag created":   {github("tag", "create", p("github-create.json")), "github", "create", "refs/tags/simple-tag", "", yes},
		"github tag gone":      {github("tag", "delete", p("github-delete.json")), "github", "delete", "refs/tags/simple-tag", "", yes},
		"github ping":          {github("master", "ping", p("github-ping.json")), "github", "ping", "", "", no},
		"github issue":         {github("master", "issues", p("github-issues.json")), "github", "issues", "", "", no},
		"github directory":     {github("dir", "push", p("github-push-branch.json")), "github", "push", "refs/heads/master", "", yes},

		"gitlab branch":  {gitlab("master", "Push Hook", p("gitlab-push.json")), "gitlab", "Push Hook", "refs/heads/master", "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", yes},
		"gitlab tag":     {gitlab("range", "Tag Push Hook", p("gitlab-tag.json")), "gitlab", "Tag Push Hook", "refs/tags/v1.0.0", "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7", yes},
		"gitlab no tag":  {gitlab("range", "Push Hook", p("gitlab-push.json")), "gitlab", "Push Hook", "refs/heads/master", "", no},
		"gitlab system":  {gitlab("default", "System Hook", p("gitlab-system-push.json")), "gitlab", "System Hook", "refs/heads/master", "", yes},
		"gitlab issue":   {gitlab("master", "Issue Hook", p("gitlab-issue.json")), "gitlab", "Issue Hook", "", "", no},
		"gitlab signed":  {gitlabSigned("signed", "Push Hook", p("gitlab-push.json")), "gitlab", "Push Hook", "refs/heads/master", "", yes},
		"gitea branch":   {gitea("master", "push", p("gitea-push.json")), "gitea", "push", "refs/heads/master", "67b56589a45103f891bdee7c0546e5d40bc02001", yes},
		"gitea default":  {gitea("default", "push", p("gitea-push.json")), "gitea", "push", "refs/heads/master", "", yes},
		"gitea created":  {gitea("master", "create", p("gitea-create.json")), "gitea", "create", "refs/heads/master", "67b56589a45103f891bdee7c0546e5d40bc02001", yes},
		"gitea gone":     {gitea("example3", "delete", p("gitea-delete.json")), "gitea", "delete", "refs/heads/example3", "", yes},
		"forgejo branch": {forgejo("master", "push", p("gitea-push.json")), "forgejo", "push", "refs/heads/master", "", yes},

		"bitbucket branch": {bitbucket("name-of-branch", "repo:push", p("bitbucket-push.json")), "bitbucket", "repo:push", "refs/heads/name-of-branch", "709d658dc5b6d6afcd46049c2f332ee3f515a67d", yes},
		"bitbucket other":  {bitbucket("master", "repo:push", p("bitbucket-push.json")), "bitbucket", "repo:push", "refs/heads/name-of-branch", "", no},
		"bitbucket issue":  {bitbucket("master", "issue:created", p("bitbucket-issue.json")), "bitbucket", "issue:created", "", "", no},
		"bitbucket server": {bitbucket("wip", "repo:refs_changed", p("bitbucket-server-push.json")), "bitbucket", "repo:refs_changed", "refs/heads/feature/wip", "", yes},

		"generic branch": {generically("main", `{"ref":"refs/heads/main","revision":"abc"}`), "generic", "push", "refs/heads/main", "abc", yes},
		"generic short":  {generically("main", `{"ref":"main"}`), "generic", "push", "main", "", yes},
		"generic any":    {generically("main", `{}`), "generic", "push", "", "", yes},
		"generic empty":  {generically("main", ``), "generic", "push", "", "", yes},
		"generic other":  {generically("main", `{"ref":"next"}`), "generic", "push", "next", "", no},
		"generic commit": {generically("commit", ``), "generic", "push", "", "", no},
		"generic timed":  {timed("main", "a_b-C9", `{"ref":"main"}`, time.Now()), "generic", "push", "main", "", yes},
		"generic no id":  {timed("main", "", `{"ref":"main"}`, time.Now()), "generic", "push", "main", "", yes},
	}
}

// fullWorld also has the sources that only payloads name.
func fullWorld() *world {
	w := newWorld()
	changes := map[string]string{"example3": "example3", "name-of-branch": "name-of-branch", "wip": "feature/wip", "signed": "master"}
	for name, ref := range changes {
		w.snapshot = w.snapshot.With(addSource(w.snapshot, source(name, ref, 20)))
		w.secrets[name] = testKey
	}
	w.secrets["signed"] = signingKey
	return w
}

func TestRecordedPayloadsAreAnswered(t *testing.T) {
	for name, c := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			w := fullWorld()
			h := w.handler()
			a := call1(t, h, c.request())
			if a.status != c.status {
				t.Fatalf("answered %d %q, want %d", a.status, a.Message, c.status)
			}
			kept := w.kept()
			if len(kept) != 1 {
				t.Fatalf("%d deliveries kept", len(kept))
			}
			d := kept[0]
			if d.Source != c.source || d.Provider != c.provider || d.Event != c.event || d.Ref != c.ref ||
				c.revision != "" && d.Revision != c.revision || d.Status != c.status || d.Message != a.Message || d.Remote != "192.0.2.1" || d.ID == "" {
				t.Errorf("kept %+v", d)
			}
			if pending := h.pending.take(); (len(pending) == 1 && pending[0] == c.source) != (c.status == http.StatusAccepted) {
				t.Errorf("to be poked: %v", pending)
			}
		})
	}
}

func TestFormsOfGitHubAreRead(t *testing.T) {
	form := []byte(url.Values{"payload": {string(payload(t, "github-push-branch.json"))}}.Encode())
	for body, want := range map[string]int{string(form): http.StatusAccepted, "payload=%zz": http.StatusBadRequest, "other=1": http.StatusBadRequest} {
		d := github("master", "push", []byte(body)).with("Content-Type", "application/x-www-form-urlencoded")
		if a := call1(t, newWorld().handler(), d.request()); a.status != want {
			t.Errorf("%.20s: answered %d %s, want %d", body, a.status, a.Message, want)
		}
	}
}

// signatureHeaders are where each provider proves itself.
var signatureHeaders = []string{
	"X-Hub-Signature-256", "X-Gitlab-Token", "webhook-signature", "X-Gitea-Signature", "X-Forgejo-Signature",
	"X-Hub-Signature", "X-Maelstrom-Signature",
}

// thorough are calls of each provider of which every byte is changed.
var thorough = map[string]bool{
	"github branch": true, "gitlab signed": true, "gitea branch": true, "forgejo branch": true,
	"bitbucket branch": true, "bitbucket server": true, "generic branch": true, "generic timed": true,
}

func TestWrongSignaturesAreRefused(t *testing.T) {
	for name, c := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := fullWorld()
			h := w.handler()
			refused := func(what string, d delivered) {
				t.Helper()
				h.limits = limits{} // another test is about them
				if a := call1(t, h, d.request()); a.status != http.StatusUnauthorized {
					t.Fatalf("%s: answered %d %s", what, a.status, a.Message)
				}
			}
			proof := proofOf(c.delivered)
			for i := range len(c.header[proof]) {
				refused("byte "+strconv.Itoa(i)+" of "+proof, c.with(proof, flip(c.header[proof], i)))
			}
			refused("no "+proof, c.without(proof))
			if proof != "X-Gitlab-Token" {
				step := 1 // every byte of one call of each kind, some of the others
				if !thorough[name] {
					step = 97
				}
				for i := 0; i < len(c.body); i += step {
					d := c.delivered
					d.body = []byte(flip(string(d.body), i))
					refused("byte "+strconv.Itoa(i)+" of the body", d)
				}
				d := c.delivered
				d.body = append(bytes.Clone(d.body), ' ')
				refused("a longer body", d)
			}
			if len(w.kept()) != 0 || len(h.pending.take()) != 0 {
				t.Error("a refused call did something")
			}
		})
	}
}

// proofOf is the header that counts in a call.
func proofOf(d delivered) string {
	for _, name := range []string{"X-Forgejo-Signature", "X-Gitea-Signature"} {
		if d.header[name] != "" {
			return name
		}
	}
	for _, name := range signatureHeaders {
		if d.header[name] != "" {
			return name
		}
	}
	return ""
}

// without leaves every signature out.
func (d delivered) without(string) delivered {
	for _, name := range signatureHeaders {
		d = d.with(name, "")
	}
	return d
}

// flip changes one byte of a text to another that is printable.
func flip(text string, i int) string {
	b := []byte(text)
	if b[i] ^= 1; b[i] < ' ' || b[i] == 0x7f {
		b[i] ^= 3
	}
	return string(b)
}

func TestPayloadsAreOfTheirProviders(t *testing.T) {
	for name, c := range recorded(t) {
		if len(c.body) > 0 && !json.Valid(c.body) {
			t.Errorf("%s is not JSON", name)
		}
	}
}
