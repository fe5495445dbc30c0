package rpc

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxLogTail = 1 << 20

// logQuery is a request for output.
type logQuery struct {
	components []string // full names, * stands for any text; empty: all
	since      time.Time
	until      time.Time // zero: without an end
	tail       int
	previous   bool // also what is gone
	after      map[string]time.Time
	follow     bool
	ndjson     bool
}

func parseLogQuery(values url.Values, now time.Time) (logQuery, error) {
	q := logQuery{ndjson: values.Get("format") == "ndjson"}
	if format := values.Get("format"); format != "" && !q.ndjson {
		return q, fmt.Errorf("format %q is unknown: it is ndjson, or left out", format)
	}
	for name := range strings.SplitSeq(strings.Join(values["components"], ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			q.components = append(q.components, name)
		}
	}
	var err error
	if q.since, err = parseMoment("since", values.Get("since"), now); err != nil {
		return q, err
	}
	if q.until, err = parseMoment("until", values.Get("until"), now); err != nil {
		return q, err
	}
	if q.previous, err = parseBool(values, "previous", false); err != nil {
		return q, err
	}
	if q.tail, err = parseTail(values.Get("tail")); err != nil {
		return q, err
	}
	if q.follow, err = parseBool(values, "follow", !q.ndjson); err != nil {
		return q, err
	}
	if q.after, err = parseAfter(values["after"]); err != nil {
		return q, err
	}
	if q.follow && !q.until.IsZero() {
		return q, errors.New("follow and until exclude each other")
	}
	if !q.ndjson && values.Get("since") == "" {
		q.since = now // the original shows what comes from now on
	}
	return q, nil
}

// afterMark stands between a component and the moment that its output was
// shown up to.
const afterMark = "@"

func parseAfter(texts []string) (map[string]time.Time, error) {
	after := map[string]time.Time{}
	for _, text := range texts {
		component, moment, ok := strings.Cut(text, afterMark)
		at, err := time.Parse(time.RFC3339, moment)
		if !ok || component == "" || err != nil {
			return nil, fmt.Errorf("after %q is not COMPONENT%sTIME with a time such as 2006-01-02T15:04:05Z", text, afterMark)
		}
		after[component] = at
	}
	return after, nil
}

// from tells where the output of a component is to begin. One that was shown
// up to a moment goes on from there, also with containers that are gone.
func (q *logQuery) from(component string) (since time.Time, tail int, again bool) {
	if at, again := q.after[component]; again {
		return at, 0, true
	}
	return q.since, q.tail, false
}

// parseMoment reads a span before now, such as 10m, or a time.
func parseMoment(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if span, err := time.ParseDuration(text); err == nil {
		if span < 0 {
			span = -span
		}
		return now.Add(-span), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %q is neither a span such as 10m nor a time such as 2006-01-02T15:04:05Z", name, text)
	}
	return at, nil
}

func parseTail(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLogTail {
		return 0, fmt.Errorf("tail %q is not a number from 1 to %d", text, maxLogTail)
	}
	return n, nil
}

func parseBool(values url.Values, name string, missing bool) (bool, error) {
	if !values.Has(name) {
		return missing, nil
	}
	text := values.Get(name)
	if text == "" {
		return true, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s %q is neither true nor false", name, text)
	}
	return value, nil
}

// selects tells whether the query asks for a component.
func (q *logQuery) selects(component string) bool {
	if len(q.components) == 0 {
		return true
	}
	for _, pattern := range q.components {
		if globMatch(pattern, component) {
			return true
		}
	}
	return false
}

// globMatch compares with a pattern in which * stands for any text.
func globMatch(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		middle, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, rest)
		}
		at := strings.Index(text, middle)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(middle):], after
	}
}
