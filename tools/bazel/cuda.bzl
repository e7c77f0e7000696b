"""cuda_library(): a library of .cu and .cc files, empty where no CUDA toolkit is installed."""

load("@local_cuda//:config.bzl", "CUDA_AVAILABLE", "CUDA_GENCODE", "CUDA_NVCC", "CUDNN_AVAILABLE")
load("@rules_cc//cc:defs.bzl", "cc_library")
load(":bitale.bzl", "BITALE_COPTS", "all_sources", "bitale_benchmarks", "bitale_tests", "files")

_HEADERS = [".h", ".cuh"]

def _compile_flags(ctx, cc_toolchain, compilation_context):
    flags = [
        "-ccbin=" + cc_toolchain.compiler_executable,
        "-std=c++20",
        "-O2",
        # As on the host: fma is written out where it is meant.
        "--fmad=false",
        "-Xcompiler=-ffp-contract=off,-fPIC,-Wall",
    ]
    if not ctx.label.workspace_name:
        flags += ["-Werror=all-warnings"]
    for gencode in CUDA_GENCODE:
        flags += ["-gencode", gencode]
    for folder in compilation_context.quote_includes.to_list():
        flags += ["-Xcompiler=-iquote," + folder]
    for folder in compilation_context.includes.to_list():
        flags += ["-I" + folder]
    for folder in compilation_context.system_includes.to_list():
        flags += ["-isystem", folder]
    for define in compilation_context.defines.to_list():
        flags += ["-D" + define]
    return flags + ctx.attr.copts

def _cuda_objects_impl(ctx):
    cc_toolchain = ctx.attr._cc_toolchain[cc_common.CcToolchainInfo]
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc_toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    deps = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    root = ctx.label.workspace_root or "."
    own = CcInfo(compilation_context = cc_common.create_compilation_context(
        headers = depset(ctx.files.hdrs),
        quote_includes = depset([root, ctx.bin_dir.path + ("/" + root if root != "." else "")]),
    ))
    context = cc_common.merge_cc_infos(cc_infos = [own, deps]).compilation_context
    flags = _compile_flags(ctx, cc_toolchain, context)

    objects = []
    for source in ctx.files.srcs:
        object = ctx.actions.declare_file("_objs/%s/%s.o" % (ctx.label.name, source.basename))
        objects.append(object)
        ctx.actions.run(
            executable = CUDA_NVCC,
            arguments = flags + ["-c", source.path, "-o", object.path],
            inputs = depset([source], transitive = [context.headers, cc_toolchain.all_files]),
            outputs = [object],
            mnemonic = "CudaCompile",
            progress_message = "Compiling %s with nvcc" % source.short_path,
            use_default_shell_env = True,
        )
    linking, _ = cc_common.create_linking_context_from_compilation_outputs(
        actions = ctx.actions,
        name = ctx.label.name,
        feature_configuration = features,
        cc_toolchain = cc_toolchain,
        compilation_outputs = cc_common.create_compilation_outputs(
            objects = depset(objects),
            pic_objects = depset(objects),
        ),
        linking_contexts = [deps.linking_context],
        alwayslink = True,
        disallow_dynamic_library = True,
    )
    return [
        DefaultInfo(files = depset(objects)),
        cc_common.merge_cc_infos(cc_infos = [own, deps, CcInfo(linking_context = linking)]),
    ]

_cuda_objects = rule(
    implementation = _cuda_objects_impl,
    attrs = {
        "copts": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "hdrs": attr.label_list(allow_files = _HEADERS),
        "srcs": attr.label_list(allow_files = [".cu"]),
        "_cc_toolchain": attr.label(default = Label("@bazel_tools//tools/cpp:current_cc_toolchain")),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    incompatible_use_toolchain_transition = True,
)

def cuda_library(name, srcs = [], hdrs = [], deps = [], copts = []):
    """A library that is always linked whole, since kernels register themselves.

    Args:
      name: of the library.
      srcs: .cu files for nvcc, .cc files for the host compiler; *_cudnn.cc only where cuDNN is.
      hdrs: headers.
      deps: of both kinds of source. The toolkit's headers and runtime are among them already.
      copts: for nvcc only.
    """
    if not CUDA_AVAILABLE:
        cc_library(name = name, visibility = ["//visibility:public"])
        return
    if not CUDNN_AVAILABLE:
        srcs = [s for s in srcs if not s.endswith("_cudnn.cc")]
    deps = deps + ["@local_cuda//:cuda_headers", "@local_cuda//:cudart"]
    kernels = [s for s in srcs if s.endswith(".cu")]
    if kernels:
        _cuda_objects(
            name = name + "_nvcc",
            srcs = kernels,
            hdrs = hdrs,
            copts = copts,
            deps = deps,
        )
        deps = deps + [":" + name + "_nvcc"]
    cc_library(
        name = name,
        srcs = [s for s in srcs if not s.endswith(".cu")],
        hdrs = [h for h in hdrs if h.endswith(".h")],
        copts = BITALE_COPTS,
        linkstatic = True,
        textual_hdrs = [h for h in hdrs if h.endswith(".cuh")],
        visibility = ["//visibility:public"],
        deps = deps,
        alwayslink = True,
    )

def cuda_folder(name, deps = [], tests = {}, test_deps = []):
    """A folder of the device layer: its library, and its tests where there is CUDA."""
    checks = ["*_test.cc", "*_benchmark.cc"]
    cuda_library(
        name = name,
        srcs = files(["*.cu", "*.cc"], checks),
        hdrs = files(["*.h", "*.cuh"]),
        deps = deps,
    )
    disabled = [] if CUDA_AVAILABLE else checks
    bitale_tests(deps = [":" + name] + deps + test_deps, exclude = disabled, **tests)
    bitale_benchmarks(deps = [":" + name] + deps + test_deps, exclude = disabled)
    all_sources()
