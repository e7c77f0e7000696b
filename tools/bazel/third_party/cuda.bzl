"""@local_cuda: the CUDA toolkit of this machine, if it has one.

Looks at $CUDA_PATH, or else at /usr/local/cuda. Without a toolkit the same targets exist and are
empty, and CUDA_AVAILABLE in config.bzl is False.
"""

load(":system.bzl", "cc_library_text")

# The newest architecture gets its own code, all others are served by PTX of the oldest.
_PTX_ARCHITECTURE = "75"
_DEFAULT_ARCHITECTURES = "90"

_CONFIG = """\
CUDA_AVAILABLE = {available}
CUDNN_AVAILABLE = {cudnn}
CUDA_NVCC = {nvcc}
CUDA_GENCODE = {gencode}
"""

_HEADERS = """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = "cuda_headers",
    hdrs = glob(
        [
            "include/*.h",
            "include/*.hpp",
            "include/crt/**",
            "include/cooperative_groups/**",
            "include/nvtx3/**",
            "include/cccl/nv/**",
        ],
    ),
    includes = [
        "include",
        "include/cccl",
    ],
    visibility = ["//visibility:public"],
)
"""

# Linked by option: Bazel would hash a shared library of half a gigabyte at every start. The run path
# can be overridden by LD_LIBRARY_PATH, for a machine that keeps the libraries elsewhere.
def _libraries(lib):
    find = ["-L" + lib, "-Wl,--enable-new-dtags,-rpath," + lib]
    headers = ":cuda_headers"
    return {
        "cudart": (["-L" + lib, "-l:libcudart_static.a", "-ldl", "-lpthread", "-lrt"], [headers]),
        "cublas": (find + ["-lcublas", "-lcublasLt"], [headers, ":cudart"]),
        "cudnn": (find + ["-lcudnn"], [headers, ":cudart"]),
        "nvrtc": (find + ["-lnvrtc"], [headers]),
    }

def _toolkit(ctx):
    """The toolkit's folder as a string, or None."""
    toolkit = ctx.os.environ.get("CUDA_PATH", "/usr/local/cuda")
    for needed in ["bin/nvcc", "include/cuda_runtime.h", "lib64/libcudart_static.a"]:
        if not ctx.path(toolkit + "/" + needed).exists:
            return None
    return toolkit

def _cuda_configure_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    toolkit = _toolkit(ctx)
    architectures = ctx.os.environ.get("BITALE_CUDA_ARCHITECTURES", _DEFAULT_ARCHITECTURES)
    gencode = ["arch=compute_%s,code=compute_%s" % (_PTX_ARCHITECTURE, _PTX_ARCHITECTURE)] + [
        "arch=compute_%s,code=sm_%s" % (a, a)
        for a in architectures.split(",")
    ]
    cudnn = toolkit != None and ctx.path(toolkit + "/include/cudnn.h").exists
    ctx.file("config.bzl", _CONFIG.format(
        available = toolkit != None,
        cudnn = cudnn,
        nvcc = repr(toolkit + "/bin/nvcc" if toolkit else ""),
        gencode = repr(gencode if toolkit else []),
    ))
    if toolkit:
        ctx.symlink(toolkit + "/include", "include")
        text = _HEADERS
        libraries = _libraries(toolkit + "/lib64")
        if not cudnn:
            libraries["cudnn"] = ([], [])
    else:
        text = cc_library_text("cuda_headers")
        libraries = {name: ([], []) for name in ["cudart", "cublas", "cudnn", "nvrtc"]}
    for name, (linkopts, deps) in libraries.items():
        text += cc_library_text(name, linkopts = linkopts, deps = deps)
    ctx.file("BUILD", text)

cuda_configure = repository_rule(
    implementation = _cuda_configure_impl,
    configure = True,
    environ = [
        "BITALE_CUDA_ARCHITECTURES",
        "CUDA_PATH",
    ],
    local = True,
)
