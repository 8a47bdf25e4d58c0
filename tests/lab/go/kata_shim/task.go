package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	taskAPI "github.com/containerd/containerd/api/runtime/task/v2"
	runtimeoptions "github.com/containerd/containerd/pkg/runtimeoptions/v1"
	"github.com/containerd/containerd/pkg/shutdown"
	"github.com/containerd/containerd/plugin"
	"github.com/containerd/containerd/runtime/v2/runc/task"
	"github.com/containerd/containerd/runtime/v2/shim"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func init() {
	plugin.Register(&plugin.Registration{
		Type:     plugin.TTRPCPlugin,
		ID:       "task",
		Requires: []plugin.Type{plugin.EventPlugin, plugin.InternalPlugin},
		InitFn: func(ic *plugin.InitContext) (any, error) {
			publisher, err := ic.GetByID(plugin.EventPlugin, "publisher")
			if err != nil {
				return nil, err
			}
			ending, err := ic.GetByID(plugin.InternalPlugin, "shutdown")
			if err != nil {
				return nil, err
			}
			return newService(ic.Context, publisher.(shim.Publisher), ending.(shutdown.Service))
		},
	})
}

// service is the runc task service behind Kata's front door. One process serves one pod.
type service struct {
	taskAPI.TaskService
	mu      sync.Mutex
	machine *machine
}

func newService(ctx context.Context, publisher shim.Publisher, ending shutdown.Service) (*service, error) {
	behind, err := task.NewTaskService(ctx, publisher, ending)
	if err != nil {
		return nil, err
	}
	s := &service{TaskService: behind}
	ending.RegisterCallback(func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.machine.stop()
		return nil
	})
	return s, nil
}

// RegisterTTRPC makes the wrapper, not what it wraps, answer containerd.
func (s *service) RegisterTTRPC(server *ttrpc.Server) error {
	taskAPI.RegisterTaskService(server, s)
	return nil
}

// Create admits the pod's sandbox as Kata would, starts its machine, and lets runc do the rest.
//
// The options are Kata's (a ConfigPath), so they end here: runc knows options of another type only.
func (s *service) Create(ctx context.Context, request *taskAPI.CreateTaskRequest) (*taskAPI.CreateTaskResponse, error) {
	if err := s.boot(request); err != nil {
		return nil, coded(err)
	}
	request.Options = nil
	return s.TaskService.Create(ctx, request)
}

func (s *service) boot(request *taskAPI.CreateTaskRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod, err := podAnnotations(request.Bundle)
	if err != nil {
		return err
	}
	if pod["io.kubernetes.cri.container-type"] == "container" {
		return nil
	}
	if s.machine != nil {
		return fmt.Errorf("cannot create another sandbox in sandbox: %s", s.machine.sandbox)
	}
	named, err := namedConfig(pod, request)
	if err != nil {
		return err
	}
	wanted, err := loadConfig(named)
	if err != nil {
		return err
	}
	if err := wanted.admit(pod); err != nil {
		return err
	}
	s.machine, err = startMachine(request.ID, wanted)
	return err
}

func podAnnotations(bundle string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return nil, err
	}
	var spec struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return nil, err
	}
	return spec.Annotations, nil
}

// namedConfig is the configuration file that the pod, containerd's ConfigPath or the environment names, in this order;
// empty when nobody names one.
func namedConfig(pod map[string]string, request *taskAPI.CreateTaskRequest) (string, error) {
	if path := pod["io.katacontainers.config_path"]; path != "" {
		return path, nil
	}
	if request.Options.GetValue() != nil {
		options, err := typeurl.UnmarshalAny(request.Options)
		if err != nil {
			return "", err
		}
		if kata, ok := options.(*runtimeoptions.Options); ok && kata.ConfigPath != "" {
			return kata.ConfigPath, nil
		}
	}
	return os.Getenv("KATA_CONF_FILE"), nil
}

// coded gives a refusal the code that Kata derives from its own words; other errors go to ttrpc as they are, which
// maps those of the operating system.
func coded(err error) error {
	if text := err.Error(); strings.Contains(text, "not found") || strings.Contains(text, "not exist") {
		return status.Error(codes.NotFound, text)
	}
	return err
}
