package runtime

import (
	"hash/crc32"
	"time"

	"maelstrom/runtime/logring"
)

// windowSize is how many lines back a stream that is opened again overlaps
// with what was read. Lines of a container's two streams are stamped apart, and
// may come in another order than that of their times.
const windowSize = 128

// remembered is how many lines a later daemon reads back: some beyond the
// window, for the same reason.
const remembered = windowSize + 32

// mark tells one line from all others. Two that are the same to the
// nanosecond are counted.
type mark struct {
	at     int64
	stream logring.Stream
	sum    uint32
}

// window remembers the last lines that were read. The zero value is empty.
type window struct {
	marks   []mark // the oldest at next once it is full
	next    int
	floor   int64                 // latest time of a line that left the window
	latest  [logring.Notice]int64 // time, by stream
	again   map[mark]int          // of a stream that was opened again: lines to skip
	noticed string                // the latest notice in the ring
}

func markOf(rec logring.Record) mark {
	return mark{at: rec.Time.UnixNano(), stream: rec.Stream, sum: crc32.ChecksumIEEE([]byte(rec.Text))}
}

func (w *window) add(rec logring.Record) {
	if rec.Stream == logring.Notice {
		w.noticed = rec.Text
		return
	}
	m := markOf(rec)
	w.latest[rec.Stream] = max(w.latest[rec.Stream], m.at)
	if len(w.marks) < windowSize {
		w.marks = append(w.marks, m)
		return
	}
	w.floor = max(w.floor, w.marks[w.next].at)
	w.marks[w.next] = m
	w.next = (w.next + 1) % windowSize
}

// since is where a stream has to be opened to miss nothing; zero: at the
// start, all of which is in the window.
func (w *window) since() time.Time {
	if w.floor == 0 {
		return time.Time{}
	}
	return time.Unix(0, w.floor+1).UTC()
}

// replay expects the lines of the window again.
func (w *window) replay() {
	w.again = map[mark]int{}
	for _, m := range w.marks {
		w.again[m]++
	}
}

// goesBack tells whether a line is older than one of its stream that was read:
// an engine that changes its files under a flood gives some again. Where the
// clock was set back, lines are new all the same.
func (w *window) goesBack(rec logring.Record, now time.Time) bool {
	latest := w.latest[rec.Stream]
	return rec.Time.UnixNano() < latest && now.UnixNano() >= latest
}

// skip tells whether a line was read before the stream was opened again.
func (w *window) skip(rec logring.Record) bool {
	if len(w.again) == 0 {
		return false
	}
	m := markOf(rec)
	if w.again[m] == 0 {
		return false
	}
	w.again[m]--
	if w.again[m] == 0 {
		delete(w.again, m)
	}
	return true
}
