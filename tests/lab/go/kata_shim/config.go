package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// defaultConfigs are the places where Kata looks when nobody names a file.
var defaultConfigs = []string{
	"/etc/kata-containers/configuration.toml",
	"/opt/kata/share/defaults/kata-containers/configuration.toml",
}

// hypervisor is what the front door reads of [hypervisor.qemu]. The first of them that is missing is named, in the
// order of the fields.
type hypervisor struct {
	Path              string   `toml:"path"`
	Kernel            string   `toml:"kernel"`
	Initrd            string   `toml:"initrd"`
	Image             string   `toml:"image"`
	Firmware          string   `toml:"firmware"`
	FirmwareVolume    string   `toml:"firmware_volume"`
	SharedFS          string   `toml:"shared_fs"`
	VirtioFSDaemon    string   `toml:"virtio_fs_daemon"`
	EnableAnnotations []string `toml:"enable_annotations"`
	FileMemBackend    string   `toml:"file_mem_backend"`
}

// loadConfig reads and checks the named file, or the first default that exists when `named` is empty.
func loadConfig(named string) (*hypervisor, error) {
	path, err := findConfig(named)
	if err != nil {
		return nil, fmt.Errorf("Cannot find usable config file (%w)", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var config struct {
		Hypervisor map[string]hypervisor `toml:"hypervisor"`
	}
	if _, err := toml.Decode(string(text), &config); err != nil {
		return nil, err
	}
	qemu := config.Hypervisor["qemu"]
	if err := qemu.check(); err != nil {
		return nil, fmt.Errorf("%v: %w", path, err)
	}
	return &qemu, nil
}

func findConfig(named string) (string, error) {
	if named != "" {
		return resolve(named)
	}
	var tried []string
	for _, place := range defaultConfigs {
		found, err := resolve(place)
		if err == nil {
			return found, nil
		}
		tried = append(tried, fmt.Sprintf("config file %q unresolvable: %v", place, err))
	}
	return "", errors.New(strings.Join(tried, ", "))
}

// check asks for every artifact, with links followed to their end.
func (h *hypervisor) check() error {
	for _, artifact := range []string{h.Path, h.Kernel} {
		if _, err := resolve(artifact); err != nil {
			return err
		}
	}
	if err := h.checkGuest(); err != nil {
		return err
	}
	for _, artifact := range []string{h.Firmware, h.FirmwareVolume} {
		if artifact == "" {
			continue
		}
		if _, err := resolve(artifact); err != nil {
			return err
		}
	}
	switch h.SharedFS {
	case "", "virtio-fs":
		if h.VirtioFSDaemon == "" {
			return errors.New("cannot enable virtio-fs without daemon path in configuration file")
		}
	case "virtio-9p", "virtio-fs-nydus", "none":
	default:
		return fmt.Errorf("Invalid hypervisor shared file system %v specified", h.SharedFS)
	}
	return nil
}

// checkGuest wants exactly one of the two ways to boot a guest.
func (h *hypervisor) checkGuest() error {
	_, noInitrd := optional("initrd", h.Initrd)
	_, noImage := optional("image", h.Image)
	switch {
	case noInitrd == nil && noImage == nil:
		return errors.New("having both an image and an initrd defined in the configuration file is not supported")
	case noInitrd != nil && noImage != nil:
		return fmt.Errorf("Either initrd or image must be set to a valid path (initrd: %v) (image: %v)", noInitrd, noImage)
	}
	return nil
}

func optional(key, path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%s is not set", key)
	}
	return resolve(path)
}

// resolve follows every link of the path.
func resolve(path string) (string, error) {
	if path == "" {
		return "", errors.New("path must be specified")
	}
	found, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("file %v does not exist", path)
	}
	return found, err
}
