"""Every folder with C++ sources and a BUILD file: what suites and the layering test walk."""

load("//ops:families.bzl", "OP_FAMILIES")

PACKAGES = [
    "autograd",
    "core/base",
    "core/compile",
    "core/graph",
    "core/rewrite",
    "core/runtime",
    "core/tensor",
    "cuda/device",
    "cuda/library",
    "cuda/nvrtc",
    "cuda/runtime",
    "models",
    "models/networks",
    "models/program",
    "models/training",
    "nn",
    "nn/data",
    "ops",
    "ops/cpu",
    "ops/rewrites",
    "tests/device",
    "tests/end_to_end",
    "tests/errors",
    "tests/golden",
    "tests/layering",
    "tests/rewrites",
    "tests/support",
] + ["ops/" + family for family in OP_FAMILIES]
