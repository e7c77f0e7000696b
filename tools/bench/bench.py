"""Sets Bitale beside its peers and the machine's limits. README.md says how; `run` is the way in."""

import argparse
import datetime
import json
import pathlib
import sys

import installations
import table
import workloads
from competitors import Competitor, Refused
from measure import Effort, Limits, Samples, interleave

OURS = "bitale"
_HERE = pathlib.Path(__file__).resolve().parent


def agree(ours, theirs, dtype):
    """Whether two lists of values are the same but for rounding."""
    tolerance = 1e-9 if dtype == "float64" else 1e-4
    if len(ours) != len(theirs):
        return False
    largest = max((abs(value) for value in ours), default=0)
    return all(abs(a - b) <= tolerance * largest for a, b in zip(ours, theirs))


class Session:
    """All competitors with one number of threads."""

    def __init__(self, peers, threads, effort):
        self.threads = threads
        self.effort = effort
        self.ours = Competitor(OURS, [str(installations.competitor())], threads)
        single = self.ours if threads == 1 else self.ours.again(threads=1)
        self.limits = Limits(self.ours, single, effort)
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
        for competitor in self.competitors + [self.limits.single]:
            competitor.close()

    def measure(self, row):
        """The row's results as the table and the JSON file hold them."""
        result = {
            "name": row.name,
            "spec": row.spec,
            "what": row.what,
            "threads": self.threads,
            "date": datetime.datetime.now().isoformat(timespec="seconds"),
            "results": {name: {"refused": why} for name, why in self.refused.items()},
        }
        by_kind = {"time": self._time, "compile": self._compilation, "memory": self._memory}
        by_kind[row.what](row, result)
        return result

    def _time(self, row, result):
        told, tasks = {}, {}
        for competitor in self.competitors:
            try:
                told[competitor.name] = competitor.prepare(row.spec)
            except Refused as reason:
                result["results"][competitor.name] = {"refused": str(reason)}
                continue
            tasks[competitor.name] = (competitor, told[competitor.name]["id"])
        if OURS not in told:
            return
        floor_tasks = self._floor_tasks(row, told[OURS])
        samples = interleave({**tasks, **floor_tasks}, self.effort)
        for name in tasks:
            entry = self._entry(samples[name])
            if not agree(told[OURS]["values"], told[name]["values"], row.value("dtype")):
                entry["disagrees"] = told[name]["values"][:4]
            result["results"][name] = entry
        result["flops"], result["bytes"] = told[OURS]["flops"], told[OURS]["bytes"]
        result["floor_ns"], result["floor"] = self._floor(row, told[OURS], samples)
        for competitor, workload in [*tasks.values(), *floor_tasks.values()]:
            competitor.release(workload)

    @staticmethod
    def _entry(samples):
        return {"median": samples.median, "low": samples.low, "high": samples.high}

    def _floor_tasks(self, row, told):
        if row.floor == "flops":
            specs = [self.limits.best_product(row.value("dtype", "float32"))[3]]
        elif row.floor == "memory":
            size = int(told["bytes"])
            specs = [f"bandwidth kind={kind} bytes={size}" for kind in ("scale", "stream")]
        else:
            specs = []
        tasks = {}
        for spec in specs:
            self._floor_told = told_of_floor = self.ours.prepare(spec)
            tasks["floor: " + spec] = (self.ours, told_of_floor["id"])
        return tasks

    def _floor(self, row, told, samples):
        """Nanoseconds, and what they are made of."""
        floors = {name[7:]: s.median for name, s in samples.items() if name.startswith("floor: ")}
        dtype = row.value("dtype", "float32")
        if row.floor == "flops":
            (spec, nanoseconds), = floors.items()
            rate = self._floor_told["flops"] / nanoseconds
            return told["flops"] / rate, f"{rate:.1f} GFLOP/s by {spec}"
        if row.floor != "memory":
            return None, ""
        spec, nanoseconds = min(floors.items(), key=lambda item: item[1])
        elements = told["bytes"] / (16 if dtype == "float64" else 8)
        math = sum(self.limits.function_cost(f, dtype) for f in row.functions)
        math_ns = math * elements / self.threads
        if math_ns > nanoseconds:
            return math_ns, f"vector math, {math:.3f} ns for each element and thread"
        return nanoseconds, f"{told['bytes'] / nanoseconds:.1f} GB/s by {spec}"

    def _compilation(self, row, result):
        """Compiles anew in each pass; competitors in turns."""
        samples = {}
        for turn in range(self.effort.compilations):
            shift = turn % len(self.competitors)
            for competitor in self.competitors[shift:] + self.competitors[:shift]:
                if "refused" in result["results"].get(competitor.name, {}):
                    continue
                try:
                    told = competitor.prepare(row.spec)
                    competitor.release(told["id"])
                    samples.setdefault(competitor.name, Samples()).values.append(
                        told["compile_ns"])
                except (Refused, KeyError) as reason:
                    result["results"][competitor.name] = {"refused": str(reason)}
        for name, values in samples.items():
            result["results"].setdefault(name, self._entry(values))

    def _memory(self, row, result):
        """The peak of a process of its own, over what it held before the workload was made."""
        for competitor in self.competitors:
            try:
                fresh = competitor.again()
                told = fresh.prepare(row.spec)
                fresh.close()
            except Refused as reason:
                result["results"][competitor.name] = {"refused": str(reason)}
                continue
            result["results"][competitor.name] = self._entry(Samples([told["peak_bytes"]]))
            if competitor is self.ours:
                result["plan"] = {key: told[key] for key in ("arena_bytes", "bytes_without_reuse")}


def selected_rows(text):
    """Rows by name or part of their spec; an item with a space in it is a spec of its own."""
    rows = workloads.standard_rows()
    if not text:
        return rows
    chosen = []
    for item in text.split(","):
        if " " in item:
            chosen.append(workloads.row_of_spec(item))
        else:
            chosen += [row for row in rows if item in (row.name, row.spec.split()[0])]
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
    parser.add_argument("--json", type=pathlib.Path,
                        help="keep the results here: rows that are there already are replaced")
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
        session = Session(peers, threads, effort)
        book.add_versions(session.versions())
        try:
            for row in rows:
                result = session.measure(row)
                book.add_result(result)
                print(table.line(result), flush=True)
            if options.limits:
                book.add_limits(threads, session.limits)
        finally:
            session.close()
    if options.readme:
        book.write_readme(_HERE / "README.md")
    print()
    print(book.markdown(rows))


if __name__ == "__main__":
    main()
