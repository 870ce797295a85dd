package main

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// runtime answers the kubelet's questions about sandboxes (here) and containers (containers.go).
type runtime struct {
	cri.UnimplementedRuntimeServiceServer

	journal    *journal
	mutex      sync.Mutex
	made       int // sandboxes and containers so far; their ids count it
	sandboxes  map[string]*sandbox
	containers map[string]*container
}

type sandbox struct {
	id      string
	config  *cri.PodSandboxConfig
	state   cri.PodSandboxState
	created int64
	ip      string
}

func newRuntime(journal *journal) *runtime {
	return &runtime{journal: journal, sandboxes: map[string]*sandbox{}, containers: map[string]*container{}}
}

func (r *runtime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{Version: "0.1.0", RuntimeName: "pretendcri", RuntimeVersion: "1.0.0", RuntimeApiVersion: "v1"}, nil
}

func (r *runtime) Status(context.Context, *cri.StatusRequest) (*cri.StatusResponse, error) {
	return &cri.StatusResponse{
		Status: &cri.RuntimeStatus{Conditions: []*cri.RuntimeCondition{
			{Type: cri.RuntimeReady, Status: true}, {Type: cri.NetworkReady, Status: true},
		}},
		RuntimeHandlers: []*cri.RuntimeHandler{{Features: &cri.RuntimeHandlerFeatures{}}},
	}, nil
}

func (r *runtime) RuntimeConfig(context.Context, *cri.RuntimeConfigRequest) (*cri.RuntimeConfigResponse, error) {
	return &cri.RuntimeConfigResponse{Linux: &cri.LinuxRuntimeConfiguration{CgroupDriver: cri.CgroupDriver_CGROUPFS}}, nil
}

func (r *runtime) UpdateRuntimeConfig(context.Context, *cri.UpdateRuntimeConfigRequest) (*cri.UpdateRuntimeConfigResponse, error) {
	return &cri.UpdateRuntimeConfigResponse{}, nil
}

func (r *runtime) GetContainerEvents(_ *cri.GetEventsRequest, stream grpc.ServerStreamingServer[cri.ContainerEventResponse]) error {
	<-stream.Context().Done() // none ever: the kubelet falls back to relisting
	return nil
}

// newID makes an id in the form that the kubelet expects: 64 hexadecimal digits. Call it with the mutex held.
func (r *runtime) newID(kind byte) string {
	r.made++
	return fmt.Sprintf("%02x%062x", kind, r.made)
}

func (r *runtime) RunPodSandbox(_ context.Context, request *cri.RunPodSandboxRequest) (*cri.RunPodSandboxResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	id := r.newID(0x5b)
	r.sandboxes[id] = &sandbox{
		id: id, config: request.Config, created: time.Now().UnixNano(),
		ip: fmt.Sprintf("10.88.%d.%d", r.made/250%250, 2+r.made%250),
	}
	r.journal.note("RunPodSandbox", request.Config.GetMetadata().GetName(), "", request)
	return &cri.RunPodSandboxResponse{PodSandboxId: id}, nil
}

func (r *runtime) StopPodSandbox(_ context.Context, request *cri.StopPodSandboxRequest) (*cri.StopPodSandboxResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if found := r.sandboxes[request.PodSandboxId]; found != nil {
		found.state = cri.PodSandboxState_SANDBOX_NOTREADY
		for _, each := range r.containers {
			if each.sandbox == found.id {
				each.end(137, "Error")
			}
		}
	}
	return &cri.StopPodSandboxResponse{}, nil
}

func (r *runtime) RemovePodSandbox(_ context.Context, request *cri.RemovePodSandboxRequest) (*cri.RemovePodSandboxResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for id, each := range r.containers {
		if each.sandbox == request.PodSandboxId {
			delete(r.containers, id)
		}
	}
	delete(r.sandboxes, request.PodSandboxId)
	return &cri.RemovePodSandboxResponse{}, nil
}

func (r *runtime) PodSandboxStatus(_ context.Context, request *cri.PodSandboxStatusRequest) (*cri.PodSandboxStatusResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := r.sandboxes[request.PodSandboxId]
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "no sandbox %s", request.PodSandboxId)
	}
	return &cri.PodSandboxStatusResponse{Status: &cri.PodSandboxStatus{
		Id: found.id, Metadata: found.config.Metadata, State: found.state, CreatedAt: found.created,
		Network:     &cri.PodSandboxNetworkStatus{Ip: found.ip},
		Linux:       &cri.LinuxPodSandboxStatus{Namespaces: &cri.Namespace{Options: found.config.GetLinux().GetSecurityContext().GetNamespaceOptions()}},
		Labels:      found.config.Labels,
		Annotations: found.config.Annotations,
	}}, nil
}

func (r *runtime) ListPodSandbox(_ context.Context, request *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: r.listSandboxes(request.Filter)}, nil
}

func (r *runtime) StreamPodSandboxes(request *cri.StreamPodSandboxesRequest, stream grpc.ServerStreamingServer[cri.StreamPodSandboxesResponse]) error {
	return stream.Send(&cri.StreamPodSandboxesResponse{PodSandboxes: r.listSandboxes(request.Filter)})
}

func (r *runtime) UpdatePodSandboxResources(_ context.Context, request *cri.UpdatePodSandboxResourcesRequest) (*cri.UpdatePodSandboxResourcesResponse, error) {
	r.journal.note("UpdatePodSandboxResources", "", "", request)
	return &cri.UpdatePodSandboxResourcesResponse{}, nil
}

func (r *runtime) ListPodSandboxStats(context.Context, *cri.ListPodSandboxStatsRequest) (*cri.ListPodSandboxStatsResponse, error) {
	return &cri.ListPodSandboxStatsResponse{}, nil
}

func (r *runtime) listSandboxes(filter *cri.PodSandboxFilter) []*cri.PodSandbox {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*cri.PodSandbox
	for _, each := range r.sandboxes {
		if id := filter.GetId(); id != "" && id != each.id {
			continue
		}
		if state := filter.GetState(); state != nil && state.State != each.state {
			continue
		}
		if !hasLabels(each.config.Labels, filter.GetLabelSelector()) {
			continue
		}
		found = append(found, &cri.PodSandbox{
			Id: each.id, Metadata: each.config.Metadata, State: each.state, CreatedAt: each.created,
			Labels: each.config.Labels, Annotations: each.config.Annotations,
		})
	}
	sort.Slice(found, func(i, j int) bool { return found[i].CreatedAt > found[j].CreatedAt })
	return found
}

func hasLabels(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}
