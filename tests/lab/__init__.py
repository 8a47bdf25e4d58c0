"""The lab: a real API server, kubelet, containerd, systemd and sshd on one machine, and the bot proven on them.

It needs root on Debian 12, no KVM, no container registry, and no internet but the package registries.

    programs, toolchain, cache   what is built from Go modules, with which Go, and where it is kept
    control_plane                etcd and Kubernetes, and what every cluster of the lab holds
    node                         the workers: systemd containers
    kata                         the stand-in for Kata: releases, mirror, jobs, broken states
    cluster                      control plane and three workers as one thing
    claim                        one program at a time for each lab
    remains                      what of a lab is on the host, and taking it away
    daemon, host                 programs that outlive their starter; programs that are called to the end
    admin, applying              the administrator's hand on the API server, with verbs and with manifests
    installed, bot_image         the bot as a site installs it, and as an image
    story                        one story on a running lab: bot, Slack, mirror
    recording                    what the API server said in it, for `make test` to replay
    demo                         the demo's story, told on a lab (`make lab-demo`)
    test_*                       end to end (`make lab-test`)

By hand: `make lab`, `make lab-down`, or `python -m tests.lab --help`.
"""
