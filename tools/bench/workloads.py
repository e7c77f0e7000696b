"""The rows of the standard table. Any other spec can be named on the command line."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a spec that competitors are given, and what to make of it.

    name: groups rows for --workloads; the spec tells them apart.
    what: "time" of calls, "compile" for the time to the first result, "memory" for the peak.
    floor: "flops" over the best square product, "memory" for the bytes at the bandwidth of a single
        pass over as many, or "" where no floor is known.
    functions: transcendental functions that each element needs, for the vector-math floor.
    """

    name: str
    spec: str
    what: str = "time"
    floor: str = ""
    functions: tuple = ()

    @property
    def key(self):
        return self.spec if self.what == "time" else f"{self.what} of {self.spec}"

    def value(self, key, fallback=""):
        """The spec's value of `key`."""
        for word in self.spec.split()[1:]:
            name, _, value = word.partition("=")
            if name == key:
                return value
        return fallback


# Functions of a chain's steps that cost more than an addition.
_TRANSCENDENTAL = {"exp", "log", "tanh", "sigmoid", "erf"}
# Eight ops that no rule turns into others, as it would log(exp(x) + 1).
_CHAIN = "scale.shift.tanh.times_x.exp.plus_x.log.halve"


def row_of_spec(spec, name=None):
    """The row of a spec: its floor follows from the workload."""
    kind = spec.split()[0]
    row = Row(name or kind, spec)
    if kind in ("lenet", "mlp", "conv", "product"):
        return dataclasses.replace(row, floor="flops")
    if kind == "chain":
        steps = row.value("ops", _CHAIN).split(".")
        functions = tuple(step for step in steps if step in _TRANSCENDENTAL)
        return dataclasses.replace(row, floor="memory", functions=functions)
    if kind == "batchnorm":
        return dataclasses.replace(row, floor="memory")
    if kind == "rows":
        op = row.value("op", "softmax")
        functions = ("exp",) if op in ("softmax", "log_softmax") else ()
        return dataclasses.replace(row, floor="memory", functions=functions)
    return row


def standard_rows():
    rows = []
    for batch in (20, 128, 500):
        rows.append(row_of_spec(f"lenet batch={batch}"))
    for batch in (1, 20, 500):
        rows.append(row_of_spec(f"lenet mode=infer batch={batch}", "infer"))
    for change in (
        "channels=3 height=32 width=32",
        "window=3",
        "maps1=6 maps2=16",
        "maps1=32 maps2=64",
        "maps1=48 maps2=96",
        "pool=3",
        "pool_kind=average",
        "pool=3 pool_kind=average",
        "activation=relu",
        "activation=sigmoid",
        "dtype=float64",
        "channels=3 height=32 width=32 window=3 maps1=32 maps2=64 activation=relu",
    ):
        rows.append(row_of_spec(f"lenet batch=128 {change}", "lenets"))
    rows.append(row_of_spec("conv"))
    for change in ("window=1 pad=0", "stride=2", "window=5 pad=2 in=3 height=64 width=64"):
        rows.append(row_of_spec(f"conv {change}", "convs"))
    for size in (1 << 20, 1 << 24):
        rows.append(row_of_spec(f"chain size={size} ops={_CHAIN}"))
    for layers in ("784-500-10", "784-2048-2048-10"):
        for batch in (20, 128, 500):
            rows.append(row_of_spec(f"mlp layers={layers} batch={batch}"))
    for op in ("softmax", "log_softmax", "layer_norm"):
        rows.append(row_of_spec(f"rows op={op} rows=4096 columns=1000"))
    for mode in ("forward", "training"):
        rows.append(row_of_spec(f"batchnorm mode={mode}"))
    rows.append(row_of_spec("call what=empty"))
    rows.append(row_of_spec("call what=scalar_add"))
    for spec in (
        "lenet batch=20",
        "compile what=layers count=1000",
        "compile what=nodes count=100000",
        "compile what=nodes count=200000",
    ):
        rows.append(Row("compile", spec, "compile"))
    for batch in (20, 500):
        rows.append(Row("memory", f"lenet batch={batch}", "memory"))
    return rows
