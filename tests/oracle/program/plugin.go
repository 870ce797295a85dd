package main

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// inProcess is a device plugin that the kubelet's device manager calls directly: no socket, no gRPC. Its errors are
// those that gRPC would bring.
type inProcess struct {
	pluginapi.DevicePluginClient
	plugin *plugin
}

// What the kubelet's client of a plugin offers to the device manager.
func (p inProcess) API() pluginapi.DevicePluginClient { return p }
func (p inProcess) Resource() string                  { return p.plugin.Resource }
func (p inProcess) SocketPath() string                { return "/" + p.plugin.Resource }

func (p inProcess) GetDevicePluginOptions(context.Context, *pluginapi.Empty, ...grpc.CallOption) (*pluginapi.DevicePluginOptions, error) {
	return &pluginapi.DevicePluginOptions{GetPreferredAllocationAvailable: p.plugin.Preferred != nil}, nil
}

func (p inProcess) GetPreferredAllocation(_ context.Context, request *pluginapi.PreferredAllocationRequest, _ ...grpc.CallOption) (*pluginapi.PreferredAllocationResponse, error) {
	if p.plugin.PreferredError != "" {
		return nil, status.Error(codes.Unknown, p.plugin.PreferredError)
	}
	response := &pluginapi.PreferredAllocationResponse{}
	for _, wish := range request.ContainerRequests {
		ids := slices.Clone(wish.MustIncludeDeviceIDs)
		for _, id := range p.plugin.Preferred {
			if len(ids) < int(wish.AllocationSize) && slices.Contains(wish.AvailableDeviceIDs, id) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		response.ContainerResponses = append(response.ContainerResponses, &pluginapi.ContainerPreferredAllocationResponse{DeviceIDs: ids})
	}
	return response, nil
}

func (p inProcess) Allocate(_ context.Context, request *pluginapi.AllocateRequest, _ ...grpc.CallOption) (*pluginapi.AllocateResponse, error) {
	if p.plugin.AllocateError != "" {
		return nil, status.Error(codes.Unknown, p.plugin.AllocateError)
	}
	response := &pluginapi.AllocateResponse{}
	for range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &pluginapi.ContainerAllocateResponse{})
	}
	return response, nil
}

// list is what the plugin sends over its ListAndWatch.
func (p inProcess) list() *pluginapi.ListAndWatchResponse {
	response := &pluginapi.ListAndWatchResponse{}
	for _, device := range p.plugin.Devices {
		listed := &pluginapi.Device{ID: device.ID, Health: pluginapi.Healthy}
		if device.Unhealthy {
			listed.Health = pluginapi.Unhealthy
		}
		if device.Nodes != nil {
			listed.Topology = &pluginapi.TopologyInfo{}
			for _, node := range *device.Nodes {
				listed.Topology.Nodes = append(listed.Topology.Nodes, &pluginapi.NUMANode{ID: node})
			}
		}
		response.Devices = append(response.Devices, listed)
	}
	return response
}
