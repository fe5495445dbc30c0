package gitsource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// remote is a repository elsewhere, reached over HTTP or SSH.
//
// We speak the protocol ourselves, with go-git's encoders: its transports are
// registered for the whole process, dial by themselves, and its fetch can't go
// on from a shallow commit.
type remote interface {
	// open asks for the refs. All that the conversation does ends with ctx.
	open(ctx context.Context, limit *limiter) (conversation, error)
}

// conversation is one exchange with a remote.
type conversation interface {
	// refs are what the other side has.
	refs() *packp.AdvRefs

	// ask sends the one request of the conversation and returns the answer.
	ask(ctx context.Context, body []byte) (io.ReadCloser, error)

	Close() error
}

// request is what is wanted of a remote.
type request struct {
	want   plumbing.Hash
	below  *string // the ref that is wanted instead
	depth  int
	since  time.Time     // instead of depth, if it is not zero
	have   plumbing.Hash // zero: nothing. Its files are here, not its history
	thin   bool          // objects may come as changes of some that are here
	filter packp.Filter  // left out where the other side knows no filters
}

// answer is a pack, and where its history ends.
type answer struct {
	pack     io.Reader
	shallow  map[plumbing.Hash]bool
	filtered bool
	close    func() error
}

// refusedError is what the other side says instead of an answer.
type refusedError struct {
	message string
}

func (e *refusedError) Error() string { return "the server says: " + e.message }

// errSince is the error of a server that can't be asked for the commits since a time.
var errSince = errors.New("the server can't send the commits since a time (it has no capability deepen-since)")

var errShallow = errors.New("the server can't send single commits (it has no capability shallow)")

// errStrange is the error of refs that are none of git's, or not of the git we know.
var errStrange = errors.New("the list of refs can't be read")

// fetch asks for a pack within a conversation.
func fetch(ctx context.Context, c conversation, r request) (*answer, error) {
	body, filtered, err := r.encode(c.refs().Capabilities)
	if err != nil {
		return nil, err
	}
	raw, err := c.ask(ctx, body)
	if err != nil {
		return nil, err
	}
	a := &answer{shallow: map[plumbing.Hash]bool{}, filtered: filtered, close: raw.Close}
	buffered := bufio.NewReaderSize(raw, 64<<10)
	if err := a.decode(buffered); err != nil {
		_ = raw.Close()
		return nil, err
	}
	a.pack = demux(c.refs().Capabilities, buffered)
	return a, nil
}

func (r *request) encode(offered *capability.List) (body []byte, filtered bool, err error) {
	if !offered.Supports(capability.Shallow) {
		return nil, false, errShallow
	}
	u := packp.NewUploadRequest()
	u.Wants, u.Depth = []plumbing.Hash{r.want}, packp.DepthCommits(r.depth)
	caps := []capability.Capability{
		capability.Shallow, capability.OFSDelta, capability.NoProgress, sidebandOf(offered),
		capability.MultiACKDetailed, // Azure insists on it
	}
	if !r.since.IsZero() {
		if !offered.Supports(capability.DeepenSince) {
			return nil, false, errSince
		}
		u.Depth = packp.DepthSince(r.since)
		caps = append(caps, capability.DeepenSince)
	}
	if !r.have.IsZero() {
		u.Shallows = []plumbing.Hash{r.have}
	}
	if r.thin {
		caps = append(caps, capability.ThinPack)
	}
	if r.filter != "" && offered.Supports(capability.Filter) {
		u.Filter, filtered = r.filter, true
		caps = append(caps, capability.Filter)
	}
	for _, c := range caps {
		if c != "" && offered.Supports(c) {
			if err := u.Capabilities.Set(c); err != nil {
				return nil, false, err
			}
		}
	}
	var b bytes.Buffer
	if err := u.Encode(&b); err != nil {
		return nil, false, fmt.Errorf("encode request: %w", err)
	}
	lines := pktline.NewEncoder(&b)
	if !r.have.IsZero() {
		err = lines.Encodef("have %s\n", r.have)
	}
	err = errors.Join(err, lines.Encodef("done\n"))
	return b.Bytes(), filtered, err
}

func sidebandOf(offered *capability.List) capability.Capability {
	for _, c := range []capability.Capability{capability.Sideband64k, capability.Sideband} {
		if offered.Supports(c) {
			return c
		}
	}
	return ""
}

func demux(offered *capability.List, r io.Reader) io.Reader {
	switch sidebandOf(offered) {
	case capability.Sideband64k:
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case capability.Sideband:
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}

// decode reads up to the pack: where the history ends, a flush, and whether
// what we have is known over there.
func (a *answer) decode(r io.Reader) error {
	lines := pktline.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(string(lines.Bytes()))
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "shallow":
			a.shallow[plumbing.NewHash(rest)] = true
		case "unshallow", "":
		case "ACK":
			if strings.Count(rest, " ") == 0 { // else it says that a final one will come
				return nil
			}
		case "NAK":
			return nil
		case "ERR":
			return &refusedError{message: rest}
		default:
			return fmt.Errorf("decode answer: unexpected line %.60q", line)
		}
	}
	if err := lines.Err(); err != nil {
		return asRefused(fmt.Errorf("decode answer: %w", err))
	}
	return fmt.Errorf("decode answer: %w", io.ErrUnexpectedEOF)
}

// asRefused finds what go-git read as an error line.
func asRefused(err error) error {
	if line := new(pktline.ErrorLine); errors.As(err, &line) {
		return &refusedError{message: strings.TrimSpace(line.Text)}
	}
	return err
}

// decodeRefs reads what a remote has.
func decodeRefs(r io.Reader) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	err := refs.Decode(r)
	if errors.Is(err, packp.ErrEmptyAdvRefs) {
		return refs, nil // an empty repository
	}
	if strange := new(packp.ErrUnexpectedData); errors.As(err, &strange) {
		return nil, errStrange
	}
	if err != nil {
		return nil, asRefused(fmt.Errorf("decode refs: %w", err))
	}
	return refs, nil
}
