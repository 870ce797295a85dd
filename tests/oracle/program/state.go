package main

import (
	"slices"
)

// state reads what the managers hold.
func (k *kubelet) state() *state {
	out := &state{
		Devices: map[string]map[string]map[string][]string{},
	}
	k.cpuState(out)
	k.memoryState(out)
	for _, pod := range k.seen {
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for resource, devices := range k.devices.GetDevices(string(pod.UID), container.Name) {
				ids := make([]string, 0, len(devices))
				for id := range devices {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				put(put(out.Devices, string(pod.UID)), container.Name)[resource] = ids
			}
		}
	}
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
