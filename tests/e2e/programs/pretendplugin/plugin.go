package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// plugin is one resource: a gRPC server on a socket of its own, and its registration with the kubelet.
type plugin struct {
	deviceplugin.UnimplementedDevicePluginServer

	resource string
	folder   string
	server   *grpc.Server // nil while not registered

	mutex   sync.Mutex
	devices []*deviceplugin.Device
	renewed chan struct{} // closed when devices are replaced
}

type device struct {
	ID        string   `json:"id"`
	NUMA      *[]int64 `json:"numa"`
	Unhealthy bool     `json:"unhealthy"`
}

func readDevices(path string) (map[string][]device, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var wanted map[string][]device
	if err := json.Unmarshal(body, &wanted); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return wanted, nil
}

func newPlugin(resource, folder string) *plugin {
	return &plugin{resource: resource, folder: folder, renewed: make(chan struct{})}
}

// offer replaces the devices and tells the kubelet.
func (p *plugin) offer(devices []device) {
	var offered []*deviceplugin.Device
	for _, each := range devices {
		made := &deviceplugin.Device{ID: each.ID, Health: deviceplugin.Healthy}
		if each.Unhealthy {
			made.Health = deviceplugin.Unhealthy
		}
		if each.NUMA != nil {
			made.Topology = &deviceplugin.TopologyInfo{}
			for _, node := range *each.NUMA {
				made.Topology.Nodes = append(made.Topology.Nodes, &deviceplugin.NUMANode{ID: node})
			}
		}
		offered = append(offered, made)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.devices = offered
	close(p.renewed)
	p.renewed = make(chan struct{})
}

func (p *plugin) stop() {
	if p.server != nil {
		p.server.Stop()
		p.server = nil
	}
}

func (p *plugin) keepRegistered() error {
	if p.server != nil {
		return nil
	}
	endpoint := "pretend-" + strings.ReplaceAll(p.resource, "/", "_") + ".sock"
	socket := filepath.Join(p.folder, endpoint)
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	deviceplugin.RegisterDevicePluginServer(server, p)
	go func() { _ = server.Serve(listener) }()
	if err := p.register(endpoint); err != nil {
		server.Stop()
		return fmt.Errorf("register %s: %w", p.resource, err)
	}
	p.server = server
	log.Printf("registered %s", p.resource)
	return nil
}

func (p *plugin) register(endpoint string) error {
	connection, err := grpc.NewClient("unix://"+filepath.Join(p.folder, "kubelet.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = deviceplugin.NewRegistrationClient(connection).Register(ctx, &deviceplugin.RegisterRequest{
		Version: deviceplugin.Version, Endpoint: endpoint, ResourceName: p.resource,
	})
	return err
}

func (p *plugin) GetDevicePluginOptions(context.Context, *deviceplugin.Empty) (*deviceplugin.DevicePluginOptions, error) {
	return &deviceplugin.DevicePluginOptions{}, nil
}

func (p *plugin) ListAndWatch(_ *deviceplugin.Empty, stream grpc.ServerStreamingServer[deviceplugin.ListAndWatchResponse]) error {
	for {
		p.mutex.Lock()
		devices, renewed := p.devices, p.renewed
		p.mutex.Unlock()
		if err := stream.Send(&deviceplugin.ListAndWatchResponse{Devices: devices}); err != nil {
			return err
		}
		select {
		case <-renewed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (p *plugin) Allocate(_ context.Context, request *deviceplugin.AllocateRequest) (*deviceplugin.AllocateResponse, error) {
	if strings.HasSuffix(p.resource, "/broken") {
		return nil, errors.New("this resource fails every allocation")
	}
	answer := &deviceplugin.AllocateResponse{}
	for range request.ContainerRequests {
		answer.ContainerResponses = append(answer.ContainerResponses, &deviceplugin.ContainerAllocateResponse{})
	}
	return answer, nil
}

func (p *plugin) GetPreferredAllocation(context.Context, *deviceplugin.PreferredAllocationRequest) (*deviceplugin.PreferredAllocationResponse, error) {
	return &deviceplugin.PreferredAllocationResponse{}, nil
}

func (p *plugin) PreStartContainer(context.Context, *deviceplugin.PreStartContainerRequest) (*deviceplugin.PreStartContainerResponse, error) {
	return &deviceplugin.PreStartContainerResponse{}, nil
}
