package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"caravela/docker"
	"caravela/market"
)

// shown are the parts of docker's inspect form that a tenant may see; a nil
// list means all below. What a newer daemon adds stays hidden until somebody
// has looked whether it tells of the supplier's host.
var shown = map[string][]string{
	"Id":           nil,
	"Created":      nil,
	"Path":         nil,
	"Args":         nil,
	"State":        {"Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "ExitCode", "StartedAt", "FinishedAt", "Health"},
	"Image":        nil,
	"Name":         nil,
	"RestartCount": nil,
	"Platform":     nil,
	"Config": {"Hostname", "User", "ExposedPorts", "Tty", "OpenStdin", "Env", "Cmd", "Healthcheck", "Image",
		"Volumes", "WorkingDir", "Entrypoint", "Labels", "StopSignal", "StopTimeout"},
	"HostConfig": {"PortBindings", "RestartPolicy", "LogConfig", "CapAdd", "CapDrop", "ReadonlyRootfs", "SecurityOpt",
		"CgroupnsMode", "IpcMode", "Runtime", "Init", "NanoCpus", "Memory", "MemorySwap", "PidsLimit", "ShmSize",
		"OomKillDisable", "Privileged", "PidMode", "UTSMode", "UsernsMode"},
	"NetworkSettings": {"Ports"},
}

// Inspect returns one unit in detail.
func (e *Engine) Inspect(ctx context.Context, lease market.LeaseID) (docker.Details, error) {
	in, raw, err := e.api.ContainerInspectWithRaw(ctx, e.container(lease), false)
	c, err := e.unit(lease, &in, err)
	if err != nil {
		return docker.Details{}, err
	}
	text, err := redact(raw)
	if err != nil {
		return docker.Details{}, fmt.Errorf("inspect container: %w", err)
	}
	return docker.Details{Container: c, JSON: text}, nil
}

// redact keeps what is shown, the tenant's own labels, and of mounts the
// place in the container.
func redact(raw []byte) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	out := make(map[string]any)
	for key, fields := range shown {
		part, ok := all[key]
		if !ok {
			continue
		}
		if fields == nil {
			out[key] = part
			continue
		}
		kept, err := keep(part, fields)
		if err != nil {
			return nil, err
		}
		out[key] = kept
	}
	var mounts []json.RawMessage
	if err := json.Unmarshal(all["Mounts"], &mounts); len(all["Mounts"]) > 0 && err != nil {
		return nil, err
	}
	shownMounts := []map[string]any{}
	for _, m := range mounts {
		kept, err := keep(m, []string{"Type", "Destination", "RW"})
		if err != nil {
			return nil, err
		}
		shownMounts = append(shownMounts, kept)
	}
	out["Mounts"] = shownMounts
	return json.Marshal(out)
}

func keep(part json.RawMessage, fields []string) (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(part, &all); err != nil {
		return nil, err
	}
	kept := make(map[string]any, len(fields))
	for _, f := range fields {
		if v, ok := all[f]; ok {
			kept[f] = v
		}
	}
	if labels, ok := kept["Labels"].(map[string]any); ok {
		maps.DeleteFunc(labels, func(k string, _ any) bool { return strings.HasPrefix(k, docker.LabelPrefix) })
	}
	if options, ok := kept["SecurityOpt"].([]any); ok {
		for i, o := range options {
			options[i] = shortOption(o)
		}
	}
	return kept, nil
}
