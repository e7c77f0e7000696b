"""The repositories that Bazel itself would download.

Debian's Bazel 4 has them, or needs a stand-in; a newer Bazel brings its own, except rules_cc.
"""

load(":system.bzl", "system_repository")

def _rules_cc_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"rules_cc\")\n")
    ctx.file("cc/BUILD", "exports_files([\"defs.bzl\"])\n")
    ctx.symlink(Label("//tools/bazel/rules_cc:defs.bzl"), "cc/defs.bzl")

_rules_cc = repository_rule(implementation = _rules_cc_impl, local = True)

# Every test rule names these two, run or not.
_COVERAGE_BUILD = """
[
    sh_binary(
        name = name,
        srcs = ["no_coverage.sh"],
        visibility = ["//visibility:public"],
    )
    for name in ["coverage_report_generator", "coverage_output_generator"]
]
"""

_COVERAGE_SCRIPT = """#!/bin/sh
echo "Coverage reports need Bazel's coverage tools." >&2
exit 1
"""

_DEBIAN = {
    "bazel_skylib": "/usr/share/bazel/tools/skylib",
    "platforms": "/usr/share/bazel/tools/platforms",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}

def _is_debian_bazel():
    version = native.bazel_version
    return version in ["", "no_version"] or version.startswith("4.")

def bazel_tool_repositories():
    if native.existing_rule("rules_cc") == None:
        _rules_cc(name = "rules_cc")
    if not _is_debian_bazel():
        return
    for name, path in _DEBIAN.items():
        if native.existing_rule(name) == None:
            native.local_repository(name = name, path = path)
    if native.existing_rule("remote_coverage_tools") == None:
        system_repository(
            name = "remote_coverage_tools",
            files = {"BUILD": _COVERAGE_BUILD, "no_coverage.sh": _COVERAGE_SCRIPT},
        )
