package proxy

import (
	"crypto/rand"
	"encoding/binary"
)

// frames follows one direction of a WebSocket, so that it is known where a
// frame ends and the next may begin.
type frames struct {
	header [maxFrameHeader]byte // as far as it has come
	have   int
	left   uint64 // of the payload
	closes bool   // a close frame has begun: nothing may follow it
	lost   bool   // these are no frames
}

const (
	maxFrameHeader = 14

	opClose  = 8
	finalBit = 0x80
	maskBit  = 0x80
)

// between tells whether a frame may be put in here.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 && !f.lost }

// advance takes in p up to the end of the frame under way, and returns how
// much of p that is.
func (f *frames) advance(p []byte) int {
	n := 0
	for f.left == 0 && n < len(p) {
		if f.lost {
			return len(p)
		}
		f.header[f.have] = p[n]
		f.have++
		n++
		if f.have < f.headerSize() {
			continue
		}
		if f.begin(); f.left == 0 {
			return n // a frame without payload
		}
	}
	take := min(f.left, uint64(len(p)-n))
	f.left -= take
	return n + int(take)
}

// headerSize is how long the header is, as far as that is known.
func (f *frames) headerSize() int {
	if f.have < 2 {
		return 2
	}
	size := 2
	switch f.header[1] &^ maskBit {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.header[1]&maskBit != 0 {
		size += 4
	}
	return size
}

// begin reads a header that is whole.
func (f *frames) begin() {
	switch short := f.header[1] &^ maskBit; short {
	case 126:
		f.left = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		f.left = binary.BigEndian.Uint64(f.header[2:])
		f.lost = f.left>>63 != 0
	default:
		f.left = uint64(short)
	}
	if f.lost {
		f.left = 0
	}
	f.closes = f.closes || f.header[0]&0x0f == opClose
	f.have = 0
}

// closeFrame is a close frame with a status code. What goes to a server must
// be masked.
func closeFrame(code Ending, masked bool) []byte {
	frame := []byte{finalBit | opClose, 2}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	if masked {
		var mask [4]byte
		rand.Read(mask[:]) // never fails
		frame[1] |= maskBit
		frame = append(frame, mask[:]...)
		payload[0] ^= mask[0]
		payload[1] ^= mask[1]
	}
	return append(frame, payload...)
}
