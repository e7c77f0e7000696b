"""PyTensor, Theano's heir: updates of shared variables, compiled through Numba or C."""

import time

import common
import numpy
import pytensor
import pytensor.tensor as pt

_ACTIVATIONS = {"tanh": pt.tanh, "relu": lambda x: pt.maximum(x, 0), "sigmoid": pt.sigmoid}
_MODES = ("NUMBA", "CVM")


class _Math:
    relu = staticmethod(_ACTIVATIONS["relu"])
    sqrt, exp, log, tanh, sigmoid, erf = pt.sqrt, pt.exp, pt.log, pt.tanh, pt.sigmoid, pt.erf


class PytensorPeer:
    version = pytensor.__version__

    def lenet(self, spec):
        raise ValueError("this version has no pooling and no batched two-dimensional convolution")

    conv = lenet

    def mlp(self, spec):
        # Through C: Numba compiles for minutes, and comes to the same products in the end.
        return self._net(common.mlp(spec), "CVM")

    def _net(self, net, mode):
        task = net.task
        rate = numpy.asarray(task.rate, task.dtype)
        data, labels = pytensor.shared(net.data()), pytensor.shared(task.labels())
        start = time.perf_counter_ns()
        index = pt.lscalar("index")
        x = data[index * task.batch:(index + 1) * task.batch]
        y = labels[index * task.batch:(index + 1) * task.batch]
        weights = [pytensor.shared(w.copy()) for w in net.dense]
        biases = [pytensor.shared(numpy.zeros(w.shape[1], w.dtype)) for w in net.dense]
        units = x
        for w, b in zip(weights[:-1], biases[:-1]):
            units = _ACTIVATIONS[task.activation](pt.dot(units, w) + b)
        logits = pt.dot(units, weights[-1]) + biases[-1]
        if task.training:
            chosen = pt.special.log_softmax(logits, axis=1)[pt.arange(task.batch), y]
            cost = -chosen.mean(dtype=task.dtype)
            parameters = weights + biases
            updates = [(p, p - rate * g) for p, g in zip(parameters, pt.grad(cost, parameters))]
            function = pytensor.function([index], cost, updates=updates, mode=mode)
        else:
            function = pytensor.function([index], pt.special.softmax(logits, axis=1), mode=mode)
        function.trust_input = True
        turns = [numpy.asarray(i) for i in range(task.batches)]
        turn = [0]

        def step():
            value = function(turns[turn[0] % task.batches])
            turn[0] += 1
            return value

        return self._workload(step, start)

    @staticmethod
    def _workload(step, start):
        results = [numpy.array(step())]
        first = time.perf_counter_ns()
        results.append(numpy.array(step()))
        compile_ns = 2 * first - start - time.perf_counter_ns()
        results.append(numpy.array(step()))
        values = sum((common.fingerprint(result) for result in results), [])
        return common.Workload(step, values, compile_ns=compile_ns)

    def chain(self, spec):
        array, steps = common.chain(spec)
        x = pytensor.shared(array)
        result = x
        for step in steps:
            result = step(result, x, _Math)
        return self._of_result(result)

    def rows(self, spec):
        task = common.Rows(spec)
        x = pytensor.shared(task.x)
        centred = x - x.mean(1, keepdims=True)
        deviation = pt.sqrt((centred * centred).mean(1, keepdims=True) + numpy.float32(1e-5))
        return self._of_result({
            "softmax": lambda: pt.special.softmax(x, axis=1),
            "log_softmax": lambda: pt.special.log_softmax(x, axis=1),
            "layer_norm": lambda: centred / deviation * task.scale + task.shift,
            "sum": lambda: x.sum(1),
            "argmax": lambda: pt.argmax(x, 1),
        }[task.op]())

    @staticmethod
    def _of_result(result):
        candidates = []
        for mode in _MODES:
            function = pytensor.function([], result, mode=mode)
            candidates.append((mode, common.Workload(function, common.fingerprint(function()))))
        return common.fastest(candidates)

    def call(self, spec):
        what = spec.word("what", "empty")
        spec.check_all_used()
        if what == "empty":
            return common.Workload(pytensor.function([], [], mode="CVM"))
        x = pt.fscalar("x")
        function = pytensor.function([x], x + numpy.float32(1), mode="CVM")
        function.trust_input = True
        two = numpy.asarray(2, "float32")
        return common.Workload(lambda: function(two), [float(function(two))])

    def compile(self, spec):
        task = common.Compilation(spec)
        start = time.perf_counter_ns()
        x = pytensor.shared(task.x)
        if task.what == "nodes":
            function = pytensor.function([], task.nodes(x, _Math), mode="CVM")
            return self._workload(function, start)
        weights = [pytensor.shared(task.w.copy()) for _ in range(task.count)]
        units = x
        for w in weights:
            units = pt.tanh(pt.dot(units, w))
        cost = pt.sqr(units).mean(dtype="float32")
        rate = numpy.float32(0.1)
        updates = [(w, w - rate * g) for w, g in zip(weights, pt.grad(cost, weights))]
        return self._workload(pytensor.function([], cost, updates=updates, mode="CVM"), start)


if __name__ == "__main__":
    common.serve("pytensor", PytensorPeer())
