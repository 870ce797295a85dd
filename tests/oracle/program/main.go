// The oracle: what the kubelet's own code does with pods on a machine, for tests to compare with. Reads scenarios as JSON
// lines (scenario.go), answers each with one line (answer.go), in that order.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"sync"
	"time"
)

func main() {
	folder := flag.String("folder", "", "where checkpoints go; best a tmpfs (default: /dev/shm, else the temporary folder)")
	gates := flag.Bool("gates", false, "print every feature gate with its default, and end")
	profile := flag.String("profile", "", "write a CPU profile to this file")
	flag.Uint64Var(&maxPermutations, "permutations", maxPermutations, "stop a step whose merge would walk more")
	flag.DurationVar(&patience, "patience", patience, "take a scenario that lasts longer for one that hangs")
	flag.Parse()
	if err := serve(*folder, *gates, *profile); errors.Is(err, errHung) {
		os.Exit(hungStatus)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func serve(folder string, gates bool, profile string) error {
	quieten()
	debug.SetGCPercent(400)
	if gates {
		return json.NewEncoder(os.Stdout).Encode(defaultGates())
	}
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	base, err := os.MkdirTemp(checkpoints(folder), "oracle-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(base)
	return answerAll(base, os.Stdin, os.Stdout)
}

func checkpoints(folder string) string {
	if folder == "" {
		if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
			return "/dev/shm"
		}
	}
	return folder
}

func answerAll(base string, in io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(bufio.NewReaderSize(in, 1<<20))
	buffered := bufio.NewWriterSize(out, 1<<20)
	encoder := json.NewEncoder(buffered)
	for number := 0; ; number++ {
		next := &scenario{}
		if err := decoder.Decode(next); errors.Is(err, io.EOF) {
			return buffered.Flush()
		} else if err != nil {
			return fmt.Errorf("scenario %d: %w", number, err)
		}
		folder := filepath.Join(base, fmt.Sprint(number))
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		told, ended := runPatiently(next, folder)
		if err := encoder.Encode(told); err != nil {
			return err
		}
		if err := buffered.Flush(); err != nil {
			return err
		}
		if !ended {
			return errHung
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
}

// errHung ends the process after an answer: the kubelet's code searches for ever, and nothing can stop it from outside.
var errHung = errors.New("hung")

// hungStatus is the exit status for that; who asked starts another process for what is left.
const hungStatus = 3

// patience is how long a scenario may take.
var patience = 30 * time.Second

// runPatiently plays one scenario; where that takes too long, its answer ends with the step that hung.
func runPatiently(s *scenario, folder string) (answer, bool) {
	progress := &journal{answer: answer{Name: s.Name}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(s, folder, progress)
	}()
	select {
	case <-ended:
		return progress.answer, true
	case <-time.After(patience):
		return progress.hung(), false
	}
}

// journal is an answer that grows while another goroutine waits for it.
type journal struct {
	mutex  sync.Mutex
	answer answer
}

func (j *journal) write(change func(*answer)) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	change(&j.answer)
}

func (j *journal) hung() answer {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	told := j.answer
	told.Steps = append(slices.Clone(told.Steps), stepAnswer{Outcome: hung})
	return told
}
