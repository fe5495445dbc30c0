package gitsource

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// knownHosts are the host keys that a source trusts.
type knownHosts struct {
	callback ssh.HostKeyCallback // nil: none are known
}

// unknownHostError is the error of a host that known hosts has nothing about.
type unknownHostError struct {
	host, fingerprint, line string
}

func (e *unknownHostError) Error() string {
	return fmt.Sprintf("host key of %s is not known; it showed %s", e.host, e.fingerprint)
}

// changedHostError is the error of a host with another key than the known ones.
type changedHostError struct {
	host, shown string
	known       []string // fingerprints
	revoked     bool
}

func (e *changedHostError) Error() string {
	if e.revoked {
		return fmt.Sprintf("host key %s of %s is revoked in known hosts", e.shown, e.host)
	}
	return fmt.Sprintf("host key of %s changed: known is %s, it showed %s", e.host, strings.Join(e.known, " or "), e.shown)
}

// parseKnownHosts reads the lines of a known_hosts file.
func parseKnownHosts(text string) (*knownHosts, error) {
	if strings.TrimSpace(text) == "" {
		return &knownHosts{}, nil
	}
	// The package reads files only.
	file, err := os.CreateTemp("", "known_hosts-")
	if err != nil {
		return nil, fmt.Errorf("read known hosts: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(text + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read known hosts: %w", err)
	}
	check, err := knownhosts.New(file.Name())
	if err != nil {
		return nil, fmt.Errorf("known hosts: %s", strings.ReplaceAll(err.Error(), file.Name(), "line"))
	}
	return &knownHosts{callback: check}, nil
}

// nowhere is the address of a connection in a check that goes by name only.
var nowhere = &net.TCPAddr{IP: net.IPv4zero}

func (k *knownHosts) check(address string, key ssh.PublicKey) error {
	host := knownhosts.Normalize(address)
	shown := ssh.FingerprintSHA256(key)
	unknown := &unknownHostError{host: host, fingerprint: shown, line: knownhosts.Line([]string{host}, key)}
	if k.callback == nil {
		return unknown
	}
	err := k.callback(address, nowhere, key)
	revoked := new(knownhosts.RevokedError)
	mismatch := new(knownhosts.KeyError)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return &changedHostError{host: host, shown: shown, revoked: true}
	case errors.As(err, &mismatch) && len(mismatch.Want) > 0:
		changed := &changedHostError{host: host, shown: shown}
		for _, want := range mismatch.Want {
			changed.known = append(changed.known, ssh.FingerprintSHA256(want.Key))
		}
		return changed
	case errors.As(err, &mismatch):
		return unknown
	}
	return err
}

// algorithms asks the host for a key of a kind that we know, so that having
// several is no change. Nil: of any.
func (k *knownHosts) algorithms(address string) []string {
	if k.callback == nil {
		return nil
	}
	mismatch := new(knownhosts.KeyError)
	if err := k.callback(address, nowhere, noKey{}); !errors.As(err, &mismatch) {
		return nil
	}
	var out []string
	for _, want := range mismatch.Want {
		if want.Key.Type() == ssh.KeyAlgoRSA {
			out = append(out, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		out = append(out, want.Key.Type())
	}
	return out
}

// noKey is nobody's key.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
