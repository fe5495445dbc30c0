package rpc

import (
	"context"

	"maelstrom/cluster"
)

// SourceStore keeps sources, and what users have told their loops.
type SourceStore interface {
	PutSource(ctx context.Context, w cluster.SourceWrite) (*cluster.SourceRow, error)
	DeleteSource(ctx context.Context, d cluster.Deletion) (changeNumber int64, err error)
	SourceSecrets(ctx context.Context, name string) (cluster.SourceSecrets, error)
	PutControl(ctx context.Context, row cluster.ControlRow, hold *cluster.Hold, events ...cluster.Event) (cluster.ControlRow, error)
	Deliveries(ctx context.Context, source string, limit int) ([]cluster.Delivery, error)
}

// NotifierStore keeps notifiers.
type NotifierStore interface {
	PutNotifier(ctx context.Context, w cluster.NotifierWrite) (*cluster.NotifierRow, error)
	DeleteNotifier(ctx context.Context, d cluster.Deletion) error
	NotifierSecret(ctx context.Context, name string) (string, error)
	NotifierStates(ctx context.Context) ([]cluster.NotifierState, error)
}

// EventStore tells what happened.
type EventStore interface {
	Events(ctx context.Context, q cluster.EventQuery) ([]cluster.Event, error)
}

// Probe tries what sources and notifiers would do, and stores nothing.
type Probe interface {
	// TestSource fills in all of the answer but its Warnings. A source that
	// can't be fetched is no error.
	TestSource(ctx context.Context, spec *cluster.Source, secrets cluster.SourceSecrets) (TestSourceAnswer, error)

	// TestNotifier sends an event that says that it is a test.
	TestNotifier(ctx context.Context, spec *cluster.Notifier, secret string) (TestNotifierAnswer, error)
}
