"""Where the competitors are."""

import dataclasses
import os
import pathlib

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
ENVIRONMENTS = _CACHE / "bitale-bench"


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    command: list
    environment: dict = dataclasses.field(default_factory=dict)


def competitor():
    return _ROOT / "bazel-bin" / "tools" / "bench" / "competitor"


def peers(names):
    """Peers by name, "all" or "none"."""
    return []
