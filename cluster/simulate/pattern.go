package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Request is one that arrives, counted from the start of the simulation.
type Request struct {
	At      time.Duration
	Service time.Duration // zero: as the component's requests take
	Stream  bool          // a WebSocket or the like: lasts as long as it pleases, and is no work
}

// Load is what a component is asked: a pattern, or requests that are known.
type Load struct {
	Component string
	Pattern   *Pattern
	Requests  []Request // by their time; with Pattern nil
}

// Shape says how a rate changes over time.
type Shape string

// The shapes.
const (
	Constant Shape = "constant" // Rate
	Step     Shape = "step"     // Rate until At, then To
	Ramp     Shape = "ramp"     // from Rate to To within Over, from At on
	Square   Shape = "square"   // To and Rate in turn, half a Period each
	Sine     Shape = "sine"     // between Rate and To, once a Period, lowest at the start
	Daily    Shape = "daily"    // Sine with a period of a day, lowest at 4:00
	Poisson  Shape = "poisson"  // Rate, at random times
)

// Shapes are all of them.
var Shapes = []Shape{Constant, Step, Ramp, Square, Sine, Daily, Poisson}

// Pattern is a synthetic load. Rates are requests per second.
type Pattern struct {
	Shape  Shape
	Rate   float64
	To     float64
	At     time.Duration
	Over   time.Duration
	Period time.Duration

	// Random lets requests come at random times, as many as the rate tells on
	// average; else they come evenly.
	Random bool

	Service Spread // how long they take; zero: as the component's requests do
	Stream  bool   // they are WebSockets or the like
}

// Check tells what is wrong with p.
func (p *Pattern) Check() error {
	switch {
	case !slices.Contains(Shapes, p.Shape):
		return fmt.Errorf("%q is no shape: it is one of %s", p.Shape, joined(Shapes))
	case !(p.Rate >= 0 && p.Rate <= maxRate && p.To >= 0 && p.To <= maxRate):
		return fmt.Errorf("a rate is not between 0 and %d requests per second", maxRate)
	case p.At < 0 || p.Over < 0 || p.Period < 0:
		return fmt.Errorf("a time is below zero")
	case p.Period == 0 && (p.Shape == Square || p.Shape == Sine):
		return fmt.Errorf("%s needs a period", p.Shape)
	case p.Over == 0 && p.Shape == Ramp:
		return fmt.Errorf("ramp needs the time that it goes over")
	case p.At == 0 && p.Shape == Step:
		return fmt.Errorf("step needs the time that it is at")
	}
	return p.Service.Check()
}

// maxRate is more than a simulation is of use for.
const maxRate = 1_000_000

func joined[T ~string](words []T) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += string(w)
	}
	return text
}

// rate is the rate at a time; clock is the time of day at the start.
func (p *Pattern) rate(at, clock time.Duration) float64 {
	switch p.Shape {
	case Step:
		if at >= p.At {
			return p.To
		}
	case Ramp:
		share := float64(at-p.At) / float64(p.Over)
		return p.Rate + (p.To-p.Rate)*min(1, max(0, share))
	case Square:
		if at%p.Period < p.Period/2 {
			return p.To
		}
	case Sine:
		return p.wave(float64(at) / float64(p.Period))
	case Daily:
		return p.wave((at + clock - 4*time.Hour).Hours() / 24)
	}
	return p.Rate
}

// wave is the rate after so many periods.
func (p *Pattern) wave(periods float64) float64 {
	return p.Rate + (p.To-p.Rate)*(1-math.Cos(2*math.Pi*periods))/2
}

// grain bounds how far a rate is taken for constant.
const grain = 100 * time.Millisecond

// arrivals are the requests of a load, one after the other.
type arrivals struct {
	load   *Load
	clock  time.Duration // time of day at the start
	length time.Duration
	random *rand.Rand

	next int           // of Requests
	at   time.Duration // up to where the pattern is worked off
	left float64       // of the rate's integral, until the next request
}

func newArrivals(l *Load, clock, length time.Duration, random *rand.Rand) *arrivals {
	a := &arrivals{load: l, clock: clock, length: length, random: random}
	if l.Pattern != nil {
		a.left = a.gap()
		if !a.isRandom() {
			a.left /= 2
		}
	}
	return a
}

func (a *arrivals) isRandom() bool { return a.load.Pattern.Random || a.load.Pattern.Shape == Poisson }

// gap is how much of the rate's integral is between two requests.
func (a *arrivals) gap() float64 {
	if a.isRandom() {
		return a.random.ExpFloat64()
	}
	return 1
}

// take returns the next request; false: there is none before the end.
func (a *arrivals) take() (Request, bool) {
	if a.load.Pattern == nil {
		if a.next == len(a.load.Requests) || a.load.Requests[a.next].At >= a.length {
			return Request{}, false
		}
		a.next++
		return a.load.Requests[a.next-1], true
	}
	for a.at < a.length {
		end := (a.at/grain + 1) * grain
		rate := a.load.Pattern.rate((a.at+end)/2, a.clock)
		if part := rate * (end - a.at).Seconds(); part < a.left || rate == 0 {
			a.left -= part
			a.at = end
			continue
		}
		a.at = min(end, a.at+time.Duration(a.left/rate*float64(time.Second)))
		a.left = a.gap()
		if a.at < a.length {
			return a.request(), true
		}
	}
	return Request{}, false
}

// request is one of the pattern's, now.
func (a *arrivals) request() Request {
	r := Request{At: a.at, Stream: a.load.Pattern.Stream}
	if s := a.load.Pattern.Service; !s.IsZero() {
		r.Service = max(1, s.draw(a.random))
	}
	return r
}

// draw returns a time by a distribution.
func (s Spread) draw(random *rand.Rand) time.Duration {
	if s.P95 <= s.Median || s.Median == 0 {
		return s.Median
	}
	const z95 = 1.6448536269514722
	sigma := math.Log(float64(s.P95)/float64(s.Median)) / z95
	return time.Duration(float64(s.Median) * math.Exp(sigma*random.NormFloat64()))
}
