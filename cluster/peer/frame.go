package peer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"maelstrom/cluster"
)

// protocol is the version of what streams carry. Fields that one side does not
// know are left alone, so that releases can follow each other.
const protocol = 2

// maxFrame bounds one frame: the full list of some 50,000 instances.
const maxFrame = 64 << 20

// frame is one message of a stream: a length of four bytes and JSON. Each field
// that is set is one thing said; none is a sign of life.
type frame struct {
	Hello     *hello                `json:"hello,omitempty"` // first of all, and only then
	Instances *cluster.InstanceList `json:"instances,omitempty"`
	Load      *loadFrame            `json:"load,omitempty"`
	Hint      int64                 `json:"hint,omitempty"` // the change number that the sender has seen
	Call      *call                 `json:"call,omitempty"`
	Cancel    uint64                `json:"cancel,omitempty"` // a call that nobody waits for any more
	Answer    *answer               `json:"answer,omitempty"`
	Bye       bool                  `json:"bye,omitempty"` // it ends in order
	Reach     *reach                `json:"reach,omitempty"`
	Spare     bool                  `json:"spare,omitempty"`   // with Reach: the sender could do without this stream
	Removed   bool                  `json:"removed,omitempty"` // the receiver is none of the cluster's nodes any more

	Memory map[string]cluster.MemoryUse `json:"memory,omitempty"` // by component; none: as told before

	Relayed *cluster.InstanceList `json:"relayed,omitempty"` // of another node, before a digest
	Digest  *digest               `json:"digest,omitempty"`
}

// hello is how each side introduces itself.
type hello struct {
	Node     string    `json:"node"`
	Epoch    int64     `json:"epoch"`
	Version  string    `json:"version"`
	Protocol int       `json:"protocol"`
	Clock    time.Time `json:"clock"` // the sender's
}

// loadFrame is a node's load; what was quiet for a while is left out.
type loadFrame struct {
	Components map[string]loadOf `json:"components"`

	// The reading of the node's meter that Work of the components is of; zero
	// from a node that has none.
	Epoch int64         `json:"epoch,omitempty"`
	Clock time.Duration `json:"clock,omitempty"`

	Instances map[string]int `json:"instances,omitempty"` // in flight on them
}

// loadOf is a component's load on the wire, where nobody's clock counts.
type loadOf struct {
	cluster.ComponentLoad
	Idle     time.Duration `json:"idle"`               // since the last request; negative: none seen
	Busy     time.Duration `json:"busy,omitempty"`     // since BusySince; zero: nobody is in flight, or it is not told
	Answered time.Duration `json:"answered,omitempty"` // since then; zero: not seen, or it is not told
}

// encode returns a frame as it is written.
func (f *frame) encode() ([]byte, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	if len(body) > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes is too large", len(body))
	}
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...), nil
}

// readFrame reads one frame. Memory grows with what has arrived, not with what
// is announced.
func readFrame(r io.Reader) (*frame, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes is too large", n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, err
	}
	if len(body) < int(n) {
		return nil, io.ErrUnexpectedEOF
	}
	var f frame
	if err := json.Unmarshal(body, &f); err != nil {
		return nil, errors.Join(errors.New("not a frame"), err)
	}
	return &f, nil
}
