package gateway

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	// fewSlots is up to how many slots an instance is simply taken if it has one
	// free: there is nothing to compare.
	fewSlots = 3

	// forgetting is the time in which most of a slow answer is forgotten.
	forgetting = 10 * time.Second
)

// pace is how fast an instance answers: a slow answer counts at once, fast ones
// little by little.
type pace struct {
	mean time.Duration // zero: nothing known
	at   time.Time
}

// now is the pace by now: without answers it is forgotten.
func (p *pace) now(now time.Time) time.Duration {
	age := max(0, now.Sub(p.at))
	return time.Duration(float64(p.mean) * math.Exp(-float64(age)/float64(forgetting)))
}

// observe takes in one answer.
func (p *pace) observe(took time.Duration, now time.Time) {
	if took = max(1, took); took >= p.mean {
		p.mean = took
	} else {
		kept := math.Exp(-float64(max(0, now.Sub(p.at))) / float64(forgetting))
		p.mean = time.Duration(float64(p.mean)*kept + float64(took)*(1-kept))
	}
	p.at = now
}

// leastLoaded returns the better of two instances drawn at random, or another
// one that has a slot if neither has.
func (d *dispatcher) leastLoaded(now time.Time) *instance {
	n := len(d.ready)
	if n > 1 && (d.limit == 0 || d.limit > fewSlots) {
		one := rand.IntN(n)
		two := (one + 1 + rand.IntN(n-1)) % n
		a, b := d.ready[one], d.ready[two]
		if d.score(b, now) < d.score(a, now) {
			a, b = b, a
		}
		if a.open(d.limit, now) {
			return a
		}
		if b.open(d.limit, now) {
			return b
		}
	}
	for _, i := range d.ready {
		if i.open(d.limit, now) {
			return i
		}
	}
	return nil
}

// score is the time that a request may take on i, more or less. One of which
// nothing is known counts as all of them do on the whole; one that is new gets a
// part of what it could.
func (d *dispatcher) score(i *instance, now time.Time) float64 {
	mean := i.pace.mean
	if mean == 0 {
		mean = d.stats.service
	} else {
		mean = i.pace.now(now)
	}
	return float64(i.inFlight+1) * float64(max(1, mean)) / share(now.Sub(i.readyAt))
}
