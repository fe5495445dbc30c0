package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Away says that the database does not answer, and how old what answers are
// made from is.
type Away struct {
	Since time.Time `json:"away_since"`
	AsOf  time.Time `json:"as_of"` // when the database was as the answer has it

	// FromDisk tells that the daemon was started since: it knows what its copy
	// on disk has, which is no value of an environment and no secret.
	FromDisk bool `json:"from_disk"`

	// Cut tells that a list may have older entries in the database alone.
	Cut bool `json:"cut,omitempty"`
}

// headerAway carries an Away as JSON, with every answer of the API that is
// made without the database.
const headerAway = "Maelstrom-Database-Away"

// storeWait bounds a read of the database that an answer waits for.
const storeWait = 3 * time.Second

// away is nil while the database answers.
func (s *Server) away() *Away {
	if s.deps.Away == nil {
		return nil
	}
	return s.deps.Away()
}

// tellAway adds to an answer that it is made without the database, if it is,
// and what was noted of it.
func (s *Server) tellAway(h http.Header, noted *recalled) {
	away := s.away()
	if away == nil {
		return
	}
	noted.tell(away)
	if text, err := json.Marshal(away); err == nil {
		h.Set(headerAway, string(text))
	}
}

// awayFrom reads what tellAway has added; nil: nothing.
func awayFrom(h http.Header) *Away {
	var away Away
	if text := h.Get(headerAway); text == "" || json.Unmarshal([]byte(text), &away) != nil {
		return nil
	}
	return &away
}

// fromDatabase reads what the database alone has, in a bounded time. While it is known
// to be away, nothing is asked.
func fromDatabase[T any](ctx context.Context, s *Server, what string, read func(context.Context) (T, error)) (T, error) {
	if away := s.away(); away != nil {
		var none T
		return none, errorf(KindUnavailable, "the database has been away since %s, and %s in no copy of it: ask again when it is back",
			away.Since.UTC().Format(time.RFC3339), what)
	}
	limited, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	value, err := read(limited)
	if err == nil {
		return value, nil
	}
	told := classify(err)
	if told.Kind == KindInternal || told.Kind == KindTimeout && ctx.Err() == nil || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		e := errorf(KindUnavailable, "the database does not answer, and %s in no copy of it: %v", what, err)
		e.cause = err
		return value, e
	}
	return value, told
}
