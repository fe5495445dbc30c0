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
	Stream    string    `json:"stream"` // stdout or stderr
	Text      string    `json:"text"`   // without its line end
}

// originalLogEntry is one line of output as the original's clients read it.
type originalLogEntry struct {
	Component string
	Stream    string
	Data      string
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
