package cron

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// ledger keeps firings in memory, as the store would.
type ledger struct {
	mu       sync.Mutex
	rows     map[string]*cluster.Firing
	fail     error // of every call
	lose     bool  // the next claim is stored, but its answer is lost
	fenced   bool
	ahead    time.Duration // of our clock
	asked    int           // for the time
	attempts int
}

func (l *ledger) Now(context.Context) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return time.Now().Add(l.ahead), l.fail
}

// tally tells how often the time was asked for.
func (l *ledger) tally() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func key(f cluster.Firing) string { return fmt.Sprint(f.Key, f.Ordinal, f.Due.UnixNano()) }

func (l *ledger) ClaimFiring(_ context.Context, _ cluster.Hold, f cluster.Firing) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts++
	switch {
	case l.fenced:
		return false, cluster.ErrFenced
	case l.fail != nil:
		return false, l.fail
	case l.rows[key(f)] != nil:
		return false, nil
	}
	l.rows[key(f)] = &f
	if l.lose {
		l.lose = false
		return false, io.ErrUnexpectedEOF
	}
	return true, nil
}

func (l *ledger) FinishFiring(_ context.Context, f cluster.Firing) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail == nil {
		l.rows[key(f)] = &f
	}
	return l.fail
}

func (l *ledger) LastFirings(_ context.Context, eventSource string, _ int) ([]cluster.Firing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []cluster.Firing
	for _, f := range l.rows {
		if f.EventSource == eventSource {
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, func(a, b cluster.Firing) int { return b.Due.Compare(a.Due) })
	return out, l.fail
}

func (l *ledger) OpenFirings(_ context.Context, key string, ordinal int) ([]cluster.Firing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []cluster.Firing
	for _, f := range l.rows {
		if f.Key == key && f.Ordinal == ordinal && f.FinishedAt.IsZero() {
			out = append(out, *f)
		}
	}
	return out, l.fail
}

func (l *ledger) LastDue(context.Context) (map[cluster.FiringID]time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := map[cluster.FiringID]time.Time{}
	for _, f := range l.rows {
		id := cluster.FiringID{Key: f.Key, Ordinal: f.Ordinal}
		last[id] = later(last[id], f.Due)
	}
	return last, l.fail
}

// reasons returns why firings were not sent, by their due times in UTC.
func (l *ledger) reasons() map[string]cluster.Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]cluster.Reason{}
	for _, f := range l.rows {
		if f.Reason != "" {
			out[f.Due.UTC().Format("15:04:05")] = f.Reason
		}
	}
	return out
}

func (l *ledger) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// sender is the gateway: it notes what was sent and answers 200, or as told.
type sender struct {
	mu     sync.Mutex
	sent   []sent
	answer http.HandlerFunc
}

type sent struct {
	at                                            time.Time
	component, method, target, host, body, header string
}

func (s *sender) ServeComponent(w http.ResponseWriter, r *http.Request, component string) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.sent = append(s.sent, sent{time.Now(), component, r.Method, r.RequestURI, r.Host, string(body), r.Header.Get("X-Job")})
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, r)
	}
}

// times returns when something was sent, as clock times in UTC.
func (s *sender) times() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, x := range s.sent {
		out = append(out, x.at.UTC().Format("15:04:05"))
	}
	return out
}

// starter wakes components and knows how long they take to start.
type starter struct {
	mu    sync.Mutex
	takes map[string]time.Duration
	woken []string
	fail  error
	block bool // until the context ends
}

func (s *starter) P95(component string) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.takes[component]
	return d, ok
}

func (s *starter) Wake(ctx context.Context, component string) error {
	s.mu.Lock()
	s.woken = append(s.woken, time.Now().UTC().Format("15:04:05")+" "+component)
	block, err := s.block, s.fail
	s.mu.Unlock()
	if block {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

// set changes what is known.
func (s *starter) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// wakes returns what was woken, when.
func (s *starter) wakes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.woken)
}

// database is what the feed reads.
type database struct {
	mu           sync.Mutex
	number       int64
	eventSources map[string]*cluster.EventSourceRow
	placements   map[string]*cluster.Placement
}

func (d *database) ChangeNumber(context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.number, nil
}

func (d *database) Changes(context.Context, int64) (cluster.ChangeSet, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := (&project.Component{Name: "shop_web"}).Effective()
	return cluster.ChangeSet{
		Number: d.number, Full: true, EventSources: maps.Clone(d.eventSources), Placements: maps.Clone(d.placements),
		Components: map[string]*cluster.ComponentRow{"shop_web": {Spec: &e, Effective: &e, Version: 1}},
	}, nil
}

// put stores an event source that was created a while ago.
func (d *database) put(name, schedule string, change ...func(*cluster.EventSourceRow)) {
	d.store(name, schedule, time.Now().Add(-time.Hour), change...)
}

// create stores an event source that is created now.
func (d *database) create(name, schedule string) { d.store(name, schedule, time.Now()) }

func (d *database) store(name, schedule string, created time.Time, change ...func(*cluster.EventSourceRow)) {
	row := &cluster.EventSourceRow{
		Spec: &project.EventSource{Name: name, Project: "shop", Component: "shop_web", Cron: &project.CronSource{
			Schedule: schedule, HTTP: project.CronHTTP{Method: "GET", Path: "/job"},
		}},
		Enabled: true, Version: 1, CreatedAt: created,
	}
	for _, f := range change {
		f(row)
	}
	d.change(func(rows map[string]*cluster.EventSourceRow) { rows[name] = row })
}

func (d *database) change(f func(map[string]*cluster.EventSourceRow)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d.eventSources)
	d.number++
}

// enable switches an event source on or off.
func (d *database) enable(name string, enabled bool) {
	d.change(func(rows map[string]*cluster.EventSourceRow) {
		row := *rows[name]
		row.Enabled = enabled
		rows[name] = &row
	})
}

// stage is a Cron with everything around it, in a bubble.
type stage struct {
	*Cron
	db     *database
	ledger *ledger
	sender *sender
	starts *starter
	feed   *cluster.Feed
	work   *sync.WaitGroup
	missed *missed
}

// missed are the due times that were not fired.
type missed struct {
	mu    sync.Mutex
	times []string
	last  map[string]time.Time
	fail  error
}

func (m *missed) add(row *cluster.EventSourceRow, due time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times = append(m.times, row.Spec.Name+due.UTC().Format(" 15:04:05"))
	if m.last == nil {
		m.last = map[string]time.Time{}
	}
	m.last[row.Spec.Name] = due
}

// told is Deps.Told.
func (m *missed) told(context.Context) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.last), m.fail
}

// play runs a test in a bubble that begins at the given time in UTC, with a
// feed that follows the database. What is under way at the end is cut off.
func play(t *testing.T, begin string, opt Options, test func(*testing.T, *stage)) {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", begin)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(at))
		var work sync.WaitGroup
		s := &stage{db: &database{number: 1, eventSources: map[string]*cluster.EventSourceRow{}}, work: &work, missed: &missed{}}
		s.ledger, s.sender = &ledger{rows: map[string]*cluster.Firing{}}, &sender{}
		s.starts = &starter{takes: map[string]time.Duration{}}
		s.feed = cluster.NewFeed(s.db, cluster.FeedOptions{})
		s.Cron = New(opt, Deps{Feed: s.feed, Ledger: s.ledger, Sender: s.sender, Waker: s.starts, Starts: s.starts, Missed: s.missed.add})
		ctx, cancel := context.WithCancel(t.Context())
		work.Go(func() { s.feed.Run(ctx) })
		defer func() {
			cancel()
			s.Drain(ctx)
			work.Wait()
		}()
		test(t, s)
	})
}

// hold takes the role; end gives it up and returns what Hold did.
func (s *stage) hold(t *testing.T, c *Cron) (end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	s.work.Go(func() { result <- c.Hold(ctx, cluster.Hold{Role: cluster.RoleCron, Holder: "n1", Fence: 1}) })
	synctest.Wait()
	return func() error {
		cancel()
		return <-result
	}
}

// sees makes the feed look at the database now.
func (s *stage) sees() {
	s.feed.Hint()
	synctest.Wait()
}

// until lets time pass up to a time of this day or a later one, in UTC.
func until(t *testing.T, at string) {
	t.Helper()
	clock, err := time.Parse("15:04:05", at)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	day := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
	if !day.After(now) {
		day = day.AddDate(0, 0, 1)
	}
	<-time.After(day.Sub(now))
	synctest.Wait()
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// place makes a component have a placement.
func (d *database) place(id, component string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.placements = map[string]*cluster.Placement{id: {ID: id, Component: component, Node: "n1", Want: cluster.WantRun}}
	d.number++
}
