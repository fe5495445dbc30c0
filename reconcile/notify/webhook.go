package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"maelstrom/cluster"
)

// Message is the body of a webhook.
type Message struct {
	FormatVersion string                `json:"format_version"`
	Event         cluster.EventKind     `json:"event"`
	ID            int64                 `json:"id"`
	Time          time.Time             `json:"time"`
	Severity      cluster.EventSeverity `json:"severity"`
	Source        string                `json:"source"`
	Project       string                `json:"project"`
	Component     string                `json:"component"`
	Node          string                `json:"node"`
	Revision      string                `json:"revision"`
	Actor         string                `json:"actor"`
	Message       string                `json:"message"`
	Details       json.RawMessage       `json:"details,omitempty"`
	Conditions    []cluster.Condition   `json:"conditions"`
}

// formatVersion is of Message.
const formatVersion = "1.0"

// send makes one attempt; nil: the notifier is done with the event.
func (w *worker) send(ctx context.Context, e cluster.Event) *failure {
	w.await(ctx, e)
	if w.row.Spec.Commit != nil {
		return w.sendStatus(ctx, e)
	}
	return w.post(ctx, w.row.Spec.Webhook, w.secret, w.message(e))
}

// await lets the snapshot catch up with an event. One that doesn't is used as
// it is.
func (w *worker) await(ctx context.Context, e cluster.Event) {
	ctx, cancel := context.WithTimeout(ctx, feedLag)
	defer cancel()
	_ = w.feed.WaitFor(ctx, e.Change()) // late is better than never
}

func (w *worker) message(e cluster.Event) Message {
	return Message{
		FormatVersion: formatVersion, Event: e.Kind, ID: e.ID, Time: e.Time.UTC(), Severity: e.Severity,
		Source: e.Source, Project: e.Project, Component: e.Component, Node: e.Node,
		Revision: e.Revision, Actor: e.Actor, Message: e.Message, Details: e.Details,
		Conditions: conditions(w.feed.Snapshot(), &e),
	}
}

// conditions are those of what an event is about.
func conditions(s *cluster.Snapshot, e *cluster.Event) []cluster.Condition {
	if e.Project != "" {
		keys, _ := s.ByProject.Get(e.Project)
		for _, key := range keys {
			status, ok := s.ProjectStatuses.Get(key)
			if ok && (e.Source == "" || status.Source == e.Source) {
				return status.Conditions
			}
		}
		return []cluster.Condition{}
	}
	if status, ok := s.SourceStatuses.Get(e.Source); ok {
		return status.Conditions
	}
	return []cluster.Condition{}
}

// post sends a message as a webhook.
func (s *Sender) post(ctx context.Context, address, secret string, m Message) *failure {
	answer, err := s.postMessage(ctx, address, secret, m)
	if err != nil {
		return transient(err)
	}
	return answer.failed()
}

func (s *Sender) postMessage(ctx context.Context, address, secret string, m Message) (answered, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return answered{}, fmt.Errorf("encode event %d: %w", m.ID, err)
	}
	id, timestamp := strconv.FormatInt(m.ID, 10), strconv.FormatInt(time.Now().Unix(), 10)
	header := map[string]string{
		"Content-Type": "application/json", "X-Maelstrom-Event": string(m.Event),
		"X-Maelstrom-Delivery": id, "X-Maelstrom-Timestamp": timestamp,
	}
	if secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(timestamp + "." + id + "."))
		mac.Write(body)
		header["X-Maelstrom-Signature"] = "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	return s.do(ctx, request{method: http.MethodPost, address: address, header: header, body: body, secret: secret})
}
