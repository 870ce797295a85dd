package main

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// images claims that every image is there.
type images struct {
	cri.UnimplementedImageServiceServer

	mountPoint string
	mutex      sync.Mutex
	known      map[string]*cri.Image
}

const noDigest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"

func newImages(mountPoint string) *images {
	return &images{mountPoint: mountPoint, known: map[string]*cri.Image{}}
}

// image finds one by name, or makes it; call it with the mutex held.
func (i *images) image(name string) *cri.Image {
	found := i.known[name]
	if found == nil {
		found = &cri.Image{Id: name, RepoTags: []string{name}, RepoDigests: []string{name + noDigest}, Size: 1 << 20, Spec: &cri.ImageSpec{Image: name}}
		i.known[name] = found
	}
	return found
}

func (i *images) ImageStatus(_ context.Context, request *cri.ImageStatusRequest) (*cri.ImageStatusResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return &cri.ImageStatusResponse{Image: i.image(request.GetImage().GetImage())}, nil
}

func (i *images) PullImage(_ context.Context, request *cri.PullImageRequest) (*cri.PullImageResponse, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return &cri.PullImageResponse{ImageRef: i.image(request.GetImage().GetImage()).Id}, nil
}

func (i *images) RemoveImage(context.Context, *cri.RemoveImageRequest) (*cri.RemoveImageResponse, error) {
	return &cri.RemoveImageResponse{}, nil
}

func (i *images) ListImages(context.Context, *cri.ListImagesRequest) (*cri.ListImagesResponse, error) {
	return &cri.ListImagesResponse{Images: i.list()}, nil
}

func (i *images) StreamImages(_ *cri.StreamImagesRequest, stream grpc.ServerStreamingServer[cri.StreamImagesResponse]) error {
	return stream.Send(&cri.StreamImagesResponse{Images: i.list()})
}

func (i *images) list() []*cri.Image {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var all []*cri.Image
	for _, each := range i.known {
		all = append(all, each)
	}
	return all
}

func (i *images) ImageFsInfo(context.Context, *cri.ImageFsInfoRequest) (*cri.ImageFsInfoResponse, error) {
	usage := []*cri.FilesystemUsage{{
		Timestamp:  time.Now().UnixNano(),
		FsId:       &cri.FilesystemIdentifier{Mountpoint: i.mountPoint},
		UsedBytes:  &cri.UInt64Value{Value: 1 << 20},
		InodesUsed: &cri.UInt64Value{Value: 10},
	}}
	return &cri.ImageFsInfoResponse{ImageFilesystems: usage, ContainerFilesystems: usage}, nil
}
