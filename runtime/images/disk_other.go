//go:build !linux

package images

import "errors"

// UsedPercent is not known here.
func UsedPercent(string) (float64, error) { return 0, errors.ErrUnsupported }
