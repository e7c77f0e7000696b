"""umbrella_header(): one header that includes a list of headers."""

def _path(header):
    # In an outside workspace short_path is "../bitale/core/...".
    path = header.short_path
    return path.split("/", 2)[2] if path.startswith("../") else path

def _umbrella_header_impl(ctx):
    lines = ["// All of Bitale's public headers. Generated: see BUILD.bazel.", "#pragma once", ""]
    lines += ["#include \"%s\"" % _path(header) for header in ctx.files.hdrs]
    ctx.actions.write(ctx.outputs.out, "\n".join(lines) + "\n")

umbrella_header = rule(
    implementation = _umbrella_header_impl,
    attrs = {
        "hdrs": attr.label_list(allow_files = True, mandatory = True),
        "out": attr.output(mandatory = True),
    },
)
