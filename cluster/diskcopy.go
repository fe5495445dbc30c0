package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// copyPeriod is the least time between two writes of the copy on disk.
const copyPeriod = 10 * time.Second

// copyFormat is raised when a copy can no longer be read as before. A copy of
// another format is as good as none.
const copyFormat = 1

// diskCopy is a snapshot on disk: what routing needs while the database is
// away. Instances are left out: whether they live is for their node to say.
type diskCopy struct {
	Format       int                        `json:"format"`
	Number       int64                      `json:"number"`
	Projects     map[string]*ProjectRow     `json:"projects"`
	Components   map[string]*ComponentRow   `json:"components"`
	EventSources map[string]*EventSourceRow `json:"event_sources"`
	Placements   map[string]*Placement      `json:"placements"`
	Nodes        map[string]*Node           `json:"nodes"`

	Sources         map[string]*SourceRow     `json:"sources"`
	SourceStatuses  map[string]*SourceStatus  `json:"source_statuses"`
	ProjectStatuses map[string]*ProjectStatus `json:"project_statuses"`
	Controls        map[string]*ControlRow    `json:"controls"`
	Notifiers       map[string]*NotifierRow   `json:"notifiers"`
	Alerts          map[string]*Alert         `json:"alerts"`
}

// keepCopy writes the copy when a row of the snapshot has changed, at most once
// a period, and a last time when ctx ends.
func (f *Feed) keepCopy(ctx context.Context) {
	changed, cancel := f.Subscribe()
	defer cancel()
	var written int64
	var pause <-chan time.Time
	for ctx.Err() == nil {
		if pause == nil && f.copyDue(written) {
			written = f.writeCopy(written)
			pause = time.After(copyPeriod)
		}
		select {
		case <-ctx.Done():
		case <-pause:
			pause = nil
		case <-changed:
		}
	}
	if f.copyDue(written) {
		written = f.writeCopy(written)
	}
	f.date(written)
}

// date notes on the copy until when it was as the database is, if it is.
func (f *Feed) date(written int64) {
	at, s := f.ReadAt(), f.Snapshot()
	if s.Restored || s.changed != written || at.IsZero() {
		return
	}
	if err := os.Chtimes(f.opt.CopyPath, at, at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Debug("copy of the snapshot not dated", "error", err)
	}
}

func (f *Feed) copyDue(written int64) bool {
	s := f.Snapshot()
	return !s.Restored && s.changed != written
}

// writeCopy returns the number of the last change that the copy on disk has.
func (f *Feed) writeCopy(written int64) int64 {
	s := f.Snapshot()
	if err := saveCopy(f.opt.CopyPath, s); err != nil {
		f.log.Warn("copy of the snapshot not written", "error", err)
		return written
	}
	return s.changed
}

// restore loads the copy, as the first snapshot.
func (f *Feed) restore() {
	if f.opt.CopyPath == "" {
		return
	}
	changes, err := loadCopy(f.opt.CopyPath)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		f.log.Warn("copy of the snapshot not usable", "error", err)
		return
	}
	f.change(func(s *Snapshot) *Snapshot {
		s = s.With(changes)
		s.Restored = true
		return s
	})
	if info, err := os.Stat(f.opt.CopyPath); err == nil {
		f.mu.Lock()
		f.read = info.ModTime()
		f.mu.Unlock()
	}
	f.log.Warn("serving from the copy on disk", "change", changes.Number)
	f.setReady()
}

func saveCopy(path string, s *Snapshot) error {
	data, err := json.Marshal(diskCopy{
		Format:       copyFormat,
		Number:       s.Number,
		Projects:     rows(s.Projects, asItIs[ProjectRow]),
		Components:   rows(s.Components, publicComponent),
		EventSources: rows(s.EventSources, publicEventSource),
		Placements:   rows(s.Placements, asItIs[Placement]),
		Nodes:        rows(s.Nodes, asItIs[Node]),

		Sources:         rows(s.Sources, publicSource),
		SourceStatuses:  rows(s.SourceStatuses, asItIs[SourceStatus]),
		ProjectStatuses: rows(s.ProjectStatuses, publicStatus),
		Controls:        rows(s.Controls, asItIs[ControlRow]),
		Notifiers:       rows(s.Notifiers, publicNotifier),
		Alerts:          rows(s.Alerts, asItIs[Alert]),
	})
	if err != nil {
		return fmt.Errorf("encode copy: %w", err)
	}
	return replaceFile(path, data)
}

func loadCopy(path string) (ChangeSet, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return ChangeSet{}, fmt.Errorf("read copy: %w", err)
	}
	var c diskCopy
	if err := json.Unmarshal(data, &c); err != nil {
		return ChangeSet{}, fmt.Errorf("decode copy: %w", err)
	}
	if c.Format != copyFormat {
		return ChangeSet{}, fmt.Errorf("decode copy: format %d is not %d", c.Format, copyFormat)
	}
	for name, row := range c.Components {
		if row == nil || row.Spec == nil || row.Kept != nil && row.Kept.Spec == nil {
			return ChangeSet{}, fmt.Errorf("decode copy: component %q has no spec", name)
		}
		for ; row != nil; row = row.Kept {
			effective := row.Spec.Effective()
			row.Effective = &effective
		}
	}
	for name, row := range c.EventSources {
		if row == nil || row.Spec == nil {
			return ChangeSet{}, fmt.Errorf("decode copy: event source %q has no spec", name)
		}
	}
	for name, row := range c.Sources {
		if row == nil || row.Spec == nil {
			return ChangeSet{}, fmt.Errorf("decode copy: source %q has no spec", name)
		}
	}
	for name, row := range c.Notifiers {
		if row == nil || row.Spec == nil {
			return ChangeSet{}, fmt.Errorf("decode copy: notifier %q has no spec", name)
		}
	}
	return ChangeSet{
		Number: c.Number, Full: true, Projects: c.Projects, Components: c.Components,
		EventSources: c.EventSources, Placements: c.Placements, Nodes: c.Nodes,
		Sources: c.Sources, SourceStatuses: c.SourceStatuses, ProjectStatuses: c.ProjectStatuses,
		Controls: c.Controls, Notifiers: c.Notifiers, Alerts: c.Alerts,
	}, nil
}

func rows[V any](m Map[*V], public func(*V) *V) map[string]*V {
	out := make(map[string]*V, m.Len())
	for k, v := range m.All() {
		out[k] = public(v)
	}
	return out
}

func asItIs[V any](row *V) *V { return row }

// replaceFile makes path hold data, readable by its owner alone: before or
// after, never in part.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create copy: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync() // or a power cut could leave the name on an empty file
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write copy: %w", err)
	}
	return nil
}
