package peer

import (
	"errors"

	"maelstrom/cluster"
)

// ErrNoStream says that a node can't be asked: there is no stream to it, or it
// broke before the answer came.
var ErrNoStream = errors.New("no stream to the node")

// call asks the holder of the role placement to decide something.
type call struct {
	ID        uint64       `json:"id"`
	Wake      string       `json:"wake,omitempty"`  // a component
	Sleep     string       `json:"sleep,omitempty"` // a component
	Reserve   *cluster.Run `json:"reserve,omitempty"`
	WithinMic int64        `json:"within_us,omitempty"` // what is left of the asker's deadline; zero: it has none
}

// answer is the outcome of a call; one without a kind went well.
type answer struct {
	ID      uint64                  `json:"id"`
	Kind    errorKind               `json:"kind,omitempty"`
	Message string                  `json:"message,omitempty"`
	Failure *cluster.Failure        `json:"failure,omitempty"`
	Awake   *cluster.KeptAwakeError `json:"awake,omitempty"`
}

// errorKind is what callers branch on.
type errorKind string

const (
	kindFailure   errorKind = "failure"
	kindAwake     errorKind = "kept_awake"
	kindNotHolder errorKind = "not_holder"
	kindConflict  errorKind = "conflict"
	kindNotFound  errorKind = "not_found"
	kindOther     errorKind = "other"
)

// sentinels are the errors that are known by their kind alone.
var sentinels = map[errorKind]error{
	kindNotHolder: cluster.ErrNotHolder,
	kindConflict:  cluster.ErrConflict,
	kindNotFound:  cluster.ErrNotFound,
}

// answerTo puts an outcome on the wire.
func answerTo(id uint64, err error) *answer {
	a := &answer{ID: id}
	if err == nil {
		return a
	}
	a.Kind, a.Message = kindOther, err.Error()
	switch {
	case errors.As(err, &a.Failure):
		a.Kind = kindFailure
	case errors.As(err, &a.Awake):
		a.Kind = kindAwake
	}
	for kind, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			a.Kind = kind
		}
	}
	return a
}

// err is the outcome as if it had come from this node. A kind that a later
// release has is an error like others.
func (a *answer) err() error {
	switch {
	case a.Kind == "":
		return nil
	case a.Kind == kindFailure && a.Failure != nil:
		return a.Failure
	case a.Kind == kindAwake && a.Awake != nil:
		return a.Awake
	}
	return &toldError{text: a.Message, kind: sentinels[a.Kind]}
}

// toldError is an error that another node met.
type toldError struct {
	text string
	kind error // nil: nobody branches on it
}

func (e *toldError) Error() string { return e.text }

func (e *toldError) Unwrap() error { return e.kind }
