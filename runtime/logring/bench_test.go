package logring

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	r := ringOf(b, open(b, b.TempDir(), Options{Cap: 20 << 20}))
	w := writer(b, r, "a")
	rec := Record{Time: time.Now(), Stream: Stdout, Text: strings.Repeat("x", 100)}
	b.SetBytes(int64(len(rec.Text)))
	b.ReportAllocs()
	for b.Loop() {
		w.Append(rec)
	}
}

func BenchmarkRead(b *testing.B) {
	r := ringOf(b, open(b, b.TempDir(), Options{Cap: 20 << 20}))
	w := writer(b, r, "a")
	rec := Record{Time: time.Now(), Stream: Stdout, Text: strings.Repeat("x", 100)}
	for range 150_000 {
		w.Append(rec)
	}
	b.ReportAllocs()
	for b.Loop() {
		reader, err := r.Read(Query{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, err = reader.Next()
		}
		if !errors.Is(err, io.EOF) || n < 100_000 {
			b.Fatal(n, err)
		}
		reader.Close()
	}
}
