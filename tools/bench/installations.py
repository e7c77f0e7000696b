"""Where the competitors are, and how the peers come to be there.

Debian's packages are installed by `run`; what comes from the Python package index gets an
environment of its own for each peer, outside of the project. Peers in C++ are compiled here, and not
by Bazel: Bitale is built on machines that have none of their libraries.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys

_HERE = pathlib.Path(__file__).resolve().parent
_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
ENVIRONMENTS = _CACHE / "bitale-bench"


@dataclasses.dataclass(frozen=True)
class Peer:
    """A program in peers/, run by the Python of `environment_name`, or Debian's without one."""

    name: str
    program: str
    options: tuple = ()
    environment_name: str = ""
    packages: tuple = ()

    @property
    def python(self):
        if not self.environment_name:
            return pathlib.Path("/usr/bin/python3")
        return ENVIRONMENTS / self.environment_name / "bin" / "python"

    @property
    def command(self):
        return [str(self.python), str(_HERE / "peers" / self.program), *self.options]

    @property
    def environment(self):
        # No bytecode beside the sources.
        return {"PYTHONDONTWRITEBYTECODE": "1"}

    def install(self):
        """Says so if it cannot; starting the peer fails then, and the table tells."""
        folder = ENVIRONMENTS / self.environment_name
        if not self.environment_name or (folder / "installed").exists():
            return
        print(f"installing {' '.join(self.packages)} into {folder}", flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            subprocess.run([str(self.python), "-m", "pip", "install", "--quiet", "--no-cache-dir",
                            "--disable-pip-version-check", *self.packages], check=True)
            (folder / "installed").touch()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{self.name} cannot be had: {error}", flush=True)


@dataclasses.dataclass(frozen=True)
class CompiledPeer:
    """A program made of C++ in peers/ and a library from Debian.

    header: of the library; where it is missing, so is the package.
    """

    name: str
    sources: tuple
    package: str
    header: str
    flags: tuple

    environment = {}

    @property
    def program(self):
        return ENVIRONMENTS / "compiled" / self.name

    @property
    def command(self):
        return [str(self.program)]

    def install(self):
        """Compiles what is older than its sources. Says so if it cannot, as Peer does."""
        peers_folder = _HERE / "peers"
        sources = [peers_folder / source for source in (*self.sources, "common.cc", "nets.cc")]
        made_from = [pathlib.Path(__file__), *sources, *peers_folder.glob("*.h"),
                     _HERE / "counter_hash.h"]
        newest = max(file.stat().st_mtime for file in made_from)
        if self.program.exists() and self.program.stat().st_mtime > newest:
            return
        # An outdated program must not be taken for this one.
        self.program.unlink(missing_ok=True)
        if not pathlib.Path(self.header).exists():
            print(f"{self.name} cannot be had: Debian's {self.package} is not installed", flush=True)
            return
        print(f"compiling {self.name} into {self.program.parent}", flush=True)
        self.program.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.program.with_suffix(f".{os.getpid()}")
        try:
            subprocess.run(["g++", *_COMPILER_FLAGS, *map(str, sources), *self.flags,
                            "-o", str(unfinished)], check=True)
            unfinished.rename(self.program)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{self.name} cannot be had: {error}", flush=True)


# Programs stay on the machine that they are compiled on.
_COMPILER_FLAGS = ("-std=c++20", "-O3", "-march=native", "-fopenmp")
_TORCH_HEADERS = "/usr/include/torch/csrc/api/include"

PEERS = (
    Peer("torch-debian", "torch_peer.py"),
    CompiledPeer("libtorch", ("libtorch_peer.cc",), "libtorch-dev",
                 f"{_TORCH_HEADERS}/torch/torch.h",
                 ("-isystem", _TORCH_HEADERS, "-ltorch", "-ltorch_cpu", "-lc10")),
    CompiledPeer("onednn-chain",
                 ("onednn_peer.cc", "onednn_net.cc", "onednn_program.cc", "max_pooling.cc"),
                 "libdnnl-dev", "/usr/include/dnnl.hpp", ("-ldnnl",)),
    Peer("torch", "torch_peer.py", (), "torch", ("torch", "numpy")),
    Peer("torch.compile", "torch_peer.py", ("--compile",), "torch", ("torch", "numpy")),
    Peer("jax", "jax_peer.py", (), "jax", ("jax",)),
    Peer("keras", "keras_peer.py", (), "tensorflow", ("tensorflow-cpu",)),
    Peer("pytensor", "pytensor_peer.py", (), "pytensor", ("pytensor",)),
)


def competitor():
    return _HERE.parents[1] / "bazel-bin" / "tools" / "bench" / "competitor"


def peers(names):
    """Peers by name, "all" or "none", installed."""
    wanted = {"all": [peer.name for peer in PEERS], "none": []}.get(names, names.split(","))
    known = {peer.name: peer for peer in PEERS}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"no such peer: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in wanted:
        known[name].install()
    return [known[name] for name in wanted]
