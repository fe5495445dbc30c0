package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// packages is a directory where what package-lock.json names is installed, and
// the scripts lie.
var packages string

func TestMain(m *testing.M) {
	var err error
	if packages, err = install(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// install brings the packages into a cache, once for each lock file. Several
// tests may do it at the same time: the first one's directory stays.
func install() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "judge.mjs"} {
		if files[name], err = os.ReadFile(name); err != nil {
			return "", err
		}
		sum.Write(files[name])
	}
	home := filepath.Join(cache, "maelstrom-e2e")
	final := filepath.Join(home, "schema-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(home, "installing")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-progress")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(dir, final); err != nil {
		if _, there := os.Stat(final); there != nil {
			return "", err
		}
	}
	return final, nil
}

func node(script string, args ...string) *exec.Cmd {
	cmd := exec.Command("node", append([]string{filepath.Join(packages, script)}, args...)...)
	cmd.Dir = packages
	return cmd
}
