"""Sets Bitale beside its peers and the machine's limits. README.md says how; `run` is the way in."""

import argparse
import contextlib
import datetime
import fcntl
import json
import pathlib
import sys

import installations
import table
import workloads
from competitors import Competitor, Refused, Team
from measure import L1_ELEMENTS, Effort, Limits, Samples, interleave

OURS = "bitale"
# Nanoseconds of a compilation that is not repeated.
_LONG = 10e9
_HERE = pathlib.Path(__file__).resolve().parent


def agree(ours, theirs, dtype):
    """Whether two lists of values are the same but for rounding."""
    tolerance = 1e-9 if dtype == "float64" else 1e-4
    if len(ours) != len(theirs):
        return False
    largest = max((abs(value) for value in ours), default=0)
    return all(abs(a - b) <= tolerance * largest for a, b in zip(ours, theirs))


class Prepared:
    """A row whose workloads are made and wait to be timed."""

    def __init__(self, row, result, told, tasks, floors):
        self.row = row
        self.result = result
        self.told = told  # competitor's name -> what it told of its workload
        self.tasks = tasks  # competitor's name -> (competitor, id)
        self.floors = floors  # spec -> (competitor, id, what was told)


class Session:
    """All competitors with one number of threads."""

    def __init__(self, peers, threads, effort, niceness=None):
        self.threads = threads
        self.niceness = niceness
        self.effort = effort
        self.ours = Competitor(OURS, [str(installations.competitor())], threads)
        # For what functions cost in L1, while all threads compute them.
        self.team = Team(self.ours, threads)
        self.limits = Limits(self.ours, effort)
        self.refused = {}
        self.competitors = [self.ours]
        for peer in peers:
            try:
                self.competitors.append(
                    Competitor(peer.name, peer.command, threads, peer.environment))
            except Refused as reason:
                self.refused[peer.name] = str(reason)

    def versions(self):
        return {c.name: c.about["version"] for c in self.competitors}

    def close(self):
        for competitor in self.competitors + [self.team]:
            competitor.close()

    def measure(self, rows, locked):
        """Yields a result for each row, as the table and the JSON file hold it.

        Workloads are made first, which may take their compilers minutes; `locked` gives a context
        in which they are timed.
        """
        for competitor in self.competitors:
            competitor.restart_if_dead()
        self._set_niceness(0)
        prepared = [self._prepare(row) for row in rows]
        for item in prepared:
            if item.row.what == "memory":
                self._memory(item)
        with locked():
            self._set_niceness(self.niceness)
            for item in prepared:
                if item.row.what == "time":
                    self._time(item)
                elif item.row.what == "compile":
                    self._compile(item)
                yield item.result

    def _set_niceness(self, niceness):
        if self.niceness is None:
            return
        for competitor in [self.team, *self.competitors]:
            try:
                competitor.set_niceness(niceness)
            except OSError as error:
                print(f"niceness of {competitor.name}: {error}", flush=True)

    def _prepare(self, row):
        result = {
            "name": row.name,
            "spec": row.spec,
            "what": row.what,
            "threads": self.threads,
            "date": datetime.datetime.now().isoformat(timespec="seconds"),
            "results": {name: {"refused": why} for name, why in self.refused.items()},
        }
        told, tasks, floors = {}, {}, {}
        for competitor in self.competitors if row.what == "time" else ():
            try:
                told[competitor.name] = competitor.prepare(row.spec)
            except Refused as reason:
                result["results"][competitor.name] = {"refused": str(reason)}
                continue
            tasks[competitor.name] = (competitor, told[competitor.name]["id"])
        if OURS in told:
            for competitor, spec in self._floor_specs(row, told[OURS]):
                floor = competitor.prepare(spec)
                floors[spec] = (competitor, floor["id"], floor)
        return Prepared(row, result, told, tasks, floors)

    def _floor_specs(self, row, told):
        """[(competitor, spec)] of what must be measured in turns with a row for its floor."""
        dtype = row.value("dtype", "float32")
        if row.floor == "flops":
            return [(self.ours, spec) for spec in self.limits.best_products(dtype)]
        if row.floor == "memory":
            passes = [(self.ours, f"bandwidth kind={kind} bytes={int(told['bytes'])}")
                      for kind in ("scale", "stream")]
            in_l1 = [self._in_l1(op, dtype) for op in row.functions]
            if in_l1:
                in_l1.append(self._on_one_element(dtype))
            return passes + [(self.team, spec) for spec in in_l1]
        return []

    @staticmethod
    def _in_l1(op, dtype):
        return f"chain size={L1_ELEMENTS} ops={op} dtype={dtype}"

    @staticmethod
    def _on_one_element(dtype):
        return f"chain size=1 ops=scale dtype={dtype}"

    def _time(self, item):
        results = item.result["results"]
        if OURS not in item.told:
            return
        floors = {spec: (competitor, i) for spec, (competitor, i, _) in item.floors.items()}
        # Floors beside what is set against them.
        samples = interleave({OURS: item.tasks[OURS], **floors, **item.tasks}, self.effort)
        ours = item.told[OURS]
        for name in item.tasks:
            if name not in samples:
                results[name] = {"refused": "died"}
                continue
            results[name] = self._entry(samples[name])
            if OURS in samples:
                results[name]["over_ours"] = samples[name].over(samples[OURS])
            if "variant" in item.told[name]:
                results[name]["variant"] = item.told[name]["variant"]
            if not agree(ours["values"], item.told[name]["values"], item.row.value("dtype")):
                results[name]["disagrees"] = item.told[name]["values"][:4]
        item.result["flops"], item.result["bytes"] = ours["flops"], ours["bytes"]
        floor, item.result["floor"] = self._floor(item, samples)
        if floor is not None and OURS in samples:
            item.result["floor_ns"] = floor.median
            item.result["of_floor"] = samples[OURS].over(floor)
        for competitor, workload in [*item.tasks.values(), *floors.values()]:
            try:
                competitor.release(workload)
            except Refused:
                pass  # A dead one holds nothing.

    @staticmethod
    def _entry(samples):
        return {"median": samples.median, "low": samples.low, "high": samples.high}

    def _floor(self, item, samples):
        """Samples, pass by pass, and what they are made of."""
        row, told = item.row, item.told[OURS]
        dtype = row.value("dtype", "float32")
        if row.floor == "flops":
            floors = {spec: Samples(value * told["flops"] / product["flops"]
                                    for value in samples[spec].values)
                      for spec, (_, _, product) in item.floors.items()}
            spec = min(floors, key=lambda name: floors[name].median)
            return floors[spec], f"{told['flops'] / floors[spec].median:.1f} GFLOP/s by {spec}"
        if row.floor != "memory":
            return None, ""
        passes = [spec for spec in item.floors if spec.startswith("bandwidth")]
        spec = min(passes, key=lambda name: samples[name].median)
        memory = samples[spec]
        if row.functions:
            # Passes over the first cache, less what calls cost.
            calls = samples[self._on_one_element(dtype)].values
            functions = [samples[self._in_l1(op, dtype)].values for op in row.functions]
            costs = Samples((sum(of_pass) - len(functions) * call) / L1_ELEMENTS
                            for call, *of_pass in zip(calls, *functions))
            elements = told["bytes"] / (16 if dtype == "float64" else 8)
            math = Samples(cost * elements / self.threads for cost in costs.values)
            if math.median > memory.median:
                return math, f"vector math, {costs.median:.2f} ns for each element and thread"
        return memory, f"{told['bytes'] / memory.median:.1f} GB/s by {spec}"

    def _compile(self, item):
        """Compiles anew in each pass, competitors in turns; what takes long, once."""
        samples, results = {}, item.result["results"]
        for turn in range(self.effort.compilations):
            shift = turn % len(self.competitors)
            for competitor in self.competitors[shift:] + self.competitors[:shift]:
                taken = samples.get(competitor.name)
                if competitor.name in results or (taken and taken.high > _LONG):
                    continue
                try:
                    told = competitor.prepare(item.row.spec)
                    competitor.release(told["id"])
                    samples.setdefault(competitor.name, Samples()).values.append(
                        told["compile_ns"])
                except (Refused, KeyError) as reason:
                    results[competitor.name] = {"refused": str(reason)}
        for name, values in samples.items():
            results.setdefault(name, self._entry(values))

    def _memory(self, item):
        """The peak of a process of its own, over what it held before the workload was made."""
        results = item.result["results"]
        for competitor in self.competitors:
            try:
                fresh = competitor.again()
            except Refused as reason:
                results[competitor.name] = {"refused": str(reason)}
                continue
            try:
                told = fresh.prepare(item.row.spec)
                results[competitor.name] = self._entry(Samples([told["peak_bytes"]]))
                if competitor is self.ours:
                    item.result["plan"] = {
                        key: told[key] for key in ("arena_bytes", "bytes_without_reuse")}
            except Refused as reason:
                results[competitor.name] = {"refused": str(reason)}
            fresh.close()


@contextlib.contextmanager
def holding(path):
    """A lock on a file while nothing else shall run; nothing without a path."""
    if path is None:
        yield
        return
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def selected_rows(text):
    """Rows by name; an item with a space in it is a spec of its own."""
    rows = workloads.standard_rows()
    if not text:
        return rows
    chosen = []
    for item in text.split(","):
        if " " in item:
            chosen.append(workloads.row_of_spec(item))
        else:
            chosen += [row for row in rows if item == row.name]
    if not chosen:
        names = sorted({row.name for row in rows})
        sys.exit(f"no such workload: {text}; there are {' '.join(names)}, or \"lenet batch=64\"")
    return chosen


def arguments():
    parser = argparse.ArgumentParser(prog="tools/bench/run", description=__doc__)
    parser.add_argument("--workloads", default="",
                        help="names of rows, or specs, with commas between them; all by default")
    parser.add_argument("--peers", default="all",
                        help="names with commas between them, all or none")
    parser.add_argument("--threads", default="1,2", help="numbers of threads")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter passes")
    parser.add_argument("--limits", action="store_true", help="also measure the memory's bandwidth")
    parser.add_argument("--slice", type=int, default=8,
                        help="rows that are made together, then timed")
    parser.add_argument("--lock", type=pathlib.Path,
                        help="a file to lock while rows are timed, for builds that do the same")
    parser.add_argument("--niceness", type=int,
                        help="of competitors once they are timed; below 0 for root on a busy machine")
    parser.add_argument("--json", type=pathlib.Path,
                        help="keep the results here: rows that are there already are replaced")
    parser.add_argument("--note", help="a sentence that stands above the table of --readme")
    parser.add_argument("--readme", action="store_true",
                        help="write the table of --json into README.md")
    return parser.parse_args()


def main():
    options = arguments()
    effort = Effort(options.quick)
    rows = selected_rows(options.workloads)
    peers = installations.peers(options.peers)
    book = table.Book(options.json)
    for threads in [int(text) for text in options.threads.split(",")]:
        session = Session(peers, threads, effort, options.niceness)
        book.add_versions(session.versions())
        try:
            for first in range(0, len(rows), options.slice):
                some = rows[first:first + options.slice]
                for result in session.measure(some, lambda: holding(options.lock)):
                    book.add_result(result)
                    print(table.line(result), flush=True)
            if options.limits:
                book.add_limits(threads, session.limits)
        finally:
            session.close()
    if options.note is not None:
        book.add_note(options.note)
    if options.readme:
        book.write_readme(_HERE / "README.md")
    print()
    print(book.markdown(rows))


if __name__ == "__main__":
    main()
