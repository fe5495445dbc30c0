package main

import (
	"fmt"
	"io"
	"time"

	"maelstrom/cluster/rpc"
)

// logPrinter prints entries as they come.
type logPrinter struct {
	app        *app
	out        outputFlags
	any        bool
	containers map[string]string // the latest of each instance
}

// print prints one entry; in YAML each is a document of a stream.
func (p *logPrinter) print(entry rpc.LogEntry) error {
	if ofNode(entry) {
		p.app.warn("%s", entry.Text)
		return nil
	}
	p.any = true
	if p.out.format == formatYAML && !p.out.shaped() {
		if _, err := io.WriteString(p.app.stdout, "---\n"); err != nil {
			return err
		}
	}
	return p.out.print(p.app.stdout, document{value: entry, foreign: true, text: func(w io.Writer) error {
		return p.text(w, entry)
	}})
}

// text prints a line for people, and one before it where another container of
// the same instance begins.
func (p *logPrinter) text(w io.Writer, entry rpc.LogEntry) error {
	s := p.app.outStyle()
	head := s.faint(logTime(entry.Time, time.Now())) + " " + s.bold("["+entry.Component+atNode(entry.NodeName)+"]")
	key := entry.Component + " " + entry.Instance
	if entry.Container != "" && p.containers[key] != entry.Container {
		p.containers[key] = entry.Container
		mark := fmt.Sprintf("-- container %.12s, version %d --", entry.Container, entry.Version)
		if _, err := fmt.Fprintln(w, head, s.faint(mark)); err != nil {
			return err
		}
	}
	text := entry.Text
	switch entry.Stream {
	case "stderr":
		text = s.yellow(text)
	case rpc.StreamNotice:
		text = s.faint("-- " + text + " --")
	}
	_, err := fmt.Fprintln(w, head, text)
	return err
}

// ofNode tells whether an entry is about a node whose output is missing, or
// goes on: it is no output.
func ofNode(entry rpc.LogEntry) bool {
	return entry.Stream == rpc.StreamNotice && entry.Component == ""
}

// atNode names a node beside a component; nothing where there is one only.
func atNode(name string) string {
	if name == "" {
		return ""
	}
	return "@" + name
}

// logTime leaves the day out if it is today.
func logTime(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}
