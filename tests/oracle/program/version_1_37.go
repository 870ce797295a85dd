package main

import (
	"context"
	"slices"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/go-logr/logr"
	cadvisor "github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/google/cadvisor/lib/utils/sysinfo"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	"k8s.io/klog/v2"
	config "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/cm/containermap"
	"k8s.io/kubernetes/pkg/kubelet/cm/cpumanager"
	cpustate "k8s.io/kubernetes/pkg/kubelet/cm/cpumanager/state"
	cputopology "k8s.io/kubernetes/pkg/kubelet/cm/cpumanager/topology"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/memorymanager"
	memorystate "k8s.io/kubernetes/pkg/kubelet/cm/memorymanager/state"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/config"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
	"k8s.io/utils/cpuset"
)

// Everything here is a call into the kubelet whose form changes from one minor version to the next.

type (
	MachineInfo = cadvisor.MachineInfo
	SysFs       = sysfs.SysFs
	CacheInfo   = sysfs.CacheInfo
)

var (
	silence = logr.Discard()
	quiet   = klog.NewContext(context.Background(), silence)
)

func quieten() { klog.SetLogger(silence) }

func discoverNodes(from SysFs) ([]cadvisor.Node, int, error) { return sysinfo.GetNodesInfo(from) }

func places(info *MachineInfo) map[int]place {
	topology, err := cputopology.Discover(silence, info)
	if err != nil {
		return nil
	}
	all := map[int]place{}
	for cpu, details := range topology.CPUDetails {
		all[cpu] = place{Core: details.CoreID, Socket: details.SocketID, Node: details.NUMANodeID, Uncore: details.UncoreCacheID}
	}
	return all
}

// touched are the gates that some scenario of this process has set, with their defaults.
var touched = map[string]bool{}

// setGates sets these gates, and all others to their defaults.
func setGates(gates map[string]bool) error {
	if len(gates) == 0 && len(touched) == 0 {
		return nil
	}
	defaults := defaultGates()
	wanted := map[string]bool{}
	for name := range gates {
		if _, known := defaults[name]; known {
			touched[name] = defaults[name]
		}
	}
	for name, value := range touched {
		wanted[name] = value
	}
	for name, value := range gates {
		wanted[name] = value
	}
	return utilfeature.DefaultMutableFeatureGate.SetFromMap(wanted)
}

var gateDefaults map[string]bool

func defaultGates() map[string]bool {
	if gateDefaults == nil {
		gateDefaults = map[string]bool{}
		for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
			if spec.PreRelease != featuregate.PreAlpha {
				gateDefaults[string(name)] = spec.Default
			}
		}
	}
	return gateDefaults
}

func newTopologyManager(info *MachineInfo, set *settings) (topologymanager.Manager, error) {
	return topologymanager.NewManager(silence, info.Topology, set.TopologyPolicy, set.TopologyScope, set.TopologyOptions)
}

// The constructor that the kubelet exports listens in /var/lib/kubelet only; this is the one behind it.
//
//go:linkname devicesManager k8s.io/kubernetes/pkg/kubelet/cm/devicemanager.newManagerImpl
func devicesManager(logger klog.Logger, socket string, topology []cadvisor.Node, store topologymanager.Store) (*devicemanager.ManagerImpl, error)

func newDeviceManager(socket string, info *MachineInfo, store topologymanager.Store) (*devicemanager.ManagerImpl, error) {
	return devicesManager(silence, socket, info.Topology, store)
}

func newCPUManager(info *MachineInfo, set *settings, reserved cpuset.CPUSet, folder string, store topologymanager.Store) (cpumanager.Manager, error) {
	return cpumanager.NewManager(silence, set.CPUPolicy, set.CPUOptions, time.Hour, info, reserved, set.Reservation, folder, store)
}

func newMemoryManager(info *MachineInfo, set *settings, folder string, store topologymanager.Store) (memorymanager.Manager, error) {
	var reserved []config.MemoryReservation
	for _, one := range set.ReservedMemory {
		reserved = append(reserved, config.MemoryReservation{NumaNode: int32(one.NUMANode), Limits: one.Limits})
	}
	return memorymanager.NewManager(silence, set.MemoryPolicy, info, set.Reservation, reserved, folder, store)
}

func startCPUManager(m cpumanager.Manager, active func() []*v1.Pod, ready kubeletconfig.SourcesReady, listed containermap.ContainerMap) error {
	return m.Start(quiet, active, ready, noStatus{}, noStatus{}, listed)
}

func startMemoryManager(m memorymanager.Manager, active func() []*v1.Pod, ready kubeletconfig.SourcesReady, listed containermap.ContainerMap) error {
	return m.Start(quiet, active, ready, noStatus{}, noStatus{}, listed)
}

func startDeviceManager(m *devicemanager.ManagerImpl, active func() []*v1.Pod, ready kubeletconfig.SourcesReady, listed containermap.ContainerMap, running sets.Set[string]) error {
	return m.Start(silence, active, ready, listed, running)
}

func stopDeviceManager(m *devicemanager.ManagerImpl) { _ = m.Stop(silence) }

func register(m *devicemanager.ManagerImpl, p inProcess) error {
	if err := m.PluginConnected(quiet, p.Resource(), p); err != nil {
		return err
	}
	m.PluginListAndWatchReceiver(silence, p.Resource(), p.list())
	return nil
}

func unregister(m *devicemanager.ManagerImpl, p inProcess) {
	m.PluginDisconnected(silence, p.Resource(), p.SocketPath())
}

func deviceAllocatable(m *devicemanager.ManagerImpl) v1.ResourceList {
	_, allocatable, _ := m.GetCapacity(silence)
	return allocatable
}

func newPredicates(current func() *v1.Node, devices *devicemanager.ManagerImpl) lifecycle.PodAdmitHandler {
	get := func(context.Context, bool) (*v1.Node, error) { return current(), nil }
	return lifecycle.NewPredicateAdmitHandler(get, lifecycle.NewAdmissionFailureHandlerStub(), devices.UpdatePluginResources)
}

func setOperation(attributes *lifecycle.PodAdmitAttributes) {
	attributes.Operation = lifecycle.AddOperation
}

func ask(handler lifecycle.PodAdmitHandler, attributes *lifecycle.PodAdmitAttributes) lifecycle.PodAdmitResult {
	return handler.Admit(quiet, attributes)
}

// addProviders hands the managers to the topology manager in the kubelet's order, each with an eye on its hints.
func (k *kubelet) addProviders() {
	k.topology.AddHintProvider(silence, watched{k.devices, k.watch, true})
	k.topology.AddHintProvider(silence, watched{k.cpus, k.watch, false})
	k.topology.AddHintProvider(silence, watched{k.memory, k.watch, false})
}

type watched struct {
	topologymanager.HintProvider
	watch *watch
	first bool
}

func (w watched) GetTopologyHints(logger klog.Logger, pod *v1.Pod, container *v1.Container, operation lifecycle.Operation) map[string][]topologymanager.TopologyHint {
	if w.first {
		w.watch.first()
	}
	hints := w.HintProvider.GetTopologyHints(logger, pod, container, operation)
	w.watch.saw(hints)
	return hints
}

func (w watched) GetPodTopologyHints(logger klog.Logger, pod *v1.Pod, operation lifecycle.Operation) map[string][]topologymanager.TopologyHint {
	if w.first {
		w.watch.first()
	}
	hints := w.HintProvider.GetPodTopologyHints(logger, pod, operation)
	w.watch.saw(hints)
	return hints
}

func askForHints(k *kubelet, pod *v1.Pod) {
	container := &pod.Spec.Containers[0]
	k.devices.GetTopologyHints(silence, pod, container, lifecycle.AddOperation)
	k.cpus.GetTopologyHints(silence, pod, container, lifecycle.AddOperation)
	k.memory.GetTopologyHints(silence, pod, container, lifecycle.AddOperation)
}

func startContainer(k *kubelet, pod *v1.Pod, started *v1.Container, id string) error {
	if _, err := k.devices.GetDeviceRunContainerOptions(quiet, pod, started); err != nil {
		return err
	}
	k.cpus.AddContainer(silence, pod, started, id)
	k.memory.AddContainer(silence, pod, started, id)
	k.topology.AddContainer(silence, pod, started, id)
	return nil
}

func forgetContainer(m topologymanager.Manager, id string) error {
	return m.RemoveContainer(silence, id)
}

func affinity(m topologymanager.Manager, uid, container string) topologymanager.TopologyHint {
	return m.GetAffinity(silence, uid, container)
}

func (k *kubelet) cpuState(out *state) {
	held := k.cpus.State()
	out.SharedCPUs = held.GetDefaultCPUSet().String()
	out.CPUs, out.PodCPUs = map[string]map[string]string{}, map[string]string{}
	for uid, containers := range held.GetCPUAssignments() {
		for name, cpus := range containers {
			put(out.CPUs, uid)[name] = cpus.String()
		}
	}
	for uid, entry := range held.GetPodCPUAssignments() {
		out.PodCPUs[uid] = cpuSetOf(entry).String()
	}
}

func cpuSetOf(entry cpustate.PodEntry) cpuset.CPUSet { return entry.CPUSet }

func (k *kubelet) memoryState(out *state) {
	held := k.memory.State()
	out.Memory, out.PodMemory, out.Table = map[string]map[string][]block{}, map[string][]block{}, map[int]nodeTable{}
	for uid, containers := range held.GetMemoryAssignments() {
		for name, blocks := range containers {
			put(out.Memory, uid)[name] = blocksOf(blocks)
		}
	}
	for uid, entry := range held.GetPodMemoryAssignments() {
		out.PodMemory[uid] = blocksOf(entry.MemoryBlocks)
	}
	for id, table := range held.GetMachineState() {
		line := nodeTable{Cells: table.Cells, Assignments: table.NumberOfAssignments, Memory: map[string][5]uint64{}}
		for kind, sizes := range table.MemoryMap {
			line.Memory[string(kind)] = [5]uint64{sizes.TotalMemSize, sizes.SystemReserved, sizes.Allocatable, sizes.Reserved, sizes.Free}
		}
		out.Table[id] = line
	}
}

func blocksOf(blocks []memorystate.Block) []block {
	out := make([]block, 0, len(blocks))
	for _, b := range blocks {
		out = append(out, block{Nodes: b.NUMAAffinity, Type: string(b.Type), Size: b.Size})
	}
	slices.SortFunc(out, func(a, b block) int {
		if a.Type < b.Type {
			return -1
		}
		if a.Type > b.Type {
			return 1
		}
		return 0
	})
	return out
}
