// Pretendplugin registers device plugins with the kubelet and serves devices that do not exist. The devices come
// from a JSON file, which is read again when it changes, so that devices can come, go and fall ill:
//
//	{"example.com/gpu": [{"id": "gpu0", "numa": [0]}, {"id": "gpu1", "numa": [0, 1]}, {"id": "gpu2", "unhealthy": true}]}
//
// A device without "numa" has no topology at all; one with an empty list has an empty topology. It registers again
// whenever the kubelet has made its socket anew. A resource whose name ends in /broken fails every allocation.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"
)

const pollInterval = 200 * time.Millisecond

func main() {
	folder := flag.String("dir", "/var/lib/kubelet/device-plugins", "the kubelet's device-plugin directory")
	config := flag.String("config", "", "JSON file of resources and their devices")
	flag.Parse()
	plugins := map[string]*plugin{}
	var seenConfig, seenSocket os.FileInfo
	for ; ; time.Sleep(pollInterval) {
		if changed(&seenConfig, *config) {
			wanted, err := readDevices(*config)
			if err != nil {
				log.Print(err)
				continue
			}
			for resource, devices := range wanted {
				if plugins[resource] == nil {
					plugins[resource] = newPlugin(resource, *folder)
				}
				plugins[resource].offer(devices)
			}
		}
		if changed(&seenSocket, filepath.Join(*folder, "kubelet.sock")) {
			for _, each := range plugins {
				each.stop()
			}
		}
		for _, each := range plugins {
			if err := each.keepRegistered(); err != nil {
				log.Print(err)
			}
		}
	}
}

// changed says whether a file is there and another one than last time.
func changed(last *os.FileInfo, path string) bool {
	now, err := os.Stat(path)
	if err != nil {
		return false
	}
	before := *last
	*last = now
	return before == nil || !os.SameFile(before, now) || !before.ModTime().Equal(now.ModTime())
}
