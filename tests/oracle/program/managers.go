package main

import (
	"reflect"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	config "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/cm/containermap"
	"k8s.io/kubernetes/pkg/kubelet/cm/cpumanager"
	cputopology "k8s.io/kubernetes/pkg/kubelet/cm/cpumanager/topology"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/memorymanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/config"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
	"k8s.io/utils/cpuset"
)

// Every call into the kubelet's managers.

func places(info *MachineInfo) map[int]place {
	topology, err := made[*cputopology.CPUTopology](call(cputopology.Discover, info))
	if err != nil {
		return nil
	}
	all := map[int]place{}
	for cpu, details := range topology.CPUDetails {
		all[cpu] = place{Core: details.CoreID, Socket: details.SocketID, Node: details.NUMANodeID, Uncore: uncore(details)}
	}
	return all
}

// uncore is a field that 1.31 does not have.
func uncore(details cputopology.CPUInfo) *int {
	field := reflect.ValueOf(details).FieldByName("UncoreCacheID")
	if !field.IsValid() {
		return nil
	}
	id := int(field.Int())
	return &id
}

func newTopologyManager(info *MachineInfo, set *settings) (topologymanager.Manager, error) {
	return made[topologymanager.Manager](
		call(topologymanager.NewManager, info.Topology, set.TopologyPolicy, set.TopologyScope, set.TopologyOptions))
}

func newDeviceManager(socket string, info *MachineInfo, store topologymanager.Store) (*devicemanager.ManagerImpl, error) {
	return made[*devicemanager.ManagerImpl](call(devicesManager, socket, info.Topology, store))
}

func newCPUManager(info *MachineInfo, set *settings, reserved cpuset.CPUSet, folder string, store topologymanager.Store) (cpumanager.Manager, error) {
	return made[cpumanager.Manager](
		call(cpumanager.NewManager, set.CPUPolicy, set.CPUOptions, time.Hour, info, reserved, set.Reservation, folder, store))
}

func newMemoryManager(info *MachineInfo, set *settings, folder string, store topologymanager.Store) (memorymanager.Manager, error) {
	var reserved []config.MemoryReservation
	for _, one := range set.ReservedMemory {
		reserved = append(reserved, config.MemoryReservation{NumaNode: int32(one.NUMANode), Limits: one.Limits})
	}
	return made[memorymanager.Manager](
		call(memorymanager.NewManager, set.MemoryPolicy, info, set.Reservation, reserved, folder, store))
}

func startCPUManager(m cpumanager.Manager, active func() []*v1.Pod, ready kubeletconfig.SourcesReady, listed containermap.ContainerMap) error {
	return failureOf(call(m.Start, active, ready, noStatus{}, noStatus{}, listed))
}

func startMemoryManager(m memorymanager.Manager, active func() []*v1.Pod, ready kubeletconfig.SourcesReady, listed containermap.ContainerMap) error {
	return failureOf(call(m.Start, active, ready, noStatus{}, noStatus{}, listed))
}

func startDeviceManager(m *devicemanager.ManagerImpl, active func() []*v1.Pod, ready kubeletconfig.SourcesReady, listed containermap.ContainerMap, running sets.Set[string]) error {
	return failureOf(call(m.Start, active, ready, listed, running))
}

func stopDeviceManager(m *devicemanager.ManagerImpl) { call(m.Stop) }

func register(m *devicemanager.ManagerImpl, p inProcess) error {
	if err := failureOf(call(m.PluginConnected, p.Resource(), p)); err != nil {
		return err
	}
	call(m.PluginListAndWatchReceiver, p.Resource(), p.list())
	return nil
}

func unregister(m *devicemanager.ManagerImpl, p inProcess) {
	call(m.PluginDisconnected, p.Resource(), p.SocketPath())
}

func deviceAllocatable(m *devicemanager.ManagerImpl) v1.ResourceList {
	return call(m.GetCapacity)[1].Interface().(v1.ResourceList)
}

func newPredicates(current func() *v1.Node, devices *devicemanager.ManagerImpl) lifecycle.PodAdmitHandler {
	get := reflect.MakeFunc(
		reflect.TypeOf(lifecycle.NewPredicateAdmitHandler).In(0),
		func([]reflect.Value) []reflect.Value {
			return []reflect.Value{reflect.ValueOf(current()), reflect.Zero(reflect.TypeFor[error]())}
		})
	stub := lifecycle.NewAdmissionFailureHandlerStub()
	results := call(lifecycle.NewPredicateAdmitHandler, get.Interface(), stub, devices.UpdatePluginResources)
	return results[0].Interface().(lifecycle.PodAdmitHandler)
}

func ask(handler lifecycle.PodAdmitHandler, attributes *lifecycle.PodAdmitAttributes) lifecycle.PodAdmitResult {
	if field := reflect.ValueOf(attributes).Elem().FieldByName("Operation"); field.IsValid() {
		field.SetString(operation)
	}
	return call(handler.Admit, attributes)[0].Interface().(lifecycle.PodAdmitResult)
}

// addProviders hands the managers to the topology manager in the kubelet's order, each with an eye on its hints.
func (k *kubelet) addProviders() {
	for i, provider := range []topologymanager.HintProvider{k.devices, k.cpus, k.memory} {
		call(k.topology.AddHintProvider, watched{HintProvider: provider, watch: k.watch, first: i == 0})
	}
}

func askForHints(k *kubelet, pod *v1.Pod) {
	container := &pod.Spec.Containers[0]
	call(k.devices.GetTopologyHints, pod, container)
	call(k.cpus.GetTopologyHints, pod, container)
	call(k.memory.GetTopologyHints, pod, container)
}

func startContainer(k *kubelet, pod *v1.Pod, started *v1.Container, id string) error {
	if err := failureOf(call(k.devices.GetDeviceRunContainerOptions, pod, started)); err != nil {
		return err
	}
	call(k.cpus.AddContainer, pod, started, id)
	call(k.memory.AddContainer, pod, started, id)
	call(k.topology.AddContainer, pod, started, id)
	return nil
}

func forgetContainer(m topologymanager.Manager, id string) error {
	return failureOf(call(m.RemoveContainer, id))
}

func affinity(m topologymanager.Manager, uid, container string) topologymanager.TopologyHint {
	return call(m.GetAffinity, uid, container)[0].Interface().(topologymanager.TopologyHint)
}
