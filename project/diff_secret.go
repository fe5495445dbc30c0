package project

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
)

// hashKey is made anew in each process and never leaves it, so that nobody can
// try values until a short hash fits. Within one daemon, equal values show
// equal hashes.
var hashKey = sync.OnceValue(func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
})

// maskChange is what a diff shows of a secret's two values; nil is no value.
func maskChange(old, new any) (shownOld, shownNew any) {
	label := Hidden
	if old != nil && new != nil {
		label = "(sensitive, changed)"
	}
	return maskWith(Hidden, old), maskWith(label, new)
}

func maskWith(label string, value any) any {
	if value == nil || value == "" {
		return value
	}
	mac := hmac.New(sha256.New, hashKey())
	fmt.Fprint(mac, value)
	return label + " #" + hex.EncodeToString(mac.Sum(nil)[:4])
}
