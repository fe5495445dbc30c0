package docker

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/pkg/stdcopy"

	"maelstrom/runtime"
)

// labelProbe marks what Probe makes, with the node's id. Such containers have
// no placement, so that nothing else takes them for ours.
const labelProbe = "maelstrom.probe"

const (
	probeProgram = "/probe"
	probeMemory  = 64 * mib
)

// Probe runs a program of this host in containers of its own. The image is
// made of the program alone, so no registry is needed; all of it is removed.
func (d *Driver) Probe(ctx context.Context, p runtime.Probe) ([]runtime.ProbeResult, error) {
	defer d.sweepProbes(context.WithoutCancel(ctx))
	id, err := d.importProgram(ctx, p.Program)
	if err != nil {
		return nil, fmt.Errorf("import %s as an image: %w", p.Program, err)
	}
	results := make([]runtime.ProbeResult, len(p.Runs))
	for i, run := range p.Runs {
		results[i].ExecResult, results[i].Err = d.probe(ctx, id, run)
	}
	return results, nil
}

// importProgram makes an image of one file and returns its id.
func (d *Driver) importProgram(ctx context.Context, path string) (id string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	err = d.call(ctx, slowTimeout, func(ctx context.Context) error {
		reader, writer := io.Pipe()
		defer reader.Close() // ends the writer too
		go func() { writer.CloseWithError(writeArchive(writer, file)) }()
		options := image.ImportOptions{Changes: []string{"LABEL " + labelProbe + "=" + d.opt.Node}}
		stream, err := d.client.ImageImport(ctx, image.ImportSource{Source: reader, SourceName: "-"}, "", options)
		if err != nil {
			return err
		}
		defer stream.Close()
		id, err = readImport(stream)
		return err
	})
	return id, err
}

func writeArchive(w io.Writer, program *os.File) error {
	info, err := program.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	err = archive.WriteHeader(&tar.Header{Name: strings.TrimPrefix(probeProgram, "/"), Mode: 0o755, Size: info.Size()})
	if err == nil {
		_, err = io.Copy(archive, program)
	}
	return errors.Join(err, archive.Close())
}

// readImport returns the id that an import ends with.
func readImport(stream io.Reader) (id string, err error) {
	messages := json.NewDecoder(stream)
	for {
		var message struct {
			Status string `json:"status"`
			Error  string `json:"error"`
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF) && id == "":
			return "", errors.New("the engine named no image")
		case errors.Is(err, io.EOF):
			return id, nil
		case err != nil:
			return "", err
		case message.Error != "":
			return "", errors.New(message.Error)
		case strings.HasPrefix(message.Status, "sha256:"):
			id = message.Status
		}
	}
}

// probe runs the program once, to its end.
func (d *Driver) probe(ctx context.Context, imageID string, run runtime.ProbeRun) (runtime.ExecResult, error) {
	var created container.CreateResponse
	err := d.call(ctx, slowTimeout, func(ctx context.Context) (err error) {
		created, err = d.client.ContainerCreate(ctx, d.probeConfig(imageID, run), probeHost(run), nil, nil, "")
		if err == nil {
			err = d.client.ContainerStart(ctx, created.ID, container.StartOptions{})
		}
		return classifyStart(err)
	})
	if err != nil {
		return runtime.ExecResult{}, fmt.Errorf("start probe: %w", err)
	}
	var result runtime.ExecResult
	err = d.call(ctx, slowTimeout, func(ctx context.Context) error {
		ended, failed := d.client.ContainerWait(ctx, created.ID, container.WaitConditionNotRunning)
		select {
		case state := <-ended:
			result.ExitCode = int(state.StatusCode)
		case err := <-failed:
			return err
		}
		result.Output, err = d.probeOutput(ctx, created.ID)
		return err
	})
	if err != nil {
		return runtime.ExecResult{}, fmt.Errorf("wait for probe: %w", err)
	}
	return result, nil
}

func (d *Driver) probeConfig(imageID string, run runtime.ProbeRun) *container.Config {
	return &container.Config{
		Image:      imageID,
		Entrypoint: []string{probeProgram},
		Cmd:        run.Arguments,
		Labels:     map[string]string{labelProbe: d.opt.Node},
	}
}

// probeHost keeps its output where it can be read, whatever the engine does
// with that of other containers.
func probeHost(run runtime.ProbeRun) *container.HostConfig {
	return &container.HostConfig{
		NetworkMode:    container.NetworkMode(run.Network),
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		LogConfig:      container.LogConfig{Type: "json-file"},
		Resources:      container.Resources{Memory: probeMemory},
	}
}

func (d *Driver) probeOutput(ctx context.Context, id string) (string, error) {
	stream, err := d.client.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	var output tail
	_, err = stdcopy.StdCopy(&output, &output, stream)
	return strings.TrimSpace(string(output)), err
}

// sweepProbes removes what probes of this node have left, those of a daemon
// that was killed included.
func (d *Driver) sweepProbes(ctx context.Context) {
	label := filters.NewArgs(filters.Arg("label", labelProbe+"="+d.opt.Node))
	err := d.call(ctx, slowTimeout, func(ctx context.Context) error {
		containers, err := d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: label})
		for _, c := range containers {
			err = errors.Join(err, d.remove(ctx, c.ID))
		}
		if err != nil {
			return err
		}
		images, err := d.client.ImageList(ctx, image.ListOptions{All: true, Filters: label})
		for _, i := range images {
			_, removeErr := d.client.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true})
			err = errors.Join(err, removeErr)
		}
		return err
	})
	if err != nil {
		d.log.Warn("a probe's image or container may be left", "label", labelProbe, "error", err)
	}
}
