package simulate

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/schedule"
)

// addCrons declares the cron event sources, and adds a request for each time at
// which they are due. What can't be read never fires.
func (w *world) addCrons() {
	rows := map[string]*cluster.EventSourceRow{}
	w.s.Loads = w.s.Loads[:len(w.s.Loads):len(w.s.Loads)]
	for _, p := range w.s.Projects {
		for k := range p.EventSources {
			e := &p.EventSources[k]
			if e.Cron == nil {
				continue
			}
			rows[e.Name] = &cluster.EventSourceRow{Spec: e, Enabled: true, Version: 1, CreatedAt: w.s.Start, ModifiedAt: w.s.Start}
			w.s.Loads = append(w.s.Loads, Load{Component: e.Component, Requests: w.firings(e)})
		}
	}
	w.change(cluster.ChangeSet{EventSources: rows})
}

// firings are the times at which a cron is due.
func (w *world) firings(e *project.EventSource) (due []Request) {
	s, err := schedule.Parse(e.Cron.Schedule, w.s.Zone)
	if err != nil {
		return nil
	}
	for at := w.s.Start; ; {
		if at = s.Next(at, w.s.Start); at.IsZero() || at.Sub(w.s.Start) >= w.s.Length {
			return due
		}
		due = append(due, Request{At: at.Sub(w.s.Start).Round(time.Microsecond)})
	}
}
