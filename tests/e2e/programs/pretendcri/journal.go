package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// journal is what the kubelet asked for, one JSON object a line.
type journal struct {
	mutex sync.Mutex
	file  *os.File
}

type entry struct {
	Time      string          `json:"time"`
	Call      string          `json:"call"`
	Pod       string          `json:"pod,omitempty"`
	Container string          `json:"container,omitempty"`
	Request   json.RawMessage `json:"request"`
}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{file: file}, nil
}

func (j *journal) note(call, pod, container string, request proto.Message) {
	body, err := protojson.Marshal(request)
	if err != nil {
		body = json.RawMessage(`null`)
	}
	line, _ := json.Marshal(entry{time.Now().UTC().Format(time.RFC3339Nano), call, pod, container, body})
	j.mutex.Lock()
	defer j.mutex.Unlock()
	_, _ = j.file.Write(append(line, '\n'))
}
