"""Keras on TensorFlow: layers of Keras, steps as tf.function with and without XLA."""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import common  # noqa: E402

if common.threads() == 1:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import keras  # noqa: E402
import numpy  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(common.threads())
tf.config.threading.set_inter_op_parallelism_threads(1)


class _Math:
    relu, sqrt, exp, log = tf.nn.relu, tf.sqrt, tf.exp, tf.math.log
    tanh, sigmoid, erf = tf.tanh, tf.sigmoid, tf.math.erf


def _model(net):
    """Channels last: the processor's convolutions want it."""
    dtype, activation = net.task.dtype, net.task.activation
    layers = keras.layers
    data = net.data(channels_last=True)
    model = keras.Sequential([keras.Input(data.shape[1:], dtype=dtype)])
    pooling = layers.AveragePooling2D if net.average else layers.MaxPooling2D
    for array in net.filters:
        maps, _, height, width = array.shape
        model.add(layers.Conv2D(maps, (height, width), dtype=dtype))
        model.add(pooling(net.pool, dtype=dtype))
        model.add(layers.Activation(activation, dtype=dtype))
    if net.filters:
        model.add(layers.Flatten(dtype=dtype))
    for array in net.dense[:-1]:
        model.add(layers.Dense(array.shape[1], activation=activation, dtype=dtype))
    model.add(layers.Dense(net.dense[-1].shape[1], dtype=dtype))
    weights = []
    for array in [w.transpose(2, 3, 1, 0) for w in net.filters] + net.channels_last_dense():
        weights += [array, numpy.zeros(array.shape[-1], array.dtype)]
    model.set_weights(weights)
    return model, data


class KerasPeer:
    version = f"{keras.__version__} (TensorFlow {tf.__version__})"

    def lenet(self, spec):
        return self._best(common.lenet(spec))

    def mlp(self, spec):
        return self._best(common.mlp(spec))

    def _best(self, net):
        return common.fastest([("graph", self._net(net, False)), ("XLA", self._net(net, True))])

    def _net(self, net, xla):
        task = net.task
        start = time.perf_counter_ns()
        model, data = _model(net)
        labels = task.labels()
        cut = [slice(i * task.batch, (i + 1) * task.batch) for i in range(task.batches)]
        minibatches = [(tf.constant(data[c]), tf.constant(labels[c])) for c in cut]
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, dtype=task.dtype)

        @tf.function(jit_compile=xla)
        def train(x, y):
            with tf.GradientTape() as tape:
                value = cross_entropy(y, model(x, training=True))
            variables = [v.value for v in model.trainable_variables]
            for variable, gradient in zip(variables, tape.gradient(value, variables)):
                variable.assign_sub(tf.constant(task.rate, variable.dtype) * gradient)
            return value

        @tf.function(jit_compile=xla)
        def predict(x):
            return tf.nn.softmax(model(x, training=False))

        turn = [0]

        def step():
            x, y = minibatches[turn[0] % task.batches]
            turn[0] += 1
            return train(x, y) if task.training else predict(x)

        return self._workload(step, start)

    @staticmethod
    def _workload(step, start):
        results = [step().numpy()]
        first = time.perf_counter_ns()
        results.append(step().numpy())
        compile_ns = 2 * first - start - time.perf_counter_ns()
        results.append(step().numpy())
        values = sum((common.fingerprint(result) for result in results), [])
        return common.Workload(step, values, compile_ns=compile_ns)

    def conv(self, spec):
        task = common.Convolution(spec)
        x, g = (tf.constant(a.transpose(0, 2, 3, 1)) for a in (task.x, task.g))
        w = tf.constant(task.w.transpose(2, 3, 1, 0))
        pads = [[0, 0], [task.pad] * 2, [task.pad] * 2, [0, 0]]

        def all_passes():
            with tf.GradientTape() as tape:
                tape.watch((x, w))
                y = tf.nn.conv2d(x, w, task.stride, pads, dilations=task.dilation)
            if not task.training:
                return (y,)
            return (y, *tape.gradient(y, (x, w), g))

        def back(results):
            arrays = [a.numpy() for a in results]
            return [a.transpose(0, 3, 1, 2) for a in arrays[:2]] + [
                a.transpose(3, 2, 0, 1) for a in arrays[2:]]

        candidates = []
        for name, xla in (("graph", False), ("XLA", True)):
            call = tf.function(all_passes, jit_compile=xla)
            candidates.append((name, common.Workload(call, task.values(*back(call())))))
        return common.fastest(candidates)

    def chain(self, spec):
        array, steps = common.chain(spec)

        def chain(x):
            t = x
            for step in steps:
                t = step(t, x, _Math)
            return t

        return self._of_function(chain, array)

    def rows(self, spec):
        task = common.Rows(spec)

        def layer_norm(x):
            centred = x - tf.reduce_mean(x, 1, keepdims=True)
            deviation = tf.sqrt(tf.reduce_mean(centred * centred, 1, keepdims=True) + 1e-5)
            return centred / deviation * task.scale + task.shift

        function = {
            "softmax": tf.nn.softmax,
            "log_softmax": tf.nn.log_softmax,
            "layer_norm": layer_norm,
            "sum": lambda x: tf.reduce_sum(x, 1),
            "argmax": lambda x: tf.argmax(x, 1),
        }[task.op]
        return self._of_function(function, task.x)

    @staticmethod
    def _of_function(function, array):
        x = tf.constant(array)
        candidates = []
        for name, xla in (("graph", False), ("XLA", True)):
            graph = tf.function(function, jit_compile=xla)
            values = common.fingerprint(graph(x).numpy())
            candidates.append((name, common.Workload(lambda graph=graph: graph(x), values)))
        return common.fastest(candidates)

    def call(self, spec):
        what = spec.word("what", "empty")
        spec.check_all_used()
        if what == "empty":
            return common.Workload(tf.function(lambda: None))
        x = tf.constant(2.0)
        add_one = tf.function(lambda x: x + 1.0)
        return common.Workload(lambda: add_one(x), [float(add_one(x))])


if __name__ == "__main__":
    common.serve("keras", KerasPeer())
