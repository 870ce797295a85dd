package main

import (
	v1 "k8s.io/api/core/v1"
)

// scenario is one line of the input: a machine, a kubelet's settings, and what happens there, in order.
type scenario struct {
	Name string `json:"name"`
	// Verbose adds what each provider hinted and the machine as the kubelet sees it to the answer.
	Verbose bool     `json:"verbose"`
	Machine machine  `json:"machine"`
	Kubelet settings `json:"kubelet"`
	Node    node     `json:"node"`
	Plugins []plugin `json:"plugins"`
	// Settle has the kubelet look for pods that ended after each step, as its loops do every ten seconds.
	Settle bool   `json:"settle"`
	Steps  []step `json:"steps"`
}

// machine is what /sys tells: see machine.go.
type machine struct {
	Nodes []numaNode `json:"nodes"`
	CPUs  []cpu      `json:"cpus"`
}

type numaNode struct {
	ID     int    `json:"id"`
	Memory uint64 `json:"memory"`
	// Hugepages counts pages by their size in KiB.
	Hugepages map[string]uint64 `json:"hugepages"`
	// Distances is absent where the machine tells none.
	Distances []uint64 `json:"distances"`
}

type cpu struct {
	ID      int `json:"id"`
	Core    int `json:"core"`
	Package int `json:"package"`
	Node    int `json:"node"`
	// L3 is the id of its last-level cache; absent where /sys has no cache folder.
	L3      *int `json:"l3"`
	Offline bool `json:"offline"`
}

// settings are those of the KubeletConfiguration that the managers are made from.
type settings struct {
	TopologyPolicy  string            `json:"topologyManagerPolicy"`
	TopologyScope   string            `json:"topologyManagerScope"`
	TopologyOptions map[string]string `json:"topologyManagerPolicyOptions"`
	CPUPolicy       string            `json:"cpuManagerPolicy"`
	CPUOptions      map[string]string `json:"cpuManagerPolicyOptions"`
	MemoryPolicy    string            `json:"memoryManagerPolicy"`
	ReservedCPUs    string            `json:"reservedSystemCPUs"`
	ReservedMemory  []reservedMemory  `json:"reservedMemory"`
	// Reservation is systemReserved, kubeReserved and hard eviction together.
	Reservation  v1.ResourceList `json:"reservation"`
	FeatureGates map[string]bool `json:"featureGates"`
}

type reservedMemory struct {
	NUMANode int             `json:"numaNode"`
	Limits   v1.ResourceList `json:"limits"`
}

// node is the Node object as the predicates see it; what plugins offer is added to its allocatable.
type node struct {
	Allocatable v1.ResourceList   `json:"allocatable"`
	Labels      map[string]string `json:"labels"`
	Taints      []v1.Taint        `json:"taints"`
}

// plugin is one device plugin. It registers when the kubelet starts.
type plugin struct {
	Resource string   `json:"resource"`
	Devices  []device `json:"devices"`
	// Preferred is its answer to GetPreferredAllocation, as far as those devices are available; absent: it has no such call.
	Preferred []string `json:"preferred"`
	// PreferredError is what it answers to GetPreferredAllocation with instead; empty: it answers.
	PreferredError string `json:"preferredError"`
	// AllocateError is what it answers to Allocate with; empty: it succeeds.
	AllocateError string `json:"allocateError"`
}

type device struct {
	ID string `json:"id"`
	// Nodes is absent where the plugin tells no topology, empty where it tells an empty one.
	Nodes     *[]int64 `json:"nodes"`
	Unhealthy bool     `json:"unhealthy"`
}

// step is one thing that happens. Op says what; the other fields belong to some of them.
//
//	admit    Pod comes to the kubelet
//	start    Container of the pod UID is started
//	finish   Container of the pod UID has ended, and its runtime container is removed
//	advance  the pod goes on as pods do: an ordinary init container that runs ends, else the next container is started
//	remove   the pod ends
//	restart  the kubelet restarts; PluginsLate: plugins come back only after the pods were admitted anew
//	health   Plugin replaces the plugin of the same resource: its devices, their health, its answers
//	unplug   the plugin of Plugin's resource is gone; health brings it back
//	settle   the kubelet looks for pods that ended
//
// The pod of advance and remove is UID, or where there is none the Nth of the living (counted around), so that who makes
// scenarios need not know who was admitted. The answer says which it was.
type step struct {
	Op          string  `json:"op"`
	Pod         *v1.Pod `json:"pod"`
	UID         string  `json:"uid"`
	Nth         int     `json:"nth"`
	Container   string  `json:"container"`
	Plugin      *plugin `json:"plugin"`
	PluginsLate bool    `json:"pluginsLate"`
}
