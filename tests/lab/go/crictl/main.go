// Command crictl stands in for Kubernetes' tool of that name, whose module cannot be had everywhere.
//
// It knows the sub-commands that an operator of a worker and the bot use, with the same flags, JSON, exit codes and
// words on failure: version, info, runp, stopp, rmp, pods, inspectp, ps, images. Anything else it refuses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	release         = "v1.36.0"
	defaultEndpoint = "unix:///run/containerd/containerd.sock"
	// containerd's answers hold its whole configuration.
	mostBytes = 16 << 20
)

// client is one connection to a container runtime.
type client struct {
	runtime cri.RuntimeServiceClient
	images  cri.ImageServiceClient
}

// command is a sub-command: it gets what follows its name.
type command func(ctx context.Context, c client, arguments []string) error

var commands = map[string]command{
	"version":  showVersion,
	"info":     showInfo,
	"runp":     runSandbox,
	"stopp":    stopSandboxes,
	"rmp":      removeSandboxes,
	"pods":     listSandboxes,
	"inspectp": inspectSandboxes,
	"ps":       listContainers,
	"images":   listImages,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		now := time.Now().UTC().Format(time.RFC3339)
		fmt.Fprintf(os.Stderr, "time=%q level=fatal msg=%q\n", now, err.Error())
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := newFlags("crictl")
	endpoint := text(flags, defaultEndpoint, "runtime-endpoint", "r")
	timeout := flags.Duration("timeout", 2*time.Second, "")
	flags.DurationVar(timeout, "t", *timeout, "")
	asked := truth(flags, "version", "v")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *asked {
		fmt.Println("crictl version " + release)
		return nil
	}
	do, known := commands[flags.Arg(0)]
	if !known {
		return fmt.Errorf("No help topic for '%s'", flags.Arg(0))
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	connected, err := connect(ctx, *endpoint)
	if err != nil {
		return err
	}
	return do(ctx, connected, flags.Args()[1:])
}

// connect asks for the version at once, as crictl does: whoever does not answer it serves no CRI.
func connect(ctx context.Context, endpoint string) (client, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "unix://" + endpoint
	}
	connection, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostBytes)),
	)
	if err != nil {
		return client{}, fmt.Errorf("connect endpoint %q: %w", endpoint, err)
	}
	connected := client{cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection)}
	if _, err := connected.runtime.Version(ctx, &cri.VersionRequest{}); err != nil {
		return client{}, fmt.Errorf("validate service connection: validate CRI v1 runtime API for endpoint %q: %w", endpoint, err)
	}
	return connected, nil
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// text is a flag with a value, under a long name and, where it has one, a short one.
func text(flags *flag.FlagSet, otherwise string, names ...string) *string {
	value := new(string)
	for _, name := range names {
		flags.StringVar(value, name, otherwise, "")
	}
	return value
}

func truth(flags *flag.FlagSet, names ...string) *bool {
	value := new(bool)
	for _, name := range names {
		flags.BoolVar(value, name, false, "")
	}
	return value
}
