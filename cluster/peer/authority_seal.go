package peer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"maelstrom/cluster"
)

// MinKey is how many characters a cluster key has at least.
const MinKey = 32

// ErrSealed says that a cluster's authority can't be opened.
var ErrSealed = errors.New("MAEL_CLUSTER_KEY does not open the authority that the database has: set the same key as on the cluster's other nodes")

// sealedKey is a private key under the cluster key, bound to its certificate:
// neither can be exchanged alone. What it says of how its key is derived is
// for later releases, which may want more.
type sealedKey struct {
	KDF       string `json:"kdf"`
	Passes    uint32 `json:"passes"`
	MemoryKiB uint32 `json:"memory_kib"`
	Threads   uint8  `json:"threads"`
	Salt      []byte `json:"salt"`
	Box       []byte `json:"box"` // AES-256-GCM, the nonce first
}

const kdf = "argon2id"

// usable bounds what opening a row may cost, whoever wrote it.
func (s *sealedKey) usable() bool {
	return s.KDF == kdf && s.Passes >= 1 && s.Passes <= 16 && s.MemoryKiB <= 256<<10 &&
		s.Threads >= 1 && s.Threads <= 16 && len(s.Salt) >= 16
}

func (s *sealedKey) cipher(key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(argon2.IDKey([]byte(key), s.Salt, s.Passes, s.MemoryKiB, s.Threads, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// costs are what guessing a cluster key takes, at each guess.
var costs = sealedKey{KDF: kdf, Passes: 3, MemoryKiB: 32 << 10, Threads: 1}

// seal returns what the database keeps of an authority.
func (i *issuer) seal(key string, costs sealedKey) (cluster.Authority, error) {
	private, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return cluster.Authority{}, err
	}
	sealed := costs
	sealed.Salt = make([]byte, 32)
	if _, err := rand.Read(sealed.Salt); err != nil {
		return cluster.Authority{}, err
	}
	aead, err := sealed.cipher(key)
	if err != nil {
		return cluster.Authority{}, err
	}
	sealed.Box = aead.Seal(nil, nil, private, i.certificate.Raw)
	text, err := json.Marshal(sealed)
	return cluster.Authority{Certificate: i.pem(), SealedKey: string(text)}, err
}

// open opens what the database keeps. Whatever is wrong with it is ErrSealed:
// a changed row can't be told from another key.
func open(stored cluster.Authority, key string) (*issuer, error) {
	certificate, err := parseCertificate(stored.Certificate)
	if err != nil {
		return nil, fmt.Errorf("%w (certificate: %w)", ErrSealed, err)
	}
	var sealed sealedKey
	if err := json.Unmarshal([]byte(stored.SealedKey), &sealed); err != nil || !sealed.usable() {
		return nil, fmt.Errorf("%w (its key is not sealed in a way that this release knows)", ErrSealed)
	}
	aead, err := sealed.cipher(key)
	if err != nil {
		return nil, err
	}
	private, err := aead.Open(nil, nil, sealed.Box, certificate.Raw)
	if err != nil {
		return nil, ErrSealed
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("%w (its key can't be read)", ErrSealed)
	}
	own, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !own.PublicKey.Equal(certificate.PublicKey) {
		return nil, fmt.Errorf("%w (its key is not that of its certificate)", ErrSealed)
	}
	return &issuer{certificate, own}, nil
}
