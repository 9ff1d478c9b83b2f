"""Start-up: from the start of `trueup run` to the first byte of its first request, on a database that runs already."""

import os
import socket
import statistics
import subprocess
import sys
import time

from measure import Sandbox, expect, scratch


def measure(program, database, write_jobs, repeat):
    """Nobody answers: the process is ended when its first request has come."""
    seconds, processor, base = [], [], []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        jobs = scratch("startup-jobs")
        write_jobs(jobs, f"http://127.0.0.1:{server.getsockname()[1]}", "{per_second: 100, per_endpoint: 25, share: 1}")
        environment = dict(os.environ, TASK_HEALTH_STRIPE_SECRET_KEY=Sandbox.KEY)
        command = [program, "run", "credit-invoices", "--quiet", "--jobs", jobs, "--data-dir", database.directory]
        for _ in range(repeat):
            started = time.monotonic()
            subprocess.run([program, "--version"], stdout=subprocess.DEVNULL, check=True)
            base.append(time.monotonic() - started)
            started = time.monotonic()
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            connection, _ = server.accept()
            connection.settimeout(30)
            first = connection.recv(3)
            seconds.append(time.monotonic() - started)
            expect(first == b"GET", f"the first request begins with {first}")
            process.kill()
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = -9
            processor.append(usage.ru_utime + usage.ru_stime)
            connection.close()
    return {
        "seconds": statistics.median(seconds), "seconds_least": min(seconds), "cpu": statistics.median(processor),
        "version_seconds": statistics.median(base), "runs": repeat,
    }


if __name__ == "__main__":
    sys.exit("bench/run measures this")
