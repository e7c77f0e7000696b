"""Interleaved measurements, and the limits that they are set against."""

import statistics
import time

from competitors import Refused

# The square products among which the best is looked for.
PRODUCT_SIZES = (512, 768, 1024, 1536, 2048)
PRODUCT_LIBRARIES = ("bitale", "onednn", "openblas")


class Samples:
    """Nanoseconds per call, one number for each pass."""

    def __init__(self, values=()):
        self.values = list(values)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    def over(self, other):
        """The median of the ratios of each pass, which saw the same phase of the machine."""
        return statistics.median(a / b for a, b in zip(self.values, other.values))


def over_ours(entry, ours):
    """How much more that is than ours, pass by pass where both were measured in turns."""
    return entry.get("over_ours", entry["median"] / ours["median"])


class Effort:
    """How long and how often things are measured."""

    def __init__(self, quick):
        self.passes = 5 if quick else 7
        # Of one run of one competitor.
        self.nanoseconds = 0.05e9 if quick else 0.2e9
        # Before each run. Threads of OpenMP, OpenBLAS and others look out for work for a while
        # after their last product; whoever comes next shares its cores with them (LeNet's
        # inference took 1.16 times as long with two threads, right after a product).
        self.rest_seconds = 0.04
        self.compilations = 2 if quick else 5


def interleave(tasks, effort):
    """Runs tasks {name: (competitor, id)} in turns; returns {name: Samples}.

    One that dies is left out. The order is rotated from pass to pass. Each run begins after a rest,
    when the threads of the one before have gone to sleep, and with calls that are not timed: they
    bring back what lies in caches, and the threads.
    """
    calls, samples = {}, {}
    for name, (competitor, workload) in tasks.items():
        try:
            # Twice: the first call of many programs does more than the later ones.
            competitor.run(workload, 1)
            once = max(competitor.run(workload, 1), 1)
        except Refused:
            continue
        calls[name] = max(1, min(1_000_000, round(effort.nanoseconds / once)))
        samples[name] = Samples()
    names = list(samples)
    for turn in range(effort.passes if names else 0):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            competitor, workload = tasks[name]
            try:
                time.sleep(effort.rest_seconds)
                competitor.run(workload, 1 + calls[name] // 10)
                samples[name].values.append(competitor.run(workload, calls[name]))
            except Refused:
                samples.pop(name, None)
        names = [name for name in names if name in samples]
        if not names:
            break
    return samples


# Elements of the chains that tell what a function costs: in and out together fit any L1.
L1_ELEMENTS = 2048


class Limits:
    """What the machine can do, by our own competitor with a given number of threads."""

    def __init__(self, ours, effort):
        self.ours = ours
        self.effort = effort
        self._products = {}

    def best_products(self, dtype, count=3):
        """Specs of the fastest square products, best first: candidates for a row's floor."""
        return [spec for _, _, _, spec in self.all_products(dtype)[:count]]

    def all_products(self, dtype):
        """[(FLOP/s, library, size, spec)], best first."""
        if dtype not in self._products:
            tasks, flops, made = {}, {}, []
            for library in PRODUCT_LIBRARIES:
                for size in PRODUCT_SIZES:
                    spec = f"product library={library} size={size} dtype={dtype}"
                    try:
                        told = self.ours.prepare(spec)
                    except Refused:
                        continue
                    made.append(told["id"])
                    tasks[library, size, spec] = (self.ours, told["id"])
                    flops[library, size, spec] = told["flops"]
            samples = interleave(tasks, self.effort)
            for workload in made:
                self.ours.release(workload)
            # By the best pass: these are candidates, and a slow phase must not rule one out.
            rates = [(flops[key] / samples[key].low * 1e9, *key) for key in tasks]
            self._products[dtype] = sorted(rates, reverse=True)
        return self._products[dtype]

    def bandwidth_table(self):
        """{(kind, bytes): bytes/s} over the levels of the memory hierarchy."""
        tasks, moved = {}, {}
        for kind in ("read", "triad", "scale", "stream"):
            for level, size in (("L1", 24 << 10), ("L2", 320 << 10), ("L3", 8 << 20),
                                ("DRAM", 384 << 20)):
                size *= self.ours.threads if level in ("L1", "L2") else 1
                told = self.ours.prepare(f"bandwidth kind={kind} bytes={size}")
                tasks[kind, level] = (self.ours, told["id"])
                moved[kind, level] = told["bytes"]
        samples = interleave(tasks, self.effort)
        for competitor, workload in tasks.values():
            competitor.release(workload)
        return {key: moved[key] / samples[key].median * 1e9 for key in tasks}
