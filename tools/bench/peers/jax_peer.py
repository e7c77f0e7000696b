"""JAX: everything jitted, training states donated."""

import functools
import os
import time

import common

if common.threads() == 1:
    # XLA's pool has as many threads as the process may use cores.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402
from jax import lax  # noqa: E402

_ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


class _Math:
    relu, sqrt, exp, log = jax.nn.relu, jnp.sqrt, jnp.exp, jnp.log
    tanh, sigmoid, erf = jnp.tanh, jax.nn.sigmoid, jax.scipy.special.erf


def _wait(result):
    jax.block_until_ready(result)


def _logits(net, channels_last, parameters, x):
    activation = _ACTIVATIONS[net.task.activation]
    layout = ("NHWC", "HWIO", "NHWC") if channels_last else ("NCHW", "OIHW", "NCHW")
    size = (1, net.pool, net.pool, 1) if channels_last else (1, 1, net.pool, net.pool)
    for w, b in parameters[:len(net.filters)]:
        x = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)
        x = x + (b if channels_last else b[:, None, None])
        if net.average:
            x = lax.reduce_window(x, numpy.zeros((), x.dtype), lax.add, size, size, "VALID")
            x = x / net.pool**2
        else:
            low = numpy.array(-numpy.inf, x.dtype)
            x = lax.reduce_window(x, low, lax.max, size, size, "VALID")
        x = activation(x)
    x = x.reshape(x.shape[0], -1)
    for i, (w, b) in enumerate(parameters[len(net.filters):]):
        x = x @ w + b
        if i + 1 < len(net.dense):
            x = activation(x)
    return x


def _parameters(net, channels_last):
    filters = net.filters
    if channels_last:
        filters = [numpy.ascontiguousarray(w.transpose(2, 3, 1, 0)) for w in filters]
    dense = net.channels_last_dense() if channels_last else net.dense
    outputs = [w.shape[-1 if channels_last else 0] for w in filters]
    outputs += [w.shape[1] for w in dense]
    return [(jnp.asarray(w), jnp.zeros(n, w.dtype)) for w, n in zip(filters + dense, outputs)]


class JaxPeer:
    version = jax.__version__

    def lenet(self, spec):
        # Channels last is the faster for XLA's convolutions on processors, by far.
        return self._net(common.lenet(spec), True)

    def mlp(self, spec):
        return self._net(common.mlp(spec), False)

    def _net(self, net, channels_last):
        task = net.task
        data = jnp.asarray(net.data(channels_last))
        labels = jnp.asarray(task.labels())
        indices = [jnp.asarray(i) for i in range(task.batches)]
        start = time.perf_counter_ns()

        def minibatch(array, index):
            return lax.dynamic_slice_in_dim(array, index * task.batch, task.batch)

        def cost(parameters, x, y):
            logits = _logits(net, channels_last, parameters, x)
            picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
            return -picked.mean()

        @functools.partial(jax.jit, donate_argnums=0)
        def train(parameters, data, labels, index):
            value, gradients = jax.value_and_grad(cost)(
                parameters, minibatch(data, index), minibatch(labels, index))
            updated = jax.tree_util.tree_map(
                lambda p, g: p - numpy.array(task.rate, p.dtype) * g, parameters, gradients)
            return updated, value

        @jax.jit
        def predict(parameters, data, index):
            return jax.nn.softmax(_logits(net, channels_last, parameters, minibatch(data, index)))

        state = {"parameters": _parameters(net, channels_last), "turn": 0}

        def step():
            index = indices[state["turn"] % task.batches]
            state["turn"] += 1
            if not task.training:
                return predict(state["parameters"], data, index)
            state["parameters"], value = train(state["parameters"], data, labels, index)
            return value

        return self._workload(step, start)

    @staticmethod
    def _workload(step, start):
        results = [numpy.asarray(step())]
        first = time.perf_counter_ns()
        results.append(numpy.asarray(step()))
        compile_ns = 2 * first - start - time.perf_counter_ns()
        results.append(numpy.asarray(step()))
        values = sum((common.fingerprint(result) for result in results), [])
        return common.Workload(step, values, _wait, compile_ns=compile_ns)

    def conv(self, spec):
        task = common.Convolution(spec)
        candidates = []
        for name, layout in (("channels first", ("NCHW", "OIHW", "NCHW")),
                             ("channels last", ("NHWC", "HWIO", "NHWC"))):
            last = layout[0] == "NHWC"
            back = (lambda a: a.transpose(0, 3, 1, 2)) if last else (lambda a: a)
            back_w = (lambda a: a.transpose(3, 2, 0, 1)) if last else (lambda a: a)
            x, g = (jnp.asarray(a.transpose(0, 2, 3, 1) if last else a) for a in (task.x, task.g))
            w = jnp.asarray(task.w.transpose(2, 3, 1, 0) if last else task.w)

            def forward(x, w, layout=layout):
                return lax.conv_general_dilated(
                    x, w, (task.stride,) * 2, ((task.pad,) * 2,) * 2,
                    rhs_dilation=(task.dilation,) * 2, dimension_numbers=layout,
                    feature_group_count=task.groups)

            def all_passes(x, w, g, forward=forward):
                if not task.training:
                    return (forward(x, w),)
                y, pullback = jax.vjp(forward, x, w)
                return (y, *pullback(g))

            function = jax.jit(all_passes)
            results = [numpy.asarray(a) for a in function(x, w, g)]
            backs = (back, back, back_w)
            values = task.values(*(b(a) for a, b in zip(results, backs)))
            call = functools.partial(function, x, w, g)
            candidates.append((name, common.Workload(call, values, _wait)))
        return common.fastest(candidates)

    def chain(self, spec):
        array, steps = common.chain(spec)

        @jax.jit
        def chain(x):
            t = x
            for step in steps:
                t = step(t, x, _Math)
            return t

        return self._of_function(chain, array)

    def rows(self, spec):
        task = common.Rows(spec)

        def layer_norm(x):
            centred = x - x.mean(1, keepdims=True)
            deviation = jnp.sqrt((centred * centred).mean(1, keepdims=True) + 1e-5)
            return centred / deviation * task.scale + task.shift

        function = {
            "softmax": jax.nn.softmax,
            "log_softmax": jax.nn.log_softmax,
            "layer_norm": layer_norm,
            "sum": lambda x: x.sum(1),
            "argmax": lambda x: x.argmax(1),
        }[task.op]
        return self._of_function(jax.jit(function), task.x)

    def batchnorm(self, spec):
        task = common.BatchNorm(spec)

        def normalise(x, scale, shift):
            centred = x - x.mean((0, 2, 3), keepdims=True)
            deviation = jnp.sqrt((centred * centred).mean((0, 2, 3), keepdims=True) + 1e-5)
            return centred / deviation * scale[:, None, None] + shift[:, None, None]

        leaves = [jnp.asarray(a) for a in (task.x, task.scale, task.shift)]
        if task.forward:
            return self._of_function(jax.jit(lambda x: normalise(x, *leaves[1:])), task.x)
        weights = jnp.asarray(task.weights)
        loss = lambda *leaves: (normalise(*leaves) * weights).sum()
        step = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))
        values = sum((common.fingerprint(g) for g in step(*leaves)), [])
        return common.Workload(lambda: step(*leaves), values, _wait)

    @staticmethod
    def _of_function(function, array):
        x = jnp.asarray(array)
        return common.Workload(lambda: function(x), common.fingerprint(function(x)), _wait)

    def call(self, spec):
        what = spec.word("what", "empty")
        spec.check_all_used()
        if what == "empty":
            return common.Workload(jax.jit(lambda: ()), (), _wait)
        x = jnp.float32(2.0)
        add_one = jax.jit(lambda x: x + 1.0)
        return common.Workload(lambda: add_one(x), [float(add_one(x))], _wait)

    def compile(self, spec):
        task = common.Compilation(spec)
        start = time.perf_counter_ns()
        x = jnp.asarray(task.x)
        if task.what == "nodes":
            function = jax.jit(lambda x: task.nodes(x, _Math))
            return self._workload(lambda: function(x), start)
        state = [jnp.asarray(task.w) for _ in range(task.count)]

        def cost(weights):
            units = x
            for w in weights:
                units = jnp.tanh(units @ w)
            return (units * units).mean()

        @jax.jit
        def train(weights):
            value, gradients = jax.value_and_grad(cost)(weights)
            return [w - 0.1 * g for w, g in zip(weights, gradients)], value

        def step():
            state[:], value = train(state)
            return value

        return self._workload(step, start)


if __name__ == "__main__":
    common.serve("jax", JaxPeer())
