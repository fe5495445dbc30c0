package scheduler

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The figures of Knative's autoscaler.
const (
	stableWindow = 60 * time.Second
	panicWindow  = 6 * time.Second
	panicFrom    = 2.0  // times what is ready
	fastestUp    = 1000 // times what is ready, at once
	fastestDown  = 2    // to this part of what is ready, at once
)

// And our own.
const (
	tick = 2 * time.Second // of decisions, while there is load

	// Nodes tell their loads in turn and late: an average may seem to be more
	// than there ever was. By less than this part of an instance, none is started.
	slight = 0.1

	// After a panic, or a backlog, the way down is taken in steps.
	calmTime = 60 * time.Second
	calmStep = 10 * time.Second
	calmPart = 0.25

	// Who changes direction too often waits longer before going down.
	flapTime  = 10 * time.Minute
	flapTurns = 6
	flapDelay = 60 * time.Second // at least, and then doubled

	// Where there had to be so many more than the load asks for on average, it
	// comes in bursts. What they took stays for a while, so that there is one
	// change in half an hour at most.
	burstFrom   = 1.25
	burstSettle = 2 * stableWindow // until an average knows nothing of a way up
	burstHold   = time.Hour        // after the last
	burstsOver  = 2 * time.Hour    // until one is forgotten
)

// KPA is what Knative's autoscaler keeps from one decision to the next.
type KPA struct {
	Panic    time.Time // since it was last over the threshold; zero: no panic
	MaxPanic int
}

// Averages are what a KPA decides by.
type Averages struct {
	Stable, Panic float64 // requests in flight or queued at a time
	Target        float64 // of them for each instance
	Ready         int     // instances
}

// Decide is Knative's arithmetic, without any of our corrections.
func (k *KPA) Decide(now time.Time, in Averages) int {
	want, panicking := in.desired()
	ready := float64(max(1, in.Ready))
	over := math.Ceil(in.Panic/in.Target)/ready >= panicFrom
	switch {
	case over:
		k.Panic = now
	case !k.Panic.IsZero() && k.Panic.Add(stableWindow).Before(now):
		*k = KPA{}
	}
	if !k.Panic.IsZero() {
		k.MaxPanic = max(k.MaxPanic, want, panicking)
		want = k.MaxPanic
	}
	return want
}

// desired is what each window asks for, within what may change at once.
func (in Averages) desired() (stable, panicking int) {
	ready := float64(max(1, in.Ready))
	clamp := func(average float64) int {
		return int(min(max(math.Ceil(average/in.Target), math.Floor(ready/fastestDown)), math.Ceil(fastestUp*ready)))
	}
	return clamp(in.Stable), clamp(in.Panic)
}

// Auto is what the autoscaler keeps of a component from one plan to the next.
type Auto struct {
	KPA
	Window Window
	Ticked time.Time // when it last decided whether there may be less

	Line      line
	Calm      time.Time // when the last panic ended, or a backlog was seen
	StepAt    time.Time // of the way down
	StepFrom  int
	Shrinking bool

	Busy   []Wanted // the most instances with work lately
	Up     wentUp
	Bursts []Wanted    // lately, and what they took
	Wants  []Wanted    // the highest lately, for scaledowndelayseconds
	Turns  []time.Time // when the direction changed, within flapTime
	Way    int         // the last direction: 1 up, -1 down

	Why Why
}

// wentUp is the last way up.
type wentUp struct {
	At      time.Time
	To      int
	Settled bool // it is known whether the load asked for it
}

// Wanted is how many instances were wanted at a time.
type Wanted struct {
	At time.Time
	N  int
}

// demand is what an autoscaler decides by.
type demand struct {
	Now         time.Time
	Have        int // instances that load has asked for so far
	Least, Most int // that there may be; zero: no limit
	Ready       int
	Failing     bool // some of them do
	Concurrency int
	Up, Down    float64 // shares of it
	Spare       int     // slots to keep free
	Delay       time.Duration
	Work        int           // in flight or queued now, without streams
	Slots       int           // that are in use or waited for now
	Wait        time.Duration // that it will take to work off the queue; negative: not known
	Queued      int
	Partial     bool // something is not known: nothing shrinks
	Grown       time.Time
}

// decide returns how many instances load asks for, and keeps why.
func (a *Auto) decide(in demand) int {
	stable, seconds := a.Window.Average(in.Now, stableWindow)
	panicking, _ := a.Window.Average(in.Now, panicWindow)
	// An instance is for one request at least, or one request would want two.
	target := max(1, float64(in.Concurrency)*in.Up)
	a.Why = Why{
		At: in.Now, Have: in.Have, Want: in.Have, Ready: in.Ready, Stable: stable, Panic: panicking, Seconds: seconds, Target: target,
		Work: in.Work, Queued: in.Queued, Spare: in.Spare,
	}
	due := !in.Now.Before(a.Ticked.Add(tick))
	if due {
		a.Ticked = in.Now
	}
	if seconds == 0 {
		a.Why.Limit = LimitYoung
		return in.Have
	}
	was := a.Panic
	less := slight * target
	want := a.KPA.Decide(in.Now, Averages{Stable: stable - less, Panic: panicking - less, Target: target, Ready: in.Ready})
	if !was.IsZero() && a.Panic.IsZero() {
		a.Calm = in.Now
	}
	a.Why.Asked, a.Why.Panicking = want, !a.Panic.IsZero()
	if seconds >= int(stableWindow/time.Second) {
		a.settle(in.Now, a.Why.by(stable))
	}
	a.Busy = highest(a.Busy, Wanted{At: in.Now, N: slots(in.Slots, in.Concurrency)}, stableWindow)
	want = a.grow(in, max(want, a.spare(in, stable)))
	a.MaxPanic = min(a.MaxPanic, max(want, in.Have))
	want = a.shrink(in, want, due)
	a.Why.Want = want
	a.turn(in.Now, in.Have, want)
	return want
}

// spare is how many instances it takes to have the spare slots beside the load.
func (a *Auto) spare(in demand, stable float64) int {
	if in.Spare == 0 {
		return 0
	}
	a.Why.ForSpare = int(math.Ceil((stable + float64(in.Spare)) / float64(in.Concurrency)))
	return a.Why.ForSpare
}

// grow bounds what is wanted by what there may be, and is to do: what was there
// in a window but is no more needs no start.
func (a *Auto) grow(in demand, want int) int {
	bound := func(most int, limit Limit) {
		if most = max(in.Have, most); want > most {
			want, a.Why.Limit = most, limit
		}
	}
	bound(max(int(math.Ceil(float64(in.Work)/a.Why.Target)), a.Why.ForSpare), LimitPresent)
	if a.queued(in) {
		bound(a.Why.ForSpare, LimitQueue)
	}
	if in.Failing {
		bound(0, LimitFailing)
	}
	if in.Most > 0 {
		bound(in.Most, LimitMost)
	}
	return want
}

// queued tells whether what waits is to be worked off by what there is, or what
// keeps up with how it comes: it will be gone before the panic window is over,
// or has only built up while instances were starting. So does what is in flight
// for a moment after that.
func (a *Auto) queued(in demand) bool {
	gone := in.Now.Add(max(in.Wait, 0))
	switch {
	case in.Queued == 0:
		return in.Now.Before(a.Line.Gone.Add(panicWindow))
	case in.Wait >= 0 && gone.Before(a.Line.Waiting.Add(panicWindow)):
		return true
	}
	return !a.Line.Closed
}

// shrink bounds how soon and how far it goes down.
func (a *Auto) shrink(in demand, want int, due bool) int {
	if due {
		a.record(in, a.unclamped())
	}
	if want >= in.Have {
		// It goes on while fewer are enough for what there is now.
		a.Shrinking = a.Shrinking && want == in.Have && a.Why.by(a.Why.Panic) < want
		return want
	}
	bursts, _ := a.bursts(in.Now)
	want = max(want, a.most(in), a.Busy[0].N, a.Why.by(a.Why.Panic), bursts, in.Least, 1)
	if limit := a.stays(in, want, due); limit != LimitNone {
		a.Why.Limit = limit
		return in.Have
	}
	a.Shrinking = true
	if in.Now.Before(a.Calm.Add(calmTime)) {
		want = max(want, a.step(in))
	}
	return want
}

// stays tells why there are to be no less for now.
func (a *Auto) stays(in demand, want int, due bool) Limit {
	settled := a.Window.Base.Add(max(stableWindow, a.delay(in)))
	bursts, _ := a.bursts(in.Now)
	switch {
	case in.Partial:
		return LimitPartial
	case !a.Panic.IsZero():
		return LimitPanic
	case in.Now.Before(settled) || in.Now.Before(in.Grown.Add(stableWindow)):
		return LimitYoung
	case !a.Shrinking && a.Why.Stable >= in.Down*float64(in.Concurrency*in.Have):
		return LimitShare
	case want >= in.Have && max(a.Busy[0].N, a.Why.by(a.Why.Panic)) >= in.Have:
		return LimitSlots
	case in.Least >= in.Have:
		return LimitLeast
	case bursts >= in.Have:
		return LimitBursts
	case want >= in.Have:
		return LimitDelay
	case !due:
		return LimitTick
	}
	return LimitNone
}

// settle judges the last way up by how many instances the average of a whole window
// asks for that knows nothing of it.
func (a *Auto) settle(now time.Time, asks int) {
	if a.Up.Settled || now.Before(a.Up.At.Add(burstSettle)) {
		return
	}
	a.Up.Settled = true
	if float64(a.Up.To) > burstFrom*float64(asks) {
		old := func(w Wanted) bool { return now.Sub(w.At) >= burstsOver }
		a.Bursts = append(slices.DeleteFunc(slices.Clone(a.Bursts), old), Wanted{At: a.Up.At, N: a.Up.To})
	}
}

// bursts is how many instances stay, for a while after there had to be more than the
// load asks for on average, and not for the first time: as many as at least
// two bursts took; and when the last of them was.
func (a *Auto) bursts(now time.Time) (stay int, last time.Time) {
	all := a.Bursts
	if !a.Up.Settled {
		all = append(slices.Clone(all), Wanted{At: a.Up.At, N: a.Up.To})
	}
	most := 0
	for _, b := range all {
		if last = b.At; now.Sub(last) < burstsOver {
			stay = max(stay, min(most, b.N))
			most = max(most, b.N)
		}
	}
	if now.Sub(last) >= burstHold {
		return 0, last
	}
	return stay, last
}

// step lets a quarter go in ten seconds.
func (a *Auto) step(in demand) int {
	if !in.Now.Before(a.StepAt.Add(calmStep)) || in.Have > a.StepFrom {
		a.StepAt, a.StepFrom = in.Now, in.Have
	}
	return int(math.Ceil(float64(a.StepFrom) * (1 - calmPart)))
}

// record notes what is wanted now.
func (a *Auto) record(in demand, want int) {
	a.Wants = highest(a.Wants, Wanted{At: in.Now, N: want}, max(a.delay(in), 2*max(in.Delay, flapDelay)))
}

// highest adds to what was highest lately, each of what came after.
func highest(list []Wanted, is Wanted, lately time.Duration) []Wanted {
	var kept []Wanted
	for _, w := range list {
		if w.N > is.N && is.At.Sub(w.At) <= lately {
			kept = append(kept, w)
		}
	}
	return append(kept, is)
}

// unclamped is what is wanted in the end, however many steps it takes.
func (a *Auto) unclamped() int {
	return max(a.Why.by(a.Why.Stable), a.MaxPanic, a.Why.ForSpare)
}

// most is the most that was wanted within the delay.
func (a *Auto) most(in demand) int {
	from := in.Now.Add(-a.delay(in))
	for _, w := range a.Wants {
		if !w.At.Before(from) {
			return w.N
		}
	}
	return 0
}

// delay is how long it takes to go down, twice that for who flaps.
func (a *Auto) delay(in demand) time.Duration {
	turns := 0
	for _, at := range a.Turns {
		if in.Now.Sub(at) < flapTime {
			turns++
		}
	}
	if turns > flapTurns {
		return 2 * max(in.Delay, flapDelay)
	}
	return in.Delay
}

// turn notes a change, and one of direction.
func (a *Auto) turn(now time.Time, from, to int) {
	way := cmp.Compare(to, from)
	if way == 0 {
		return
	}
	if way > 0 {
		a.Shrinking, a.Up = false, wentUp{At: now, To: to}
	}
	if a.Way == -way {
		turns := slices.DeleteFunc(slices.Clone(a.Turns), func(at time.Time) bool { return now.Sub(at) >= flapTime })
		a.Turns = append(turns, now)
	}
	a.Way = way
}
