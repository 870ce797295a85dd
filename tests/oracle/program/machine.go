package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	nodeFolder = "/sys/devices/system/node"
	cpuFolder  = "/sys/devices/system/cpu"
)

// machineInfo has cAdvisor's own code discover the machine, over a /sys that lies in memory (memorySysfs). The number of
// sockets is counted here: cAdvisor takes it from this machine's own /proc/cpuinfo.
func machineInfo(m machine) (*MachineInfo, error) {
	topology, cores, err := discoverNodes(memorySysfs{machine: m})
	if err != nil {
		return nil, err
	}
	info := &MachineInfo{NumCores: cores, NumSockets: sockets(m), Topology: topology}
	for _, node := range m.Nodes {
		info.MemoryCapacity += node.Memory
	}
	return info, nil
}

func sockets(m machine) int {
	seen := map[int]bool{}
	for _, cpu := range m.CPUs {
		if !cpu.Offline {
			seen[cpu.Package] = true
		}
	}
	return len(seen)
}

// memorySysfs answers what cAdvisor asks of /sys for the topology. Paths are as in a real one, and lists come in the
// order of names, as from a glob there: node10 before node2. What is not asked is not there (a nil interface).
type memorySysfs struct {
	SysFs
	machine machine
}

func (s memorySysfs) GetNodesPaths() ([]string, error) {
	paths := make([]string, 0, len(s.machine.Nodes))
	for _, node := range s.machine.Nodes {
		paths = append(paths, fmt.Sprintf("%s/node%d", nodeFolder, node.ID))
	}
	slices.Sort(paths)
	return paths, nil
}

func (s memorySysfs) GetCPUsPaths(folder string) ([]string, error) {
	var paths []string
	everywhere := folder == cpuFolder
	for _, cpu := range s.machine.CPUs {
		if everywhere || cpu.Node == numberAtEnd(folder) {
			paths = append(paths, fmt.Sprintf("%s/cpu%d", folder, cpu.ID))
		}
	}
	slices.Sort(paths)
	return paths, nil
}

func (s memorySysfs) GetCoreID(folder string) (string, error) {
	return strconv.Itoa(s.cpu(folder).Core), nil
}

func (s memorySysfs) GetCPUPhysicalPackageID(folder string) (string, error) {
	if s.cpu(folder).Offline {
		return "", os.ErrNotExist
	}
	return strconv.Itoa(s.cpu(folder).Package), nil
}

func (s memorySysfs) IsCPUOnline(folder string) bool {
	return !s.cpu(folder).Offline
}

func (s memorySysfs) GetMemInfo(folder string) (string, error) {
	node := s.node(folder)
	return fmt.Sprintf("Node %d MemTotal:       %d kB", node.ID, node.Memory/1024), nil
}

func (s memorySysfs) GetDistances(folder string) (string, error) {
	node := s.node(folder)
	if node.Distances == nil {
		return "", os.ErrNotExist
	}
	words := make([]string, len(node.Distances))
	for i, distance := range node.Distances {
		words[i] = strconv.FormatUint(distance, 10)
	}
	return strings.Join(words, " "), nil
}

func (s memorySysfs) GetHugePagesInfo(folder string) ([]os.FileInfo, error) {
	var names []string
	for size := range s.node(path.Dir(path.Clean(folder))).Hugepages {
		names = append(names, "hugepages-"+size+"kB")
	}
	slices.Sort(names)
	return entries(names...), nil
}

func (s memorySysfs) GetHugePagesNr(folder string, name string) (string, error) {
	size := strings.TrimSuffix(strings.TrimPrefix(name, "hugepages-"), "kB")
	return strconv.FormatUint(s.node(path.Dir(path.Clean(folder))).Hugepages[size], 10), nil
}

func (s memorySysfs) GetCaches(id int) ([]os.FileInfo, error) {
	if s.cpuByID(id).L3 == nil {
		return nil, os.ErrNotExist
	}
	return entries("index3"), nil
}

func (s memorySysfs) GetCacheInfo(id int, _ string) (CacheInfo, error) {
	l3 := *s.cpuByID(id).L3
	sharing := 0
	for _, cpu := range s.machine.CPUs {
		if cpu.L3 != nil && *cpu.L3 == l3 && !cpu.Offline {
			sharing++
		}
	}
	return CacheInfo{Id: l3, Size: 32 << 20, Type: "Unified", Level: 3, Cpus: sharing}, nil
}

func (s memorySysfs) node(folder string) numaNode {
	id := numberAtEnd(folder)
	for _, node := range s.machine.Nodes {
		if node.ID == id {
			return node
		}
	}
	panic("no such node folder: " + folder)
}

func (s memorySysfs) cpu(folder string) cpu {
	return s.cpuByID(numberAtEnd(folder))
}

func (s memorySysfs) cpuByID(id int) cpu {
	// CPUs come in the order of their ids, mostly without gaps.
	if id < len(s.machine.CPUs) && s.machine.CPUs[id].ID == id {
		return s.machine.CPUs[id]
	}
	for _, cpu := range s.machine.CPUs {
		if cpu.ID == id {
			return cpu
		}
	}
	panic(fmt.Sprintf("no CPU %d", id))
}

func numberAtEnd(folder string) int {
	name := path.Base(folder)
	number, err := strconv.Atoi(strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz"))
	if err != nil {
		panic("no number at the end of " + folder)
	}
	return number
}

// entry is a folder's entry of which only the name is asked.
type entry string

func entries(names ...string) []os.FileInfo {
	infos := make([]os.FileInfo, len(names))
	for i, name := range names {
		infos[i] = entry(name)
	}
	return infos
}

func (e entry) Name() string       { return string(e) }
func (e entry) Size() int64        { return 0 }
func (e entry) Mode() os.FileMode  { return os.ModeDir }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return true }
func (e entry) Sys() any           { return nil }
