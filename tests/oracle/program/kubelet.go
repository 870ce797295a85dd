package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/kubernetes/pkg/kubelet/cm/containermap"
	"k8s.io/kubernetes/pkg/kubelet/cm/cpumanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/devicemanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/memorymanager"
	"k8s.io/kubernetes/pkg/kubelet/cm/topologymanager"
	"k8s.io/kubernetes/pkg/kubelet/lifecycle"
	"k8s.io/utils/cpuset"
)

// kubelet is the part of one that decides about pods and resources, unmodified: the four managers and the general
// predicates, asked in the kubelet's order. Around it everything is missing: no pod runs, no API server, no loops.
type kubelet struct {
	scenario   *scenario
	folder     string
	info       *MachineInfo
	topology   topologymanager.Manager
	devices    *devicemanager.ManagerImpl
	cpus       cpumanager.Manager
	memory     memorymanager.Manager
	handlers   []lifecycle.PodAdmitHandler
	watch      *watch
	ready      bool
	active     []*v1.Pod
	seen       []*v1.Pod
	containers map[string]*container
	plugins    map[string]*plugin
}

// container is one that has been started. One that is over is not listed by the runtime any more.
type container struct {
	uid, name string
	over      bool
}

// newKubelet makes the managers and starts them over the checkpoints that lie in the folder.
func newKubelet(s *scenario, folder string, info *MachineInfo, before *kubelet) (*kubelet, *startError) {
	k := &kubelet{scenario: s, folder: folder, info: info, watch: &watch{policy: s.Kubelet.TopologyPolicy, verbose: s.Verbose}}
	if before == nil {
		k.containers = map[string]*container{}
		k.plugins = map[string]*plugin{}
		for i := range s.Plugins {
			k.plugins[s.Plugins[i].Resource] = &s.Plugins[i]
		}
	} else {
		k.containers, k.plugins, k.seen = before.containers, before.plugins, before.seen
	}
	if failure := k.make(); failure != nil {
		return nil, failure
	}
	if failure := k.start(); failure != nil {
		k.end()
		return nil, failure
	}
	return k, nil
}

func (k *kubelet) make() *startError {
	var err error
	set := &k.scenario.Kubelet
	if k.topology, err = newTopologyManager(k.info, set); err != nil {
		return &startError{"topologymanager", err.Error()}
	}
	sockets := filepath.Join(k.folder, "plugins")
	if err = os.MkdirAll(sockets, 0o755); err != nil {
		return &startError{"folder", err.Error()}
	}
	if k.devices, err = newDeviceManager(filepath.Join(sockets, "kubelet.sock"), k.info, k.topology); err != nil {
		return &startError{"devicemanager", err.Error()}
	}
	reserved, err := cpuset.Parse(set.ReservedCPUs)
	if err != nil {
		return &startError{"settings", err.Error()}
	}
	if k.cpus, err = newCPUManager(k.info, set, reserved, k.folder, k.topology); err != nil {
		return &startError{"cpumanager", err.Error()}
	}
	if k.memory, err = newMemoryManager(k.info, set, k.folder, k.topology); err != nil {
		return &startError{"memorymanager", err.Error()}
	}
	k.addProviders()
	k.handlers = []lifecycle.PodAdmitHandler{k.topology, newPredicates(k.node, k.devices)}
	return nil
}

func (k *kubelet) start() *startError {
	listed, running := k.containerMap()
	if err := k.startCPUManager(maps.Clone(listed)); err != nil {
		return &startError{"cpumanager", err.Error()}
	}
	if err := startMemoryManager(k.memory, k.activePods, k, maps.Clone(listed)); err != nil {
		return &startError{"memorymanager", err.Error()}
	}
	if err := startDeviceManager(k.devices, k.activePods, k, maps.Clone(listed), running); err != nil {
		return &startError{"devicemanager", err.Error()}
	}
	return nil
}

// startCPUManager starts it without the loop that looks after cgroups every few seconds and would never end: the first
// thing that the loop asks is whether all pods are known, and its answer is to end.
func (k *kubelet) startCPUManager(listed containermap.ContainerMap) error {
	gate := &loopEnd{kubelet: k, asked: make(chan struct{})}
	if err := startCPUManager(k.cpus, k.activePods, gate, listed); err != nil {
		return err
	}
	if k.scenario.Kubelet.CPUPolicy != "none" {
		<-gate.asked
	}
	gate.over = true
	return nil
}

type loopEnd struct {
	kubelet *kubelet
	asked   chan struct{}
	over    bool
}

func (l *loopEnd) AddSource(string) {}

func (l *loopEnd) AllReady() bool {
	if !l.over {
		close(l.asked)
		runtime.Goexit()
	}
	return l.kubelet.ready
}

// AddSource and AllReady are what the other managers ask: whether the kubelet knows all its pods by now.
func (k *kubelet) AddSource(string) {}
func (k *kubelet) AllReady() bool   { return k.ready }

// end lets go of the socket and of what listens on it.
func (k *kubelet) end() {
	stopDeviceManager(k.devices)
}

func (k *kubelet) activePods() []*v1.Pod { return slices.Clone(k.active) }

func (k *kubelet) containerMap() (containermap.ContainerMap, sets.Set[string]) {
	listed, running := containermap.NewContainerMap(), sets.New[string]()
	for id, container := range k.containers {
		if !container.over {
			listed.Add(container.uid, container.name, id)
			running.Insert(id)
		}
	}
	return listed, running
}

// node is the Node object as it would be once the kubelet has told the API server of its devices.
func (k *kubelet) node() *v1.Node {
	n := &v1.Node{}
	n.Name = "node"
	n.Labels = map[string]string{v1.LabelOSStable: "linux", v1.LabelHostname: "node"}
	for key, value := range k.scenario.Node.Labels {
		n.Labels[key] = value
	}
	n.Spec.Taints = k.scenario.Node.Taints
	n.Status.Allocatable = k.scenario.Node.Allocatable.DeepCopy()
	for resource, count := range deviceAllocatable(k.devices) {
		n.Status.Allocatable[resource] = count
	}
	return n
}

// connect registers a plugin, or replaces what it offers.
func (k *kubelet) connect(p *plugin) error {
	known := k.plugins[p.Resource]
	if known == nil {
		known = &plugin{}
		k.plugins[p.Resource] = known
	}
	if known != p {
		// As a plugin that was restarted: it registers anew, with its present options.
		unregister(k.devices, inProcess{plugin: known})
		*known = *p
	}
	return register(k.devices, inProcess{plugin: known})
}

func (k *kubelet) connectAll() error {
	for _, p := range k.plugins {
		if err := k.connect(p); err != nil {
			return fmt.Errorf("plugin %s: %w", p.Resource, err)
		}
	}
	return nil
}

// admit does what the kubelet does with a pod that has come: it counts as active at once, and no more when refused.
func (k *kubelet) admit(pod *v1.Pod) podAnswer {
	others := k.activePods()
	k.active = append(k.active, pod)
	result := podAnswer{UID: string(pod.UID), Outcome: admitted}
	attributes := &lifecycle.PodAdmitAttributes{Pod: pod, OtherPods: others}
	for _, handler := range k.handlers {
		if verdict := ask(handler, attributes); !verdict.Admit {
			k.forget(pod.UID)
			result.Outcome, result.Reason, result.Message = refused, verdict.Reason, verdict.Message
			break
		}
	}
	return result
}

func (k *kubelet) forget(uid types.UID) {
	k.active = slices.DeleteFunc(k.active, func(pod *v1.Pod) bool { return pod.UID == uid })
}

// noStatus is what the managers may ask about pods and containers in their loops, which do not run here.
type noStatus struct{}

func (noStatus) GetPodStatus(types.UID) (v1.PodStatus, bool) { return v1.PodStatus{}, false }

func (noStatus) UpdateContainerResources(context.Context, string, *runtimeapi.ContainerResources) error {
	return nil
}
