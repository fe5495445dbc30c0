package notify

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"maelstrom/cluster"
)

// OutageStore is what an Outage needs of the database while it answers.
type OutageStore interface {
	NotifierSecret(ctx context.Context, name string) (string, error)
	WriteAlerts(ctx context.Context, hold *cluster.Hold, writes []cluster.AlertWrite) ([]cluster.Alert, error)
}

// OutageOptions are the settings of an Outage.
type OutageOptions struct {
	Node   string
	File   string       // where it is kept over a restart that the loss was told
	Logger *slog.Logger // nil: silent
}

// OutageDeps are the parts that an Outage works with.
type OutageDeps struct {
	Feed   Feed
	Store  OutageStore
	Sender *Sender

	Away func() error           // why the database does not answer this node; nil: it does
	Live func(node string) bool // whether another node is heard; nil: there is none
}

// Outage tells that the database is lost, which nobody can write down: of the
// nodes that say so of themselves and hear each other, the one with the lowest
// id does. What it needs for that it remembers while the database answers.
type Outage struct {
	opt  OutageOptions
	deps OutageDeps
	log  *slog.Logger

	mu    sync.Mutex // guards alert
	alert *cluster.Alert

	known   cluster.Map[*cluster.NotifierRow] // that targets is of
	targets map[string]target
	away    time.Time // since when; zero: it answers
	back    time.Time // since when it answers again; zero: it does not, or nothing was told
	id      int64     // of the message
	told    *toldOutage
	mute    bool // it was said that nobody can be told
}

// target is a notifier with all that sending to it takes, in memory alone.
type target struct {
	version int64
	webhook string
	secret  string

	// Of the present outage.
	done   bool
	failed int
	due    time.Time
}

// toldOutage is a loss that was told.
type toldOutage struct {
	Since time.Time `json:"since"`
	Cause string    `json:"cause"`
}

// NewOutage returns an Outage.
func NewOutage(opt OutageOptions, deps OutageDeps) *Outage {
	o := &Outage{opt: opt, deps: deps, log: opt.Logger, targets: map[string]target{}}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	return o
}

// outageLook is how often is looked whether the database is away.
const outageLook = time.Second

// Run tells of losses until ctx ends.
func (o *Outage) Run(ctx context.Context) error {
	o.recall()
	ticker := time.NewTicker(outageLook)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			o.look(ctx, time.Now())
		}
	}
}

// Open is the alert of the present outage; false: there is none.
func (o *Outage) Open() (cluster.Alert, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.alert == nil {
		return cluster.Alert{}, false
	}
	return *o.alert, true
}

func (o *Outage) setOpen(a *cluster.Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alert = a
}

func (o *Outage) look(ctx context.Context, now time.Time) {
	cause := o.deps.Away()
	if cause == nil {
		o.present(ctx, now)
		return
	}
	o.back = time.Time{}
	if o.away.IsZero() {
		o.begin(now)
	}
	if now.Sub(o.away) < paces[cluster.AlertDatabaseLost].settle {
		return
	}
	a := lostDatabase(o.opt.Node, o.name(), cause)
	a.Since, a.Told = o.away, now
	if _, open := o.Open(); !open {
		o.setOpen(&a)
	}
	if o.speaks() {
		o.tell(ctx, now, a)
	}
}

// begin notes a loss. Its message has the id that no event of the last known
// change has: it is the same on each node that knows as much, and so whoever
// gets two of them can drop one.
func (o *Outage) begin(now time.Time) {
	o.away, o.mute = now, false
	if o.told != nil {
		return // it has not been back for long enough
	}
	o.id = o.deps.Feed.Snapshot().Number*cluster.EventsPerChange + cluster.EventsPerChange - 1
	for name, t := range o.targets {
		t.done, t.failed, t.due = false, 0, time.Time{}
		o.targets[name] = t
	}
}

func lostDatabase(node, name string, cause error) cluster.Alert {
	return cluster.Alert{
		Kind: cluster.AlertDatabaseLost, Subject: cluster.AlertDatabase, Severity: cluster.EventError, Node: node,
		Title: "the database is lost", Cause: shorten(fmt.Sprintf("it does not answer node %s: %v", name, cause), longestCause),
		How: "the database is back",
	}
}

func (o *Outage) name() string {
	if n, ok := o.deps.Feed.Snapshot().Nodes.Get(o.opt.Node); ok {
		return n.DisplayName()
	}
	return o.opt.Node
}

// speaks tells whether this node tells of the loss.
func (o *Outage) speaks() bool {
	for id := range o.deps.Feed.Snapshot().Cut.All() {
		if id < o.opt.Node && o.deps.Live != nil && o.deps.Live(id) {
			return false
		}
	}
	return true
}

// tell makes all attempts that are due.
func (o *Outage) tell(ctx context.Context, now time.Time, a cluster.Alert) {
	o.noteMute()
	message := o.message(a)
	var attempts sync.WaitGroup
	answers := map[string]**failure{}
	for name, t := range o.targets {
		if t.done || t.due.After(now) {
			continue
		}
		answer := new(*failure)
		answers[name] = answer
		attempts.Go(func() { *answer = o.deps.Sender.post(ctx, t.webhook, t.secret, message) })
	}
	attempts.Wait()
	reached := false
	for name, answer := range answers {
		o.targets[name] = o.attempted(name, o.targets[name], *answer)
		reached = reached || o.targets[name].done
	}
	if o.told != nil || !reached {
		return
	}
	o.told = &toldOutage{Since: a.Since, Cause: a.Cause}
	o.log.Warn("alert", "kind", a.Kind, "subject", a.Subject, "title", a.Title, "cause", a.Cause)
	if err := writeOutage(o.opt.File, o.told); err != nil {
		o.log.Debug("told outage is not kept", "error", err)
	}
}

// noteMute says once that somebody wants to be told, and who that is is not
// known: the copy on disk has no addresses, which may be secrets themselves.
func (o *Outage) noteMute() {
	snapshot := o.deps.Feed.Snapshot()
	if o.mute || !snapshot.Restored {
		return
	}
	o.mute = true
	for name, row := range snapshot.Notifiers.All() {
		if row.Spec.WantsAlert(cluster.AlertDatabaseLost, cluster.EventError) {
			o.log.Warn("the loss of the database can't be told after a restart without it", "notifier", name)
		}
	}
}

func (o *Outage) attempted(name string, t target, failed *failure) target {
	if failed == nil || failed.permanent {
		t.done = failed == nil
		t.due = time.Now().Add(giveUpAfter)
	} else {
		t.failed++
		t.due = time.Now().Add(backoff(t.failed, failed.after))
	}
	if failed != nil && t.failed <= 1 {
		o.log.Warn("notifier is not reached", "notifier", name, "error", failed)
	}
	return t
}

func (o *Outage) message(a cluster.Alert) Message {
	e := a.Opened()
	return Message{
		FormatVersion: formatVersion, Event: e.Kind, ID: o.id, Time: a.Told.UTC(), Severity: e.Severity, Node: e.Node,
		Message: e.Message, Details: e.Details, Conditions: []cluster.Condition{},
	}
}

// present is a look while the database answers.
func (o *Outage) present(ctx context.Context, now time.Time) {
	o.learn(ctx)
	o.away = time.Time{}
	if o.back.IsZero() {
		o.back = now
	}
	if now.Sub(o.back) < paces[cluster.AlertDatabaseLost].heal {
		return
	}
	o.setOpen(nil)
	if o.told == nil {
		return
	}
	a := lostDatabase(o.opt.Node, o.name(), nil)
	a.Cause = o.told.Cause
	write := cluster.AlertWrite{Alert: a, Began: time.Since(o.told.Since), Heals: true, Ended: now.Sub(o.back), Whole: true}
	if _, err := o.deps.Store.WriteAlerts(ctx, nil, []cluster.AlertWrite{write}); err != nil {
		o.log.Debug("alert waits for the database", "error", err)
		return
	}
	o.log.Info("alert has healed", "kind", a.Kind, "subject", a.Subject, "lasted", o.back.Sub(o.told.Since))
	o.told = nil
	if err := os.Remove(o.opt.File); err != nil {
		o.log.Debug("told outage is not forgotten", "error", err)
	}
}

// learn remembers what sending takes, as it is declared now.
func (o *Outage) learn(ctx context.Context) {
	snapshot := o.deps.Feed.Snapshot()
	if snapshot.Number == 0 || snapshot.Restored || o.known == snapshot.Notifiers {
		return
	}
	targets := map[string]target{}
	for name, row := range snapshot.Notifiers.All() {
		if row.Spec.Webhook == "" || !row.Spec.WantsAlert(cluster.AlertDatabaseLost, cluster.EventError) {
			continue
		}
		t, had := o.targets[name]
		if !had || t.version != row.Version {
			secret, err := o.deps.Store.NotifierSecret(ctx, name)
			if err != nil {
				o.log.Debug("notifier's secret is not read", "notifier", name, "error", err)
				return
			}
			t = target{version: row.Version, webhook: row.Spec.Webhook, secret: secret, done: o.told != nil}
		}
		targets[name] = t
	}
	o.targets, o.known = targets, snapshot.Notifiers
	o.log.Debug("who is told of a lost database is known", "notifiers", len(targets))
}
