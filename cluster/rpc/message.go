package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// call is one JSON-RPC request. A nil id makes it a notification.
type call struct {
	JSONRPC string          `json:"jsonrpc"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"`
	ID      json.RawMessage `json:"id,omitempty"`
}

// reply is one JSON-RPC response; Result or Err is set.
type reply struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Err     *wireError      `json:"error,omitempty"`
}

type wireError struct {
	Code    int        `json:"code"`
	Message string     `json:"message"`
	Data    *errorData `json:"data,omitempty"`
}

// errorData is what a program can act on.
type errorData struct {
	Kind              Kind              `json:"kind"`
	Problems          []project.Problem `json:"problems,omitempty"`
	Reason            cluster.Reason    `json:"reason,omitempty"`
	RetryAfterSeconds float64           `json:"retry_after_seconds,omitempty"`
	RequestID         string            `json:"request_id,omitempty"`
}

func (e *Error) wire(requestID string) *wireError {
	code := e.Code
	if code == 0 {
		code = e.Kind.code()
	}
	return &wireError{Code: code, Message: e.Message, Data: &errorData{
		Kind:              e.Kind,
		Problems:          e.Problems,
		Reason:            e.Reason,
		RetryAfterSeconds: e.RetryAfter.Seconds(),
		RequestID:         requestID,
	}}
}

// toError is the client's view of a wire error. A server that is not ours
// sends no data: the code tells the kind.
func (w *wireError) toError() *Error {
	e := &Error{Kind: kindOfCode(w.Code), Code: w.Code, Message: w.Message}
	if w.Data != nil {
		if w.Data.Kind != "" {
			e.Kind = w.Data.Kind
		}
		e.Problems, e.Reason, e.RequestID = w.Data.Problems, w.Data.Reason, w.Data.RequestID
		e.RetryAfter = time.Duration(w.Data.RetryAfterSeconds * float64(time.Second))
	}
	return e
}

func kindOfCode(code int) Kind {
	switch code {
	case codeInvalid:
		return KindInvalid
	case codeExists:
		return KindExists
	case codeNotFound:
		return KindNotFound
	case codeConflict:
		return KindConflict
	case codeDatabase:
		return KindUnavailable
	case codeParse, codeInvalidRequest, codeMethodNotFound, codeInvalidParams:
		return KindProtocol
	}
	return KindInternal
}

// parseCalls reads a body: one call or a batch of at most max. The error is
// for the request as a whole; a call that is none has an empty method.
func parseCalls(body []byte, max int) (calls []call, batch bool, err *Error) {
	body = bytes.TrimLeft(body, " \t\r\n")
	if !json.Valid(body) {
		return nil, false, protocolError(codeParse, "the body is not JSON")
	}
	if body[0] != '[' {
		return []call{parseCall(body)}, false, nil
	}
	var raw []json.RawMessage
	if json.Unmarshal(body, &raw) != nil || len(raw) == 0 {
		return nil, false, protocolError(codeInvalidRequest, "a batch holds at least one call")
	}
	if len(raw) > max {
		return nil, false, protocolError(codeInvalidRequest, "a batch holds at most %d calls, not %d", max, len(raw))
	}
	for _, one := range raw {
		calls = append(calls, parseCall(one))
	}
	return calls, true, nil
}

// parseCall reads one call. What is not a valid one comes back without a
// method, with its id if that can be told.
func parseCall(data []byte) call {
	var c call
	if json.Unmarshal(data, &c) != nil || c.JSONRPC != "2.0" || !validID(c.ID) {
		return call{ID: idOf(data)}
	}
	if c.Method == "" && c.ID == nil {
		c.ID = nullID
	}
	return c
}

var nullID = json.RawMessage("null")

func idOf(data []byte) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil || fields["id"] == nil || !validID(fields["id"]) {
		return nullID
	}
	return fields["id"]
}

// validID tells whether id is absent, null, a string or a number.
func validID(id json.RawMessage) bool {
	return len(id) == 0 || id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9' || string(id) == "null"
}

// paramsObject returns the one object that params hold: {...}, [{...}] or
// nothing at all.
func paramsObject(params json.RawMessage) (json.RawMessage, *Error) {
	if len(params) == 0 || string(params) == "null" {
		return json.RawMessage("{}"), nil
	}
	if params[0] == '{' {
		return params, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(params, &list) != nil || len(list) > 1 {
		return nil, protocolError(codeInvalidParams, "params take one object, or a list of one")
	}
	if len(list) == 0 || string(list[0]) == "null" {
		return json.RawMessage("{}"), nil
	}
	if list[0][0] != '{' {
		return nil, protocolError(codeInvalidParams, "params take one object, or a list of one")
	}
	return list[0], nil
}

// decodeParams fills out. Unless lenient, a field that out does not have is an
// error: a daemon must not ignore a condition that it has never heard of.
func decodeParams(object json.RawMessage, out any, lenient bool) *Error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if !lenient {
		dec.DisallowUnknownFields()
	}
	err := dec.Decode(out)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return protocolError(codeInvalidParams, "params: %s: a %s is no %s", wrong.Field, wrong.Value, wrong.Type)
	}
	return protocolError(codeInvalidParams, "params: %s", err)
}

// encode is json.Marshal without the escapes that only HTML needs.
func encode(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	if err := encodeTo(&buf, v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

func encodeTo(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return nil
}
