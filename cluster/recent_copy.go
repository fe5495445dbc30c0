package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// recentDisk is a Recent on disk, without what may hold a secret.
type recentDisk struct {
	Format int       `json:"format"`
	Number int64     `json:"number"`
	ReadAt time.Time `json:"read_at"`

	Events     []Event               `json:"events"`
	Cut        bool                  `json:"cut"`
	Deliveries map[string][]Delivery `json:"deliveries"`
	Revisions  map[string][]Revision `json:"revisions"`
	Claims     map[string][]Claim    `json:"claims"`
}

func saveRecent(path string, r *Recent, at time.Time) error {
	disk := recentDisk{
		Format: copyFormat, Number: r.Number, ReadAt: at.UTC(), Cut: r.Cut, Events: make([]Event, len(r.Events)),
		Deliveries: lists(r.Deliveries), Revisions: lists(r.Revisions), Claims: lists(r.Claims),
	}
	for i, e := range r.Events {
		disk.Events[i] = publicEvent(e)
	}
	for project, revisions := range disk.Revisions {
		disk.Revisions[project] = publicRevisions(revisions)
	}
	data, err := json.Marshal(disk)
	if err != nil {
		return fmt.Errorf("encode copy: %w", err)
	}
	return replaceFile(path, data)
}

// loadRecent returns nil if there is no copy.
func loadRecent(path string) (*Recent, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var disk recentDisk
	if err == nil {
		err = json.Unmarshal(data, &disk)
	}
	if err != nil {
		return nil, fmt.Errorf("read copy: %w", err)
	}
	if disk.Format != copyFormat {
		return nil, fmt.Errorf("read copy: format %d is not %d", disk.Format, copyFormat)
	}
	return &Recent{
		Number: disk.Number, ReadAt: disk.ReadAt, Restored: true, Events: disk.Events, Cut: disk.Cut,
		Deliveries: withLists(Map[[]Delivery]{}, disk.Deliveries),
		Revisions:  withLists(Map[[]Revision]{}, disk.Revisions),
		Claims:     withLists(Map[[]Claim]{}, disk.Claims),
	}, nil
}

func lists[V any](m Map[[]V]) map[string][]V {
	out := make(map[string][]V, m.Len())
	for key, list := range m.All() {
		out[key] = list
	}
	return out
}

// plain are the kinds of events that go to disk as they are: their messages and
// details are made of names, figures, what people typed and why an engine does
// not answer. Those of all others may quote what a container, a file, a command
// or another server says.
var plain = []EventKind{
	EventSynced, EventApplied, EventRemoved, EventRecovered, EventDrift, EventBrake, EventSuspended, EventResumed,
	EventSourceChanged, EventNotifierChanged, EventNode, EventRole, EventWake, EventSleep, EventScaled, EventCron,
	EventRefusedWrite, EventMemory,
}

// notOnDisk stands for a text that is not on disk.
const notOnDisk = "what it says is in the database alone: it may quote a file or what a container says"

// publicEvent leaves out what may quote a secret.
func publicEvent(e Event) Event {
	if !slices.Contains(plain, e.Kind) {
		e.Message, e.Details = notOnDisk, nil
	}
	return e
}

// publicRevisions leaves out digests, on which a secret that can be guessed
// could be tried, and why a project went back, which may quote a failure.
func publicRevisions(revisions []Revision) []Revision {
	out := slices.Clone(revisions)
	for i := range out {
		r := &out[i]
		r.Digest = ""
		if r.Kind == RevisionRollback && r.Reason != "" {
			r.Reason = notOnDisk
		}
	}
	return out
}
