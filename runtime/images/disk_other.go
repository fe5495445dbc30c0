//go:build !linux

package images

import "errors"

func usedPercent(string) (float64, error) { return 0, errors.ErrUnsupported }
