package scheduler

import "time"

// Limit is what kept the autoscaler from what it would have liked.
type Limit string

// The limits.
const (
	LimitNone    Limit = ""
	LimitYoung   Limit = "young"   // too little is known of the load yet to go down
	LimitPartial Limit = "partial" // the load of some node is not known
	LimitPanic   Limit = "panic"   // nothing goes down in a panic
	LimitShare   Limit = "share"   // more than scaledownconcurrencypct is in use
	LimitSlots   Limit = "slots"   // what is in flight has them
	LimitDelay   Limit = "delay"   // scaledowndelayseconds
	LimitTick    Limit = "tick"    // less is decided on every two seconds
	LimitPresent Limit = "present" // what there was to do is done
	LimitQueue   Limit = "queue"   // what waits will be served in a moment
	LimitMost    Limit = "most"    // maxinstances
)

// Why is what a decision of the autoscaler came from.
type Why struct {
	At        time.Time
	Have      int // instances that load had asked for
	Want      int // that it asks for now
	Ready     int
	Asked     int     // by Knative's arithmetic alone
	Stable    float64 // averages of requests in flight or queued
	Panic     float64
	Seconds   int     // that the stable average is of
	Target    float64 // requests for each instance
	Panicking bool
	Work      int // requests in flight or queued, without streams
	Queued    int
	Spare     int   // slots to keep free
	ForSpare  int   // instances that it takes for them
	Limit     Limit // why Want is not Asked
}
