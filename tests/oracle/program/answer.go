package main

// answer is one line of the output: what the kubelet did in one scenario.
type answer struct {
	Name string `json:"name"`
	// Error is why the kubelet would not start; no step was done then.
	Error *startError  `json:"error,omitempty"`
	Steps []stepAnswer `json:"steps,omitempty"`
	// Topology is told to those who ask for a verbose answer.
	Topology map[int]place `json:"topology,omitempty"`
	// Micros is the time that the scenario took.
	Micros int64 `json:"micros"`
}

type startError struct {
	Part    string `json:"part"`
	Message string `json:"message"`
}

// How a step can end.
const (
	admitted = "admitted"
	refused  = "refused"
	done     = "done"
	failed   = "failed"   // the container could not be started, or the kubelet did not come up again
	panicked = "panicked" // the kubelet itself crashed; no further step was done
	stopped  = "stopped"  // the hints to merge were too many to wait for; no further step was done
	exited   = "exited"   // the kubelet did not come up again; no further step was done
	hung     = "hung"     // the kubelet searches for ever; no further step was done, and the process ends
)

type stepAnswer struct {
	Outcome string `json:"outcome"`
	// Did, UID and Container tell what advance and remove did: start, finish, remove or nothing.
	Did       string `json:"did,omitempty"`
	UID       string `json:"uid,omitempty"`
	Container string `json:"container,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	// Hints holds the merged hint of each container for which there is one.
	Hints map[string]hint `json:"hints,omitempty"`
	// Offered holds, for a verbose answer, what each provider hinted in turn.
	Offered []map[string][]hint `json:"offered,omitempty"`
	// Permutations counts the combinations of hints in the largest merge of the step.
	Permutations uint64 `json:"permutations,omitempty"`
	// Pods tells what became of the pods that a restarted kubelet admitted anew, in that order.
	Pods []podAnswer `json:"pods,omitempty"`
	// Given holds, where the managers then looked for pods that ended, what containers held of devices before.
	Given map[string]map[string]map[string][]string `json:"given,omitempty"`
	State *state                                    `json:"state,omitempty"`
}

type podAnswer struct {
	UID     string `json:"uid"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// hint names NUMA nodes; null: any.
type hint struct {
	Nodes     []int `json:"nodes"`
	Preferred bool  `json:"preferred"`
}

// state is all that the managers hold after a step: by pod uid, then by container.
type state struct {
	SharedCPUs string                                    `json:"sharedCpus"`
	CPUs       map[string]map[string]string              `json:"cpus"`
	PodCPUs    map[string]string                         `json:"podCpus"`
	Memory     map[string]map[string][]block             `json:"memory"`
	PodMemory  map[string][]block                        `json:"podMemory"`
	Table      map[int]nodeTable                         `json:"table"`
	Devices    map[string]map[string]map[string][]string `json:"devices"`
}

type block struct {
	Nodes []int  `json:"nodes"`
	Type  string `json:"type"`
	Size  uint64 `json:"size"`
}

type nodeTable struct {
	Cells       []int `json:"cells"`
	Assignments int   `json:"assignments"`
	// Memory holds total, reserved for the system, allocatable, given away, free: in bytes, by type.
	Memory map[string][5]uint64 `json:"memory"`
}

type place struct {
	Core   int `json:"core"`
	Socket int `json:"socket"`
	Node   int `json:"node"`
	// Uncore is absent where this version knows nothing of such caches.
	Uncore *int `json:"uncore,omitempty"`
}
