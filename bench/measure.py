"""Processes with what they cost: CPU time and peak memory from wait4, a server's from /proc."""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import urllib.request


class Failed(Exception):
    """Something that a measurement rests on does not hold."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def take_program(parser):
    """Gives the parser the option that names the program, which must be there."""

    def program(path):
        if not os.access(path, os.X_OK):
            raise argparse.ArgumentTypeError(f"{path} is not there; build it first: make build")
        return os.path.abspath(path)

    built = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".build", "release", "trueup")
    parser.add_argument(
        "--trueup", type=program, default=os.path.normpath(built), help="the program; else this checkout's release build")


class Spent:
    """What one process took, together with the children that it waited for."""

    def __init__(self, seconds, usage, status, stdout, stderr):
        self.seconds = seconds
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_bytes = usage.ru_maxrss * 1024
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


def measured(arguments, env, stdin, name):
    """Runs a program to its end, and says what it took and wrote. Its output goes to files, so that nobody waits for a
    reader."""
    with open(scratch("stdout" + name), "w+b") as out, open(scratch("stderr" + name), "w+b") as err:
        started = time.monotonic()
        process = subprocess.Popen(arguments, env=env, stdin=stdin, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return Spent(seconds, usage, process.returncode, *texts)


def aside(function, *arguments):
    """What the function gives, computed in a process of its own: what it holds would else count as the peak of every
    program that is started after it, because a child begins with the peak of its parent."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(function, arguments)


def run(arguments, env=None, stdin=None, ok=(0,)):
    """Runs a program to its end."""
    spent = measured(arguments, env, stdin or subprocess.DEVNULL, "")
    expect(
        spent.status in ok,
        f"{' '.join(arguments)} ended with {spent.status}:\n{spent.stderr[-4000:]}{spent.stdout[-4000:]}")
    return spent


def run_beside(commands, env):
    """Runs programs side by side, each to its end."""
    spent = [None] * len(commands)

    def one(index):
        spent[index] = measured(commands[index], env, subprocess.DEVNULL, f"-{index}")

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(commands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for command, each in zip(commands, spent):
        expect(each is not None, f"{' '.join(command)} did not run")
        expect(each.status == 0, f"{' '.join(command)} ended with {each.status}:\n{each.stderr[-4000:]}")
    return spent


_scratch = None


def use_scratch(directory):
    global _scratch
    _scratch = directory


def scratch(name):
    return os.path.join(_scratch, name)


def _ticks(pid):
    """Seconds of CPU of a process, and of its children that have ended; and its parent."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return own / tick, ended / tick, int(fields[1])


def cpu_seconds(pid):
    """CPU of a process and all its children, those that have ended included."""
    own, ended, _ = _ticks(pid)
    total = own + ended
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            own, ended, parent = _ticks(name)
        except (OSError, IndexError):
            continue
        if parent == pid:
            total += own + ended
    return total


class Database:
    """The embedded database, started and stopped through the program."""

    def __init__(self, program, directory):
        self.program, self.directory = program, directory

    def __enter__(self):
        started = run([self.program, "db", "start", "--data-dir", self.directory])
        self.url = next(word for word in started.stdout.split() if word.startswith("postgresql://"))
        run([self.program, "db", "migrate", "--application", "--data-dir", self.directory])
        status = run([self.program, "db", "status", "--data-dir", self.directory]).stdout
        self.pid = int(status.split("running, process ")[1].split()[0])
        return self

    def __exit__(self, *_):
        subprocess.run(
            [self.program, "db", "stop", "--force", "--data-dir", self.directory], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False)

    def psql_arguments(self, *more):
        return [self.program, "db", "psql", "--data-dir", self.directory, "--", "-XqAt", "-v", "ON_ERROR_STOP=1",
                *more]

    def sql(self, text):
        """Runs a script; gives what it prints."""
        with open(scratch("script.sql"), "w") as file:
            file.write(text)
        return run(self.psql_arguments("-f", scratch("script.sql"))).stdout.strip()

    def number(self, text):
        return int(self.sql(text))

    def cpu_seconds(self):
        return cpu_seconds(self.pid)


class Sandbox:
    """The stand-in for Stripe, a process of its own."""

    KEY = "sk_test_sandbox_task_health"

    def __init__(self, program, orders, now, *options):
        self.arguments = [
            program, "sandbox", "--port", "0", "--invoices", str(orders), "--history", "credits", "--skew", "bursts",
            "--now", str(now), *options]

    def __enter__(self):
        self.talk = open(scratch("sandbox"), "w+b")
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.talk)
        self.url = self.process.stdout.readline().decode().strip()
        expect(self.url.startswith("http://"), "the sandbox did not start")
        return self

    def __exit__(self, *_):
        self.stop()

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def body(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.KEY}"})
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def stop(self):
        """Ends it. Gives how many requests it got, and how many of them its limits refused."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process.stdout.close()
        if not self.talk.closed:
            self.talk.seek(0)
            self.last_words = self.talk.read().decode()
            self.talk.close()
        for line in self.last_words.splitlines():
            if line.startswith("Requests: "):
                words = line.replace(",", "").replace(".", "").split()
                return int(words[1]), int(words[2])
        return None


def say(text):
    print(text, file=sys.stderr, flush=True)
