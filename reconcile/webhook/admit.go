package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"maelstrom/cluster"
)

// call is one request of a webhook as far as it was let in.
type call struct {
	source   string
	row      *cluster.SourceRow // nil: there is no such source
	snapshot *cluster.Snapshot
	header   http.Header
	form     bool // the body is a form with the payload in it
	body     []byte
	remote   string
	now      time.Time
	sender   sender
}

// refusal is an answer to somebody who has not shown that they know a secret.
type refusal struct {
	verdict
	source string
	known  bool // source is one of ours
}

func (h *Handler) admit(w http.ResponseWriter, r *http.Request) (*call, *refusal) {
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	c := &call{source: name, header: r.Header, remote: peer(r), now: time.Now(), snapshot: h.deps.Snapshots.Snapshot()}
	c.row, _ = c.snapshot.Sources.Get(name)
	no := func(status int, format string, args ...any) *refusal {
		return &refusal{verdict: verdictOf(status, fmt.Sprintf(format, args...)), source: name, known: c.row != nil}
	}
	switch {
	case name == "" || strings.Contains(name, "/") || name == r.URL.Path:
		return nil, no(http.StatusNotFound, "webhooks are at %sNAME, with the name of a source", Prefix)
	case r.Method != http.MethodPost:
		return nil, no(http.StatusMethodNotAllowed, "a webhook is a POST, not a %s", methodName(r.Method))
	case r.ContentLength > bodyLimit:
		return nil, no(http.StatusRequestEntityTooLarge, "a webhook has at most %d bytes, not %d", bodyLimit, r.ContentLength)
	}
	var ok bool
	if c.form, ok = contentType(r); !ok {
		return nil, no(http.StatusUnsupportedMediaType, "a webhook is application/json or application/x-www-form-urlencoded")
	}
	select {
	case h.bodies <- struct{}{}:
		defer func() { <-h.bodies }()
	default:
		over := no(http.StatusTooManyRequests, "too many webhooks at once")
		over.verdict = over.after(time.Second)
		return nil, over
	}
	var err error
	if c.body, err = readBody(w, r); errors.As(err, new(*http.MaxBytesError)) {
		return nil, no(http.StatusRequestEntityTooLarge, "a webhook has at most %d bytes", bodyLimit)
	}
	if err != nil {
		return nil, no(http.StatusBadRequest, "the body did not arrive whole")
	}
	return c, nil
}

// readBody reads a body that has to be here soon.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	deadline := http.NewResponseController(w)
	if err := deadline.SetReadDeadline(time.Now().Add(bodyTime)); err == nil {
		defer func() { _ = deadline.SetReadDeadline(time.Time{}) }() // a connection that is gone has none
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
}

// contentType tells whether a body is a form, and whether it is of a type that
// somebody sends. A call without a body needs no type.
func contentType(r *http.Request) (form, ok bool) {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return false, r.ContentLength == 0
	}
	media, _, err := mime.ParseMediaType(header)
	form = media == "application/x-www-form-urlencoded"
	return form, err == nil && (form || media == "application/json")
}

func methodName(method string) string {
	const longest = 20
	if len(method) > longest {
		return method[:longest] + "..."
	}
	return method
}

// authenticate tells whether the sender knows the source's secret. A source
// that there is not costs the same as a wrong signature.
func (h *Handler) authenticate(ctx context.Context, c *call) *refusal {
	no := func(status int, message string) *refusal {
		return &refusal{verdict: verdictOf(status, message), source: c.source, known: c.row != nil}
	}
	key, err := h.secret(ctx, c)
	switch {
	case err != nil:
		h.log.Warn("secret of a source is not read", "source", c.source, "error", err)
		away := no(http.StatusServiceUnavailable, "the database does not answer: deliver this again later")
		away.verdict = away.after(databaseRetry)
		return away
	case key == "" && c.row != nil:
		return no(http.StatusForbidden, "this source takes no webhooks: it has no webhook secret; set one with `maelctl source set`")
	}
	c.sender = recognise(c.header)
	proof := c.sender.verify(c, key)
	switch {
	case c.row == nil:
		return no(http.StatusNotFound, "no source of that name takes webhooks here")
	case proof != nil:
		return no(http.StatusUnauthorized, proof.Error())
	}
	if wait, ok := h.limits.accept(c.source, c.now); !ok {
		over := no(http.StatusTooManyRequests, "too many webhooks for this source")
		over.verdict = over.after(wait)
		return over
	}
	return nil
}

// secret returns the secret of a call's source, from the database if its row
// has changed.
func (h *Handler) secret(ctx context.Context, c *call) (string, error) {
	if c.row == nil {
		return "no such source", nil
	}
	if !holds(c.row.Secrets, "webhook_secret") && !c.snapshot.Restored {
		return "", nil
	}
	h.mu.Lock()
	cached, ok := h.secrets[c.source]
	h.mu.Unlock()
	if ok && cached.version == c.row.Version {
		return cached.value, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	read, err := h.deps.Secrets.SourceSecrets(ctx, c.source)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(c.snapshot)
	h.secrets[c.source] = secret{version: c.row.Version, value: read.WebhookSecret}
	return read.WebhookSecret, nil
}

// forget drops the secrets of sources that are gone. The caller has the lock.
func (h *Handler) forget(snapshot *cluster.Snapshot) {
	for name := range h.secrets {
		if _, there := snapshot.Sources.Get(name); !there {
			delete(h.secrets, name)
		}
	}
}
