package rpc

// DoctorRequest asks a daemon to look at itself and its surroundings.
type DoctorRequest struct{}

// DoctorAnswer is what it found.
type DoctorAnswer struct {
	Checks []Check `json:"checks"`
}

// Check is one thing that was looked at.
type Check struct {
	Name   string      `json:"name"`
	Status CheckStatus `json:"status"`
	Found  string      `json:"found"`
	Advice string      `json:"advice"` // what to do; empty where there is nothing
}

// CheckStatus is the outcome of a Check.
type CheckStatus string

// The outcomes.
const (
	CheckOK      CheckStatus = "ok"
	CheckWarning CheckStatus = "warning"
	CheckFailed  CheckStatus = "failed"
	CheckSkipped CheckStatus = "skipped" // could not be looked at; Found says why
)
