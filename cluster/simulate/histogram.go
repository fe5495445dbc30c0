package simulate

import (
	"math/bits"
	"time"
)

// histogram counts durations by microseconds, to three parts in a hundred.
type histogram struct {
	counts []int64
	total  int64
	sum    time.Duration
	most   time.Duration
	under  [len(Bounds) + 1]int64 // by Bounds; the last is the rest
}

// Bounds are the upper bounds of the buckets of a Waits.
var Bounds = [...]time.Duration{
	0, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 10 * time.Second, time.Minute, 5 * time.Minute,
}

// fine is how many buckets each doubling has.
const fine = 32

func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < 2*fine {
		return int(us)
	}
	e := bits.Len64(us) - 6
	return 2*fine + (e-1)*fine + int(us>>e) - fine
}

// upTo is the largest duration of a bucket.
func upTo(bucket int) time.Duration {
	if bucket < 2*fine {
		return time.Duration(bucket) * time.Microsecond
	}
	e := (bucket-2*fine)/fine + 1
	us := (uint64((bucket-2*fine)%fine+fine) + 1) << e
	return time.Duration(us-1) * time.Microsecond
}

func (h *histogram) add(d time.Duration) {
	d = d.Truncate(time.Microsecond)
	k := bucketOf(d)
	for len(h.counts) <= k {
		h.counts = append(h.counts, 0)
	}
	h.counts[k]++
	h.total++
	h.sum += d
	h.most = max(h.most, d)
	for k, bound := range Bounds {
		if d <= bound {
			h.under[k]++
			return
		}
	}
	h.under[len(Bounds)]++
}

// merge adds what another has counted.
func (h *histogram) merge(o *histogram) {
	for len(h.counts) < len(o.counts) {
		h.counts = append(h.counts, 0)
	}
	for k, n := range o.counts {
		h.counts[k] += n
	}
	for k, n := range o.under {
		h.under[k] += n
	}
	h.total += o.total
	h.sum += o.sum
	h.most = max(h.most, o.most)
}

// percentile is what so many of 100 are at most.
func (h *histogram) percentile(p float64) time.Duration {
	rank := int64(p / 100 * float64(h.total))
	if float64(rank) < p/100*float64(h.total) {
		rank++
	}
	seen := int64(0)
	for k, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return min(upTo(k), h.most)
		}
	}
	return h.most
}

// Times sums durations up, in milliseconds as the access log has them.
type Times struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (h *histogram) times() Times {
	t := Times{
		Count: h.total, Max: milliseconds(h.most), P50: milliseconds(h.percentile(50)), P90: milliseconds(h.percentile(90)),
		P95: milliseconds(h.percentile(95)), P99: milliseconds(h.percentile(99)), P999: milliseconds(h.percentile(99.9)),
	}
	if h.total > 0 {
		t.Mean = milliseconds(h.sum / time.Duration(h.total))
	}
	return t
}

// Bucket is how many requests waited for a time up to UpTo, and for longer
// than the bucket before.
type Bucket struct {
	UpTo  float64 `json:"up_to_ms"` // -1: any time
	Count int64   `json:"count"`
}

func (h *histogram) buckets() []Bucket {
	out := make([]Bucket, 0, len(h.under))
	for k, n := range h.under {
		bound := -1.0
		if k < len(Bounds) {
			bound = milliseconds(Bounds[k])
		}
		out = append(out, Bucket{UpTo: bound, Count: n})
	}
	return out
}
