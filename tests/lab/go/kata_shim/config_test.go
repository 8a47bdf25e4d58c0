package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// installed lays out an installation in a folder of the test and returns the path of its configuration.
func installed(t *testing.T, more string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"qemu", "vmlinux-1", "image", "initrd", "virtiofsd"} {
		write(t, filepath.Join(folder, name), "x")
	}
	if err := os.Symlink("vmlinux-1", filepath.Join(folder, "vmlinux")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "configuration.toml")
	write(t, config, fmt.Sprintf(`[hypervisor.qemu]
path = "%[1]s/qemu"
kernel = "%[1]s/vmlinux"
image = "%[1]s/image"
virtio_fs_daemon = "%[1]s/virtiofsd"
enable_annotations = ["enable_iommu", "virtio_fs_.*"]
%[2]s
`, folder, more))
	return config
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestACompleteInstallationIsAccepted(t *testing.T) {
	if _, err := loadConfig(installed(t, "")); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsMissingIsRefusedInKatasWords(t *testing.T) {
	for missing, words := range map[string]string{
		"qemu":      "@/configuration.toml: file @/qemu does not exist",
		"vmlinux-1": "@/configuration.toml: file @/vmlinux does not exist",
		"image": "@/configuration.toml: Either initrd or image must be set to a valid path " +
			"(initrd: initrd is not set) (image: file @/image does not exist)",
		"configuration.toml": "Cannot find usable config file (file @/configuration.toml does not exist)",
	} {
		config := installed(t, "")
		folder := filepath.Dir(config)
		if err := os.Remove(filepath.Join(folder, missing)); err != nil {
			t.Fatal(err)
		}
		_, err := loadConfig(config)
		if expected := strings.ReplaceAll(words, "@", folder); err == nil || expected != err.Error() {
			t.Errorf("without %s: %v, not %s", missing, err, expected)
		}
		if code := status.Code(coded(err)); code != codes.NotFound {
			t.Errorf("without %s: code %v", missing, code)
		}
	}
}

func TestAConfigurationThatSaysTooMuchIsRefused(t *testing.T) {
	config := installed(t, "")
	folder := filepath.Dir(config)
	for more, words := range map[string]string{
		fmt.Sprintf("initrd = %q", folder+"/initrd"): "having both an image and an initrd",
		`shared_fs = "floppy"`:                       "Invalid hypervisor shared file system floppy specified",
		fmt.Sprintf("firmware = %q", folder+"/bios"): "file " + folder + "/bios does not exist",
	} {
		text, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(folder, "other.toml")
		write(t, other, string(text)+more+"\n")
		if _, err := loadConfig(other); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, not %s", more, err, words)
		}
	}
}

func TestVirtioFSNeedsItsDaemon(t *testing.T) {
	config := installed(t, "")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, strings.ReplaceAll(string(text), "virtio_fs_daemon", "#virtio_fs_daemon"))
	words := config + ": cannot enable virtio-fs without daemon path in configuration file"
	if _, err := loadConfig(config); err == nil || words != err.Error() {
		t.Fatalf("%v, not %s", err, words)
	}
}

func TestAnnotationsAreAdmittedByPatterns(t *testing.T) {
	wanted, err := loadConfig(installed(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	const iommu, memory = hypervisorAnnotation + "enable_iommu", hypervisorAnnotation + "default_memory"
	for name, refused := range map[string]bool{
		iommu: false,
		hypervisorAnnotation + "virtio_fs_extra_args": false,
		memory:                                 true,
		"io.katacontainers.config.agent.trace": false,
		"io.kubernetes.cri.sandbox-name":       false,
	} {
		err := wanted.admit(map[string]string{name: "1"})
		if refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if words, err := "annotation "+memory+" is not enabled", wanted.admit(map[string]string{memory: "1", iommu: "1"}); err.Error() != words {
		t.Errorf("%v, not %s", err, words)
	}
}
