package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/containerd/containerd/sys/reaper"
)

// machine is the two processes that a sandbox has on the host: the file daemon and the hypervisor, executed from the
// installation, so that a file that cannot run says so, and one that runs is in use.
type machine struct {
	sandbox   string
	processes []*os.Process
}

func startMachine(sandbox string, wanted *hypervisor) (*machine, error) {
	started := &machine{sandbox: sandbox}
	if wanted.VirtioFSDaemon != "" {
		if err := started.run(wanted.VirtioFSDaemon); err != nil {
			return nil, err
		}
	}
	if err := backingStore(wanted.FileMemBackend); err != nil {
		started.stop()
		return nil, err
	}
	if err := started.run(wanted.Path); err != nil {
		started.stop()
		return nil, fmt.Errorf("failed to launch qemu: %w", err)
	}
	return started, nil
}

// backingStore says what the hypervisor would say of a missing folder for the guest's memory.
func backingStore(folder string) error {
	if folder == "" {
		return nil
	}
	if _, err := os.Stat(folder); err != nil {
		return fmt.Errorf("failed to launch qemu: exit status 1, error messages from qemu log: qemu-system-x86_64: "+
			"can't open backing store %s for guest RAM: No such file or directory", folder)
	}
	return nil
}

// run starts a program that dies with this shim. The kernel ties that to the thread which started it, so the thread
// is kept for ever.
func (m *machine) run(program string) error {
	command := exec.Command(program)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	outcome := make(chan error)
	go func() {
		runtime.LockOSThread()
		exits, err := reaper.Default.Start(command)
		outcome <- err
		if err == nil {
			reaper.Default.Wait(command, exits)
			select {}
		}
	}()
	if err := <-outcome; err != nil {
		return err
	}
	m.processes = append(m.processes, command.Process)
	return nil
}

// stop is safe on a machine that never was.
func (m *machine) stop() {
	if m == nil {
		return
	}
	for _, process := range m.processes {
		_ = process.Kill()
	}
}
