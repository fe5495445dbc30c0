package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxKey is the longest text key in bytes: what every database can index.
const maxKey = 191

// A statement takes batch keys or rows, fewer if they are long: every database
// has its longest statement.
const (
	batch      = 200
	batchBytes = 1 << 20
)

// micros is how a time is stored.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the time that micros stored.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// checkKeys refuses texts that some database could not keep as a key.
func checkKeys(keys ...string) error {
	for _, k := range keys {
		switch {
		case k == "":
			return fmt.Errorf("check key: empty")
		case len(k) > maxKey:
			return fmt.Errorf("check key: %.40q... has %d bytes, more than %d", k, len(k), maxKey)
		case !utf8.ValidString(k) || strings.ContainsRune(k, 0):
			return fmt.Errorf("check key: %q is not text", k)
		}
	}
	return nil
}

// digest makes a key of texts of any length.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return string(data), nil
}

func decode(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	return nil
}

// marks returns n placeholders in brackets.
func marks(n int) string {
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")"
}

// batches splits rows into what one statement takes.
func batches(rows [][]any) iter.Seq[[][]any] {
	return func(yield func([][]any) bool) {
		start, size := 0, 0
		for i, row := range rows {
			length := rowBytes(row)
			if i > start && (i-start == batch || size+length > batchBytes) {
				if !yield(rows[start:i]) {
					return
				}
				start, size = i, 0
			}
			size += length
		}
		if start < len(rows) {
			yield(rows[start:])
		}
	}
}

func rowBytes(row []any) (n int) {
	for _, v := range row {
		if text, ok := v.(string); ok {
			n += len(text)
		}
	}
	return n
}

// text is a text of any origin as every database can keep it.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// chunks calls fn with keys in groups that fit into one statement.
func chunks(keys []string, fn func(in string, args []any) error) error {
	for group := range slices.Chunk(keys, batch) {
		args := make([]any, len(group))
		for i, k := range group {
			args[i] = k
		}
		if err := fn(marks(len(group)), args); err != nil {
			return err
		}
	}
	return nil
}
