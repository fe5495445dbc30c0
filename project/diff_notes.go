package project

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// crontabNotes explains the updates that come only from renumbering: the jobs
// of a crontab are named by their place in it.
func crontabNotes(old, new *Project) []string {
	notes := []string{}
	before, after := crontabJobs(old), crontabJobs(new)
	for _, component := range slices.Sorted(maps.Keys(after)) {
		if note := crontabNote(component, before[component], after[component]); note != "" {
			notes = append(notes, note)
		}
	}
	return notes
}

func crontabNote(component string, old, new []string) string {
	first := 0
	for first < min(len(old), len(new)) && old[first] == new[first] {
		first++
	}
	what, long, short := "inserted into", new, old
	if len(new) < len(old) {
		what, long, short = "removed from", old, new
	}
	lines := len(long) - len(short)
	if lines == 0 || first == len(short) || !isSubsequence(short, long) {
		return ""
	}
	verb := "were"
	noun := "lines"
	if lines == 1 {
		verb, noun = "was", "line"
	}
	return fmt.Sprintf("%d %s %s %s the crontab of %s: the jobs after it have new numbers and show as changed; none of them fires twice or is left out",
		lines, noun, verb, what, component)
}

func isSubsequence(short, long []string) bool {
	for _, s := range long {
		if len(short) > 0 && short[0] == s {
			short = short[1:]
		}
	}
	return len(short) == 0
}

// crontabJobs lists the jobs of each component's crontab, in their order.
func crontabJobs(p *Project) map[string][]string {
	type job struct {
		number int
		text   string
	}
	jobs := map[string][]job{}
	for _, e := range p.EventSources {
		number, ok := strings.CutPrefix(e.Name, e.Component+"-cron-")
		if n, err := strconv.Atoi(number); ok && err == nil && e.Cron != nil {
			jobs[e.Component] = append(jobs[e.Component], job{n, e.Cron.Schedule + " " + e.Cron.HTTP.Path})
		}
	}
	out := map[string][]string{}
	for component, list := range jobs {
		slices.SortFunc(list, func(a, b job) int { return cmp.Compare(a.number, b.number) })
		for _, j := range list {
			out[component] = append(out[component], j.text)
		}
	}
	return out
}
