"""Programs that make and time workloads, each a process spoken to by lines."""

import json
import os
import signal
import subprocess
import tempfile


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
        self._log = tempfile.TemporaryFile()
        set_by_us = {
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": str(threads),
        }
        self._process = subprocess.Popen(
            command + [f"--threads={threads}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **set_by_us, **self._environment},
            start_new_session=True,
        )
        self.about = json.loads(self.ask("about"))

    def again(self, threads=None):
        """Another process of the same program."""
        return Competitor(self.name, self._command, threads or self.threads, self._environment)

    def ask(self, line):
        """The answer to one line. Refused if it is an error or the program has died."""
        try:
            os.killpg(self._process.pid, signal.SIGCONT)
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline().strip()
            os.killpg(self._process.pid, signal.SIGSTOP)
        except (BrokenPipeError, ProcessLookupError):
            answer = ""
        if not answer:
            raise Refused(f"died: {self._last_words()}")
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
