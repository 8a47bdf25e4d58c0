"""How many events a second the watch takes in, and how large ten thousand pods are in its cache.

`python -m tests.bench.watch_throughput [EVENTS]`: a child process sends that many Events in one watch over
loopback, as large as the ones of a real server (managedFields included); the watch decodes them all. A sanity
check to compare by hand, not a test: it asserts nothing about time.
"""

import asyncio
import gc
import multiprocessing
import resource
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import yaml

from bot.adapters.kube.client import ApiClient
from bot.adapters.kube.connect import connect
from bot.adapters.kube.resources import EVENTS
from bot.adapters.kube.watch import Bounds, Watch
from bot.adapters.kube.world import Table
from bot.core.objects import Event, Pod
from bot.core.settings import Kubernetes

PODS = 10_000


def event_line(number: int) -> bytes:
    name = f"cray-ims-6f9a2c1e-customize-cgncq.{number:016x}"
    fields = {f"f:{key}": {} for key in ("count", "firstTimestamp", "involvedObject", "lastTimestamp", "message")}
    managed = {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}
    body = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": "ims",
            "uid": f"88875349-3c98-4cf3-a976-{number:012x}",
            "resourceVersion": str(number + 2),
            "creationTimestamp": "2026-11-23T18:51:50Z",
            "managedFields": [managed],
        },
        "involvedObject": {"kind": "Pod", "namespace": "ims", "name": name[:30], "uid": "u", "apiVersion": "v1"},
        "reason": "FailedCreatePodSandBox",
        "message": "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: "
        'no runtime for "kata-qemu" is configured',
        "source": {"component": "kubelet", "host": "ncn-w001"},
        "firstTimestamp": "2026-11-23T18:51:50Z",
        "lastTimestamp": "2026-11-23T18:51:50Z",
        "count": 1,
        "type": "Warning",
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": "ncn-w001",
    }
    return msgspec.json.encode({"type": "ADDED", "object": body}) + b"\n"


def serve(pipe: Pipe, events: int) -> None:
    """An empty list, then one watch with all events, chunk by chunk."""
    lines = [event_line(number) for number in range(events)]
    chunks = [b"".join(lines[i : i + 50]) for i in range(0, events, 50)]
    empty = b'{"metadata":{"resourceVersion":"1"},"items":[]}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"watch=1" not in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(empty), empty))
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for chunk in chunks:
                writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                await writer.drain()
            await asyncio.sleep(60)

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Counting:
    """A listener that counts, and says when all have come."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.first_at = 0.0
        self.done = asyncio.Event()
        self._wanted = wanted

    def list_begins(self) -> None: ...

    def list_page(self, objects: Sequence[Event]) -> None: ...

    def list_ends(self) -> None: ...

    def changed(self, obj: Event, *, deleted: bool) -> None:
        self.first_at = self.first_at or time.perf_counter()
        self.count += 1
        if self.count == self._wanted:
            self.done.set()


async def measure(port: int, events: int) -> float:
    """Events a second, from the first to the last."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "kubeconfig"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "current-context": "c",
        }
        path.write_text(yaml.safe_dump(config))
        async with connect(Kubernetes(kubeconfig=path)) as connection:
            heard = Counting(events)
            watch = Watch(ApiClient(connection, timeout_s=5), EVENTS, heard, Bounds(60), namespace="ims")
            task = asyncio.create_task(watch.run())
            async with asyncio.timeout(120):
                await heard.done.wait()
            took_s = time.perf_counter() - heard.first_at
            task.cancel()
    return events / took_s


def pod_json(number: int) -> bytes:
    ims = f"6f9a2c1e-3b7d-4e0a-9c55-{number:012x}"
    name = f"cray-ims-{ims}-customize"
    labels = {"app": f"ims-{ims}-customize", "app.kubernetes.io/name": "ims-job", "job-name": name}
    env = [{"name": "IMS_JOB_ID", "value": ims}, {"name": "BUILD_ARCH", "value": "x86_64"}]
    container = {"name": "sshd", "image": "registry.local/ims-sshd:1", "env": env}
    status = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-23T18:51:50Z"}
    waiting = {"name": "sshd", "state": {"waiting": {"reason": "ContainerCreating"}}}
    body = {
        "metadata": {
            "name": f"{name}-abcde",
            "namespace": "ims",
            "uid": f"88875349-3c98-4cf3-a976-{number:012x}",
            "resourceVersion": str(number),
            "creationTimestamp": "2026-11-23T18:51:50Z",
            "labels": labels,
            "ownerReferences": [{"kind": "Job", "name": name, "uid": ims, "controller": True}],
        },
        "spec": {
            "nodeName": f"ncn-w{number % 900:03}",
            "runtimeClassName": "kata-qemu",
            "initContainers": [container] * 3,
            "containers": [container],
            "restartPolicy": "Never",
        },
        "status": {"phase": "Pending", "conditions": [status] * 4, "containerStatuses": [waiting]},
    }
    return msgspec.json.encode(body)


def measure_pods() -> float:
    """MiB that PODS pods add to this process."""
    decoder = msgspec.json.Decoder(Pod)
    table: Table[Pod] = Table(lambda _: None, lambda: None)
    gc.collect()
    before = rss_mib()
    for number in range(PODS):
        table.changed(decoder.decode(pod_json(number)), deleted=False)
    gc.collect()
    return rss_mib() - before


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, events), daemon=True)
    server.start()
    try:
        rate = asyncio.run(measure(here.recv(), events))
    finally:
        server.terminate()
        server.join()
    print(f"watch: {rate:,.0f} events/s ({events:,} events)")
    print(f"memory: {rss_mib():.0f} MiB in all before, {measure_pods():.1f} MiB more for {PODS:,} pods")


if __name__ == "__main__":
    main()
