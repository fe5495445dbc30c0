package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster/simulate"
)

// printSimulation prints what would have happened, for people.
func printSimulation(w io.Writer, s style, r *simulate.Result, moves int) error {
	fmt.Fprintf(w, "%s from %s, seed %d\n\n", seconds(r.Length), r.Start.UTC().Format("2006-01-02 15:04:05 UTC"), r.Seed)
	if err := simulatedComponents(s, r).write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := simulatedWaits(s, &r.Totals).write(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s  %s of %s at most, %.3f GiB-hours of %.3f\n", s.bold("memory"),
		gib(r.PeakMemoryMiB), gib(r.MemoryMiB), r.MemoryGiBHours, float64(r.MemoryMiB)/1024*r.Length/3600)
	if r.MissingMiB > 0 {
		fmt.Fprintf(w, "%s  %s at most, which more nodes would have\n", s.bold("missing"), gib(r.MissingMiB))
	}
	printAssumed(w, s, &r.Assumed)
	printLearned(w, s, r)
	printLost(w, s, r)
	if err := printRecorded(w, s, r); err != nil {
		return err
	}
	if err := printScaling(w, s, r, moves); err != nil {
		return err
	}
	return printMoves(w, s, r, moves)
}

func seconds(n float64) string {
	return time.Duration(n * float64(time.Second)).Round(time.Millisecond).String()
}

func gib(mib int64) string { return strconv.FormatFloat(float64(mib)/1024, 'f', 2, 64) + " GiB" }

func ms(n float64) string {
	return time.Duration(n * float64(time.Millisecond)).Round(time.Millisecond / 10).String()
}

func simulatedComponents(s style, r *simulate.Result) *table {
	t := newTable(s, "COMPONENT", "REQUESTS", "COLD", "REFUSED", "FAILED", "LEFT", "STARTS", "COLD STARTS", "MOST READY", "WAIT P50", "P95", "P99", "MAX", "GIB-HOURS")
	row := func(name string, c *simulate.Totals, ready string, memory float64) {
		t.add(name, count(c.Requests), count(c.Cold), count(c.Refused), count(c.Failed), count(c.Waiting+c.InFlight), count(c.Starts), count(c.ColdStarts),
			ready, ms(c.Queue.P50), ms(c.Queue.P95), ms(c.Queue.P99), ms(c.Queue.Max), strconv.FormatFloat(memory, 'f', 3, 64))
	}
	for _, c := range r.Components {
		row(c.Component, &c.Totals, strconv.Itoa(c.MostReady), c.MemoryGiBHours)
	}
	if len(r.Components) > 1 {
		row("all", &r.Totals, "", r.MemoryGiBHours)
	}
	return t
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func simulatedWaits(s style, totals *simulate.Totals) *table {
	t := newTable(s, "WAITED UP TO", "REQUESTS", "SHARE")
	for k, b := range totals.Buckets {
		bound := ms(b.UpTo)
		switch {
		case k == 0:
			bound = "not at all"
		case b.UpTo < 0:
			bound = "longer"
		}
		if b.Count > 0 {
			t.add(bound, count(b.Count), fmt.Sprintf("%.2f %%", 100*float64(b.Count)/float64(totals.Queue.Count)))
		}
	}
	return t
}

// printAssumed tells which times nobody has told.
func printAssumed(w io.Writer, s style, a *simulate.Assumed) {
	for _, of := range []struct {
		what, flag string
		times      simulate.Spread
		components []string
	}{
		{"starts", "--start-time", simulate.DefaultStart, a.Start},
		{"requests", "--service-time", simulate.DefaultService, a.Service},
	} {
		if n := len(of.components); n > 0 {
			whose := strings.Join(of.components[:min(n, 3)], ", ")
			if n > 3 {
				whose += fmt.Sprintf(" and %d more", n-3)
			}
			fmt.Fprintf(w, "%s  %s of %s take %s, %s at p95; %s tells others\n", s.bold("assumed"), of.what, whose, of.times.Median, of.times.P95, of.flag)
		}
	}
}

// printLearned tells what came of sleeping by what was learned.
func printLearned(w io.Writer, s style, r *simulate.Result) {
	for _, c := range r.Components {
		if l := c.Learned; l != nil {
			fmt.Fprintf(w, "%s  %s ended %d of %d idle times cold: %d fewer than idletimeoutseconds would have, %d more; %.2f idle instance-hours instead of %.2f\n",
				s.bold("learned"), c.Component, l.Cold, l.Spells, l.Avoided, l.Added, l.IdleHours, l.FixedHours)
		}
	}
}

// printLost tells what was not answered, and why.
func printLost(w io.Writer, s style, r *simulate.Result) {
	if lost := r.Totals.Refused + r.Totals.Failed; lost > 0 {
		var parts []string
		for _, reason := range slices.Sorted(maps.Keys(r.Totals.Reasons)) {
			parts = append(parts, fmt.Sprintf("%d %s", r.Totals.Reasons[reason], reason))
		}
		fmt.Fprintf(w, "%s  %d requests: %s\n", s.red("not answered"), lost, strings.Join(parts, ", "))
	}
	for _, f := range r.Refusals {
		fmt.Fprintf(w, "%s %s from %s to %s: %s\n", s.bold(f.Component+":"), f.Reason, seconds(f.First), seconds(f.Last), oneLine(f.Message))
	}
}

// printRecorded sets a log beside what was simulated of it.
func printRecorded(w io.Writer, s style, r *simulate.Result) error {
	if len(r.Recorded) == 0 {
		return nil
	}
	simulated := map[string]*simulate.ComponentResult{}
	for _, c := range r.Components {
		simulated[c.Component] = c
	}
	t := newTable(s, "COMPONENT", "", "REQUESTS", "ANSWERED", "COLD", "COLD STARTS", "WAIT P50", "P95", "P99", "MAX")
	row := func(name, which string, requests, answered, cold, starts int64, q simulate.Times) {
		t.add(name, which, count(requests), count(answered), count(cold), count(starts), ms(q.P50), ms(q.P95), ms(q.P99), ms(q.Max))
	}
	for _, c := range r.Recorded {
		row(c.Component, "recorded", c.Requests, c.Answered, c.Cold, c.ColdStarts, c.Queue)
		if s := simulated[c.Component]; s != nil {
			row("", "simulated", s.Requests, s.Answered, s.Cold, s.ColdStarts, s.Queue)
		}
	}
	fmt.Fprintln(w)
	return t.write(w)
}

// printScaling tells what the scheduler has decided, and why.
func printScaling(w io.Writer, s style, r *simulate.Result, most int) error {
	if len(r.Changes) == 0 || most == 0 {
		return nil
	}
	t := newTable(s, "AT", "COMPONENT", "FROM", "TO", "BECAUSE")
	for _, c := range r.Changes[:min(most, len(r.Changes))] {
		t.add(seconds(c.At), c.Component, strconv.Itoa(c.From), strconv.Itoa(c.To), c.Why)
	}
	fmt.Fprintln(w)
	if err := t.write(w); err != nil {
		return err
	}
	printMore(w, int64(len(r.Changes)-most)+r.Unkept, int64(most))
	return nil
}

// printMore tells how many of a list are left out.
func printMore(w io.Writer, more, shown int64) {
	if more > 0 {
		fmt.Fprintf(w, "... %d more: --moves %d, or --output json\n", more, shown+more)
	}
}

func printMoves(w io.Writer, s style, r *simulate.Result, most int) error {
	if len(r.Moves) == 0 || most == 0 {
		return nil
	}
	t := newTable(s, "AT", "WHAT", "COMPONENT", "SLOT", "NODE")
	for _, m := range r.Moves[:min(most, len(r.Moves))] {
		component, slot := m.Component, strconv.Itoa(m.Slot)
		if component == "" {
			component, slot = "-", "-"
		}
		what := m.What
		if m.For != "" {
			what += " to " + m.For
		}
		t.add(seconds(m.At), what, component, slot, m.Node)
	}
	fmt.Fprintln(w)
	if err := t.write(w); err != nil {
		return err
	}
	printMore(w, int64(len(r.Moves)-most)+r.LeftOut, int64(most))
	return nil
}
