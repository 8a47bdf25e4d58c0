"""The private root filesystem of a simulated worker, on one directory of the host.

One bind mount is the whole root, so that `/opt`, `/var`, `/etc` and `/tmp` are one filesystem as on an NCN, and
an exchange of two directories works. The host lends `/usr` read-only; `/usr/local` is the node's own. What an
operator would find in the files (containerd's configuration, its unit, Kata) is `state`'s; here is only what any
Linux has.
"""

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
INSTALLED = "/usr/local/lib/sandbox"
"""Where the node sees our stand-ins."""
_FOLDERS = (
    *("dev", "etc/systemd/system", "etc/cray", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp"),
    *("usr", "var/lib", "var/log", "var/tmp"),
)
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_SYSTEMD = ("systemctl", "systemd-run", "journalctl")
"""The host's own ones would speak to nobody, or to the host: ours are bound over them, too."""
_CONTAINERD = ("crictl", "containerd")

_RPM = """\
#!/bin/sh
# Bound over the host's own, if it has one: on SLE an rpm that does not even know itself has lost its database.
case $1 in
  -q) echo rpm-4.14.3 ;;
  -qf) shift 3; for file; do echo "file $file is not owned by any package"; done; exit 1 ;;
esac
"""

_PASSWD = """\
root:x:0:0:root:/root:/bin/bash
bin:x:1:1:bin:/bin:/usr/sbin/nologin
daemon:x:2:2:Daemon:/sbin:/usr/sbin/nologin
sshd:x:478:65534:SSH daemon:/var/lib/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/var/lib/nobody:/bin/bash
"""
_GROUP = """\
root:x:0:
bin:x:1:daemon
daemon:x:2:
tty:x:5:
kvm:x:475:
nogroup:x:65534:nobody
"""
_OS_RELEASE = """\
NAME="SLES"
VERSION="15-SP5"
VERSION_ID="15.5"
PRETTY_NAME="SUSE Linux Enterprise Server 15 SP5"
ID="sles"
ID_LIKE="suse"
CPE_NAME="cpe:/o:suse:sle_hpc:15:sp5"
"""
_PROFILE = "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"


@dataclass(frozen=True, slots=True)
class RootFilesystem:
    """`directory` belongs to this node alone."""

    directory: Path

    @property
    def root(self) -> Path:
        """Host path of the node's `/`, without `/usr`."""
        return self.directory / "root"

    @property
    def local(self) -> Path:
        """Host path of the node's `/usr/local`."""
        return self.directory / "usr-local"

    @property
    def boot_id(self) -> Path:
        return self.directory / "boot_id"

    def host_path(self, inside: str) -> Path:
        """Where a file of the node lies on the host; for set-up, so no link in it is followed."""
        if inside.startswith("/usr/local/"):
            return self.local / inside.removeprefix("/usr/local/")
        return self.root / inside.lstrip("/")

    def create(self, hostname: str, xname: str) -> None:
        """Lay out a node that has booted never before."""
        self.root.mkdir(parents=True)
        self.root.chmod(0o755)
        for folder in _FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name, target in _LINKS.items():
            (self.root / name).symlink_to(target)
        for folder, mode in (("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700)):
            (self.root / folder).chmod(mode)
        (self.root / "var/run").symlink_to("/run")
        self._write_etc(hostname, xname)
        self._install_programs()
        self.new_boot()

    def new_boot(self) -> None:
        """What a boot makes new: the boot id and an empty /run."""
        self.boot_id.write_text(f"{uuid.uuid4()}\n")
        shutil.rmtree(self.root / "run")
        for folder in ("run/systemd/transient", "run/lock"):
            (self.root / folder).mkdir(parents=True)

    def mounts(self) -> list[str]:
        """Bubblewrap's arguments that put this node's filesystem together."""
        shadows = [("/usr/bin/" + name, str(self.local / "bin" / name)) for name in _SYSTEMD]
        shadows.append(("/usr/bin/rpm", str(self.local / "lib/sandbox/rpm")))
        return [
            *("--bind", str(self.root), "/", "--ro-bind", "/usr", "/usr", "--bind", str(self.local), "/usr/local"),
            *(
                word
                for target, source in shadows
                if os.path.exists(target)
                for word in ("--ro-bind", source, target)
            ),
            *("--proc", "/proc", "--dev", "/dev"),
            *("--ro-bind", str(self.boot_id), "/proc/sys/kernel/random/boot_id"),
        ]

    def _write_etc(self, hostname: str, xname: str) -> None:
        for name, text in {
            "passwd": _PASSWD,
            "group": _GROUP,
            "os-release": _OS_RELEASE,
            "profile": _PROFILE,
            "hostname": f"{hostname}\n",
            "hosts": f"127.0.0.1 localhost\n127.0.0.1 {hostname} {hostname}.nmn\n",
            "machine-id": f"{uuid.uuid5(uuid.NAMESPACE_DNS, hostname).hex}\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
            "cray/xname": f"{xname}\n",
        }.items():
            (self.root / "etc" / name).write_text(text)
        # Debian's awk and friends are links into this directory.
        alternatives = Path("/etc/alternatives")
        if alternatives.is_dir():
            shutil.copytree(alternatives, self.root / "etc/alternatives", symlinks=True)

    def _install_programs(self) -> None:
        installed = self.local / "lib/sandbox"
        installed.mkdir(parents=True)
        (self.local / "bin").mkdir()
        (self.local / "sbin").mkdir()
        for program in PROGRAMS.glob("*.py"):
            shutil.copy(program, installed)
        (installed / "rpm").write_text(_RPM)
        (installed / "rpm").chmod(0o755)
        for name in _SYSTEMD:
            shutil.copy(PROGRAMS / "client.py", self.local / "bin" / name)
            (self.local / "bin" / name).chmod(0o755)
        for name in _CONTAINERD:
            (installed / f"{name}.py").chmod(0o755)
            (self.local / "bin" / name).symlink_to(f"../lib/sandbox/{name}.py")
