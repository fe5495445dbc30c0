package names

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Sizes of messages.
const (
	headerSize = 12
	maxName    = 255
	maxLabel   = 63
	maxQuery   = 4096 // larger ones are no questions
	maxReply   = 1 << 16
	ownPayload = 1232 // what we take over UDP, as EDNS tells it
)

// How long an answer may be kept, in seconds. What does not exist can be
// there a moment later.
const (
	addressTTL = 30
	absenceTTL = 2
)

// Bits of a header's second word, and its return codes.
const (
	bitReply  = 1 << 15
	maskCode  = 0xf
	maskOp    = 0xf << 11
	codeSize  = 4
	fieldSize = 2
)

var errMalformed = errors.New("not a question")

// question is what a message asks, as far as it concerns us.
type question struct {
	name  string // without a dot at its end; empty if dots can't tell its labels apart
	kind  dnsmessage.Type
	class dnsmessage.Class
	end   int // of the question in its message
}

// parseQuestion reads the one question of a query. Everything behind it stays
// unread: it is nobody's business on the way to a name server.
func parseQuestion(message []byte) (question, error) {
	if len(message) < headerSize || binary.BigEndian.Uint16(message[4:]) != 1 {
		return question{}, errMalformed
	}
	var name strings.Builder
	odd := false
	at := headerSize
	for {
		if at >= len(message) {
			return question{}, errMalformed
		}
		size := int(message[at])
		at++
		if size == 0 {
			break
		}
		if size > maxLabel || at+size > len(message) || name.Len()+size+1 > maxName {
			return question{}, errMalformed
		}
		if name.Len() > 0 {
			name.WriteByte('.')
		}
		label := message[at : at+size]
		odd = odd || bytes.IndexByte(label, '.') >= 0
		name.Write(label)
		at += size
	}
	if odd {
		name.Reset() // of nobody that we know
	}
	if at+codeSize > len(message) {
		return question{}, errMalformed
	}
	return question{
		name:  name.String(),
		kind:  dnsmessage.Type(binary.BigEndian.Uint16(message[at:])),
		class: dnsmessage.Class(binary.BigEndian.Uint16(message[at+fieldSize:])),
		end:   at + codeSize,
	}, nil
}

func messageID(message []byte) uint16 { return binary.BigEndian.Uint16(message) }

func setMessageID(message []byte, id uint16) { binary.BigEndian.PutUint16(message, id) }

func isReply(message []byte) bool { return binary.BigEndian.Uint16(message[2:])&bitReply != 0 }

func isOrdinary(message []byte) bool { return binary.BigEndian.Uint16(message[2:])&maskOp == 0 }

func replyCode(message []byte) dnsmessage.RCode {
	return dnsmessage.RCode(binary.BigEndian.Uint16(message[2:]) & maskCode)
}

// refuse answers a message with a code, and the question as far as it is known.
func refuse(query []byte, q question, code dnsmessage.RCode) []byte {
	end := max(q.end, headerSize)
	reply := make([]byte, end)
	copy(reply, query[:end])
	flags := binary.BigEndian.Uint16(query[2:])
	const keep = maskOp | 1<<8 // and whether recursion was asked for
	binary.BigEndian.PutUint16(reply[2:], flags&keep|bitReply|1<<7|uint16(code))
	clear(reply[4:headerSize])
	if q.end > 0 {
		reply[5] = 1
	}
	return reply
}

// answer is what we say of a name of ours.
type answer struct {
	kind      Kind
	addresses []netip.Addr // what a component's name stands for
}

// build makes the reply. Recursion counts as available, or some clients would
// take an empty answer for one of a server that knows nothing.
func (a answer) build(query []byte, q question) ([]byte, error) {
	name, err := dnsmessage.NewName(q.name + ".")
	if err != nil {
		return nil, err
	}
	flags := binary.BigEndian.Uint16(query[2:])
	code := dnsmessage.RCodeSuccess
	if a.kind == Unknown {
		code = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), dnsmessage.Header{
		ID: messageID(query), Response: true, Authoritative: true, RCode: code,
		RecursionDesired: flags&(1<<8) != 0, RecursionAvailable: true,
	})
	b.EnableCompression()
	err = errors.Join(
		b.StartQuestions(), b.Question(dnsmessage.Question{Name: name, Type: q.kind, Class: q.class}),
		b.StartAnswers())
	some, addErr := a.addAddresses(&b, name, q.kind)
	if err = errors.Join(err, addErr, b.StartAuthorities()); err == nil && !some {
		err = addAbsence(&b, q.name)
	}
	if err = errors.Join(err, b.StartAdditionals()); err == nil && hasEDNS(query) {
		err = addEDNS(&b)
	}
	if err != nil {
		return nil, err
	}
	return b.Finish()
}

func (a answer) addAddresses(b *dnsmessage.Builder, name dnsmessage.Name, kind dnsmessage.Type) (some bool, err error) {
	if a.kind != Component {
		return false, nil
	}
	header := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: addressTTL}
	for _, address := range a.addresses {
		switch {
		case address.Is4() && (kind == dnsmessage.TypeA || kind == dnsmessage.TypeALL):
			err = errors.Join(err, b.AResource(header, dnsmessage.AResource{A: address.As4()}))
		case address.Is6() && (kind == dnsmessage.TypeAAAA || kind == dnsmessage.TypeALL):
			err = errors.Join(err, b.AAAAResource(header, dnsmessage.AAAAResource{AAAA: address.As16()}))
		default:
			continue
		}
		some = true
	}
	return some, err
}

// addAbsence tells for how long an empty answer may be believed.
func addAbsence(b *dnsmessage.Builder, asked string) error {
	labels := strings.Split(asked, ".")
	zone, err := dnsmessage.NewName(strings.Join(labels[max(len(labels)-2, 0):], ".") + ".")
	if err != nil {
		return err
	}
	header := dnsmessage.ResourceHeader{Name: zone, Class: dnsmessage.ClassINET, TTL: absenceTTL}
	return b.SOAResource(header, dnsmessage.SOAResource{
		NS: zone, MBox: zone, Serial: 1, Refresh: absenceTTL, Retry: absenceTTL, Expire: absenceTTL, MinTTL: absenceTTL,
	})
}

func addEDNS(b *dnsmessage.Builder) error {
	var header dnsmessage.ResourceHeader
	if err := header.SetEDNS0(ownPayload, dnsmessage.RCodeSuccess, false); err != nil {
		return err
	}
	return b.OPTResource(header, dnsmessage.OPTResource{})
}

// hasEDNS tells whether a query has an OPT record, and so wants one.
func hasEDNS(query []byte) bool {
	var p dnsmessage.Parser
	if _, err := p.Start(query); err != nil {
		return false
	}
	if errors.Join(p.SkipAllQuestions(), p.SkipAllAnswers(), p.SkipAllAuthorities()) != nil {
		return false
	}
	for {
		header, err := p.AdditionalHeader()
		if err != nil {
			return false
		}
		if header.Type == dnsmessage.TypeOPT {
			return true
		}
		if p.SkipAdditional() != nil {
			return false
		}
	}
}
