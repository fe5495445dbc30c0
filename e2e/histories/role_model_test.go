package histories

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"maelstrom/cluster"
)

// What a role and all that hangs on it has to look like: one lease, one
// placement row that is compared and set under its fence, and claims of
// firings, each of which exactly one caller is given.

type roleOp int

const (
	look  roleOp = iota // read the lease
	take                // take the lease as it was observed
	renew               // show to be alive
	give                // give the lease up
	peek                // read the version of the placement
	write               // write the placement over a version
	claim               // claim a firing
)

type roleInput struct {
	op       roleOp
	observed cluster.Lease // take
	holder   string        // take
	hold     cluster.Hold  // renew, give, write, claim
	version  int64         // write
	key      int           // claim
}

type roleOutput struct {
	ending  ending
	lease   cluster.Lease // look
	version int64         // peek
}

type roleState struct {
	holder      string
	fence, beat int64
	version     int64  // of the placement; 0: not there yet
	claimed     uint64 // the firings, by bit
}

var roleModel = porcupine.Model{
	Init: func() any { return roleState{} },
	Step: func(state, input, output any) (bool, any) {
		return state.(roleState).step(input.(roleInput), output.(roleOutput))
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(roleInput), output.(roleOutput)
		return in.String() + " → " + out.of(in.op)
	},
	DescribeState: func(state any) string { return fmt.Sprintf("%+v", state) },
}

// step tells whether an operation may end so in this state, and the state
// after it. One of unknown outcome may always: put last, it never happened.
func (s roleState) step(in roleInput, out roleOutput) (bool, roleState) {
	holds := s.holder == in.hold.Holder && s.fence == in.hold.Fence
	switch in.op {
	case look:
		return s.holder == out.lease.Holder && s.fence == out.lease.Fence && s.beat == out.lease.Beat, s
	case peek:
		return s.version == out.version, s
	case take:
		same := s.holder == in.observed.Holder && s.fence == in.observed.Fence && s.beat == in.observed.Beat
		next := s
		next.holder, next.fence, next.beat = in.holder, s.fence+1, s.beat+1
		return s.settle(out.ending, same, map[ending]bool{refused: !same}, next)
	case renew:
		next := s
		next.beat++
		return s.settle(out.ending, holds, map[ending]bool{refused: !holds}, next)
	case give:
		if holds {
			s.holder = ""
		}
		return out.ending == ok || out.ending == unknown, s
	case write:
		same, next := s.version == in.version, s
		next.beat, next.version = s.beat+1, s.version+1
		return s.settle(out.ending, holds && same, map[ending]bool{conflict: !same, fenced: same && !holds}, next)
	case claim:
		free, next := s.claimed&(1<<in.key) == 0, s
		next.beat, next.claimed = s.beat+1, s.claimed|1<<in.key
		return s.settle(out.ending, holds && free, map[ending]bool{refused: !free, fenced: free && !holds}, next)
	}
	return false, s
}

// settle ends a step that leads to next where it can: a success says that it
// could, other endings what they are allowed to say.
func (s roleState) settle(end ending, can bool, may map[ending]bool, next roleState) (bool, roleState) {
	switch {
	case end == ok:
		return can, next
	case end == unknown && can:
		return true, next
	case end == unknown:
		return true, s
	}
	return may[end], s
}

func (in roleInput) String() string {
	hold := fmt.Sprintf("%s/%d", in.hold.Holder, in.hold.Fence)
	switch in.op {
	case look:
		return "look"
	case peek:
		return "peek"
	case take:
		return fmt.Sprintf("%s takes %s/%d/%d", in.holder, in.observed.Holder, in.observed.Fence, in.observed.Beat)
	case renew:
		return hold + " renews"
	case give:
		return hold + " gives"
	case write:
		return fmt.Sprintf("%s writes over %d", hold, in.version)
	}
	return fmt.Sprintf("%s claims %d", hold, in.key)
}

func (out roleOutput) of(op roleOp) string {
	switch op {
	case look:
		return fmt.Sprintf("%s/%d/%d", out.lease.Holder, out.lease.Fence, out.lease.Beat)
	case peek:
		return fmt.Sprint(out.version)
	}
	return out.ending.String()
}
