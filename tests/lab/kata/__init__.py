"""Kata in the lab: the stand-in's releases, the jobs that need it, and the ways in which a worker lacks it.

    release   what a release consists of: the layout of the sandbox's, with programs that a real containerd starts
    mirror    the releases over HTTP on the lab's bridge, with their traps
    states    puts a running worker into a state: ready, or broken in one way
    jobs      IMS jobs as the sandbox builds them, made to run on a real kubelet without a registry

The shim itself is `../go/kata_shim`.
"""
