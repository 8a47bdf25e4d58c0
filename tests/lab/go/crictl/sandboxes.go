package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func runSandbox(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("runp")
	handler := text(flags, "", "runtime", "r")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("cannot run pod sandbox without a pod-config.json")
	}
	config, err := readConfig(flags.Arg(0))
	if err != nil {
		return fmt.Errorf("load podSandboxConfig: %w", err)
	}
	started, err := c.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: *handler})
	if err != nil {
		sayAsClient("RunPodSandbox from runtime service failed", err)
		return fmt.Errorf("run pod sandbox: %w", err)
	}
	fmt.Println(started.PodSandboxId)
	return nil
}

func readConfig(path string) (*cri.PodSandboxConfig, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := &cri.PodSandboxConfig{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(content, config); err != nil {
		return nil, err
	}
	if config.Metadata == nil || config.Metadata.Name == "" || config.Metadata.Namespace == "" || config.Metadata.Uid == "" {
		return nil, errors.New("name, namespace or uid is not in metadata")
	}
	return config, nil
}

func stopSandboxes(ctx context.Context, c client, arguments []string) error {
	return eachSandbox(newFlags("stopp"), arguments, func(id string) error {
		return stopSandbox(ctx, c, id)
	})
}

func removeSandboxes(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("rmp")
	force := truth(flags, "force", "f")
	return eachSandbox(flags, arguments, func(id string) error {
		if *force {
			if err := stopSandbox(ctx, c, id); err != nil {
				return err
			}
		}
		if _, err := c.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
			return fmt.Errorf("removing the pod sandbox %q: %w", id, err)
		}
		fmt.Println("Removed sandbox " + id)
		return nil
	})
}

// eachSandbox reads the flags and does something with every id that follows them.
func eachSandbox(flags *flag.FlagSet, arguments []string, do func(id string) error) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("ID cannot be empty")
	}
	for _, id := range flags.Args() {
		if err := do(id); err != nil {
			return err
		}
	}
	return nil
}

func stopSandbox(ctx context.Context, c client, id string) error {
	if _, err := c.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		return fmt.Errorf("stopping the pod sandbox %q: %w", id, err)
	}
	fmt.Println("Stopped sandbox " + id)
	return nil
}

func inspectSandboxes(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("inspectp")
	text(flags, "json", "output", "o")
	return eachSandbox(flags, arguments, func(id string) error {
		found, err := c.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
		if err != nil {
			return fmt.Errorf("getting the status of the pod sandbox %q: %w", id, err)
		}
		return showWithInfo(found.Status, found.Info)
	})
}

func listSandboxes(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("pods")
	output, quiet := text(flags, "table", "output", "o"), truth(flags, "quiet", "q")
	name, namespace := text(flags, "", "name"), text(flags, "", "namespace")
	id, state := text(flags, "", "id"), text(flags, "", "state", "s")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	filter, err := sandboxFilter(*id, *state)
	if err != nil {
		return err
	}
	named, err := regexp.Compile(*name)
	if err != nil {
		return fmt.Errorf("compile name regexp: %w", err)
	}
	spaced, err := regexp.Compile(*namespace)
	if err != nil {
		return fmt.Errorf("compile namespace regexp: %w", err)
	}
	listed, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{Filter: filter})
	if err != nil {
		return fmt.Errorf("listing pod sandboxes: %w", err)
	}
	found := &cri.ListPodSandboxResponse{}
	for _, pod := range listed.Items {
		if named.MatchString(pod.Metadata.GetName()) && spaced.MatchString(pod.Metadata.GetNamespace()) {
			found.Items = append(found.Items, pod)
		}
	}
	if *output == "json" {
		return showMessage(found)
	}
	if *quiet {
		for _, pod := range found.Items {
			fmt.Println(pod.Id)
		}
		return nil
	}
	rows := [][]string{{"POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"}}
	for _, pod := range found.Items {
		rows = append(rows, []string{
			short(pod.Id), moment(pod.CreatedAt), sandboxState(pod.State), pod.Metadata.GetName(),
			pod.Metadata.GetNamespace(), fmt.Sprint(pod.Metadata.GetAttempt()), orDefault(pod.RuntimeHandler),
		})
	}
	return showTable(rows)
}

func sandboxFilter(id, state string) (*cri.PodSandboxFilter, error) {
	filter := &cri.PodSandboxFilter{Id: id}
	switch strings.ToLower(state) {
	case "":
	case "ready":
		filter.State = &cri.PodSandboxStateValue{State: cri.PodSandboxState_SANDBOX_READY}
	case "notready":
		filter.State = &cri.PodSandboxStateValue{State: cri.PodSandboxState_SANDBOX_NOTREADY}
	default:
		return nil, errors.New("--state should be ready or notready")
	}
	return filter, nil
}

func sandboxState(state cri.PodSandboxState) string {
	if state == cri.PodSandboxState_SANDBOX_READY {
		return "Ready"
	}
	return "NotReady"
}

func orDefault(handler string) string {
	if handler == "" {
		return "(default)"
	}
	return handler
}
