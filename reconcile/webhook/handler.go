package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Prefix is what the paths of webhooks begin with; the name of a source follows.
const Prefix = "/_mael/hooks/"

// Snapshots is where sources are read.
type Snapshots interface {
	Snapshot() *cluster.Snapshot
}

// Secrets is where the secret of a source is read, once for each version of
// its row.
type Secrets interface {
	SourceSecrets(ctx context.Context, name string) (cluster.SourceSecrets, error)
}

// Deliveries is where authenticated calls are kept. Fresh is false where the
// source has had that id.
type Deliveries interface {
	AddDelivery(ctx context.Context, delivery cluster.Delivery) (fresh bool, err error)
}

// Poker makes the loop of a source look at once.
type Poker interface {
	Poke(ctx context.Context, source string) error
}

// Options are the settings of a Handler.
type Options struct {
	Logger *slog.Logger // nil: silent
}

// Deps are the parts that a Handler works with.
type Deps struct {
	Snapshots  Snapshots
	Secrets    Secrets
	Deliveries Deliveries
	Poker      Poker
}

// Handler answers webhooks. It only notes what is to be looked at; Run pokes.
type Handler struct {
	deps    Deps
	log     *slog.Logger
	limits  limits
	refused refused
	pending pending
	bodies  chan struct{} // a slot for each body that is being read
	limit   time.Duration // of the database

	mu      sync.Mutex
	secrets map[string]secret // by source
}

// secret is a source's secret as of a version of its row.
type secret struct {
	version int64
	value   string
}

// The limits of what a call may cost.
const (
	bodyLimit   = 1 << 20
	bodyTime    = 10 * time.Second // until all of a body is there
	bodySlots   = 128
	answerLimit = 5 * time.Second // of the database
)

var _ http.Handler = (*Handler)(nil)

// New returns a Handler.
func New(opt Options, deps Deps) *Handler {
	h := &Handler{
		deps:    deps,
		log:     opt.Logger,
		pending: pending{sources: map[string]bool{}, wake: make(chan struct{}, 1)},
		bodies:  make(chan struct{}, bodySlots),
		limit:   answerLimit,
		secrets: map[string]secret{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return h
}

// ServeHTTP answers one call: 202 if what was pushed is what the source
// follows, 200 with the reason if not, and an error for what is no call of
// somebody who knows the secret.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, refusal := h.admit(w, r)
	ctx, cancel := context.WithTimeout(r.Context(), h.limit)
	defer cancel()
	if refusal == nil {
		refusal = h.authenticate(ctx, c)
	}
	if refusal != nil {
		h.refuse(w, r, refusal)
		return
	}
	h.deliver(ctx, w, c)
}

// deliver answers a call whose sender knows the secret, and keeps it.
func (h *Handler) deliver(ctx context.Context, w http.ResponseWriter, c *call) {
	push, err := c.read()
	verdict := h.judge(c, push, err)
	delivery := c.delivery(push, verdict)
	fresh, err := h.keep(ctx, delivery)
	switch {
	case err != nil:
		h.log.Warn("webhook is not kept", "source", c.source, "error", err)
		if verdict.status == http.StatusAccepted { // it may be kept: then another with its id counts as seen
			h.pending.add(c.source)
		}
		answer(w, verdictOf(http.StatusServiceUnavailable, "the database does not answer: deliver this again later").after(databaseRetry))
		return
	case !fresh:
		seen := verdictOf(http.StatusOK, "already seen: a delivery with the id "+delivery.ID+" was answered before")
		delivery.Status, delivery.Message = seen.status, clean(seen.message, longestMessage)
		h.refused.again(delivery)
		answer(w, seen)
		return
	}
	if verdict.status == http.StatusAccepted {
		h.pending.add(c.source)
	}
	h.log.Debug("webhook", "source", c.source, "provider", delivery.Provider, "event", delivery.Event, "ref", delivery.Ref, "status", verdict.status)
	answer(w, verdict)
}

// keep stores a delivery, and stops waiting for that when ctx ends: a locked
// file is waited for whatever ctx says. Then it may yet be stored.
func (h *Handler) keep(ctx context.Context, delivery cluster.Delivery) (fresh bool, err error) {
	type outcome struct {
		fresh bool
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		fresh, err := h.deps.Deliveries.AddDelivery(ctx, delivery)
		done <- outcome{fresh, err}
	}()
	select {
	case o := <-done:
		return o.fresh, o.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
