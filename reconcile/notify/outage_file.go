package notify

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// recall reads whether a loss was told before this start, whose end was not.
func (o *Outage) recall() {
	data, err := os.ReadFile(o.opt.File)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var told toldOutage
	if err == nil {
		err = json.Unmarshal(data, &told)
	}
	if err != nil {
		o.log.Debug("told outage is not known", "error", err)
		return
	}
	o.told = &told
}

func writeOutage(path string, told *toldOutage) error {
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
