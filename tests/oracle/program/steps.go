package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// run plays one scenario in an empty folder.
func run(s *scenario, folder string, told *journal) {
	began := time.Now()
	defer func() { told.write(func(a *answer) { a.Micros = time.Since(began).Microseconds() }) }()
	k, failure := start(s, folder, told)
	if failure != nil {
		told.write(func(a *answer) { a.Error = failure })
		return
	}
	defer func() { k.end() }()
	for i := range s.Steps {
		var done stepAnswer
		k, done = k.do(&s.Steps[i])
		told.write(func(a *answer) { a.Steps = append(a.Steps, done) })
		if slices.Contains([]string{panicked, stopped, exited}, done.Outcome) {
			break
		}
	}
}

// start has a kubelet come up on the scenario's machine, with its plugins.
func start(s *scenario, folder string, told *journal) (k *kubelet, failure *startError) {
	defer func() {
		if crash := recover(); crash != nil {
			failure = &startError{"panic", fmt.Sprint(crash)}
		}
	}()
	if err := setGates(s.Kubelet.FeatureGates); err != nil {
		return nil, &startError{"featureGates", err.Error()}
	}
	info, err := machineInfo(s.Machine)
	if err != nil {
		return nil, &startError{"cadvisor", err.Error()}
	}
	if s.Verbose {
		told.write(func(a *answer) { a.Topology = places(info) })
	}
	if k, failure = newKubelet(s, folder, info, nil); failure != nil {
		return nil, failure
	}
	if err := k.connectAll(); err != nil {
		return nil, &startError{"plugins", err.Error()}
	}
	k.ready = true
	return k, nil
}

// do plays one step and tells how it went. A restart makes another kubelet.
func (k *kubelet) do(s *step) (after *kubelet, told stepAnswer) {
	after = k
	k.watch.begin()
	defer func() {
		told.Permutations, told.Offered = after.watch.permutations, after.watch.offered
		if crash := recover(); crash != nil {
			told.Outcome, told.Message = panicked, fmt.Sprint(crash)
			if crash == errTooMany {
				told.Outcome = stopped
			}
			return
		}
		told.State = after.state()
	}()
	switch s.Op {
	case "admit":
		k.seen = append(k.seen, s.Pod)
		verdict := k.admit(s.Pod)
		told.Outcome, told.Reason, told.Message = verdict.Outcome, verdict.Reason, verdict.Message
		told.Hints = k.hintsOf(s.Pod)
	case "start":
		told = k.startContainer(s.UID, s.Container)
	case "finish":
		told = k.finishContainer(s.UID, s.Container)
	case "advance":
		told = k.advance(k.target(s))
	case "remove":
		told = k.remove(k.target(s))
	case "restart":
		after, told = k.restart(s)
	case "health":
		told = outcome(k.connect(s.Plugin))
	case "unplug":
		unregister(k.devices, inProcess{plugin: s.Plugin})
		told.Outcome = done
	case "settle":
		told.Outcome = done
	default:
		told = outcome(fmt.Errorf("no such step: %q", s.Op))
	}
	if k.scenario.Settle || s.Op == "settle" {
		told.Given = after.deviceState()
		after.settle()
	}
	return after, told
}

func outcome(err error) stepAnswer {
	if err != nil {
		return stepAnswer{Outcome: failed, Message: err.Error()}
	}
	return stepAnswer{Outcome: done}
}

// target is the uid that the step means; empty where no pod lives.
func (k *kubelet) target(s *step) string {
	if s.UID != "" || len(k.active) == 0 {
		return s.UID
	}
	return string(k.active[s.Nth%len(k.active)].UID)
}

// advance does the next thing that happens to a pod.
func (k *kubelet) advance(uid string) stepAnswer {
	pod := k.living(uid)
	if pod == nil {
		return stepAnswer{Outcome: done, Did: "nothing"}
	}
	for i := range pod.Spec.InitContainers {
		init := &pod.Spec.InitContainers[i]
		ordinary := init.RestartPolicy == nil || *init.RestartPolicy != v1.ContainerRestartPolicyAlways
		switch known := k.containers[uid+"/"+init.Name]; {
		case known == nil:
			return k.startContainer(uid, init.Name)
		case ordinary && !known.over:
			return k.finishContainer(uid, init.Name)
		}
	}
	for _, container := range pod.Spec.Containers {
		if k.containers[uid+"/"+container.Name] == nil {
			return k.startContainer(uid, container.Name)
		}
	}
	return stepAnswer{Outcome: done, Did: "nothing", UID: uid}
}

// startContainer does what the kubelet does around a container's start, as far as the managers are concerned.
func (k *kubelet) startContainer(uid, name string) stepAnswer {
	told := stepAnswer{Outcome: done, Did: "start", UID: uid, Container: name}
	pod, id := k.living(uid), uid+"/"+name
	started := containerOf(pod, name)
	if started == nil {
		return stepAnswer{Outcome: done, Did: "nothing"}
	}
	if err := startContainer(k, pod, started, id); err != nil {
		told.Outcome, told.Message = failed, err.Error()
		return told
	}
	k.containers[id] = &container{uid: uid, name: name}
	return told
}

func (k *kubelet) finishContainer(uid, name string) stepAnswer {
	told := outcome(forgetContainer(k.topology, uid+"/"+name))
	told.Did, told.UID, told.Container = "finish", uid, name
	k.containers[uid+"/"+name] = &container{uid: uid, name: name, over: true}
	return told
}

func (k *kubelet) living(uid string) *v1.Pod {
	for _, pod := range k.active {
		if string(pod.UID) == uid {
			return pod
		}
	}
	return nil
}

func containerOf(pod *v1.Pod, name string) *v1.Container {
	if pod == nil {
		return nil
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func (k *kubelet) remove(uid string) stepAnswer {
	if k.living(uid) == nil {
		return stepAnswer{Outcome: done, Did: "nothing"}
	}
	k.forget(types.UID(uid))
	var problems []error
	for id, container := range k.containers {
		if container.uid == uid {
			delete(k.containers, id)
			if !container.over {
				problems = append(problems, forgetContainer(k.topology, id))
			}
		}
	}
	told := outcome(errors.Join(problems...))
	told.Did, told.UID = "remove", uid
	return told
}

// restart ends the kubelet, starts another over its checkpoints and has that one admit the living pods anew, in the order
// in which they came. Until then it does not know all its pods; plugins are back before that, or after.
func (k *kubelet) restart(s *step) (*kubelet, stepAnswer) {
	k.end()
	pods := k.active
	again, failure := newKubelet(k.scenario, k.folder, k.info, k)
	if failure != nil {
		return k, stepAnswer{Outcome: exited, Message: failure.Part + ": " + failure.Message}
	}
	told := stepAnswer{Outcome: done}
	if !s.PluginsLate {
		told = outcome(again.connectAll())
	}
	for _, pod := range pods {
		told.Pods = append(told.Pods, again.admit(pod))
	}
	if s.PluginsLate {
		if err := again.connectAll(); err != nil {
			told = outcome(err)
		}
	}
	again.ready = true
	return again, told
}

// settle has each manager look for pods that ended, by asking for the hints of a pod that wants nothing.
func (k *kubelet) settle() {
	nobody := &v1.Pod{}
	nobody.Spec.Containers = []v1.Container{{Name: "nothing"}}
	askForHints(k, nobody)
}

func (k *kubelet) hintsOf(pod *v1.Pod) map[string]hint {
	if k.scenario.Kubelet.TopologyPolicy == "none" {
		return nil
	}
	hints := map[string]hint{}
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if merged := affinity(k.topology, string(pod.UID), container.Name); merged.NUMANodeAffinity != nil || merged.Preferred {
			hints[container.Name] = told(merged)
		}
	}
	return hints
}
