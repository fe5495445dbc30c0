package cluster

import (
	"testing"
	"time"
)

func TestWhichAlertsANotifierWants(t *testing.T) {
	for name, c := range map[string]struct {
		n      Notifier
		kind   AlertKind
		wants  bool
		alerts bool // any
	}{
		"by default none":      {Notifier{}, AlertNodeLost, false, false},
		"all":                  {Notifier{Alerts: []AlertKind{AlertAll}}, AlertDiskFull, true, true},
		"one":                  {Notifier{Alerts: []AlertKind{AlertNodeLost}}, AlertNodeLost, true, true},
		"another":              {Notifier{Alerts: []AlertKind{AlertNodeLost}}, AlertDiskFull, false, true},
		"by their events":      {Notifier{Kinds: []EventKind{EventCron, EventAlertOpened}}, AlertDiskFull, true, true},
		"other events":         {Notifier{Kinds: []EventKind{EventCron}}, AlertDiskFull, false, false},
		"severe ones":          {Notifier{Alerts: []AlertKind{AlertAll}, Severities: []EventSeverity{EventError}}, AlertDiskFull, true, true},
		"only what is no news": {Notifier{Alerts: []AlertKind{AlertAll}, Severities: []EventSeverity{EventInfo}}, AlertDiskFull, false, false},
	} {
		if got := c.n.WantsAlert(c.kind, EventError); got != c.wants || c.n.Alerted() != c.alerts {
			t.Errorf("%s: %v, any %v", name, got, c.n.Alerted())
		}
	}
}

func TestNotifierOfAlertsIsChecked(t *testing.T) {
	for field, n := range map[string]Notifier{
		"":           {Webhook: "https://x.test/", Alerts: []AlertKind{AlertAll, AlertDiskFull}, Severities: []EventSeverity{EventError}},
		"alerts":     {Webhook: "https://x.test/", Alerts: []AlertKind{"fire"}},
		"severities": {Webhook: "https://x.test/", Severities: []EventSeverity{"dire"}},
	} {
		n.Name = "x"
		found := n.Check("secret")
		if field == "" && len(found) > 0 || field != "" && (len(found) != 1 || found[0].Field != field) {
			t.Errorf("%q: %+v", field, found)
		}
	}
	commits := Notifier{Name: "x", Commit: &CommitStatus{Provider: "github"}, Alerts: []AlertKind{AlertAll}}
	if found := commits.Check("token"); len(found) != 1 || found[0].Field != "alerts" {
		t.Errorf("alerts of commits: %+v", found)
	}
}

// A disk at the limit is told of once.
func TestDiskIsFullUntilItHasRoom(t *testing.T) {
	d := Disk{Name: "data"}
	for _, step := range []struct {
		percent float64
		full    bool
	}{{84.9, false}, {85, true}, {84, true}, {80, true}, {79.9, false}, {84, false}, {99, true}} {
		if d = d.Used(step.percent); d.Full != step.full || d.Percent != step.percent {
			t.Errorf("at %v: %+v", step.percent, d)
		}
	}
}

func TestEventsOfAnAlert(t *testing.T) {
	since := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	a := Alert{Kind: AlertCronFailed, Subject: "shop_job", Severity: EventWarning, Component: "shop_web", Project: "shop", Title: "shop_job fails", Cause: "status 500", Since: since}
	opened := a.Opened()
	if opened.Kind != EventAlertOpened || opened.Severity != EventWarning || opened.Message != "shop_job fails: status 500" || opened.Project != "shop" ||
		string(opened.Details) != `{"alert":"cron_failed","subject":"shop_job","severity":"warning","cause":"status 500","since":"2026-04-01T12:00:00Z"}` {
		t.Errorf("opened %+v, %s", opened, opened.Details)
	}
	a.Healed, a.How = since.Add(90*time.Second), "shop_job succeeds again"
	closed := a.Closed()
	if closed.Kind != EventAlertClosed || closed.Severity != EventInfo || closed.Message != "shop_job succeeds again after 1m30s; it was: shop_job fails: status 500" ||
		string(closed.Details) != `{"alert":"cron_failed","subject":"shop_job","severity":"warning","cause":"status 500","since":"2026-04-01T12:00:00Z","healed":"2026-04-01T12:01:30Z","lasted_seconds":90}` {
		t.Errorf("closed %+v, %s", closed, closed.Details)
	}
}
