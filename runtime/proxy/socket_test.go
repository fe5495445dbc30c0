package proxy

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestSideLaws: whatever comes in pieces of any size, and whenever it is
// closed, what goes on is whole frames as they came, the close frame at most
// once and last, and every byte is taken.
func TestSideLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var stream []byte
		ends := []int{0}
		own := false // it closes by itself
		for range rapid.IntRange(0, 6).Draw(rt, "frames") {
			op := rapid.SampledFrom([]byte{0, 1, finalBit | 1, finalBit | 2, finalBit | 9}).Draw(rt, "op")
			stream = append(stream, frame(op, rapid.SampledFrom([]int{0, 1, 125, 126, 300, 70000}).Draw(rt, "size"), rapid.Bool().Draw(rt, "masked"))...)
			ends = append(ends, len(stream))
		}
		if rapid.Bool().Draw(rt, "closes") {
			own, stream = true, append(stream, closeFrame(1000, false)...)
			ends = append(ends, len(stream))
		}
		heard := 0
		var out bytes.Buffer
		d := &side{to: &out, heard: func() { heard++ }}
		closeAt, bye := rapid.IntRange(0, len(stream)).Draw(rt, "close at"), closeFrame(GoingAway, false)
		told := false
		tell := func() { told = true; d.close(bye) }
		for at := 0; at < len(stream); {
			if at >= closeAt && !told {
				tell()
			}
			piece := stream[at : at+rapid.IntRange(1, len(stream)-at).Draw(rt, "piece")]
			if n, err := d.Write(piece); n != len(piece) || err != nil {
				rt.Fatalf("took %d of %d: %v", n, len(piece), err)
			}
			at += len(piece)
		}
		if !told {
			tell()
		}
		got := out.Bytes()
		if kept, ours := bytes.CutSuffix(got, bye); ours {
			got = kept
		} else if !own {
			rt.Fatal("no close frame")
		}
		whole := false
		for _, end := range ends {
			whole = whole || end == len(got)
		}
		if !whole || !bytes.Equal(got, stream[:len(got)]) {
			rt.Fatalf("%d bytes went on, which are not the first frames of what came", len(got))
		}
		if want := map[bool]int{true: 1}[own]; heard != want {
			rt.Fatalf("heard %d closes of the other end, want %d", heard, want)
		}
	})
}
