package simulate

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster"
)

// LogOptions say how an access log is read.
type LogOptions struct {
	Name string // of the file, for errors

	// Component tells which component gets a request, by its name as the log
	// has it (in ours), its host (empty where the log has none) and its target;
	// empty: none of those that are simulated.
	Component func(name, host, target string) string
}

// Log is what an access log tells.
type Log struct {
	Loads    []Load // by component; times are counted from Start
	Start    time.Time
	Length   time.Duration // to the last request
	Lines    int
	Foreign  int   // lines of components that are not simulated
	Torn     int   // lines that can't be read: cut off, or of something else
	TornAs   error // what is wrong with the first of them; nil: there is none
	Asleep   int   // of requests that woke nobody, and do so in no simulation
	Recorded []Recorded
	Learned  map[string]Behavior // starts of components, where the log has cold requests
}

// Recorded is what an access log of ours says of a component, to be compared
// with a simulation of the same requests.
type Recorded struct {
	Component  string `json:"component"`
	Requests   int64  `json:"requests"`
	Answered   int64  `json:"answered"`
	Cold       int64  `json:"cold"`
	ColdStarts int64  `json:"cold_starts"`
	Queue      Times  `json:"queue_ms"`
	Duration   Times  `json:"duration_ms"`
}

// maxLine is the longest line of a log.
const maxLine = 1 << 20

// entry is one line of a log.
type entry struct {
	component string
	at        time.Time
	service   time.Duration
	exact     bool // at is better than a second

	ours            bool
	placement       string
	cold, answered  bool
	stream, asleep  bool
	queue, duration time.Duration
}

// ReadLog reads an access log: ours, lines of JSON, or lines in the common or
// combined log format, with or without the host before them. Lines that can't be
// read are counted, unless they are half of it or more: then it is no such log.
func ReadLog(r io.Reader, opt LogOptions) (*Log, error) {
	l := &logReader{opt: opt, log: &Log{Learned: map[string]Behavior{}}}
	in := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", opt.Name, number, err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		l.log.Lines++
		if err := l.line(line); err != nil {
			l.log.Torn++
			l.log.TornAs = cmp.Or(l.log.TornAs, fmt.Errorf("%s:%d: %w", opt.Name, number, err))
		}
	}
	switch log := l.log; {
	case log.Torn > 0 && 2*log.Torn >= log.Lines:
		return nil, fmt.Errorf("%w; %d of %d lines can't be read", log.TornAs, log.Torn, log.Lines)
	case len(l.entries) == 0:
		return nil, fmt.Errorf("%s: no line is a request of a component that is simulated; %d lines are of others: --log-component NAME gives them all to one", opt.Name, log.Foreign)
	}
	return l.sum(), nil
}

// readLine reads a line, of one that is too long not much more than tells so.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := in.ReadLine()
		if err == io.EOF && len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
		if len(line) <= maxLine {
			line = append(line, part...)
		}
		if !more {
			return line, nil
		}
	}
}

type logReader struct {
	opt     LogOptions
	log     *Log
	entries []entry
}

func (l *logReader) line(line []byte) error {
	var e entry
	var known bool
	var err error
	switch {
	case len(line) > maxLine:
		err = fmt.Errorf("the line is longer than 1 MiB: is it an access log?")
	case line[0] == '{':
		e, known, err = l.ours(line)
	default:
		e, known, err = l.common(string(line))
	}
	switch {
	case err != nil:
		return err
	case !known:
		l.log.Foreign++
	case e.asleep:
		l.log.Asleep++
	default:
		l.entries = append(l.entries, e)
	}
	return nil
}

// accessLine is a line of our access log, as far as it matters.
type accessLine struct {
	Time        time.Time `json:"time"`
	Message     string    `json:"msg"`
	Component   string    `json:"component"`
	Host        string    `json:"host"`
	Target      string    `json:"target"`
	Placement   string    `json:"placement"`
	Status      int       `json:"status"`
	Cold        bool      `json:"cold"`
	QueueMS     float64   `json:"queue_ms"`
	DurationMS  float64   `json:"duration_ms"`
	Reason      string    `json:"reason"`
	ForwardedBy string    `json:"forwarded_by"`
	Stream      bool      `json:"stream"`
}

// longest is more than any request takes.
const longest = 30 * 24 * time.Hour

func (l *logReader) ours(line []byte) (entry, bool, error) {
	var a accessLine
	if err := json.Unmarshal(line, &a); err != nil {
		return entry{}, false, fmt.Errorf("not a line of the access log in JSON: %w", err)
	}
	if a.Message != "request" || a.ForwardedBy != "" {
		return entry{}, false, nil // another line of the log, or the second one of one request
	}
	limit := milliseconds(longest)
	if a.Time.IsZero() || !(a.DurationMS >= 0 && a.DurationMS <= limit && a.QueueMS >= 0 && a.QueueMS <= limit) {
		return entry{}, false, fmt.Errorf("no line of the access log in JSON: time, queue_ms and duration_ms belong to it")
	}
	e := entry{
		component: l.opt.Component(a.Component, a.Host, a.Target), ours: true, exact: true, placement: a.Placement,
		cold: a.Cold && a.Placement != "", answered: a.Reason == "" && a.Status != 499 && a.Placement != "",
		stream: a.Stream || a.Status == http.StatusSwitchingProtocols, asleep: a.Reason == string(cluster.ReasonAsleep),
		queue: fromMS(a.QueueMS), duration: fromMS(a.DurationMS),
	}
	e.at = a.Time.Add(-e.duration)
	if e.answered {
		e.service = max(1, e.duration-e.queue)
	}
	return e, e.component != "", nil
}

func fromMS(ms float64) time.Duration { return time.Duration(math.Round(ms*1000)) * time.Microsecond }

const commonTime = "02/Jan/2006:15:04:05 -0700"

// cutTime cuts a line at its [time], which the request follows in quotes: a host
// can be in brackets too, and what a user calls himself can have some.
func cutTime(line string) (before, stamp, after string, ok bool) {
	end := strings.Index(line, `] "`)
	if end < 0 {
		end = strings.IndexByte(line, ']')
	}
	begin := strings.LastIndexByte(line[:max(0, end)], '[')
	if begin < 0 {
		return "", "", "", false
	}
	return line[:begin], line[begin+1 : end], line[end+1:], true
}

// common reads `[host] client ident user [time] "request" status bytes ...`. A
// user can have blanks; a host comes first where ident does not come second,
// which is "-" as good as always.
func (l *logReader) common(line string) (entry, bool, error) {
	before, stamp, rest, ok := cutTime(line)
	if !ok {
		return entry{}, false, fmt.Errorf("neither JSON nor the common log format: there is no [time]")
	}
	at, err := time.Parse(commonTime, stamp)
	if err != nil {
		return entry{}, false, fmt.Errorf("%q is not a time such as 02/Jan/2026:15:04:05 +0000", stamp)
	}
	host := ""
	if words := strings.Fields(before); len(words) < 3 {
		return entry{}, false, fmt.Errorf("not the common log format: client, ident and user belong before the time")
	} else if len(words) > 3 && words[1] != "-" {
		host = words[0]
	}
	quoted, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), `"`)
	if !ok {
		return entry{}, false, fmt.Errorf("not the common log format: the request line belongs after the time, in quotes")
	}
	target := "/"
	if words := strings.Fields(quoted); len(words) > 1 {
		target = words[1]
	}
	if u, err := url.Parse(target); err == nil && u.Host != "" { // of a proxy
		host, target = u.Host, u.RequestURI()
	}
	component := l.opt.Component("", host, target)
	return entry{component: component, at: at}, component != "", nil
}

// sum makes loads of the lines, and sums up what they say.
func (l *logReader) sum() *Log {
	slices.SortStableFunc(l.entries, func(a, b entry) int { return a.at.Compare(b.at) })
	spreadSeconds(l.entries)
	log := l.log
	log.Start = l.entries[0].at
	by := map[string]*recording{}
	for k := range l.entries {
		e := &l.entries[k]
		r := by[e.component]
		if r == nil {
			r = &recording{placements: map[string]bool{}}
			by[e.component] = r
		}
		r.add(e, e.at.Sub(log.Start))
	}
	log.Length = l.entries[len(l.entries)-1].at.Sub(log.Start)
	for _, name := range slices.Sorted(maps.Keys(by)) {
		r := by[name]
		log.Loads = append(log.Loads, Load{Component: name, Requests: r.requests})
		if r.ours {
			r.Component, r.Queue, r.Duration = name, r.wait.times(), r.took.times()
			log.Recorded = append(log.Recorded, r.Recorded)
		}
		if b, ok := r.learned(); ok {
			log.Learned[name] = b
		}
	}
	return log
}

// spreadSeconds spreads the requests of a log that has whole seconds evenly
// over each.
func spreadSeconds(entries []entry) {
	for k := 0; k < len(entries); {
		end := k + 1
		for end < len(entries) && !entries[k].exact && !entries[end].exact && entries[end].at.Equal(entries[k].at) {
			end++
		}
		for n := k; n < end; n++ {
			entries[n].at = entries[n].at.Add(time.Second * time.Duration(n-k) / time.Duration(end-k))
		}
		k = end
	}
}

// recording is what a log says of one component.
type recording struct {
	Recorded
	requests   []Request
	ours       bool
	placements map[string]bool // of cold requests
	starts     []Start
	ready      time.Duration // when the instance of the last one got a request
	wait, took histogram
}

func (r *recording) add(e *entry, at time.Duration) {
	r.requests = append(r.requests, Request{At: at, Service: e.service, Stream: e.stream})
	if !e.ours {
		return
	}
	r.ours = true
	r.Requests++
	if e.placement != "" {
		r.wait.add(e.queue)
	}
	if e.answered {
		r.Answered++
		r.took.add(e.duration)
	}
	if !e.cold {
		return
	}
	r.Cold++
	if !r.placements[e.placement] {
		r.placements[e.placement] = true
		r.ColdStarts++
	}
	r.learn(at, at+e.queue)
}

// learn notes how long a start took: from the first request that found nothing
// ready until one of those that did had an instance.
func (r *recording) learn(at, granted time.Duration) {
	if at >= r.ready || len(r.starts) == 0 {
		r.starts = append(r.starts, Start{At: at})
		r.ready = granted
	}
	r.ready = min(r.ready, granted)
	last := &r.starts[len(r.starts)-1]
	last.Took = max(1, r.ready-last.At)
}

// learned is how long starts took.
func (r *recording) learned() (Behavior, bool) {
	if len(r.starts) == 0 {
		return Behavior{}, false
	}
	var all []time.Duration
	for _, s := range r.starts {
		all = append(all, s.Took)
	}
	slices.Sort(all)
	return Behavior{Start: Spread{Median: all[(len(all)-1)/2], P95: cluster.P95(all)}, Starts: r.starts}, true
}

// AccessLine is an outcome as a line of our access log; start is when the
// simulation begins.
func (o *Outcome) AccessLine(start time.Time) []byte {
	line := make([]byte, 0, 256)
	line = append(line, `{"time":"`...)
	line = start.Add(o.End).AppendFormat(line, time.RFC3339Nano)
	line = append(line, `","level":"INFO","msg":"request","status":`...)
	line = strconv.AppendInt(line, int64(o.Status()), 10)
	line = append(append(line, `,"component":`...), strconv.Quote(o.Component)...)
	line = append(append(line, `,"placement":`...), strconv.Quote(o.Placement)...)
	line = strconv.AppendBool(append(line, `,"cold":`...), o.Cold && o.Placement != "")
	line = strconv.AppendFloat(append(line, `,"queue_ms":`...), milliseconds(o.Wait), 'f', -1, 64)
	line = strconv.AppendFloat(append(line, `,"duration_ms":`...), milliseconds(o.End-o.At), 'f', -1, 64)
	line = append(append(line, `,"reason":`...), strconv.Quote(string(o.Reason))...)
	line = append(append(line, `,"node":`...), strconv.Quote(o.Node)...)
	return append(line, "}\n"...)
}
