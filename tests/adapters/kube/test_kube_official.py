"""Of the official package only what reads a configuration is in memory."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys
from pathlib import Path
from bot.adapters.kube.connect import connect
from bot.core.settings import Kubernetes

async def main():
    async with connect(Kubernetes(kubeconfig=Path(sys.argv[1]))) as connection:
        print(connection.base_url)

asyncio.run(main())
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"requests", "oauthlib", "websocket", "urllib3"}))
"""

KUBECONFIG = """
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
"""


def test_a_connection_does_not_import_the_package_s_clients(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)
    assert ["http://127.0.0.1:9", ""] == done.stdout.splitlines()
