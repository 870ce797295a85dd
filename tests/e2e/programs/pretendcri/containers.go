package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

type container struct {
	id, sandbox                string
	pod                        string
	logPath                    string
	config                     *cri.ContainerConfig
	state                      cri.ContainerState
	created, started, finished int64
	exitCode                   int32
	reason                     string
}

// endsByItself is the tag of an image whose containers end: exit<code>-<seconds>s.
var endsByItself = regexp.MustCompile(`:exit([0-9]+)-([0-9]+)s$`)

func (c *container) end(code int32, reason string) {
	if c.state != cri.ContainerState_CONTAINER_EXITED {
		c.state, c.finished, c.exitCode, c.reason = cri.ContainerState_CONTAINER_EXITED, time.Now().UnixNano(), code, reason
	}
}

func (r *runtime) CreateContainer(_ context.Context, request *cri.CreateContainerRequest) (*cri.CreateContainerResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	made := &container{
		id: r.newID(0xc0), sandbox: request.PodSandboxId, pod: request.SandboxConfig.GetMetadata().GetName(),
		config: request.Config, state: cri.ContainerState_CONTAINER_CREATED, created: time.Now().UnixNano(),
	}
	if folder := request.SandboxConfig.GetLogDirectory(); folder != "" && request.Config.LogPath != "" {
		made.logPath = filepath.Join(folder, request.Config.LogPath)
		writeFirstLogLine(made.logPath)
	}
	r.containers[made.id] = made
	r.journal.note("CreateContainer", made.pod, request.Config.GetMetadata().GetName(), request.Config)
	return &cri.CreateContainerResponse{ContainerId: made.id}, nil
}

// writeFirstLogLine gives the kubelet a log to find; without one it complains at every container that ends.
func writeFirstLogLine(path string) {
	if os.MkdirAll(filepath.Dir(path), 0o755) == nil {
		_ = os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339Nano)+" stdout F started\n"), 0o644)
	}
}

func (r *runtime) StartContainer(_ context.Context, request *cri.StartContainerRequest) (*cri.StartContainerResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found, err := r.container(request.ContainerId)
	if err != nil {
		return nil, err
	}
	found.state, found.started = cri.ContainerState_CONTAINER_RUNNING, time.Now().UnixNano()
	image := found.config.GetImage().GetUserSpecifiedImage()
	if image == "" {
		image = found.config.GetImage().GetImage()
	}
	if match := endsByItself.FindStringSubmatch(image); match != nil {
		code, _ := strconv.Atoi(match[1])
		seconds, _ := strconv.Atoi(match[2])
		time.AfterFunc(time.Duration(seconds)*time.Second, func() { r.endByItself(found, int32(code)) })
	}
	return &cri.StartContainerResponse{}, nil
}

func (r *runtime) endByItself(ending *container, code int32) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	reason := "Completed"
	if code != 0 {
		reason = "Error"
	}
	ending.end(code, reason)
}

func (r *runtime) StopContainer(_ context.Context, request *cri.StopContainerRequest) (*cri.StopContainerResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if found := r.containers[request.ContainerId]; found != nil {
		found.end(0, "Completed")
	}
	return &cri.StopContainerResponse{}, nil
}

func (r *runtime) RemoveContainer(_ context.Context, request *cri.RemoveContainerRequest) (*cri.RemoveContainerResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.containers, request.ContainerId)
	return &cri.RemoveContainerResponse{}, nil
}

func (r *runtime) ContainerStatus(_ context.Context, request *cri.ContainerStatusRequest) (*cri.ContainerStatusResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found, err := r.container(request.ContainerId)
	if err != nil {
		return nil, err
	}
	image := found.config.GetImage()
	return &cri.ContainerStatusResponse{Status: &cri.ContainerStatus{
		Id: found.id, Metadata: found.config.Metadata, State: found.state,
		CreatedAt: found.created, StartedAt: found.started, FinishedAt: found.finished,
		ExitCode: found.exitCode, Reason: found.reason,
		Image: image, ImageRef: image.GetImage(), ImageId: image.GetImage(),
		Labels: found.config.Labels, Annotations: found.config.Annotations, Mounts: found.config.Mounts, LogPath: found.logPath,
		Resources: &cri.ContainerResources{Linux: found.config.GetLinux().GetResources()},
	}}, nil
}

// UpdateContainerResources takes over what is set: the CPU manager moves containers to other CPUs this way.
func (r *runtime) UpdateContainerResources(_ context.Context, request *cri.UpdateContainerResourcesRequest) (*cri.UpdateContainerResourcesResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found, err := r.container(request.ContainerId)
	if err != nil {
		return nil, err
	}
	r.journal.note("UpdateContainerResources", found.pod, found.config.GetMetadata().GetName(), request)
	if found.config.Linux == nil {
		found.config.Linux = &cri.LinuxContainerConfig{}
	}
	if found.config.Linux.Resources == nil {
		found.config.Linux.Resources = &cri.LinuxContainerResources{}
	}
	now, wanted := found.config.Linux.Resources, request.GetLinux()
	if cpus := wanted.GetCpusetCpus(); cpus != "" {
		now.CpusetCpus = cpus
	}
	if nodes := wanted.GetCpusetMems(); nodes != "" {
		now.CpusetMems = nodes
	}
	if bytes := wanted.GetMemoryLimitInBytes(); bytes != 0 {
		now.MemoryLimitInBytes = bytes
	}
	if shares := wanted.GetCpuShares(); shares != 0 {
		now.CpuShares = shares
	}
	if quota := wanted.GetCpuQuota(); quota != 0 {
		now.CpuQuota, now.CpuPeriod = quota, wanted.GetCpuPeriod()
	}
	return &cri.UpdateContainerResourcesResponse{}, nil
}

func (r *runtime) ListContainers(_ context.Context, request *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	return &cri.ListContainersResponse{Containers: r.listContainers(request.Filter)}, nil
}

func (r *runtime) StreamContainers(request *cri.StreamContainersRequest, stream grpc.ServerStreamingServer[cri.StreamContainersResponse]) error {
	return stream.Send(&cri.StreamContainersResponse{Containers: r.listContainers(request.Filter)})
}

func (r *runtime) ReopenContainerLog(context.Context, *cri.ReopenContainerLogRequest) (*cri.ReopenContainerLogResponse, error) {
	return &cri.ReopenContainerLogResponse{}, nil
}

func (r *runtime) ExecSync(context.Context, *cri.ExecSyncRequest) (*cri.ExecSyncResponse, error) {
	return &cri.ExecSyncResponse{}, nil
}

func (r *runtime) ContainerStats(_ context.Context, request *cri.ContainerStatsRequest) (*cri.ContainerStatsResponse, error) {
	stats := r.stats(&cri.ContainerStatsFilter{Id: request.ContainerId})
	if len(stats) == 0 {
		return nil, status.Errorf(codes.NotFound, "no container %s", request.ContainerId)
	}
	return &cri.ContainerStatsResponse{Stats: stats[0]}, nil
}

func (r *runtime) ListContainerStats(_ context.Context, request *cri.ListContainerStatsRequest) (*cri.ListContainerStatsResponse, error) {
	return &cri.ListContainerStatsResponse{Stats: r.stats(request.Filter)}, nil
}

func (r *runtime) StreamContainerStats(request *cri.StreamContainerStatsRequest, stream grpc.ServerStreamingServer[cri.StreamContainerStatsResponse]) error {
	return stream.Send(&cri.StreamContainerStatsResponse{ContainerStats: r.stats(request.Filter)})
}

// container finds one by id; call it with the mutex held.
func (r *runtime) container(id string) (*container, error) {
	if found := r.containers[id]; found != nil {
		return found, nil
	}
	return nil, status.Errorf(codes.NotFound, "no container %s", id)
}

func (r *runtime) listContainers(filter *cri.ContainerFilter) []*cri.Container {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*cri.Container
	for _, each := range r.containers {
		if id := filter.GetId(); id != "" && id != each.id {
			continue
		}
		if state := filter.GetState(); state != nil && state.State != each.state {
			continue
		}
		if id := filter.GetPodSandboxId(); id != "" && id != each.sandbox {
			continue
		}
		if !hasLabels(each.config.Labels, filter.GetLabelSelector()) {
			continue
		}
		image := each.config.GetImage()
		found = append(found, &cri.Container{
			Id: each.id, PodSandboxId: each.sandbox, Metadata: each.config.Metadata, State: each.state, CreatedAt: each.created,
			Image: image, ImageRef: image.GetImage(), ImageId: image.GetImage(),
			Labels: each.config.Labels, Annotations: each.config.Annotations,
		})
	}
	sort.Slice(found, func(i, j int) bool { return found[i].CreatedAt > found[j].CreatedAt })
	return found
}

// stats says that every container uses next to nothing.
func (r *runtime) stats(filter *cri.ContainerStatsFilter) []*cri.ContainerStats {
	now := time.Now().UnixNano()
	var all []*cri.ContainerStats
	for _, each := range r.listContainers(&cri.ContainerFilter{
		Id: filter.GetId(), PodSandboxId: filter.GetPodSandboxId(), LabelSelector: filter.GetLabelSelector(),
	}) {
		all = append(all, &cri.ContainerStats{
			Attributes: &cri.ContainerAttributes{Id: each.Id, Metadata: each.Metadata, Labels: each.Labels, Annotations: each.Annotations},
			Cpu:        &cri.CpuUsage{Timestamp: now, UsageCoreNanoSeconds: &cri.UInt64Value{Value: 1000}},
			Memory:     &cri.MemoryUsage{Timestamp: now, WorkingSetBytes: &cri.UInt64Value{Value: 1 << 20}},
		})
	}
	return all
}
