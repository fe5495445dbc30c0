package cluster

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// recentPause is the pace of a RecentFeed: what a burst of changes brings is read
// at once. Its copy on disk is written at most each copyPeriod.
const recentPause = time.Second

// RecentFeed keeps the Recent beside a Feed: it reads where that has found a
// new change number, and never by itself. All methods are safe for concurrent
// use.
type RecentFeed struct {
	reader RecentReader
	feed   *Feed
	path   string
	log    *slog.Logger

	current atomic.Pointer[Recent]

	// Of Run alone.
	saved   int64 // number of the copy on disk
	savedAt time.Time
}

// NewRecentFeed returns a RecentFeed that knows nothing; Run fills it.
// opt.CopyPath is where its own copy on disk lives.
func NewRecentFeed(reader RecentReader, feed *Feed, opt FeedOptions) *RecentFeed {
	f := &RecentFeed{reader: reader, feed: feed, path: opt.CopyPath, log: opt.Logger}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.current.Store(&Recent{})
	return f
}

// Recent returns what is known, never nil.
func (f *RecentFeed) Recent() *Recent { return f.current.Load() }

// AsOf returns when the database was as the Recent has it.
func (f *RecentFeed) AsOf() time.Time {
	r, s := f.Recent(), f.feed.Snapshot()
	if at := f.feed.ReadAt(); !r.Restored && !s.Restored && r.Number == s.Number && at.After(r.ReadAt) {
		return at
	}
	return r.ReadAt
}

// Run follows the feed until ctx ends. At the start, the copy on disk counts
// until the database is read.
func (f *RecentFeed) Run(ctx context.Context) error {
	f.restore()
	changed, cancel := f.feed.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		if f.behind() && f.readable() {
			f.read(ctx)
		}
		if f.due() {
			f.save()
		}
		var pause <-chan time.Time
		if f.behind() || f.unsaved() {
			pause = time.After(recentPause)
		}
		if pause == nil {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		select { // and not at each change meanwhile
		case <-ctx.Done():
		case <-pause:
		}
	}
	if f.path != "" && f.Recent().Number > 0 && !f.Recent().Restored {
		f.save() // with the latest time
	}
	return ctx.Err()
}

// behind tells whether this is not what the feed has. Whether that can be read is
// looked at again each recentPause: the feed does not tell that the database
// answers again if it is as it was.
func (f *RecentFeed) behind() bool {
	s, r := f.feed.Snapshot(), f.Recent()
	return s.Number > 0 && !s.Restored && (r.Restored || r.Number != s.Number)
}

// readable tells whether the database answers the feed and has what this lacks.
// A feed with a lower number is yet to read what was read here, unless it has
// read since: then it is another database.
func (f *RecentFeed) readable() bool {
	s, r := f.feed.Snapshot(), f.Recent()
	err, _ := f.feed.Health()
	return err == nil && (r.Restored || r.Number < s.Number || f.feed.ReadAt().After(r.ReadAt.Add(recentPause)))
}

func (f *RecentFeed) read(ctx context.Context) {
	r := f.Recent()
	since := r.Number
	if r.Restored {
		since = 0 // the copy lacks what must not be on disk
	}
	limited, cancel := context.WithTimeout(ctx, feedReadTimeout)
	defer cancel()
	at := time.Now()
	set, err := f.reader.Recent(limited, since)
	if err != nil {
		f.log.Debug("recent events and revisions not read", "error", err) // again soon, unless the feed says that the database is away
		return
	}
	f.current.Store(r.With(set, at))
}

func (f *RecentFeed) unsaved() bool {
	r := f.Recent()
	return f.path != "" && !r.Restored && r.Number != f.saved
}

func (f *RecentFeed) due() bool {
	return f.unsaved() && (f.savedAt.IsZero() || time.Since(f.savedAt) >= copyPeriod)
}

func (f *RecentFeed) save() {
	r := f.Recent()
	f.savedAt = time.Now()
	if err := saveRecent(f.path, r, f.AsOf()); err != nil {
		f.log.Warn("copy of recent events and revisions not written", "error", err)
		return
	}
	f.saved = r.Number
}

func (f *RecentFeed) restore() {
	if f.path == "" {
		return
	}
	r, err := loadRecent(f.path)
	if err != nil {
		f.log.Warn("copy of recent events and revisions not usable", "error", err)
	}
	if r != nil {
		f.current.Store(r)
	}
}
