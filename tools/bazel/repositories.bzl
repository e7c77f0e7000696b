"""bitale_repositories(): everything that Bitale depends on, from Debian's packages.

Each repository has its upstream name. One that the WORKSPACE has already declared is left alone, so
any library can be taken from a source archive instead, without a change to a BUILD file.
"""

load("//tools/bazel/third_party:abseil.bzl", "abseil")
load("//tools/bazel/third_party:bazel_tools.bzl", "bazel_tool_repositories")
load("//tools/bazel/third_party:cuda.bzl", "cuda_configure")
load("//tools/bazel/third_party:fmt.bzl", "fmt")
load("//tools/bazel/third_party:system.bzl", "cc_library_text", "system_repository")

def _missing(name):
    return native.existing_rule(name) == None

def _library(name, targets):
    """A repository whose root package holds `targets`: name -> keyword arguments of cc_library."""
    if _missing(name):
        text = "".join([cc_library_text(target, **kwargs) for target, kwargs in targets.items()])
        system_repository(name = name, files = {"BUILD": text})

def bitale_repositories():
    """Declares the repositories that a workspace with Bitale in it needs."""
    bazel_tool_repositories()
    if _missing("com_google_absl"):
        abseil("com_google_absl")
    if _missing("com_github_fmtlib_fmt"):
        fmt("com_github_fmtlib_fmt")
    _library("com_google_googletest", {
        "gtest": {"linkopts": ["-l:libgmock.a", "-l:libgtest.a", "-lpthread"]},
        "gtest_main": {"linkopts": ["-l:libgmock_main.a"], "deps": [":gtest"]},
    })
    _library("com_github_google_benchmark", {
        "benchmark": {"linkopts": ["-lbenchmark", "-lpthread"]},
        "benchmark_main": {"linkopts": ["-l:libbenchmark_main.a"], "deps": [":benchmark"]},
    })
    _library("com_google_highway", {
        "hwy": {"linkopts": ["-lhwy"]},
        "hwy_contrib": {"linkopts": ["-lhwy_contrib"], "deps": [":hwy"]},
    })
    _library("com_github_nlohmann_json", {"json": {}})
    _library("zlib", {"zlib": {"linkopts": ["-l:libz.a"]}})
    _library("onednn", {"onednn": {"linkopts": ["-ldnnl"]}})
    if _missing("local_cuda"):
        cuda_configure(name = "local_cuda")
