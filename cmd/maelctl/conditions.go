package main

import (
	"fmt"
	"io"
	"time"

	"maelstrom/cluster"
)

func conditionTable(a *app, conditions []cluster.Condition) *table {
	t := newTable(a.outStyle(), "CONDITION", "STATUS", "REASON", "REVISION", "AGE", "MESSAGE")
	for _, c := range conditions {
		t.add(string(c.Type), string(c.Status), orDash(string(c.Reason)), orDash(shortRevision(c.ObservedRevision)),
			age(c.LastTransition), orDash(c.Message))
	}
	return t
}

// printEvents lists events below what was printed before, if there are any.
func printEvents(w io.Writer, a *app, events []cluster.Event) error {
	if len(events) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	for _, e := range events {
		if err := a.printEvent(w, e); err != nil {
			return err
		}
	}
	return nil
}

// printEvent prints an event on one line.
func (a *app) printEvent(w io.Writer, e cluster.Event) error {
	s := a.outStyle()
	kind := fmt.Sprintf("%-14s", e.Kind)
	switch e.Severity {
	case cluster.EventError:
		kind = s.red(kind)
	case cluster.EventWarning:
		kind = s.yellow(kind)
	}
	_, err := fmt.Fprintf(w, "%s %s %s %s\n", s.faint(e.Time.Local().Format(time.DateTime)), kind, s.bold(orDash(subjectOf(e))), oneLine(e.Message))
	return err
}

// subjectOf is what an event is about, as closely as it says.
func subjectOf(e cluster.Event) string {
	switch {
	case e.Component != "":
		return e.Component
	case e.Project != "":
		return e.Project
	case e.Source != "":
		return e.Source
	}
	return e.Node
}
