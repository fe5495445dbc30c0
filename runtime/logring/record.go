package logring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
	"unicode/utf8"
)

// Stream says where a record comes from.
type Stream uint8

// The streams. A notice is the keeper's own word, in between the output.
const (
	Stdout Stream = 1
	Stderr Stream = 2
	Notice Stream = 3

	header Stream = 0 // the first record of a segment: whose output it holds
)

// Record is one line of output, any bytes, without its line end.
type Record struct {
	Time   time.Time
	Stream Stream
	Text   string
}

// A record on disk is the size of its payload, a checksum of both, and the
// payload: stream, time and text. Zeros, which a file may hold after the host
// lost power, are no record.
const (
	headSize    = 8
	minPayload  = 9
	maxPayload  = 1 << 20
	overhead    = headSize + minPayload
	defaultLine = 64 << 10 // bytes of text that are kept
)

var (
	errShort   = errors.New("record is not complete")
	errCorrupt = errors.New("not a record")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(size, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(size, castagnoli), castagnoli, payload)
}

func appendRecord(buf []byte, r Record) []byte {
	start := len(buf)
	buf = append(buf, make([]byte, headSize)...)
	buf = append(buf, byte(r.Stream))
	buf = binary.BigEndian.AppendUint64(buf, uint64(stamp(r.Time)))
	buf = append(buf, r.Text...)
	size, payload := buf[start:start+4], buf[start+headSize:]
	binary.BigEndian.PutUint32(size, uint32(len(payload)))
	binary.BigEndian.PutUint32(buf[start+4:], checksum(size, payload))
	return buf
}

// decodeRecord reads the record at the start of buf and tells its length:
// errShort if more bytes may make one, errCorrupt if none can.
func decodeRecord(buf []byte) (Record, int, error) {
	if len(buf) < headSize {
		return Record{}, 0, errShort
	}
	size := binary.BigEndian.Uint32(buf)
	if size < minPayload || size > maxPayload {
		return Record{}, 0, errCorrupt
	}
	end := headSize + int(size)
	if len(buf) < end {
		return Record{}, 0, errShort
	}
	payload := buf[headSize:end]
	if binary.BigEndian.Uint32(buf[4:]) != checksum(buf[:4], payload) || Stream(payload[0]) > Notice {
		return Record{}, 0, errCorrupt
	}
	return Record{
		Stream: Stream(payload[0]),
		Time:   unstamp(int64(binary.BigEndian.Uint64(payload[1:]))),
		Text:   string(payload[minPayload:]),
	}, end, nil
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unstamp(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// cut shortens a text that is longer than most and says so at its end.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	mark := fmt.Sprintf(" ...[cut: %d bytes in all]", len(text))
	keep := max(0, most-len(mark))
	for back := keep; back > 0 && back > keep-utf8.UTFMax; back-- {
		if utf8.RuneStart(text[back]) { // of what would be split, if it is text
			keep = back
			break
		}
	}
	return text[:keep] + mark
}
