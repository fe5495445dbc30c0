package rpc

import (
	"time"

	"maelstrom/cluster"
)

// NotifierInfo is one stored notifier and how far it has come.
type NotifierInfo struct {
	Name       string            `json:"name"`
	Spec       *cluster.Notifier `json:"spec"`
	HasSecret  bool              `json:"has_secret"`
	Version    int64             `json:"version"`
	Origin     string            `json:"origin"`
	CreatedAt  time.Time         `json:"created_at"`
	ModifiedAt time.Time         `json:"modified_at"`

	Cursor int64      `json:"cursor"` // id of the last event that is done with
	Failed int        `json:"failed"` // attempts in a row
	Error  string     `json:"error"`  // of the last attempt
	SentAt *time.Time `json:"sent_at"`
}

// PutNotifierRequest stores a notifier as a whole.
type PutNotifierRequest struct {
	Spec   *cluster.Notifier `json:"spec"`
	Secret *string           `json:"secret,omitempty"` // absent: that which is stored stays

	// IfVersion refuses the write unless the stored notifier is at this
	// version; 0 means that it must not be stored.
	IfVersion *int64 `json:"if_version,omitempty"`

	Actor string `json:"actor,omitempty"`
}

// PutNotifierAnswer is the notifier as it is stored now.
type PutNotifierAnswer struct {
	Notifier NotifierInfo      `json:"notifier"`
	Changed  bool              `json:"changed"`
	Warnings []cluster.Finding `json:"warnings"`
}

// ListNotifiersRequest asks for every notifier.
type ListNotifiersRequest struct{}

// NotifierList is the answer to a ListNotifiersRequest, sorted by name.
type NotifierList struct {
	Notifiers []NotifierInfo `json:"notifiers"`
}

// RemoveNotifierRequest removes a notifier.
type RemoveNotifierRequest struct {
	Name      string `json:"name"`
	IfVersion int64  `json:"if_version,omitempty"` // 0: any
	Actor     string `json:"actor,omitempty"`

	// Force removes what a file declares, too. It comes back if some node, or
	// some source, still has that file.
	Force bool `json:"force,omitempty"`
}

// RemoveNotifierAnswer names what was removed.
type RemoveNotifierAnswer struct {
	Name string `json:"name"`
}

// TestNotifierRequest has a stored notifier send an event that says that it
// is a test.
type TestNotifierRequest struct {
	Name string `json:"name"`
}

// TestNotifierAnswer is what the other side said.
type TestNotifierAnswer struct {
	Delivered bool   `json:"delivered"`
	Message   string `json:"message"`
}
