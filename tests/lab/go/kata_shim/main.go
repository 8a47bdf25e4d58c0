// Command kata_shim stands in for Kata's shim (the Go runtime) in the lab.
//
// It is containerd's own runc shim under Kata's name, with Kata's front door before it: a sandbox is admitted only
// when the Kata configuration, everything that it names and the pod's annotations would satisfy Kata, and it is
// refused in Kata's words otherwise. What it stands in for is the micro-VM: the containers run under runc, beside a
// process whose executable is the installation's hypervisor.
//
// It is built from containerd 1.7: shims of that line are also understood by containerd 1.6 and 2.x, while one built
// from 2.x needs start parameters that only 2.x sends.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/runtime/v2/runc/manager"
	"github.com/containerd/containerd/runtime/v2/shim"
)

const runtimeName = "io.containerd.kata.v2"

func main() {
	if len(os.Args) == 2 && (os.Args[1] == "--version" || os.Args[1] == "-v") {
		fmt.Printf("Kata Containers containerd shim (Golang): id: %q, version: %s, commit: lab\n", runtimeName, version())
		return
	}
	shim.RunManager(context.Background(), manager.NewShimManager(runtimeName))
}

// version is that of the installation which this executable belongs to: one binary serves every release of the lab.
func version() string {
	executable, err := os.Executable()
	if err != nil {
		return "unknown"
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(executable), "..", "VERSION"))
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
