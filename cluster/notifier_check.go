package cluster

import (
	"net/url"
	"slices"
	"strings"
)

// EventKinds are all kinds of events, in the order of their declaration.
var EventKinds = []EventKind{
	EventSynced, EventApplied, EventRemoved, EventLooked, EventFailed, EventRecovered, EventReminder, EventRolledBack,
	EventDrift, EventBrake, EventHistoryRewritten, EventStale, EventSuspended, EventResumed, EventSourceChanged,
	EventNotifierChanged, EventNode, EventRole, EventWake, EventSleep, EventScaled, EventCrash, EventCron, EventRelease, EventRollout, EventRefusedWrite, EventUndelivered, EventMemory, EventImage,
	EventAlertOpened, EventAlertClosed,
}

var eventSeverities = []EventSeverity{EventInfo, EventWarning, EventError}

// Check tells what is wrong with a notifier, without looking at anything
// outside. No message has the secret in it.
func (n *Notifier) Check(secret string) []Finding {
	var f findings
	f.name("notifier", n.Name)
	switch {
	case n.Webhook != "" && n.Commit != nil:
		f.add("webhook", "a notifier has webhook or commit, not both")
	case n.Webhook != "":
		checkTarget(&f, "webhook", n.Webhook)
		if secret == "" {
			f.warn("secret", "without a secret nobody can tell who sent an event: receivers check its signature")
		}
	case n.Commit != nil:
		n.Commit.check(&f, secret)
	default:
		f.add("webhook", "a notifier needs webhook or commit: whom to tell")
	}
	for _, kind := range n.Kinds {
		if !slices.Contains(EventKinds, kind) {
			f.add("kinds", "there are no events of kind %q", kind)
		}
	}
	for _, kind := range n.Alerts {
		if kind != AlertAll && !slices.Contains(AlertKinds, kind) {
			f.add("alerts", "there are no alerts of kind %q", kind)
		}
	}
	if n.Commit != nil && len(n.Alerts) > 0 {
		f.add("alerts", "alerts are about no commit: they need a webhook")
	}
	for _, severity := range n.Severities {
		if !slices.Contains(eventSeverities, severity) {
			f.add("severities", "severity is info, warning or error, not %q", severity)
		}
	}
	for _, source := range n.Sources {
		if !declarationName.MatchString(source) {
			f.add("sources", "%q is no name of a source", source)
		}
	}
	if strings.ContainsAny(secret, "\r\n\x00") {
		f.add("secret", "the secret has more than one line")
	}
	return f
}

func checkTarget(f *findings, field, address string) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		f.add(field, "this is not an address such as https://example.com/events")
	case u.User != nil:
		f.add(field, "the address has a user or password in it, and addresses are shown")
	case u.Fragment != "":
		f.add(field, "the address has a fragment, which is not sent")
	case u.Scheme == "http":
		f.warn(field, "http is not protected: whoever is on the way can read it")
	}
}

func (c *CommitStatus) check(f *findings, secret string) {
	if !slices.Contains([]string{"github", "gitlab", "gitea"}, c.Provider) {
		f.add("commit.provider", "provider is github, gitlab or gitea, not %q", c.Provider)
	}
	switch {
	case c.API != "":
		checkTarget(f, "commit.api", c.API)
	case c.Provider == "gitea":
		f.add("commit.api", "gitea runs anywhere: name its API, such as https://git.example.com/api/v1")
	}
	if c.Repository != "" && (!strings.Contains(strings.Trim(c.Repository, "/"), "/") || strings.ContainsAny(c.Repository, " \t\r\n?#")) {
		f.add("commit.repository", "%q is not a repository such as owner/name", c.Repository)
	}
	if secret == "" {
		f.add("secret", "the API needs a token as secret: one that may set the status of commits")
	}
}
