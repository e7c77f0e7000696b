"""Results as text: a line for the terminal, a table for README.md, and the JSON file they live in."""

import json
import os
import pathlib
import re

import picture
from measure import over_ours

_MARKS = ("<!-- the table: begin -->", "<!-- the table: end -->")


def human(value, what="time"):
    """Nanoseconds or bytes with three digits and a unit."""
    if what == "memory":
        steps = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1))
    else:
        steps = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1))
    for unit, size in steps:
        if abs(value) >= size:
            break
    number = value / size
    return f"{number:.{max(0, 2 - len(str(int(abs(number)))) + 1)}f} {unit}"


def spread(entry, what):
    text = human(entry["median"], what)
    if entry["low"] == entry["high"]:
        return text
    return f"{text} [{human(entry['low'], what)} .. {human(entry['high'], what)}]"


def times(ratio):
    return f"{ratio:.2f}×"


def line(result):
    """What is shown while the measurements go on."""
    ours = result["results"].get("bitale", {})
    name = f"{label(result)} {batch(result)}"
    text = f"{name:64} {result['threads']} threads  "
    if "median" not in ours:
        return text + "refused: " + ours.get("refused", "")
    text += spread(ours, result["what"])
    if "of_floor" in result:
        text += f"  {times(result['of_floor'])} floor ({result['floor']})"
    for name, entry in result["results"].items():
        if name != "bitale":
            text += f"\n{'':20}{name:16} {cell(entry, ours, result['what'])}"
    return text


def label(result):
    """The spec in words, less its batch."""
    prefix = {"time": "", "compile": "compile ", "memory": "peak memory of "}[result["what"]]
    words = [word for word in result["spec"].split() if not word.startswith("batch=")]
    return prefix + " ".join(words).removeprefix(prefix)


def batch(result):
    found = re.search(r"\bbatch=(\d+)", result["spec"])
    return found.group(1) if found else ""


def cell(entry, ours, what):
    """A peer's number, and how much more that is than ours."""
    if "refused" in entry:
        return "–"
    text = human(entry["median"], what)
    if "disagrees" in entry:
        return f"{text}, other values"
    return f"{text} ({times(over_ours(entry, ours))})"


def machine():
    """The processor as the system describes it."""
    fields = {}
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for text in cpuinfo.read_text().splitlines():
            key, _, value = text.partition(":")
            fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", "").split()
    vectors = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if f in flags]
    caches = []
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = (index / "type").read_text().strip()
        if kind != "Instruction":
            caches.append(f"L{(index / 'level').read_text().strip()} "
                          f"{(index / 'size').read_text().strip()}")
    return (f"{fields.get('model name', 'unknown processor')} "
            f"(family {fields.get('cpu family', '?')}, model {fields.get('model', '?')}), "
            f"{os.cpu_count()} cores, {', '.join(caches)}, {' '.join(vectors) or 'no AVX2'}")


class Book:
    """Rows measured so far, in this run and, with a file, in earlier ones."""

    def __init__(self, path=None):
        self._path = path
        self._data = {"machine": machine(), "versions": {}, "limits": {}, "rows": {}}
        if path is not None and path.exists():
            self._data.update(json.loads(path.read_text()))
            self._data["machine"] = machine()

    def add_versions(self, versions):
        self._data["versions"].update(versions)
        self._save()

    def add_note(self, note):
        """What a reader must know of how the numbers came about."""
        self._data["note"] = note
        self._save()

    def add_result(self, result):
        key = f"{result['what']} {result['threads']} {result['spec']}"
        self._data["rows"][key] = result
        self._save()

    def add_limits(self, threads, limits):
        told = {"products": [
            {"flops_per_second": rate, "library": library, "size": size, "dtype": dtype}
            for dtype in ("float32", "float64")
            for rate, library, size, _ in limits.all_products(dtype)
        ]}
        told["bandwidth"] = {
            f"{kind} {level}": rate for (kind, level), rate in limits.bandwidth_table().items()
        }
        self._data["limits"][str(threads)] = told
        self._save()

    def _save(self):
        if self._path is not None:
            self._path.write_text(json.dumps(self._data, indent=1, ensure_ascii=False) + "\n")

    def markdown(self, rows=None):
        """The table as README.md has it; of `rows` only, if given."""
        wanted = None if rows is None else {(row.what, row.spec) for row in rows}
        results = [r for r in self._data["rows"].values()
                   if wanted is None or (r["what"], r["spec"]) in wanted]
        versions = self._data["versions"]
        names = list(dict.fromkeys(name for r in results for name in r["results"]
                                   if name != "bitale"))
        names.sort(key=lambda name: list(versions).index(name) if name in versions else 99)
        heads = ["workload", "batch", "threads", "Bitale: median [min .. max]", "of floor"]
        heads += [f"{name} {versions.get(name, '(could not be had)')}" for name in names]
        lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for result in results:
            ours = result["results"].get("bitale", {"refused": ""})
            if "median" not in ours:
                continue
            cells = [label(result), batch(result), str(result["threads"]),
                     spread(ours, result["what"]),
                     times(result["of_floor"]) if "of_floor" in result else ""]
            cells += [cell(result["results"].get(name, {"refused": ""}), ours, result["what"])
                      for name in names]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def limits_markdown(self):
        """What the machine can do, a column for each number of threads."""
        limits = self._data["limits"]
        if not limits:
            return ""
        counts = sorted(limits)
        lines = ["| limit | " + " | ".join(f"{n} threads" for n in counts) + " |",
                 "|---" * (len(counts) + 1) + "|"]
        for dtype in ("float32", "float64"):
            cells = []
            for n in counts:
                best = [p for p in limits[n]["products"] if p["dtype"] == dtype][0]
                cells.append(f"{best['flops_per_second'] / 1e9:.1f} GFLOP/s "
                             f"({best['library']}, {best['size']})")
            lines.append(f"| best square product, {dtype} | " + " | ".join(cells) + " |")
        for kind in ("read", "triad", "scale", "stream"):
            cells = [", ".join(f"{limits[n]['bandwidth'][f'{kind} {level}'] / 1e9:.0f}"
                               for level in ("L1", "L2", "L3", "DRAM")) for n in counts]
            lines.append(f"| {kind}: L1, L2, L3, DRAM, GB/s | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n\n"

    def write_readme(self, path):
        begin, end = _MARKS
        dates = sorted(result["date"][:10] for result in self._data["rows"].values())
        text = (f"{begin}\n{' to '.join(sorted({dates[0], dates[-1]}))}, "
                f"{self._data['machine']}."
                f"{(' ' + self._data.get('note', '')).rstrip()}\n\n{self.limits_markdown()}{self.markdown()}\n\n"
                f"![Ratios](ratios.svg)\n{end}")
        old = path.read_text()
        pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
        path.write_text(pattern.sub(lambda _: text, old))
        picture_path = path.with_name("ratios.svg")
        picture_path.write_text(picture.svg(
            self._data["rows"].values(),
            lambda r: f"{(label(r) + ' ' + batch(r)).strip()}, {r['threads']} threads"))
