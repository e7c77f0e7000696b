"""@com_google_absl from Debian's libabsl-dev."""

load(":system.bzl", "cc_library_text", "system_repository")

# Package -> targets that Bitale or a user of it may name. All of them are the one library with every
# archive: the linker takes what is needed from the group, in whatever order the archives depend.
_TARGETS = {
    "algorithm": ["container"],
    "base": ["base", "config", "core_headers", "dynamic_annotations", "endian", "no_destructor", "prefetch"],
    "cleanup": ["cleanup"],
    "container": [
        "btree",
        "fixed_array",
        "flat_hash_map",
        "flat_hash_set",
        "inlined_vector",
        "node_hash_map",
        "node_hash_set",
    ],
    "debugging": ["failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
    "flags": ["commandlineflag", "config", "flag", "marshalling", "parse", "reflection", "usage"],
    "functional": ["any_invocable", "bind_front", "function_ref"],
    "hash": ["hash"],
    "memory": ["memory"],
    "meta": ["type_traits"],
    "numeric": ["bits", "int128"],
    "random": ["distributions", "random", "seed_sequences"],
    "status": ["status", "statusor"],
    "strings": ["cord", "str_format", "string_view", "strings"],
    "synchronization": ["synchronization"],
    "time": ["time"],
    "types": ["any", "compare", "optional", "span", "variant"],
    "utility": ["utility"],
}

_ARCHIVES = [
    "bad_any_cast_impl",
    "bad_optional_access",
    "bad_variant_access",
    "base",
    "city",
    "civil_time",
    "cord",
    "cord_internal",
    "cordz_functions",
    "cordz_handle",
    "cordz_info",
    "cordz_sample_token",
    "debugging_internal",
    "demangle_internal",
    "examine_stack",
    "exponential_biased",
    "failure_signal_handler",
    "flags_commandlineflag",
    "flags_commandlineflag_internal",
    "flags_config",
    "flags_internal",
    "flags_marshalling",
    "flags_parse",
    "flags_private_handle_accessor",
    "flags_program_name",
    "flags_reflection",
    "flags_usage",
    "flags_usage_internal",
    "graphcycles_internal",
    "hash",
    "hashtablez_sampler",
    "int128",
    "leak_check",
    "log_severity",
    "low_level_hash",
    "malloc_internal",
    "periodic_sampler",
    "random_distributions",
    "random_internal_platform",
    "random_internal_pool_urbg",
    "random_internal_randen",
    "random_internal_randen_hwaes",
    "random_internal_randen_hwaes_impl",
    "random_internal_randen_slow",
    "random_internal_seed_material",
    "random_seed_gen_exception",
    "random_seed_sequences",
    "raw_hash_set",
    "raw_logging_internal",
    "spinlock_wait",
    "stacktrace",
    "status",
    "statusor",
    "str_format_internal",
    "strerror",
    "strings",
    "strings_internal",
    "symbolize",
    "synchronization",
    "throw_delegate",
    "time",
    "time_zone",
]

def _package_text(targets):
    return "package(default_visibility = [\"//visibility:public\"])\n" + "".join([
        "\nalias(name = \"%s\", actual = \"//:absl\")\n" % target
        for target in targets
    ])

def abseil(name):
    group = ["-Wl,--start-group"] + ["-l:libabsl_%s.a" % a for a in _ARCHIVES] + ["-Wl,--end-group"]
    files = {"BUILD": cc_library_text("absl", linkopts = group + ["-lpthread"])}
    for package, targets in _TARGETS.items():
        files["absl/%s/BUILD" % package] = _package_text(targets)
    system_repository(name = name, files = files)
