"""op_family(): the BUILD file of ops/<family>/, by the suffix of each file.

    x.h x.cc               symbolic part          joins //ops:symbolic
    x_functors.h           scalar formulas        joins //ops:symbolic
    x_rewrites.cc          rules                  joins //ops:rewrites
    x_cpu.h x_cpu.cc       CPU kernels            this family's `cpu`, part of //ops:cpu
    x_cuda.cu x_cudnn.cc   CUDA kernels           this family's `cuda`, part of //ops:cuda
    x_test.cc              a test
    x_benchmark.cc         a program

Symbolic parts of all families are one library because gradients are mutually recursive. Kernels and
rules register themselves: nothing names them, so their libraries are always linked whole.
"""

load("@rules_cc//cc:defs.bzl", "cc_library")
load(":bitale.bzl", "BITALE_COPTS", "all_sources", "bitale_benchmarks", "bitale_tests", "files")
load(":cuda.bzl", "cuda_library")

_CUDA_SOURCES = ["*_cuda.cu", "*_cuda.cc", "*_cudnn.cc"]
_CUDA_HEADERS = ["*_cuda.h", "*_cuda.cuh", "*_cudnn.h"]
_KERNELS = ["*_cpu.cc", "*_cpu.h"] + _CUDA_SOURCES + _CUDA_HEADERS
_CHECKS = ["*_test.cc", "*_benchmark.cc"]
_RULES = ["*_rewrites.cc", "*_rewrites.h"]

# What a CPU kernel may use.
CPU_KERNEL_DEPS = [
    "//core/base",
    "//core/compile:kernel_registry",
    "//core/runtime",
    "//core/tensor",
    "//ops:symbolic",
    "//ops/cpu",
    "@com_google_highway//:hwy",
    "@com_google_highway//:hwy_contrib",
    "@onednn//:onednn",
]

# What a CUDA kernel may use.
CUDA_KERNEL_DEPS = [
    "//core/base",
    "//core/compile:kernel_registry",
    "//core/runtime",
    "//core/tensor",
    "//cuda",
    "//ops:symbolic",
]

TEST_DEPS = [
    "//autograd",
    "//core/base",
    "//core/compile",
    "//core/graph",
    "//core/rewrite",
    "//core/runtime",
    "//core/tensor",
    "//ops",
    "//tests/support",
]

def symbolic_filegroups():
    """symbolic_srcs, symbolic_hdrs, rewrites_srcs and public_hdrs of an ops/ package."""
    groups = {
        "symbolic_srcs": files(["*.cc"], _KERNELS + _CHECKS + _RULES),
        "symbolic_hdrs": files(["*.h"], _KERNELS + _RULES),
        "rewrites_srcs": files(_RULES),
        "public_hdrs": files(["*.h"], _KERNELS + _RULES + ["*_functors.h", "*_internal.h"]),
    }
    for name, srcs in groups.items():
        native.filegroup(
            name = name,
            srcs = srcs,
            visibility = ["//:__pkg__", "//ops:__pkg__"],
        )

def op_family(
        name,
        cpu_deps = [],
        cpu_copts = [],
        cuda_deps = [],
        test_deps = [],
        tests = {}):
    """Everything that ops/<name>/ builds.

    Args:
      name: the family, which is the folder's name.
      cpu_deps: what its CPU kernels need besides CPU_KERNEL_DEPS.
      cpu_copts: compiler options for its CPU kernels.
      cuda_deps: what its CUDA kernels need besides CUDA_KERNEL_DEPS.
      test_deps: what its tests and benchmarks need besides TEST_DEPS.
      tests: keyword arguments for bitale_tests(): data, size, timeout, shard_count, ...
    """
    if native.package_name() != "ops/" + name:
        fail("op_family(name = \"%s\") belongs in ops/%s" % (name, name))
    symbolic_filegroups()
    cc_library(
        name = "cpu",
        srcs = files(["*_cpu.cc"]),
        hdrs = files(["*_cpu.h"]),
        # Loops of kernels become vector code.
        copts = BITALE_COPTS + ["-O3"] + cpu_copts,
        linkstatic = True,
        visibility = ["//visibility:public"],
        deps = CPU_KERNEL_DEPS + cpu_deps,
        alwayslink = True,
    )
    cuda_library(
        name = "cuda",
        srcs = files(_CUDA_SOURCES),
        hdrs = files(_CUDA_HEADERS),
        deps = CUDA_KERNEL_DEPS + cuda_deps,
    )
    bitale_tests(deps = TEST_DEPS + test_deps, **tests)
    bitale_benchmarks(deps = TEST_DEPS + test_deps)
    all_sources()
