package cluster

import (
	"fmt"
	"time"
)

// KeptAwakeError says that a component can't be put to sleep, because it is
// declared to run always, or now.
type KeptAwakeError struct {
	Component    string    `json:"component"`
	MinInstances int       `json:"min_instances"` // 0: for some time
	Until        time.Time `json:"until"`         // when hours to be awake in end, or may
}

func (e *KeptAwakeError) Error() string {
	if e.MinInstances == 0 {
		return fmt.Sprintf("%s can't sleep before %s: its `awake` hours are not over", e.Component, e.Until.Format("2006-01-02 15:04 MST"))
	}
	return fmt.Sprintf("%s can't sleep: it has mininstances: %d; set that to 0 first", e.Component, e.MinInstances)
}
