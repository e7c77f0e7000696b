"""PyTorch, as written (--eager) or through torch.compile (--compile)."""

import sys
import time

import common
import torch
import torch.nn.functional as F

_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}


class _TorchNet(torch.nn.Module):
    """A common.Net; memory_format is that of images and filters."""

    def __init__(self, net, memory_format):
        super().__init__()
        self.pool, self.average = net.pool, net.average
        self.activation = _ACTIVATIONS[net.task.activation]
        convolutions, dense = [], []
        for array in net.filters:
            layer = torch.nn.Conv2d(array.shape[1], array.shape[0], array.shape[2:])
            layer.weight.data = torch.from_numpy(array).clone(memory_format=memory_format)
            convolutions.append(layer)
        for array in net.dense:
            layer = torch.nn.Linear(*array.shape)
            layer.weight.data = torch.from_numpy(array).t().contiguous()
            dense.append(layer)
        for layer in convolutions + dense:
            layer.bias.data = torch.zeros(len(layer.bias), dtype=_DTYPES[net.task.dtype])
        self.convolutions = torch.nn.ModuleList(convolutions)
        self.dense = torch.nn.ModuleList(dense)

    def forward(self, x):
        for layer in self.convolutions:
            x = layer(x)
            x = F.avg_pool2d(x, self.pool) if self.average else F.max_pool2d(x, self.pool)
            x = self.activation(x)
        x = x.flatten(1)
        for layer in self.dense[:-1]:
            x = self.activation(layer(x))
        return self.dense[-1](x)


class _Math:
    """What common's steps ask for, under its names."""

    relu, sqrt, exp, log = torch.relu, torch.sqrt, torch.exp, torch.log
    tanh, sigmoid, erf = torch.tanh, torch.sigmoid, torch.erf


class TorchPeer:
    def __init__(self, compiled):
        self.version = torch.__version__.partition("+")[0]
        self._compiled = compiled
        torch.set_num_threads(common.threads())

    def lenet(self, spec):
        return self._net(common.lenet(spec))

    def mlp(self, spec):
        return self._net(common.mlp(spec))

    def _net(self, net):
        make = self._training if net.task.training else self._inference
        formats = [("channels first", torch.contiguous_format)]
        if net.filters:
            formats.append(("channels last", torch.channels_last))
        plain = [item for name, layout in formats for item in make(net, name, layout, False)]
        best = common.fastest(plain)
        if not self._compiled:
            return best
        # Compiling takes long: only for the layout that is the faster without.
        layouts = [item for item in formats if best.notes["variant"].startswith(item[0])]
        return common.fastest([item for name, layout in layouts
                               for item in make(net, name, layout, True)])

    def _minibatches(self, net, layout):
        task = net.task
        data = torch.from_numpy(net.data())
        if net.filters:
            data = data.to(memory_format=layout)
        labels = torch.from_numpy(task.labels()).long()
        return [(data[i * task.batch:(i + 1) * task.batch],
                 labels[i * task.batch:(i + 1) * task.batch]) for i in range(task.batches)]

    def _training(self, net, name, layout, compiled):
        minibatches = self._minibatches(net, layout)
        start = time.perf_counter_ns()
        model = _TorchNet(net, layout)
        options = {"fused": True} if hasattr(torch, "compile") else {"foreach": True}
        optimizer = torch.optim.SGD(model.parameters(), lr=net.task.rate, **options)

        def loss_of(x, y):
            return F.cross_entropy(model(x), y)

        if compiled:
            torch._dynamo.reset()
            loss_of = torch.compile(loss_of)
        turn = [0]

        def step():
            x, y = minibatches[turn[0] % len(minibatches)]
            turn[0] += 1
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss

        return [(name, self._workload(step, start))]

    def _inference(self, net, name, layout, compiled):
        minibatches = self._minibatches(net, layout)
        start = time.perf_counter_ns()
        model = _TorchNet(net, layout).eval()

        def predict(x):
            return torch.softmax(model(x), 1)

        forms = [(name, predict)]
        if compiled:
            torch._dynamo.reset()
            import torch._inductor.config as config
            config.freezing = True
            forms = [(name, torch.compile(predict))]
        elif not hasattr(torch, "compile"):
            # What came before torch.compile.
            with torch.no_grad():
                traced = torch.jit.freeze(torch.jit.trace(model, minibatches[0][0]))
                best = torch.jit.optimize_for_inference(traced)
            forms.append((name + ", traced", lambda x: torch.softmax(best(x), 1)))
        candidates = []
        for form, function in forms:
            turn = [0]

            def step(function=function, turn=turn):
                x, _ = minibatches[turn[0] % len(minibatches)]
                turn[0] += 1
                # Freezing takes place under no_grad only.
                with torch.no_grad():
                    return function(x)

            candidates.append((form, self._workload(step, start)))
        return candidates

    @staticmethod
    def _workload(step, start):
        results = [step().detach().clone()]
        first = time.perf_counter_ns()
        results.append(step().detach().clone())
        compile_ns = 2 * first - start - time.perf_counter_ns()
        results.append(step().detach().clone())
        values = sum((common.fingerprint(result.numpy()) for result in results), [])
        return common.Workload(step, values, compile_ns=compile_ns)

    def conv(self, spec):
        task = common.Convolution(spec)
        candidates = []
        for name, layout in (("channels first", torch.contiguous_format),
                             ("channels last", torch.channels_last)):
            x, w, g = (torch.from_numpy(a).to(memory_format=layout)
                       for a in (task.x, task.w, task.g))

            def forward(x, w):
                return F.conv2d(x, w, None, task.stride, task.pad, task.dilation, task.groups)

            function = torch.compile(forward) if self._compiled else forward
            if task.training:
                x.requires_grad_()
                w.requires_grad_()

            def step(x=x, w=w, g=g, function=function):
                if not task.training:
                    with torch.inference_mode():
                        return (function(x, w),)
                y = function(x, w)
                return (y, *torch.autograd.grad(y, (x, w), g))

            values = task.values(*(result.detach().numpy() for result in step()))
            candidates.append((name, common.Workload(step, values)))
        return common.fastest(candidates)

    def chain(self, spec):
        array, steps = common.chain(spec)
        x = torch.from_numpy(array)

        def chain(x):
            t = x
            for step in steps:
                t = step(t, x, _Math)
            return t

        return self._of_function(chain, x)

    def rows(self, spec):
        task = common.Rows(spec)
        x, scale, shift = (torch.from_numpy(a) for a in (task.x, task.scale, task.shift))
        function = {
            "softmax": lambda x: torch.softmax(x, 1),
            "log_softmax": lambda x: torch.log_softmax(x, 1),
            "layer_norm": lambda x: F.layer_norm(x, scale.shape, scale, shift, 1e-5),
            "sum": lambda x: torch.sum(x, 1),
            "argmax": lambda x: torch.argmax(x, 1),
        }[task.op]
        return self._of_function(function, x)

    def batchnorm(self, spec):
        task = common.BatchNorm(spec)

        def normalise(x, scale, shift):
            return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)

        leaves = [torch.from_numpy(a) for a in (task.x, task.scale, task.shift)]
        if task.forward:
            return self._of_function(lambda x: normalise(x, *leaves[1:]), leaves[0])
        for leaf in leaves:
            leaf.requires_grad_()
        weights = torch.from_numpy(task.weights)
        loss = lambda *leaves: (normalise(*leaves) * weights).sum()
        if self._compiled:
            torch._dynamo.reset()
            loss = torch.compile(loss)

        def step():
            return torch.autograd.grad(loss(*leaves), leaves)

        values = sum((common.fingerprint(g.numpy()) for g in step()), [])
        return common.Workload(step, values)

    def _of_function(self, function, x):
        if self._compiled:
            torch._dynamo.reset()
            function = torch.compile(function)

        def step():
            with torch.no_grad():
                return function(x)

        return common.Workload(step, common.fingerprint(step().numpy()))

    def call(self, spec):
        what = spec.word("what", "empty")
        spec.check_all_used()
        if what == "empty":
            if not self._compiled:
                raise ValueError("compiles nothing")
            return common.Workload(torch.compile(lambda: None))
        x = torch.tensor(2.0)
        add_one = (lambda x: x + 1.0)
        if self._compiled:
            add_one = torch.compile(add_one)
        return common.Workload(lambda: add_one(x), [add_one(x).item()])

    def compile(self, spec):
        task = common.Compilation(spec)
        if not self._compiled:
            raise ValueError("compiles nothing")
        torch._dynamo.reset()
        x = torch.from_numpy(task.x)
        start = time.perf_counter_ns()
        if task.what == "nodes":
            return self._workload(torch.compile(lambda: task.nodes(x, _Math)), start)
        weights = [torch.from_numpy(task.w).clone().requires_grad_() for _ in range(task.count)]

        @torch.compile
        def cost():
            units = x
            for w in weights:
                units = torch.tanh(units @ w)
            return (units * units).mean()

        def step():
            value = cost()
            gradients = torch.autograd.grad(value, weights)
            with torch.no_grad():
                torch._foreach_add_(weights, gradients, alpha=-0.1)
            return value

        return self._workload(step, start)


if __name__ == "__main__":
    COMPILED = "--compile" in sys.argv
    common.serve("torch.compile" if COMPILED else "torch", TorchPeer(COMPILED))
