package rpc

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// Pin says which authority a daemon that is called over TLS must be known by.
// The zero value leaves that to the authorities that the system trusts.
type Pin struct {
	CAFile      string // PEM
	Fingerprint string // SHA-256 in hex; colons and letter case do not count
}

const fingerprintPrefix = "sha256:"

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// NewPinnedClient is NewClient for a daemon that a pin knows.
func NewPinnedClient(address, token string, pin Pin) *Client {
	if pin.CAFile == "" && pin.Fingerprint == "" {
		return NewClient(address, token, nil)
	}
	transport := newTransport()
	c := NewClient(address, token, transport)
	if c.err != nil {
		return c
	}
	check, err := pin.check(c.base.Hostname())
	if err != nil {
		c.err = errorf(KindInvalid, "%v", err)
		return c
	}
	// The standard check takes nobody but who bears the name that was dialled,
	// which no node does: check.verify is the one that counts.
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyConnection: check.verify}
	return c
}

// newTransport goes straight to the daemon: no proxy is in between.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 30 * time.Second, // a daemon that hands over to the next one answers late
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     30 * time.Second,
	}
}

// pinCheck is a pin for one host.
type pinCheck struct {
	host         string
	authorities  []*x509.Certificate
	fingerprints []string
}

func (p Pin) check(host string) (*pinCheck, error) {
	check := &pinCheck{host: host}
	if p.CAFile != "" {
		if err := check.read(p.CAFile); err != nil {
			return nil, err
		}
	}
	if p.Fingerprint == "" {
		return check, nil
	}
	wanted := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(p.Fingerprint)), fingerprintPrefix)
	wanted = strings.ReplaceAll(wanted, ":", "")
	if sum, err := hex.DecodeString(wanted); err != nil || len(sum) != sha256.Size {
		return nil, errors.New("MAELSTROM_CA_FINGERPRINT is not a SHA-256 in hex: `maelctl cluster ca` on a node prints the right one")
	}
	if len(check.authorities) > 0 && !slices.Contains(check.fingerprints, wanted) {
		return nil, errors.New("MAELSTROM_CA_FINGERPRINT is not that of the certificate in MAELSTROM_CA: set one of the two")
	}
	check.fingerprints = []string{wanted}
	return check, nil
}

// read adds the certificates of a file.
func (c *pinCheck) read(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read MAELSTROM_CA: %w", err)
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("read MAELSTROM_CA: %s: %w", file, err)
		}
		c.authorities = append(c.authorities, one)
		c.fingerprints = append(c.fingerprints, fingerprint(one.Raw))
	}
	if len(c.authorities) == 0 {
		return fmt.Errorf("read MAELSTROM_CA: %s has no certificate: `maelctl cluster ca` on a node prints the right one", file)
	}
	return nil
}

// verify accepts a server that a pinned authority has certified. One that
// certifies more than nodes must have certified the very host.
func (c *pinCheck) verify(state tls.ConnectionState) error {
	chain := state.PeerCertificates
	var cause error
	for _, authority := range append(slices.Clone(c.authorities), chain[1:]...) {
		if !slices.Contains(c.fingerprints, fingerprint(authority.Raw)) {
			continue
		}
		options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: c.host}
		options.Roots.AddCert(authority)
		for _, other := range chain[1:] {
			options.Intermediates.AddCert(other)
		}
		if ofNodes(authority) {
			options.DNSName = ""
		}
		if _, cause = chain[0].Verify(options); cause == nil {
			return nil
		}
	}
	return &pinError{host: c.host, wanted: c.fingerprints, shown: fingerprint(chain[len(chain)-1].Raw), cause: cause}
}

// ofNodes tells whether an authority can certify nodes of a cluster alone.
func ofNodes(authority *x509.Certificate) bool {
	return authority.PermittedDNSDomainsCritical && slices.Equal(authority.PermittedDNSDomains, []string{cluster.NodeDomain})
}

// pinError says that a daemon is not one that the pin knows.
type pinError struct {
	host   string
	wanted []string
	shown  string
	cause  error // of one that shows a wanted authority
}

func (e *pinError) Error() string {
	if e.cause != nil && slices.Contains(e.wanted, e.shown) {
		return e.host + " has a certificate that its authority does not stand for: " + e.cause.Error()
	}
	return e.host + " is of the authority " + fingerprintPrefix + e.shown + ", not of " + fingerprintPrefix + strings.Join(e.wanted, " or ") +
		": nothing was sent to it. If it is the cluster that you mean, set MAELSTROM_CA_FINGERPRINT to what `maelctl cluster ca` prints on one of its nodes"
}
