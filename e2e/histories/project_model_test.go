package histories

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// What a project has to look like: a revision that counts its changes, and
// components whose versions go up by one, never back, not even when a
// component is removed and comes again.

// componentCount is how many components a project of a history has.
const componentCount = 2

type projectOp int

const (
	read    projectOp = iota // all of it
	put                      // a component, whatever version it has
	swap                     // a component over a version
	remove                   // a component
	restart                  // components: a new version of the same
)

type projectInput struct {
	op        projectOp
	component int
	version   int64                // swap
	image     string               // put, swap
	restarted [componentCount]bool // restart
}

type projectOutput struct {
	ending   ending
	revision int64                 // put, swap, remove
	versions [componentCount]int64 // put, swap, restart
	seen     projectState          // read
}

type projectState struct {
	revision   int64
	components [componentCount]componentState
}

type componentState struct {
	there   bool
	version int64 // also of one that was removed; a reader doesn't see that
	image   string
}

var projectModel = porcupine.Model{
	Init: func() any { return projectState{} },
	Step: func(state, input, output any) (bool, any) {
		return state.(projectState).step(input.(projectInput), output.(projectOutput))
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(projectInput), output.(projectOutput)
		return in.String() + " → " + out.of(in.op)
	},
	DescribeState: func(state any) string { return state.(projectState).String() },
}

// step tells whether an operation may end so in this state, and the state
// after it. One of unknown outcome may always: put last, it never happened.
func (s projectState) step(in projectInput, out projectOutput) (bool, projectState) {
	if in.op == read {
		return s.visible() == out.seen, s
	}
	can, next := s.after(in)
	switch out.ending {
	case ok:
		return can && next.agrees(in, out), next
	case unknown:
		if can {
			return true, next
		}
		return true, s
	case refused:
		return !can, s
	case conflict:
		return true, s // it gave up
	}
	return false, s
}

// after returns whether a write can be done in this state, and the next one.
func (s projectState) after(in projectInput) (bool, projectState) {
	c := &s.components[in.component]
	can := true
	switch in.op {
	case put, swap:
		can = in.op == put || c.there && c.version == in.version
		c.there, c.version, c.image = true, c.version+1, in.image
	case remove:
		can = c.there
		c.there = false
	case restart:
		for i, restarted := range in.restarted {
			if restarted {
				can = can && s.components[i].there
				s.components[i].version++
			}
		}
	}
	s.revision++
	return can, s
}

// agrees tells whether the answer to a write says what it did.
func (s projectState) agrees(in projectInput, out projectOutput) bool {
	switch in.op {
	case restart:
		for i, restarted := range in.restarted {
			if restarted && out.versions[i] != s.components[i].version {
				return false
			}
		}
		return true
	case put, swap:
		return out.revision == s.revision && out.versions[in.component] == s.components[in.component].version
	}
	return out.revision == s.revision
}

// visible is what a reader sees of a state.
func (s projectState) visible() projectState {
	for i, c := range s.components {
		if !c.there {
			s.components[i] = componentState{}
		}
	}
	return s
}

func (s projectState) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d", s.revision)
	for i, c := range s.components {
		fmt.Fprintf(&b, ", %c", 'a'+i)
		switch {
		case c.there:
			fmt.Fprintf(&b, " version %d %s", c.version, c.image)
		case c.version > 0:
			fmt.Fprintf(&b, " removed at version %d", c.version)
		default:
			b.WriteString(" absent")
		}
	}
	return b.String()
}

func (in projectInput) String() string {
	name := string(rune('a' + in.component))
	switch in.op {
	case read:
		return "read"
	case put:
		return fmt.Sprintf("put %s %s", name, in.image)
	case swap:
		return fmt.Sprintf("put %s %s over %d", name, in.image, in.version)
	case remove:
		return "remove " + name
	}
	return fmt.Sprintf("restart %v", in.restarted)
}

func (out projectOutput) of(op projectOp) string {
	switch {
	case op == read:
		return out.seen.String()
	case out.ending == ok:
		return fmt.Sprintf("revision %d versions %v", out.revision, out.versions)
	}
	return out.ending.String()
}
