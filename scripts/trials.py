"""Runs tests with a mutant on, and tells what they make of it.

A few are run alone, those that are likely to fail; then the others of a program all in one process,
which is a small part of the work. Whatever does not pass there is run alone before it counts.
"""

import collections
import os
import resource
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("XPKCE_MUTANTS_HOME", ROOT / "target" / "mutants")).absolute()
TREE = HOME / "tree"
# Seconds that a test has with a mutant on, and eight times what it took without.
PATIENCE = 40
# For tests that take a second: what stands still for ten of them goes on no more.
SHORT_PATIENCE = 10
# Seconds of a processor: who uses more, and ten times what the test took without, goes in circles.
MOST_WORK = 10
# Bytes: a mutant that never stops to collect must not take the machine's memory.
MOST_MEMORY = 8 << 30
# No deadline in a test is as short as this.
SURE = 7
# So many tests of a mutant are run alone before the others are run at once.
FIRST_ALONE = 8
THREADS = 4


def certificate():
    """Nobody is asked over TLS here; to read the system's certificates is half of many a test."""
    one = HOME / "one.pem"
    if not one.exists():
        system = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
        first, end, _ = Path(system).read_text().partition("-----END CERTIFICATE-----")
        one.write_text(f"{first}{end}\n")
    return str(one)


def start(path, names, env, work, stdout, *options):
    run = subprocess.Popen(
        [path, "--exact", *options, *names],
        cwd=TREE / "crates/xpkce", env=os.environ | {"SSL_CERT_FILE": certificate()} | env,
        start_new_session=True, text=True,
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.DEVNULL,
    )
    work = int(work)
    resource.prlimit(run.pid, resource.RLIMIT_CPU, (work, work + 5))
    resource.prlimit(run.pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    return run


def stop(run):
    """Ends it, and what it has started: a server ends by itself once its test is gone, if it is let."""
    run.kill()
    run.wait()
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            os.killpg(run.pid, 0)
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def alone(case, env, patience):
    """Runs one test; returns how it ended and how long that took."""
    path, name, usual = case
    began = time.monotonic()
    run = start(path, [name], env, MOST_WORK + 10 * usual, subprocess.DEVNULL)
    held_up = 0
    try:
        while (took := time.monotonic() - began) < patience + held_up:
            try:
                code = run.wait(min(1, patience))
            except subprocess.TimeoutExpired:
                # Others have the processors: that is no fault of the mutant's.
                held_up = max(held_up, waited(run.pid))
                continue
            ends = {0: "passed", -signal.SIGXCPU: "circles", -signal.SIGKILL: "circles"}
            return ends.get(code, "failed"), time.monotonic() - began
        return "timeout", took
    finally:
        stop(run)


def waited(pid):
    """Returns for how many seconds the threads of a process were ready to run, and did not."""
    waited = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            waited += int(task.read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            pass
    return waited


def together(path, tests, env):
    """Runs tests of one program in one process until one fails; returns the names of those that
    passed, and of the one that failed."""
    usual = sum(it["took"] for it in tests)
    passed, failed = set(), None
    names = [it["case"][1] for it in tests]
    work = MOST_WORK + 10 * usual
    run = start(path, names, env, work, subprocess.PIPE, "--test-threads", str(THREADS))
    alarm = threading.Timer(PATIENCE + 8 * usual / THREADS, stop, [run])
    alarm.start()
    try:
        for line in run.stdout:
            name, _, end = line.removeprefix("test ").strip().rpartition(" ... ")
            if end == "ok":
                passed.add(name)
            elif end == "FAILED":
                failed = name
                break
    finally:
        alarm.cancel()
        stop(run)
        run.stdout.close()
    return passed, failed


def judge(number, tests):
    """Tells what the first of these tests makes of a mutant that does not pass with it."""
    first, rest = tests[:FIRST_ALONE], tests[FIRST_ALONE:]
    for test in first:
        if fate := judge_alone(number, test):
            return fate, test["case"][1]
    programs = collections.defaultdict(list)
    for test in rest:
        programs[test["case"][0]].append(test)
    for path, left in programs.items():
        while left:
            passed, failed = together(path, left, {"XPKCE_MUTANT": str(number)})
            left = [it for it in left if it["case"][1] not in passed]
            # The one that failed; those that did not come to an end, if there is none.
            suspects = [it for it in left if it["case"][1] == failed] or left
            for test in suspects:
                if fate := judge_alone(number, test):
                    return fate, test["case"][1]
            left = [it for it in left if it not in suspects]
    return None, None


def judge_alone(number, test):
    """Tells what a test makes of a mutant, if it does not pass with it and does without."""
    case, patience = (*test["case"], test["took"]), PATIENCE + 8 * test["took"]
    mutant = {"XPKCE_MUTANT": str(number)}
    while True:
        status, took = alone(case, mutant, patience)
        if status == "passed":
            return None
        if status == "circles":
            return "timeout"
        if took < SURE:
            return "caught"
        # What took long may be the fault of a busy machine: it must come again, and not without.
        if alone(case, {}, took)[0] == "passed" and alone(case, mutant, patience)[0] == status:
            return "timeout" if status == "timeout" else "caught"
        time.sleep(5)
