package main

import (
	"context"
	"fmt"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func showVersion(ctx context.Context, c client, _ []string) error {
	found, err := c.runtime.Version(ctx, &cri.VersionRequest{Version: "v1"})
	if err != nil {
		return fmt.Errorf("getting the runtime version: %w", err)
	}
	fmt.Printf("Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n",
		found.Version, found.RuntimeName, found.RuntimeVersion, found.RuntimeApiVersion)
	return nil
}

func showInfo(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("info")
	text(flags, "json", "output", "o")
	truth(flags, "quiet", "q")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	found, err := c.runtime.Status(ctx, &cri.StatusRequest{Verbose: true})
	if err != nil {
		return fmt.Errorf("getting status of runtime: %w", err)
	}
	return showWithInfo(found.Status, found.Info)
}

func listContainers(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("ps")
	output, quiet := text(flags, "table", "output", "o"), truth(flags, "quiet", "q")
	all, pod := truth(flags, "all", "a"), text(flags, "", "pod", "p")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	filter := &cri.ContainerFilter{PodSandboxId: *pod}
	if !*all {
		filter.State = &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}
	}
	found, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: filter})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	if *output == "json" {
		return showMessage(found)
	}
	if *quiet {
		for _, container := range found.Containers {
			fmt.Println(container.Id)
		}
		return nil
	}
	rows := [][]string{{"CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID"}}
	for _, each := range found.Containers {
		rows = append(rows, []string{
			short(each.Id), short(each.Image.GetImage()), moment(each.CreatedAt), containerState(each.State),
			each.Metadata.GetName(), fmt.Sprint(each.Metadata.GetAttempt()), short(each.PodSandboxId),
		})
	}
	return showTable(rows)
}

func containerState(state cri.ContainerState) string {
	word := strings.ToLower(strings.TrimPrefix(state.String(), "CONTAINER_"))
	return strings.ToUpper(word[:1]) + word[1:]
}

func listImages(ctx context.Context, c client, arguments []string) error {
	flags := newFlags("images")
	output, quiet := text(flags, "table", "output", "o"), truth(flags, "quiet", "q")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	found, err := c.images.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return fmt.Errorf("listing images: %w", err)
	}
	if *output == "json" {
		return showMessage(found)
	}
	rows := [][]string{{"IMAGE", "IMAGE ID", "SIZE"}}
	for _, image := range found.Images {
		if *quiet {
			fmt.Println(image.Id)
			continue
		}
		for _, tag := range image.RepoTags {
			rows = append(rows, []string{tag, short(strings.TrimPrefix(image.Id, "sha256:")), fmt.Sprint(image.Size)})
		}
	}
	if *quiet {
		return nil
	}
	return showTable(rows)
}
