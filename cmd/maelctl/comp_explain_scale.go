package main

import (
	"fmt"
	"io"
	"strconv"

	"maelstrom/cluster"
)

// printScale tells why there are as many instances as there are.
func printScale(w io.Writer, a *app, e cluster.ScaleExplanation) error {
	if e.Why == "" {
		return nil // who answers is of an older version
	}
	s := a.outStyle()
	sentence := func(head, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s %s\n", s.bold(head), text)
		}
	}
	sentence("why:", e.Why)
	sentence("why not more:", e.WhyNotMore)
	sentence("why not fewer:", e.WhyNotLess)
	for _, text := range e.WouldChange {
		sentence("would change it:", text)
	}
	sight := e.Sight
	fmt.Fprintf(w, "\n%d ready, %d starting; %d in flight", sight.Ready, sight.Starting, sight.InFlight)
	if sight.Streams > 0 {
		fmt.Fprintf(w, " (%s)", plural(sight.Streams, "stream"))
	}
	fmt.Fprintf(w, ", %d queued\n", sight.Queued)
	if sight.Seconds > 0 {
		fmt.Fprintln(w)
		if err := windowsExplained(a, e).write(w); err != nil {
			return err
		}
	}
	if len(e.Changes) > 0 {
		fmt.Fprintln(w)
		if err := changesExplained(a, e.Changes).write(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return nil
}

func windowsExplained(a *app, e cluster.ScaleExplanation) *table {
	t := newTable(a.outStyle(), "WINDOW", "AT A TIME", "PER INSTANCE", "ASKS FOR", "NOTE")
	each, panicking := points(e.Sight.PerInstance), "-"
	if e.Sight.Panicking {
		panicking = "panic"
	}
	t.add(strconv.Itoa(e.Sight.Seconds)+"s", points(e.Sight.Stable), each, strconv.Itoa(e.ByStable), "-")
	t.add("6s", points(e.Sight.Panic), each, strconv.Itoa(e.ByPanic), panicking)
	if e.BySpare > 0 {
		t.add("spareslots", "-", "-", strconv.Itoa(e.BySpare), "-")
	}
	return t
}

func changesExplained(a *app, changes []cluster.ScaleChange) *table {
	t := newTable(a.outStyle(), "CHANGED", "FROM", "TO", "CAUSE", "WHY")
	for _, c := range changes {
		t.add(age(c.At)+" ago", strconv.Itoa(c.From), strconv.Itoa(c.To), string(c.Cause), c.Why)
	}
	return t
}
