package proxy

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// frame is one as a peer could write it.
func frame(op byte, payload int, masked bool) []byte {
	f := []byte{op, 0}
	switch {
	case payload < 126:
		f[1] = byte(payload)
	case payload < 1<<16:
		f[1] = 126
		f = binary.BigEndian.AppendUint16(f, uint16(payload))
	default:
		f[1] = 127
		f = binary.BigEndian.AppendUint64(f, uint64(payload))
	}
	if masked {
		f[1] |= maskBit
		f = append(f, 1, 2, 3, 4)
	}
	return append(f, bytes.Repeat([]byte{op}, payload)...)
}

func TestFramesAreFollowed(t *testing.T) {
	const text, more, fin = 1, 0, finalBit
	for name, stream := range map[string][][]byte{
		"empty":            {frame(fin|text, 0, false)},
		"masked and empty": {frame(fin|text, 0, true)},
		"sizes":            {frame(fin|text, 125, true), frame(fin|text, 126, true), frame(fin|text, 65535, false), frame(fin|text, 65536, true)},
		"fragments":        {frame(text, 7, true), frame(fin|9, 3, true), frame(more, 200, true), frame(fin|more, 1, true)},
		"compressed":       {frame(fin|0x40|text, 300, false), frame(fin|2, 1, false)},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			for range 200 {
				follow(t, random, stream)
			}
		})
	}
}

// follow takes frames in by pieces of random size: between two frames is
// where they end, and nowhere else.
func follow(t *testing.T, random *rand.Rand, stream [][]byte) {
	t.Helper()
	ends, all := map[int]bool{0: true}, []byte(nil)
	for _, one := range stream {
		all = append(all, one...)
		ends[len(all)] = true
	}
	var f frames
	for at := 0; at < len(all); {
		if f.between() != ends[at] {
			t.Fatalf("between frames at %d: %v", at, f.between())
		}
		piece := all[at:min(len(all), at+1+random.IntN(len(all)))]
		n := f.advance(piece)
		for skipped := at + 1; skipped < at+n; skipped++ {
			if ends[skipped] {
				t.Fatalf("went past the end of a frame at %d", skipped)
			}
		}
		at += n
	}
	if !f.between() || f.closes {
		t.Fatalf("at the end: %+v", f)
	}
}

func TestCloseFrameIsSeen(t *testing.T) {
	for _, masked := range []bool{false, true} {
		var f frames
		f.advance(closeFrame(GoingAway, masked))
		if !f.closes || !f.between() {
			t.Errorf("masked %v: %+v", masked, f)
		}
	}
}

func TestWhatAreNoFrames(t *testing.T) {
	var f frames
	f.advance(append([]byte{finalBit | 2, 127}, bytes.Repeat([]byte{0xff}, 8)...))
	if n := f.advance(make([]byte, 100)); n != 100 || f.between() {
		t.Errorf("went on with %d bytes: %+v", n, f)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(frame(finalBit|1, 300, true), uint8(3))
	f.Add(closeFrame(ServiceRestart, true), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		var whole, pieces frames
		for rest := stream; len(rest) > 0; {
			n := whole.advance(rest)
			if n < 1 || n > len(rest) {
				t.Fatalf("advanced by %d of %d", n, len(rest))
			}
			rest = rest[n:]
		}
		for rest := stream; len(rest) > 0; {
			rest = rest[pieces.advance(rest[:min(len(rest), 1+int(piece))]):]
		}
		if whole.have != pieces.have || whole.left != pieces.left || whole.closes != pieces.closes || whole.lost != pieces.lost {
			t.Fatalf("in one piece %+v, in many %+v", whole, pieces)
		}
	})
}
