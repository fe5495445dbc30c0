package journal

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"maelstrom/cluster"
)

// rollouts tells which versions are proven since, have failed, or are tried
// again. That a version was declared is told by who did it.
func (d *difference) rollouts() {
	for _, name := range changed(d.old.Components, d.new.Components) {
		b, is := d.new.Components.Get(name)
		if !is {
			continue
		}
		a, was := d.old.Components.Get(name)
		if !was || a.RestartVersion != b.RestartVersion {
			a = &cluster.ComponentRow{RestartVersion: b.RestartVersion} // of that version, before anything happened
		}
		if e, ok := rollout(a, b); ok {
			e.Kind, e.Project, e.Component = cluster.EventRollout, b.Spec.Project, name
			e.Details = rolloutDetails(b)
			d.add(e)
		}
	}
}

// rollout tells what became of a version between two of its rows.
func rollout(a, b *cluster.ComponentRow) (e cluster.Event, happened bool) {
	version := fmt.Sprintf("version %d of %s ", b.RestartVersion, b.Spec.Name)
	switch {
	case !b.Unproven() && a.Unproven():
		return cluster.Event{Severity: cluster.EventInfo, Message: version + "is rolled out"}, true
	case b.Failed != nil && (a.Failed == nil || a.Tries != b.Tries):
		e.Severity = cluster.EventError
		if !b.Failed.RetryAt.IsZero() {
			e.Severity = cluster.EventWarning
		}
		e.Message = version + "is not rolled out" + whatGoesOn(b) + ": " + string(b.Failed.Reason) + ": " + clip(b.Failed.Message)
		return e, true
	case b.Failed == nil && a.Failed != nil && b.Unproven():
		return cluster.Event{Severity: cluster.EventInfo, Message: fmt.Sprintf("%sis tried again after %s", version, failures(b.Tries))}, true
	}
	return e, false
}

func whatGoesOn(row *cluster.ComponentRow) string {
	var text strings.Builder
	if row.Kept != nil {
		fmt.Fprintf(&text, ", version %d runs on", row.Kept.RestartVersion)
	}
	if at := row.Failed.RetryAt; !at.IsZero() {
		fmt.Fprintf(&text, ", it is tried again at %s", at.UTC().Format(time.TimeOnly+" UTC"))
	}
	return text.String()
}

func failures(n int) string {
	if n == 1 {
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}

func rolloutDetails(row *cluster.ComponentRow) json.RawMessage {
	d := struct {
		Version int64          `json:"version"`
		Proven  bool           `json:"proven"`
		Tries   int            `json:"tries"`
		Reason  cluster.Reason `json:"reason,omitempty"`
		RetryAt time.Time      `json:"retry_at,omitzero"`
	}{Version: row.RestartVersion, Proven: !row.Unproven(), Tries: row.Tries}
	if row.Failed != nil {
		d.Reason, d.RetryAt = row.Failed.Reason, row.Failed.RetryAt.UTC()
	}
	details, err := json.Marshal(d)
	if err != nil {
		return nil // a time beyond what JSON has: the message will do
	}
	return details
}

// clip shortens what is too long for one line.
func clip(text string) string {
	if len(text) > longestMessage {
		return strings.ToValidUTF8(text[:longestMessage], "") + "..."
	}
	return text
}
