"""What all peers share: the line protocol, the data, and the description of nets.

A peer is a class with a method for each workload that it knows (`lenet`, `mlp`, `conv`, `chain`,
`rows`, `call`, `compile`), which returns the Workload of a Spec, and a `version`. `serve(peer)`
does the rest. README.md has the protocol.
"""

import dataclasses
import json
import sys
import time
import traceback

import numpy


class Spec:
    """A workload's name and its key=value pairs; every pair must be asked for."""

    def __init__(self, line):
        self.name, *words = line.split()
        self._values = dict(word.split("=", 1) for word in words)
        self._used = set()

    def word(self, key, fallback):
        self._used.add(key)
        return self._values.get(key, fallback)

    def integer(self, key, fallback):
        return int(self.word(key, fallback))

    def number(self, key, fallback):
        return float(self.word(key, fallback))

    def check_all_used(self):
        unknown = set(self._values) - self._used
        if unknown:
            raise ValueError(f"{self.name} knows no key named {' '.join(sorted(unknown))}")


class Workload:
    """Something to time.

    call: makes one call and returns what waits for it. values: what the first calls computed.
    """

    def __init__(self, call, values=(), wait=lambda result: None, **notes):
        self.call = call
        self.values = [float(value) for value in values]
        self.wait = wait
        self.notes = notes

    def run(self, calls):
        result = None
        start = time.perf_counter_ns()
        for _ in range(calls):
            result = self.call()
        self.wait(result)
        return time.perf_counter_ns() - start


def _unit(seed, count):
    with numpy.errstate(over="ignore"):
        x = numpy.arange(count, dtype=numpy.uint32)
        x += numpy.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
        x ^= x >> numpy.uint32(16)
        x *= numpy.uint32(0x7FEB352D)
        x ^= x >> numpy.uint32(15)
        x *= numpy.uint32(0x846CA68B)
        x ^= x >> numpy.uint32(16)
    return (x >> numpy.uint32(8)) * 2.0**-24


def uniform(seed, shape, low, high, dtype):
    values = low + (high - low) * _unit(seed, int(numpy.prod(shape)))
    return values.reshape(shape).astype(dtype)


def labels(seed, count, classes):
    return (_unit(seed, count) * classes).astype(numpy.int32)


def fingerprint(array):
    """Two numbers that differ where arrays do."""
    x = numpy.asarray(array).astype(numpy.float64).ravel()
    weights = 2 * _unit(99, x.size) - 1
    return [float(x @ weights) / x.size**0.5, float(numpy.sqrt(numpy.mean(x * x)))]


class Task:
    """What nets have in common: a data set of a few minibatches, and how to learn from it."""

    def __init__(self, spec):
        self.training = spec.word("mode", "train") == "train"
        self.batch = spec.integer("batch", 20)
        self.batches = spec.integer("batches", 4)
        self.classes = spec.integer("classes", 10)
        self.rate = spec.number("rate", 0.05)
        self.dtype = spec.word("dtype", "float32")
        self.activation = spec.word("activation", "tanh")

    def data(self, pixels):
        return uniform(11, (self.batch * self.batches, pixels), 0, 1, self.dtype)

    def labels(self):
        return labels(12, self.batch * self.batches, self.classes)


class Weights:
    def __init__(self, dtype):
        self._dtype = dtype
        self._seed = 0

    def matrix(self, shape, fan_in, fan_out):
        self._seed += 1
        bound = (6 / (fan_in + fan_out)) ** 0.5
        return uniform(self._seed, shape, -bound, bound, self._dtype)


@dataclasses.dataclass
class Net:
    """Convolution, pooling and activation `len(filters)` times, then dense layers.

    filters: arrays (maps, channels, window, window), as cross-correlation takes them. dense: arrays
    (in, out), for images flattened with channels first. All biases start as zeros.
    """

    task: Task
    image: tuple
    filters: list
    pool: int
    average: bool
    dense: list
    maps_shape: tuple = ()

    @property
    def parameters(self):
        return self.filters + self.dense

    def channels_last_dense(self):
        """The dense arrays for images flattened with channels last."""
        if not self.filters:
            return self.dense
        channels, height, width = self.maps_shape
        first = self.dense[0].reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
        return [numpy.ascontiguousarray(first.reshape(self.dense[0].shape)), *self.dense[1:]]

    def data(self, channels_last=False):
        """(examples, ...) as images, or as rows where there is no convolution."""
        if not self.filters:
            return self.task.data(self.dense[0].shape[0])
        channels, height, width = self.image
        images = self.task.data(channels * height * width).reshape(-1, channels, height, width)
        return numpy.ascontiguousarray(images.transpose(0, 2, 3, 1)) if channels_last else images


def lenet(spec):
    task = Task(spec)
    image = tuple(spec.integer(k, v) for k, v in (("channels", 1), ("height", 28), ("width", 28)))
    window, pool = spec.integer("window", 5), spec.integer("pool", 2)
    maps = spec.integer("maps1", 20), spec.integer("maps2", 50)
    units = spec.integer("dense", 500)
    average = spec.word("pool_kind", "max") == "average"
    spec.check_all_used()
    weights = Weights(task.dtype)
    filters = []
    channels, height, width = image
    for count in maps:
        area = window * window
        values = weights.matrix((count, channels, window, window), channels * area,
                                count * area // (pool * pool))
        # The net is stated with convolution, which flips its filters.
        filters.append(numpy.ascontiguousarray(values[:, :, ::-1, ::-1]))
        channels = count
        height, width = (height - window + 1) // pool, (width - window + 1) // pool
    n_in = channels * height * width
    dense = [weights.matrix((n_in, units), n_in, units),
             weights.matrix((units, task.classes), units, task.classes)]
    return Net(task, image, filters, pool, average, dense, (channels, height, width))


def mlp(spec):
    sizes = [int(size) for size in spec.word("layers", "784-500-10").split("-")]
    task = Task(spec)
    task.classes = sizes[-1]
    spec.check_all_used()
    weights = Weights(task.dtype)
    dense = [weights.matrix((a, b), a, b) for a, b in zip(sizes, sizes[1:])]
    return Net(task, (sizes[0],), [], 1, False, dense)


class Convolution:
    """conv: the arrays and options of one convolution."""

    def __init__(self, spec):
        self.training = spec.word("mode", "train") == "train"
        batch, n_in, n_out = (spec.integer(k, v) for k, v in (("batch", 8), ("in", 64), ("out", 64)))
        height, width = spec.integer("height", 56), spec.integer("width", 56)
        window = spec.integer("window", 3)
        self.pad, self.stride = spec.integer("pad", 1), spec.integer("stride", 1)
        self.dilation, self.groups = spec.integer("dilation", 1), spec.integer("groups", 1)
        dtype = spec.word("dtype", "float32")
        spec.check_all_used()

        def length(n):
            return (n + 2 * self.pad - ((window - 1) * self.dilation + 1)) // self.stride + 1

        self.x = uniform(1, (batch, n_in, height, width), -1, 1, dtype)
        # As cross-correlation takes them; the gradient must be flipped back to be compared.
        filters = uniform(2, (n_out, n_in // self.groups, window, window), -1, 1, dtype)
        self.w = numpy.ascontiguousarray(filters[:, :, ::-1, ::-1])
        self.g = uniform(3, (batch, n_out, length(height), length(width)), -1, 1, dtype)

    @staticmethod
    def values(y, dx=None, dw=None):
        values = fingerprint(y)
        if dx is not None:
            values += fingerprint(dx) + fingerprint(numpy.asarray(dw)[:, :, ::-1, ::-1])
        return values


def chain(spec):
    """The array, and the steps: functions of what came before, x, and a module with exp and so on."""
    size = spec.integer("size", 1 << 20)
    dtype = spec.word("dtype", "float32")
    names = spec.word("ops", "scale.shift.tanh.times_x.exp.plus_x.log.halve").split(".")
    spec.check_all_used()
    return uniform(1, (size,), 0.25, 1, dtype), [_STEPS[name] for name in names]


_STEPS = {
    "scale": lambda t, x, m: t * 1.5,
    "halve": lambda t, x, m: t * 0.5,
    "shift": lambda t, x, m: t + 0.5,
    "increment": lambda t, x, m: t + 1.0,
    "times_x": lambda t, x, m: t * x,
    "plus_x": lambda t, x, m: t + x,
    "sqr": lambda t, x, m: t * t,
    "relu": lambda t, x, m: m.relu(t),
    "sqrt": lambda t, x, m: m.sqrt(t),
    "exp": lambda t, x, m: m.exp(t),
    "log": lambda t, x, m: m.log(t),
    "tanh": lambda t, x, m: m.tanh(t),
    "sigmoid": lambda t, x, m: m.sigmoid(t),
    "erf": lambda t, x, m: m.erf(t),
}


class Rows:
    def __init__(self, spec):
        shape = spec.integer("rows", 4096), spec.integer("columns", 1000)
        self.op = spec.word("op", "softmax")
        dtype = spec.word("dtype", "float32")
        spec.check_all_used()
        self.x = uniform(1, shape, -2, 2, dtype)
        self.scale = uniform(2, shape[1:], 0.5, 1.5, dtype)
        self.shift = uniform(3, shape[1:], -1, 1, dtype)


class BatchNorm:
    """batchnorm: images normalised by map; training asks for the gradients too."""

    def __init__(self, spec):
        maps = spec.integer("maps", 32)
        size = spec.integer("size", 28)
        shape = spec.integer("images", 128), maps, size, size
        self.forward = spec.word("mode", "training") == "forward"
        dtype = spec.word("dtype", "float32")
        spec.check_all_used()
        self.x = uniform(1, shape, -2, 2, dtype)
        self.scale = uniform(2, (maps,), 0.5, 1.5, dtype)
        self.shift = uniform(3, (maps,), -1, 1, dtype)
        self.weights = None if self.forward else uniform(4, shape, -1, 1, dtype)


class Compilation:
    """compile: a large graph of small nodes."""

    def __init__(self, spec):
        self.what = spec.word("what", "layers")
        self.count = spec.integer("count", 1000)
        width = spec.integer("width", 8)
        spec.check_all_used()
        if self.what == "layers":
            self.x = uniform(1, (4, width), -1, 1, "float32")
            self.w = uniform(2, (width, width), -0.75, 0.75, "float32")
        else:
            self.x = uniform(1, (16,), 0, 1, "float32")

    def nodes(self, x, module):
        y = x
        for i in range(self.count):
            y = module.tanh(y) if i % 2 == 0 else y + x
        return y


def fastest(candidates):
    """Of [(name, Workload)] the one whose calls take least, after a first look at each."""
    def look(workload):
        workload.run(2)
        calls = max(1, min(1000, int(1e8 / max(workload.run(1), 1))))
        return min(workload.run(calls) / calls for _ in range(3))

    times = [(look(workload), name, workload) for name, workload in candidates]
    _, name, workload = min(times, key=lambda item: item[0])
    workload.notes["variant"] = name
    return workload


def _take_peak_bytes():
    """The most memory held since this was last asked."""
    peak = 0
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1]) * 1024
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    return peak


def threads():
    """What --threads= says."""
    prefix = "--threads="
    return int(next(a for a in sys.argv if a.startswith(prefix)).removeprefix(prefix))


def serve(name, peer):
    answers = sys.stdout
    # What libraries print must not get between the answers.
    sys.stdout = sys.stderr
    workloads = {}

    def answer(line):
        command, _, rest = line.partition(" ")
        if command == "about":
            return json.dumps({"name": name, "version": peer.version, "threads": threads()})
        if command == "prepare":
            _take_peak_bytes()
            before = _take_peak_bytes()
            spec = Spec(rest)
            maker = getattr(peer, spec.name, None)
            if maker is None:
                raise ValueError(f"has no {spec.name}")
            workload = maker(spec)
            workloads[len(workloads)] = workload
            return json.dumps({"id": len(workloads) - 1, "values": workload.values,
                               "peak_bytes": _take_peak_bytes() - before, **workload.notes})
        if command == "run":
            identity, calls = rest.split()
            return str(workloads[int(identity)].run(int(calls)))
        if command == "release":
            workloads[int(rest)] = None
            return "released"
        raise ValueError(f"no such command: {command}")

    for line in sys.stdin:
        if not line.strip():
            continue
        if line.strip() == "quit":
            break
        try:
            text = answer(line.strip())
        except Exception as error:  # pylint: disable=broad-except: told to the driver
            traceback.print_exc()
            text = "error " + json.dumps(f"{type(error).__name__}: {error}"[:500])
        print(text, file=answers, flush=True)
