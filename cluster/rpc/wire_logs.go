package rpc

import (
	"context"
	"time"
)

// LogEntry is one line of output, as an ndjson answer of PathLogs has it.
type LogEntry struct {
	Time      time.Time `json:"time"`
	Component string    `json:"component"`
	Instance  string    `json:"instance"` // placement
	Node      string    `json:"node"`
	NodeName  string    `json:"node_name,omitempty"` // where there is more than one
	Stream    string    `json:"stream"`              // stdout, stderr, or maelstrom for its own word
	Text      string    `json:"text"`                // without its line end

	// Which container, with LogsRequest.Previous: one after the other have the
	// same instance.
	Container string `json:"container,omitempty"`
	Version   int64  `json:"version,omitempty"` // of the component
}

// StreamNotice is the stream of what is no output, but says why there is none.
const StreamNotice = "maelstrom"

// originalLogEntry is one line of output as the original's clients read it.
type originalLogEntry struct {
	Component string
	Stream    string
	Data      string
}

// LogKeeper has the output of this node's containers, also of those that are
// gone.
type LogKeeper interface {
	// KeptComponents lists whose output there is, removed components included.
	KeptComponents() ([]string, error)

	// OpenKept opens the output of a component, oldest line first. One without
	// output yet is no error.
	OpenKept(component string, opt KeptOptions) (KeptStream, error)
}

// KeptOptions select output of one component.
type KeptOptions struct {
	Since, Until time.Time // zero: without an end
	Tail         int       // last lines; 0: all

	// Containers to show, and those that start later, and Tail is of each;
	// nil: all that there were, and Tail is of all together.
	Containers []string
}

// KeptStream is the output of one component. Next returns io.EOF when there is
// no more now; Wait returns when there may be.
type KeptStream interface {
	Next() (KeptLine, error)
	Wait(ctx context.Context) error
	Close() error
}

// KeptLine is a line and where it is from.
type KeptLine struct {
	LogLine
	Container string
	Instance  string
	Version   int64
}

// LogOpener opens the output of this node's containers.
type LogOpener interface {
	OpenLog(ctx context.Context, container string, opt LogOptions) (LogStream, error)
}

// LogOptions select output of one container.
type LogOptions struct {
	Follow bool
	Since  time.Time // zero: from the start
	Tail   int       // last lines; 0: all
}

// LogStream is a container's output, line by line. Next returns io.EOF at the
// end, and soon after Close.
type LogStream interface {
	Next() (LogLine, error)
	Close() error
}

// LogLine is one line of a container's output, without its line end.
type LogLine struct {
	Time   time.Time
	Stream string
	Text   string
}
