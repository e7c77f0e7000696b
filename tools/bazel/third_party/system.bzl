"""Debian's libraries as the repositories that their upstream projects would be.

Headers lie in the compiler's own search path (/usr/include), so a library here is its name, what it
links and what it depends on. Archives are named in full (`-l:libz.a`): a binary that carries them
runs on another machine.
"""

def _system_repository_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    for path, content in ctx.attr.files.items():
        ctx.file(path, content, executable = path.endswith(".sh"))

system_repository = repository_rule(
    implementation = _system_repository_impl,
    attrs = {"files": attr.string_dict(mandatory = True)},
    doc = "A repository made of the given files (path to content).",
)

def cc_library_text(name, linkopts = [], deps = [], defines = [], srcs = []):
    """The text of a cc_library, for a BUILD file of a system_repository."""
    return """
load("@rules_cc//cc:defs.bzl", "cc_library")

cc_library(
    name = {name},
    srcs = {srcs},
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
    deps = {deps},
)
""".format(
        name = repr(name),
        srcs = repr(srcs),
        defines = repr(defines),
        linkopts = repr(linkopts),
        deps = repr(deps),
    )
