package cluster

import (
	"cmp"
	"time"
)

// RolloutState is what became of a version that was rolled out.
type RolloutState string

// The roll-out states, as they are written. A version without one has yet to
// prove itself.
const (
	RolloutProven RolloutState = "proven" // an instance of it was ready: Kept, Failed and Tries end
	RolloutFailed RolloutState = "failed" // none will be; what is kept runs on
	RolloutRetry  RolloutState = "retry"  // a failure is taken back: it is tried again; Tries stays
)

// RolloutFailure says why a version is not rolled out.
type RolloutFailure struct {
	Reason  Reason    `json:"reason"`
	Message string    `json:"message"`
	At      time.Time `json:"at"` // database time, whatever is written

	// Tries is ComponentRow.Tries with this failure: who writes one counts on
	// from there.
	Tries int `json:"tries"`

	// RetryAt is when it is tried again by itself; zero: not before somebody
	// changes or restarts the component.
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// RolloutWrite tells what became of a version. The holder of the role
// placement writes it, under its fence, in one transaction with the placements
// that follow from it: it plans by the row as the write leaves it. So a row that
// is Gated has at most one placement of its version that wants to run; one that
// has Failed has none; and Proven, Failed, Kept and Tries are all that a next
// holder has to know. A failure may replace another that was due to be retried. ErrConflict: another version is
// declared by now, the one that failed is proven, or there is no failure to
// take back.
type RolloutWrite struct {
	Component string
	Version   int64 // its RestartVersion
	State     RolloutState
	Failure   *RolloutFailure // of RolloutFailed
}

// Unproven tells whether no instance of the declared version was ready yet.
func (r *ComponentRow) Unproven() bool { return r.Proven < r.RestartVersion }

// Gated tells whether the declared version has to prove itself by one instance
// before it takes the place of the version before, which did. A component that
// is asleep is woken for that.
func (r *ComponentRow) Gated() bool {
	return r.Kept != nil && !r.Kept.Unproven() && r.Unproven() && r.Failed == nil && !r.Unreleased()
}

// Placed returns the version of the component that runs what was placed at the
// given version: the declared one, or the one that is kept, which serves beside
// it for as long as the declared one is not proven; nil: neither does.
func (r *ComponentRow) Placed(version int64) *ComponentRow {
	for _, row := range []*ComponentRow{r, r.Kept} {
		if row != nil && cmp.Or(row.RestartVersion, row.Version) <= version && version <= row.Version {
			return row
		}
	}
	return nil
}
