// Pretendcri is a container runtime that runs nothing: sandboxes and containers are entries in a map, "running"
// until somebody stops them. It exists so that a real kubelet can be tested without a kernel's worth of containers.
//
// A container whose image has a tag such as exit0-3s ends by itself: exit code 0 after three seconds. Any other
// image runs for ever. What the kubelet asked for is appended to a file of JSON lines: the cpusets among it.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	socket := flag.String("socket", "", "unix socket to serve on")
	calls := flag.String("calls", "", "file that the kubelet's requests are appended to, as JSON lines")
	imageFS := flag.String("image-fs", "", "directory named as the mount point of images")
	flag.Parse()
	if *socket == "" || *calls == "" || *imageFS == "" {
		log.Fatal("pretendcri: --socket, --calls and --image-fs are needed")
	}
	journal, err := openJournal(*calls)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.MkdirAll(*imageFS, 0o755); err != nil {
		log.Fatal(err)
	}
	_ = os.Remove(*socket) // left by a run that was killed
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(logFailures))
	cri.RegisterRuntimeServiceServer(server, newRuntime(journal))
	cri.RegisterImageServiceServer(server, newImages(*imageFS))
	log.Printf("serving on %s", *socket)
	log.Fatal(server.Serve(listener))
}

// logFailures leaves a trace of what the kubelet asked for and did not get; "not found" is part of its routine.
func logFailures(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	answer, err := handle(ctx, request)
	if err != nil && status.Code(err) != codes.NotFound {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return answer, err
}
