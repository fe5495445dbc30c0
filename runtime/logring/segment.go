package logring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Source is a container whose output a ring keeps.
type Source struct {
	Container string `json:"container"`
	Instance  string `json:"instance"`
	Version   int64  `json:"version"` // of the component
}

// segment is a file with output of one container, in the order in which it
// was read. Under the ring's lock.
type segment struct {
	seq     uint64 // grows with each segment of the ring
	path    string
	source  Source
	first   time.Time // of its first line
	touched time.Time // when it was last written
	size    int64     // bytes that can be read
	writer  *Writer   // that goes on writing to it; nil: none
}

const (
	segmentSuffix = ".log"
	block         = 4 << 10 // what a file system gives out
	maxHeader     = 4 << 10
)

// onDisk is what a file of so many bytes takes.
func onDisk(size int64) int64 { return (size + block - 1) / block * block }

func segmentName(seq uint64) string { return fmt.Sprintf("%016x%s", seq, segmentSuffix) }

// parseSegmentName returns 0 for a file that is no segment.
func parseSegmentName(name string) uint64 {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0
	}
	seq, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0
	}
	return seq
}

func encodeHeader(source Source, first time.Time) ([]byte, error) {
	text, err := json.Marshal(source)
	if err != nil {
		return nil, fmt.Errorf("describe container: %w", err)
	}
	return appendRecord(nil, Record{Time: first, Stream: header, Text: string(text)}), nil
}

// decodeHeader reads the first record of a segment and tells its length.
func decodeHeader(buf []byte) (Source, time.Time, int, error) {
	var source Source
	r, n, err := decodeRecord(buf)
	if err == nil && r.Stream != header {
		err = errCorrupt
	}
	if err == nil {
		err = json.Unmarshal([]byte(r.Text), &source)
	}
	return source, r.Time, n, err
}

// loadSegment describes a file that an earlier process wrote.
func loadSegment(dir string, seq uint64) (*segment, error) {
	path := filepath.Join(dir, segmentName(seq))
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, min(maxHeader, info.Size()))
	if _, err := io.ReadFull(file, buf); err != nil {
		return nil, err
	}
	source, first, _, err := decodeHeader(buf)
	if err != nil {
		return nil, errors.Join(errCorrupt, err)
	}
	return &segment{seq: seq, path: path, source: source, first: first, touched: info.ModTime(), size: info.Size()}, nil
}

// segmentFiles lists the segments in a directory, oldest first.
func segmentFiles(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []uint64
	for _, e := range entries {
		if seq := parseSegmentName(e.Name()); seq > 0 {
			found = append(found, seq)
		}
	}
	slices.Sort(found)
	return found, nil
}
