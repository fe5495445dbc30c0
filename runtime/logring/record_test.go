package logring

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := Record{
			Time:   time.Unix(0, rapid.Int64().Filter(func(n int64) bool { return n != 0 }).Draw(t, "time")).UTC(),
			Stream: Stream(rapid.IntRange(0, 3).Draw(t, "stream")),
			Text:   string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")),
		}
		buf := appendRecord(nil, rec)
		got, n, err := decodeRecord(append(buf, 7, 7))
		if err != nil || n != len(buf) || got != rec {
			t.Fatalf("%+v came back as %+v, %d bytes of %d, %v", rec, got, n, len(buf), err)
		}
		short := rapid.IntRange(0, len(buf)-1).Draw(t, "short")
		if _, _, err := decodeRecord(buf[:short]); !errors.Is(err, errShort) {
			t.Fatalf("%d bytes of %d: %v", short, len(buf), err)
		}
		i, bit := rapid.IntRange(0, len(buf)-1).Draw(t, "byte"), rapid.IntRange(0, 7).Draw(t, "bit")
		buf[i] ^= 1 << bit
		if got, _, err := decodeRecord(buf); err == nil {
			t.Fatalf("bit %d of byte %d flipped: read as %+v", bit, i, got)
		}
	})
}

func TestZerosAreNoRecord(t *testing.T) {
	if _, _, err := decodeRecord(make([]byte, 100)); !errors.Is(err, errCorrupt) {
		t.Error(err)
	}
	if r := (Record{Stream: Stdout}); unstamp(stamp(r.Time)) != r.Time {
		t.Error("no time is not kept as no time")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(appendRecord(nil, out(1, "hello")))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, n, err := decodeRecord(data)
		if err == nil && (n > len(data) || !bytes.Equal(appendRecord(nil, rec), data[:n])) {
			t.Errorf("%+v was read from %x", rec, data)
		}
		_, _, _, _ = decodeHeader(data) // must not panic
	})
}

func TestLongTextsAreCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 1000), strings.Repeat("☂", 400), strings.Repeat("\xff", 500), "short", strings.Repeat("y", 200)} {
		got := cut(text, 200)
		whole := len(text) <= 200
		switch {
		case len(got) > 200, whole && got != text, !whole && !strings.Contains(got, "[cut: "):
			t.Errorf("%d bytes became %q", len(text), got)
		case utf8.ValidString(text) && !utf8.ValidString(got):
			t.Errorf("%q is split inside a letter", got)
		}
	}
}
