package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// AlertKind says what an alert is about.
type AlertKind string

// The alert kinds.
const (
	AlertNodeLost         AlertKind = "node_lost"         // subject: a node's id
	AlertDatabaseLost     AlertKind = "database_lost"     // subject: AlertDatabase
	AlertComponentFailing AlertKind = "component_failing" // subject: a component's name
	AlertCronFailed       AlertKind = "cron_failed"       // subject: an event source's name
	AlertDiskFull         AlertKind = "disk_full"         // subject: a node's id, "/" and the name of a Disk
)

// AlertKinds are all kinds of alerts, in the order of their declaration.
var AlertKinds = []AlertKind{AlertNodeLost, AlertDatabaseLost, AlertComponentFailing, AlertCronFailed, AlertDiskFull}

// AlertDatabase is the subject of AlertDatabaseLost.
const AlertDatabase = "database"

// Alert is something that somebody should look at, from when it began until it
// healed. There is one of each kind and subject: the latest.
type Alert struct {
	Kind     AlertKind     `json:"kind"`
	Subject  string        `json:"subject"`
	Severity EventSeverity `json:"severity"`
	Cause    string        `json:"cause"` // one sentence, without secrets

	Title string `json:"title"` // what is wrong with what, in a few words

	// What it is about; empty where it does not apply.
	Source    string `json:"source"` // that owns the project
	Project   string `json:"project"`
	Component string `json:"component"`
	Node      string `json:"node"`

	Since  time.Time `json:"since"`         // when it began, by the database's clock
	Told   time.Time `json:"told"`          // when that was decided to be an alert
	Healed time.Time `json:"healed"`        // zero: it is open
	How    string    `json:"how,omitempty"` // it healed, in a few words
}

// AlertKey names the alert of a kind and subject.
func AlertKey(kind AlertKind, subject string) string { return string(kind) + " " + subject }

// Key names the alert.
func (a *Alert) Key() string { return AlertKey(a.Kind, a.Subject) }

// Open tells whether an alert has not healed.
func (a *Alert) Open() bool { return a.Healed.IsZero() }

// Lasted is from when an alert began until it healed.
func (a *Alert) Lasted() time.Duration { return a.Healed.Sub(a.Since) }

// AlertDetails are the details of the events of an alert.
type AlertDetails struct {
	Alert    AlertKind     `json:"alert"`
	Subject  string        `json:"subject"`
	Severity EventSeverity `json:"severity"` // of the alert; an event that closes one is info
	Cause    string        `json:"cause"`
	Since    time.Time     `json:"since"`
	Healed   *time.Time    `json:"healed,omitempty"`
	Seconds  float64       `json:"lasted_seconds,omitempty"`
}

// Opened is the event that tells that an alert began.
func (a *Alert) Opened() Event { return a.event(EventAlertOpened, a.Severity, a.Title+": "+a.Cause) }

// Closed is the event that tells that an alert has healed.
func (a *Alert) Closed() Event {
	return a.event(EventAlertClosed, EventInfo, fmt.Sprintf("%s after %s; it was: %s: %s", a.How, Lasting(a.Lasted()), a.Title, a.Cause))
}

func (a *Alert) event(kind EventKind, severity EventSeverity, message string) Event {
	d := AlertDetails{Alert: a.Kind, Subject: a.Subject, Severity: a.Severity, Cause: a.Cause, Since: a.Since.UTC()}
	if !a.Open() {
		healed := a.Healed.UTC()
		d.Healed, d.Seconds = &healed, a.Lasted().Seconds()
	}
	details, err := json.Marshal(d)
	if err != nil {
		details = nil // a time beyond what JSON has: the message will do
	}
	return Event{Kind: kind, Severity: severity, Source: a.Source, Project: a.Project, Component: a.Component, Node: a.Node, Message: message, Details: details}
}

// Lasting is a duration for people: to the second, or the millisecond if it is
// less.
func Lasting(d time.Duration) string {
	if d >= time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

// AlertWrite opens an alert, or closes it. Of one that is open already nothing
// is opened, and of one that is not open nothing is closed.
type AlertWrite struct {
	Alert               // Since is used if it is set; Told and Healed are not
	Began time.Duration // how long ago
	Heals bool
	Ended time.Duration // how long ago it healed

	// Whole closes what nobody could open: it is stored with its beginning and
	// end, unless an alert of its kind and subject was open meanwhile.
	Whole bool
}

// AlertDetailsOf reads the details of an event of an alert; false: it is none.
func AlertDetailsOf(e *Event) (d AlertDetails, ok bool) {
	if e.Kind != EventAlertOpened && e.Kind != EventAlertClosed {
		return d, false
	}
	return d, json.Unmarshal(e.Details, &d) == nil
}

// WantsAlert tells whether a notifier is about an alert.
func (n *Notifier) WantsAlert(kind AlertKind, severity EventSeverity) bool {
	if len(n.Severities) > 0 && !slices.Contains(n.Severities, severity) {
		return false
	}
	if len(n.Alerts) == 0 {
		return slices.Contains(n.Kinds, EventAlertOpened) || slices.Contains(n.Kinds, EventAlertClosed)
	}
	return slices.Contains(n.Alerts, AlertAll) || slices.Contains(n.Alerts, kind)
}

// Alerted tells whether a notifier is about any alert.
func (n *Notifier) Alerted() bool {
	return slices.ContainsFunc(AlertKinds, func(k AlertKind) bool {
		return slices.ContainsFunc([]EventSeverity{EventWarning, EventError}, func(s EventSeverity) bool { return n.WantsAlert(k, s) })
	})
}

// AlertAll stands for every kind in a Notifier.
const AlertAll AlertKind = "all"
