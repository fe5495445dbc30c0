package logring

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what a ring should hold: of each container what was written out,
// of which the ring may have dropped the oldest.
type model struct {
	dir     string
	opt     Options
	ring    *Ring
	writers map[string]*Writer
	written map[string][]Record
	pending map[string][]Record
	clock   int
	last    string // container whose segment was written to last
}

func (m *model) start(t *rapid.T) {
	m.ring = ringOf(t, open(t, m.dir, m.opt))
	m.writers = map[string]*Writer{}
	m.pending = map[string][]Record{}
}

func (m *model) append(t *rapid.T) {
	id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "container")
	if m.writers[id] == nil {
		m.writers[id] = writer(t, m.ring, id)
	}
	m.clock += rapid.IntRange(0, 3).Draw(t, "later")
	text := strings.Repeat(string(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "text")), rapid.IntRange(0, 1000).Draw(t, "times"))
	rec := Record{Time: at(m.clock), Stream: Stderr, Text: text}
	w := m.writers[id]
	before := len(w.buf)
	w.Append(rec)
	if len(w.buf) < before || before > 0 && len(m.pending[id]) > 0 && w.lines == 1 { // the buffer was full
		m.flushed(id)
	}
	m.pending[id] = append(m.pending[id], w.Kept(rec))
}

func (m *model) flushed(id string) {
	if len(m.pending[id]) > 0 {
		m.written[id] = append(m.written[id], m.pending[id]...)
		m.pending[id] = nil
		m.last = id
	}
}

func (m *model) flush() {
	for _, id := range []string{"a", "b", "c"} {
		if w := m.writers[id]; w != nil {
			m.ring.mu.Lock()
			w.flushLocked()
			m.ring.mu.Unlock()
			m.flushed(id)
		}
	}
}

// kill starts a new process; what was not written out is gone.
func (m *model) kill(t *rapid.T) {
	if tear := rapid.IntRange(0, 2).Draw(t, "tear"); tear > 0 && m.last != "" {
		m.tear(t, tear == 1)
	}
	m.last = ""
	m.start(t)
}

// tear leaves half a record, or takes the end of the last one away.
func (m *model) tear(t *rapid.T, half bool) {
	w := m.writers[m.last]
	if w == nil || w.current == nil {
		return
	}
	path := w.current.path
	if !half {
		truncate(t, path, 1)
		m.written[m.last] = m.written[m.last][:len(m.written[m.last])-1]
		return
	}
	torn := appendRecord(nil, out(1, "torn"))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = file.Write(torn[:rapid.IntRange(1, len(torn)-1).Draw(t, "half")])
		_ = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) check(t *rapid.T) {
	m.flush()
	if size := sizeOf(t, m.dir); size > m.opt.Cap {
		t.Fatalf("%d bytes on disk, the cap is %d", size, m.opt.Cap)
	}
	all := readAll(t, m.ring, Query{})
	if !slices.IsSortedFunc(all, func(x, y Entry) int { return x.Time.Compare(y.Time) }) {
		t.Fatalf("not sorted by time: %v", times(all))
	}
	kept := map[string][]Record{}
	for _, e := range all {
		kept[e.Source.Container] = append(kept[e.Source.Container], e.Record)
	}
	for id, got := range kept {
		want := m.written[id]
		if len(got) > len(want) || !slices.Equal(got, want[len(want)-len(got):]) {
			t.Fatalf("of %s there are %d records, which are not the last of %d", id, len(got), len(want))
		}
	}
	m.checkQuery(t, all)
}

// checkQuery compares a random query with what it should pick from all.
func (m *model) checkQuery(t *rapid.T, all []Entry) {
	q := Query{
		Since: at(rapid.IntRange(0, m.clock+1).Draw(t, "since")), Until: at(rapid.IntRange(0, m.clock+1).Draw(t, "until")),
		Tail: rapid.IntRange(0, 5).Draw(t, "tail"), Each: rapid.Bool().Draw(t, "each"),
	}
	if rapid.Bool().Draw(t, "only") {
		q.Only = []string{"a", "c"}
	}
	want := slices.DeleteFunc(slices.Clone(all), func(e Entry) bool {
		return e.Time.Before(q.Since) || e.Time.After(q.Until) || q.Only != nil && !slices.Contains(q.Only, e.Source.Container)
	})
	if q.Tail > 0 && q.Each {
		left := map[string]int{}
		slices.Reverse(want)
		want = slices.DeleteFunc(want, func(e Entry) bool { left[e.Source.Container]++; return left[e.Source.Container] > q.Tail })
		slices.Reverse(want)
	} else if q.Tail > 0 {
		want = want[max(0, len(want)-q.Tail):]
	}
	if got := readAll(t, m.ring, q); !q.Each && len(got) != len(want) || q.Each && !slices.Equal(times(got), times(want)) {
		t.Fatalf("%+v finds %v, want %v", q, times(got), times(want))
	}
}

func times(entries []Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, fmt.Sprint(e.Time.Sub(epoch)))
	}
	return all
}

// A ring behaves like its model under random appends, kills and reads.
func TestRingBehavesLikeItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "logring")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{dir: dir, written: map[string][]Record{}}
		m.opt = Options{Cap: 64 << 10, flushAfter: time.Hour} // when the model says so
		m.start(t)
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append,
			"more":   func(t *rapid.T) { m.append(t); m.append(t); m.append(t) },
			"flush":  func(*rapid.T) { m.flush() },
			"kill":   m.kill,
			"read":   m.check,
		})
		m.check(t)
	})
}
