package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// EventTest is the event of a message that only tries a notifier.
const EventTest cluster.EventKind = "test"

// Send tries a notifier and says how that went: a webhook gets a message of
// EventTest, of the API of commits it is asked whether the repositories can be
// seen. No status is set. The error says what the other side has against it.
func (s *Sender) Send(ctx context.Context, spec *cluster.Notifier, secret string) (outcome string, err error) {
	if spec.Commit != nil {
		return s.tryCommits(ctx, spec, secret)
	}
	message := Message{
		FormatVersion: formatVersion, Event: EventTest, ID: time.Now().UnixMicro(), Time: time.Now().UTC(),
		Severity: cluster.EventInfo, Message: "a test of notifier " + spec.Name, Conditions: []cluster.Condition{},
	}
	answer, err := s.postMessage(ctx, spec.Webhook, secret, message)
	if err == nil {
		err = answer.asError()
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("answered %d", answer.status), nil
}

func (a answered) asError() error {
	if f := a.failed(); f != nil {
		return f
	}
	return nil
}

func (s *Sender) tryCommits(ctx context.Context, spec *cluster.Notifier, token string) (string, error) {
	var errs []error
	seen := map[repository]bool{}
	for name, row := range s.feed.Snapshot().Sources.Sorted() {
		if row.Spec.Git == nil || !wants(spec, name) {
			continue
		}
		at, ok := place(spec.Commit, row.Spec.Git.URL)
		if !ok || seen[at] {
			continue
		}
		seen[at] = true
		answer, err := s.do(ctx, at.look(token))
		if err == nil {
			err = answer.asError()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s of source %s: %w", at.path, name, err))
		}
	}
	if len(seen) == 0 {
		return "", errors.New("no source has a repository at this API")
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	return fmt.Sprintf("%d repositories can be seen", len(seen)), nil
}
