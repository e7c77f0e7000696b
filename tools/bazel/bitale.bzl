"""bitale_library(): a folder as a library, its tests and its share of the lists made from all folders.

The suffix of a file says what it is, so that a new file edits no BUILD file:
`*.h`, `*.cc` join the library; `*_test.cc` is a test, `*_benchmark.cc` a benchmark each.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

# What our code relies on for its meaning; it holds in any workspace, whatever its .bazelrc says.
BITALE_COPTS = ["-std=c++20", "-ffp-contract=off"]

_SOURCES = ["*.h", "*.cc", "*.cu", "*.cuh"]
_TESTS = ["*_test.cc"]
_BENCHMARKS = ["*_benchmark.cc"]

# A size says how long a test takes on a usual machine. A slow one and the sanitizers need far more,
# and a test that hangs is still found.
_TIMEOUTS = {
    "small": "long",
    "medium": "long",
}

# What tests of kernels run on besides the best instruction set of the machine (`limited` below): the
# portable code that every processor takes, vectors as short as theirs, and where the machine has
# AVX-512 what most machines have.
_LESSER_INSTRUCTION_SETS = ["EMU128", "SSE4", "AVX2"]

def files(include, exclude = []):
    return native.glob(include, exclude = exclude, allow_empty = True)

def all_sources():
    """The package's sources, for the layering test."""
    native.filegroup(
        name = "all_sources",
        srcs = files(_SOURCES),
        visibility = ["//visibility:public"],
    )

def _stem(path):
    return path.rpartition(".")[0]

def bitale_tests(
        deps = [],
        data = [],
        test_deps = {},
        test_data = {},
        size = {},
        timeout = {},
        shard_count = {},
        tags = {},
        limited = {},
        exclude = []):
    """A cc_test for each *_test.cc, and the test_suite `tests` of all of them.

    Args:
      deps, data: for every test.
      test_deps, test_data, size, timeout, shard_count, tags: by the test's name (file without .cc),
        where a test needs more than that. The size is "small" otherwise: seconds at most.
      limited: by the test's name, the gtest filter of those that run on lesser instruction sets, too
        (core/base/instruction_set.h): the same program, as `<name>_on_<instruction set>`.
      exclude: files to leave out.
    """
    for source in files(_TESTS, exclude):
        name = _stem(source)
        test_size = size.get(name, "small")
        cc_test(
            name = name,
            size = test_size,
            timeout = timeout.get(name, _TIMEOUTS.get(test_size)),
            srcs = [source],
            copts = BITALE_COPTS,
            data = data + test_data.get(name, []),
            linkstatic = True,
            shard_count = shard_count.get(name),
            tags = tags.get(name, []),
            deps = deps + test_deps.get(name, []) + ["@com_google_googletest//:gtest_main"],
        )
        for instruction_set in _LESSER_INSTRUCTION_SETS if name in limited else []:
            limited_name = "%s_on_%s" % (name, instruction_set.lower())
            limited_size = size.get(limited_name, test_size)
            native.sh_test(
                name = limited_name,
                size = limited_size,
                timeout = timeout.get(limited_name, _TIMEOUTS.get(limited_size)),
                srcs = ["//tools/bazel:run_limited.sh"],
                args = [
                    instruction_set,
                    "$(rootpath :%s)" % name,
                    "--gtest_filter=" + limited[name],
                ],
                data = [":" + name],
                tags = tags.get(name, []),
            )

    # Without a list a test_suite holds all tests of its package.
    native.test_suite(name = "tests", visibility = ["//visibility:public"])

def bitale_benchmarks(deps = [], data = [], exclude = []):
    """A program for each *_benchmark.cc."""
    for source in files(_BENCHMARKS, exclude):
        cc_binary(
            name = _stem(source),
            testonly = True,
            srcs = [source],
            copts = BITALE_COPTS,
            data = data,
            deps = deps + ["@com_github_google_benchmark//:benchmark_main"],
        )

def bitale_library(
        name,
        deps = [],
        public_hdrs = [],
        exclude = [],
        testonly = False,
        alwayslink = False,
        linkopts = [],
        tests = {},
        test_deps = []):
    """The folder's library, tests, benchmarks, `public_hdrs` and `all_sources`.

    Args:
      name: of the library.
      deps: of the library.
      public_hdrs: headers that bitale.h includes.
      exclude: files that other targets of the package own.
      testonly, alwayslink, linkopts: as in cc_library.
      tests: keyword arguments for bitale_tests().
      test_deps: what tests and benchmarks need besides the library and its deps.
    """
    cc_library(
        name = name,
        testonly = testonly,
        srcs = files(["*.cc"], _TESTS + _BENCHMARKS + exclude),
        hdrs = files(["*.h"], exclude),
        copts = BITALE_COPTS,
        linkopts = linkopts,
        linkstatic = True,
        visibility = ["//visibility:public"],
        deps = deps,
        alwayslink = alwayslink,
    )
    bitale_tests(deps = [":" + name] + deps + test_deps, exclude = exclude, **tests)
    bitale_benchmarks(deps = [":" + name] + deps + test_deps, exclude = exclude)
    native.filegroup(
        name = "public_hdrs",
        srcs = public_hdrs,
        visibility = ["//:__pkg__"],
    )
    all_sources()
