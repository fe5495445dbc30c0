package rpc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"maelstrom/cluster"
)

// copiedToken is a token in the copy on disk: as the store has it, the hash of
// a secret that nobody can guess.
type copiedToken struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
}

// KeepCopy lets the tokens of the copy at path count until the store is read,
// and keeps the copy equal to it. It is called before anything else.
func (k *Keyring) KeepCopy(path string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.copyPath = path
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []copiedToken
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return fmt.Errorf("read copy of tokens: %w", err)
	}
	k.copied = data
	for _, token := range list {
		k.tokens[token.Name] = cluster.Token{Name: token.Name, Hash: token.Hash}
	}
	return nil
}

// writeCopy writes the copy if it is not what the store has.
func (k *Keyring) writeCopy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []copiedToken{}
	for name, token := range k.tokens {
		list = append(list, copiedToken{name, token.Hash})
	}
	slices.SortFunc(list, func(a, b copiedToken) int { return cmp.Compare(a.Name, b.Name) })
	data, err := json.Marshal(list)
	if err != nil {
		return // names and hashes are always text
	}
	if k.copyPath == "" || bytes.Equal(data, k.copied) {
		return
	}
	if err := replaceFile(k.copyPath, data); err != nil {
		k.logger.Debug("copy of tokens not written", "error", err)
		return
	}
	k.copied = data
}

// replaceFile makes path hold data, readable by its owner alone.
func replaceFile(path string, data []byte) error {
	next := path + ".tmp"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
