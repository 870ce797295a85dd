package main

import (
	"cmp"
	"reflect"
	"slices"

	memorystate "k8s.io/kubernetes/pkg/kubelet/cm/memorymanager/state"
	"k8s.io/utils/cpuset"
)

// state reads what the managers hold.
func (k *kubelet) state() *state {
	out := &state{
		CPUs:      map[string]map[string]string{},
		PodCPUs:   map[string]string{},
		Memory:    map[string]map[string][]block{},
		PodMemory: map[string][]block{},
		Table:     map[int]nodeTable{},
		Devices:   k.deviceState(),
	}
	k.cpuState(out)
	k.memoryState(out)
	return out
}

// deviceState is what containers hold of devices, also those of pods that were refused and not forgotten yet.
func (k *kubelet) deviceState() map[string]map[string]map[string][]string {
	out := map[string]map[string]map[string][]string{}
	for _, pod := range k.seen {
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for resource, devices := range k.devices.GetDevices(string(pod.UID), container.Name) {
				ids := make([]string, 0, len(devices))
				for id := range devices {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				put(put(out, string(pod.UID)), container.Name)[resource] = ids
			}
		}
	}
	return out
}

func (k *kubelet) cpuState(out *state) {
	held := k.cpus.State()
	out.SharedCPUs = held.GetDefaultCPUSet().String()
	for uid, containers := range held.GetCPUAssignments() {
		for name, cpus := range containers {
			put(out.CPUs, uid)[name] = cpus.String()
		}
	}
	eachPod(held, "GetPodCPUAssignments", func(uid string, cpus cpuset.CPUSet) { out.PodCPUs[uid] = cpus.String() })
}

func (k *kubelet) memoryState(out *state) {
	held := k.memory.State()
	for uid, containers := range held.GetMemoryAssignments() {
		for name, blocks := range containers {
			put(out.Memory, uid)[name] = blocksOf(blocks)
		}
	}
	eachPod(held, "GetPodMemoryAssignments", func(uid string, blocks []memorystate.Block) {
		out.PodMemory[uid] = blocksOf(blocks)
	})
	for id, table := range held.GetMachineState() {
		line := nodeTable{Cells: table.Cells, Assignments: table.NumberOfAssignments, Memory: map[string][5]uint64{}}
		for kind, sizes := range table.MemoryMap {
			line.Memory[string(kind)] = [5]uint64{sizes.TotalMemSize, sizes.SystemReserved, sizes.Allocatable, sizes.Reserved, sizes.Free}
		}
		out.Table[id] = line
	}
}

// eachPod goes through what pods hold as a whole, which managers before 1.36 know nothing of. Each entry is a struct with
// one field.
func eachPod[T any](held any, method string, tell func(uid string, what T)) {
	function := reflect.ValueOf(held).MethodByName(method)
	if !function.IsValid() {
		return
	}
	for entries := function.Call(nil)[0].MapRange(); entries.Next(); {
		tell(entries.Key().String(), entries.Value().Field(0).Interface().(T))
	}
}

func blocksOf(blocks []memorystate.Block) []block {
	out := make([]block, 0, len(blocks))
	for _, b := range blocks {
		out = append(out, block{Nodes: b.NUMAAffinity, Type: string(b.Type), Size: b.Size})
	}
	slices.SortFunc(out, func(a, b block) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

// put gives the map under a key, made where it is missing.
func put[K, L comparable, V any](outer map[K]map[L]V, key K) map[L]V {
	inner := outer[key]
	if inner == nil {
		inner = map[L]V{}
		outer[key] = inner
	}
	return inner
}
