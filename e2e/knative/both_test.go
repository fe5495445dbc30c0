package knative

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/serving/pkg/apis/autoscaling"
	"knative.dev/serving/pkg/autoscaler/aggregation"
	"knative.dev/serving/pkg/autoscaler/scaling"

	"maelstrom/cluster/scheduler"
)

// What Knative has by default.
const (
	stableWindow = 60 * time.Second
	panicWindow  = 6 * time.Second
	tick         = 2 * time.Second
)

// began is when every case begins; seconds are counted from here.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }

// figures are what an autoscaler has decided by, and what it wants.
type figures struct {
	Stable, Panic float64
	Want          int
}

func (f figures) String() string {
	return fmt.Sprintf("%d for %.6f and %.6f", f.Want, f.Stable, f.Panic)
}

// theirs is Knative's autoscaler with Knative's windows. It is the source of its
// own metrics and counts its own instances.
type theirs struct {
	scaling.UniScaler
	stable, panicking *aggregation.TimedFloat64Buckets
	ready             int
}

// newTheirs is an autoscaler that begins with one instance: with more it takes
// what there is for the height of a panic, as it can't know better.
func newTheirs(ctx context.Context, target float64) *theirs {
	k := &theirs{
		stable:    aggregation.NewTimedFloat64Buckets(stableWindow, time.Second),
		panicking: aggregation.NewTimedFloat64Buckets(panicWindow, time.Second),
		ready:     1,
	}
	k.UniScaler = scaling.New(ctx, "shop", "cart", k, k, &scaling.DeciderSpec{
		ScalingMetric: autoscaling.Concurrency, TargetValue: target, TotalValue: target,
		MaxScaleUpRate: 1000, MaxScaleDownRate: 2, PanicThreshold: 2, StableWindow: stableWindow, Reachable: true,
	})
	return k
}

func (k *theirs) StableAndPanicConcurrency(_ types.NamespacedName, now time.Time) (stable, panicking float64, err error) {
	return k.stable.WindowAverage(now), k.panicking.WindowAverage(now), nil
}

func (k *theirs) StableAndPanicRPS(_ types.NamespacedName, _ time.Time) (stable, panicking float64, err error) {
	return 0, 0, fmt.Errorf("nobody asked for requests per second")
}

func (k *theirs) ReadyCount() (int, error)    { return k.ready, nil }
func (k *theirs) NotReadyCount() (int, error) { return 0, nil }

// record takes in how many requests there were on average in a second.
func (k *theirs) record(second int, requests float64) {
	k.stable.Record(after(second), requests)
	k.panicking.Record(after(second), requests)
}

// decide is at the end of a second. To Knative the second that has begun is part
// of its windows.
func (k *theirs) decide(second int) figures {
	stable, panicking, _ := k.StableAndPanicConcurrency(types.NamespacedName{}, after(second))
	result := k.Scale(zap.NewNop().Sugar(), after(second))
	return figures{Stable: stable, Panic: panicking, Want: int(result.DesiredPodCount)}
}

// ours is the arithmetic of the scheduler, without its corrections.
type ours struct {
	kpa    scheduler.KPA
	window scheduler.Window
	target float64
	ready  int
}

func newOurs(target float64) *ours {
	o := &ours{target: target, ready: 1}
	o.window.Begin(began)
	return o
}

func (o *ours) record(second int, requests float64) {
	o.window.Add(after(second), after(second+1), requests)
}

// decide is at the end of a second. To us that is when the next begins.
func (o *ours) decide(second int) figures {
	now := after(second + 1)
	stable, _ := o.window.Average(now, stableWindow)
	panicking, _ := o.window.Average(now, panicWindow)
	want := o.kpa.Decide(now, scheduler.Averages{Stable: stable, Panic: panicking, Target: o.target, Ready: o.ready})
	return figures{Stable: stable, Panic: panicking, Want: want}
}
