package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

// savedPlan is what `project diff --save-plan` keeps for `project apply
// --plan`: all that the apply sends.
type savedPlan struct {
	ClusterID string           `json:"cluster_id"`
	CreatedAt time.Time        `json:"created_at"`
	Revision  int64            `json:"revision"` // of the stored project; 0: not stored
	Changes   project.Changes  `json:"changes"`
	Request   rpc.ApplyRequest `json:"request"`
}

// planFile is a savedPlan as it lies on the disk.
type planFile struct {
	Kind   string          `json:"kind"`
	About  string          `json:"about"`
	Digest string          `json:"digest"` // of Plan without blanks
	Plan   json.RawMessage `json:"plan"`
}

const (
	planKind  = "maelstrom.plan/1"
	planAbout = "Written by `maelctl project diff --save-plan` and applied by `maelctl project apply --plan`. " +
		"It holds the project's files and the values of their variables, secrets included: keep it private. An edited plan is refused."
)

// writePlan puts a plan in place as a whole, readable by this user alone.
func writePlan(path string, plan savedPlan) error {
	data, err := encodePlan(plan)
	if err != nil {
		return err
	}
	if err := writeWhole(path, data, 0o600); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	return nil
}

func encodePlan(plan savedPlan) ([]byte, error) {
	body, err := json.Marshal(plan)
	if err != nil {
		return nil, fmt.Errorf("save plan: %w", err)
	}
	data, err := json.MarshalIndent(planFile{Kind: planKind, About: planAbout, Digest: planDigest(body), Plan: body}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("save plan: %w", err)
	}
	return append(data, '\n'), nil
}

func planDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// readPlan reads a plan back, if it is one and nobody has touched it.
func readPlan(path string) (savedPlan, error) {
	data, err := disk{}.readFile(path)
	if err != nil {
		return savedPlan{}, exitWith(exitInvalid, fmt.Errorf("read --plan: %w", err))
	}
	plan, err := decodePlan(data)
	if err != nil {
		return savedPlan{}, exitWith(exitInvalid, fmt.Errorf("read --plan %s: %w", path, err))
	}
	return plan, nil
}

var errPlanDamaged = errors.New("the plan is damaged or was edited: save a new one with `maelctl project diff --save-plan`")

func decodePlan(data []byte) (savedPlan, error) {
	var file planFile
	if err := decodeStrictly(data, &file); err != nil || file.Kind != planKind {
		if file.Kind != "" && file.Kind != planKind {
			return savedPlan{}, fmt.Errorf("it is a %q, not a %s", file.Kind, planKind)
		}
		return savedPlan{}, errPlanDamaged
	}
	var body bytes.Buffer
	if err := json.Compact(&body, file.Plan); err != nil || planDigest(body.Bytes()) != file.Digest {
		return savedPlan{}, errPlanDamaged
	}
	var plan savedPlan
	if err := decodeStrictly(body.Bytes(), &plan); err != nil {
		return savedPlan{}, fmt.Errorf("written by another version of maelctl: %w", err)
	}
	return plan, nil
}

// decodeStrictly decodes one value that holds nothing unknown, and no more.
func decodeStrictly(data []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows")
	}
	return nil
}
