"""Programs that make and time workloads, each a process spoken to by lines."""

import concurrent.futures
import json
import os
import select
import signal
import statistics
import subprocess
import tempfile


# Seconds that an answer may take.
PATIENCE = 120


class Refused(Exception):
    """The competitor cannot do what was asked; the message says why."""


class Competitor:
    """A running program with a fixed number of threads.

    It is stopped except while it answers: threads that spin after their work, as most pools' do,
    would take time from whoever is measured next.
    """

    def __init__(self, name, command, threads, environment=None):
        self.name = name
        self.threads = threads
        self._command = command
        self._environment = environment or {}
        self._start()

    def _start(self):
        self._log = tempfile.TemporaryFile()
        self._dead = ""
        threads = str(self.threads)
        set_by_us = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
                     "OPENBLAS_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
        try:
            self._process = subprocess.Popen(
                [*self._command, f"--threads={threads}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, **set_by_us, **self._environment},
                start_new_session=True,
            )
        except OSError as error:
            raise Refused(f"not installed: {error}") from error
        self.about = json.loads(self.ask("about"))

    def restart_if_dead(self):
        if self._dead:
            self.close()
            self._start()

    def again(self, threads=None):
        """Another process of the same program."""
        return Competitor(self.name, self._command, threads or self.threads, self._environment)

    def ask(self, line):
        """The answer to one line. Refused if it is an error, or the program died or hangs."""
        if self._dead:
            raise Refused(self._dead)
        pipe = self._process.stdout
        try:
            os.killpg(self._process.pid, signal.SIGCONT)
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
            ready, _, _ = select.select([pipe], [], [], PATIENCE)
            if not ready:
                self._dead = f"took longer than {PATIENCE} s"
                self.close()
                raise Refused(self._dead)
            answer = pipe.readline().decode().strip()
            os.killpg(self._process.pid, signal.SIGSTOP)
        except (BrokenPipeError, ProcessLookupError):
            answer = ""
        if not answer:
            self._dead = f"died: {self._last_words()}"
            raise Refused(self._dead)
        if answer.startswith("error "):
            raise Refused(json.loads(answer[len("error "):]))
        return answer

    def prepare(self, spec):
        """Makes a workload; returns what is told of it, its id among that."""
        return json.loads(self.ask(f"prepare {spec}"))

    def run(self, workload, calls):
        """Nanoseconds per call."""
        return int(self.ask(f"run {workload} {calls}")) / calls

    def release(self, workload):
        self.ask(f"release {workload}")

    def set_niceness(self, niceness):
        """Of all threads. Below 0 takes root, and keeps other programs from getting in the way."""
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), niceness)
        # Where the kernel groups processes by session, that of threads holds inside a group only.
        group = f"/proc/{self._process.pid}/autogroup"
        if os.path.exists(group):
            with open(group, "w") as file:
                file.write(str(niceness))

    def close(self):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def _last_words(self):
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"


class Team:
    """Processes with one thread each that do the same at the same time, on a core each.

    What a thread can do is less while the other cores are at work too.
    """

    def __init__(self, competitor, size):
        self.name = competitor.name
        self._members = [competitor.again(threads=1) for _ in range(size)]
        self._threads = concurrent.futures.ThreadPoolExecutor(size)
        self._workloads = {}  # id -> each member's

    def prepare(self, spec):
        told = [member.prepare(spec) for member in self._members]
        self._workloads[told[0]["id"]] = [of_member["id"] for of_member in told]
        return told[0]

    def run(self, workload, calls):
        """Nanoseconds per call, the mean of all members."""
        times = self._threads.map(lambda member, made: member.run(made, calls),
                                  self._members, self._workloads[workload])
        return statistics.mean(times)

    def release(self, workload):
        for member, made in zip(self._members, self._workloads.pop(workload)):
            member.release(made)

    def set_niceness(self, niceness):
        for member in self._members:
            member.set_niceness(niceness)

    def close(self):
        self._threads.shutdown()
        for member in self._members:
            member.close()
