"""Mutation testing of the library: which faults, put into the code one at a time, no test notices.

    python3 scripts/mutants.py build [PATH...]  lists the mutants of these files of the library with
                                                cargo-mutants, compiles them into one build, and
                                                learns which test reaches which
    python3 scripts/mutants.py run [PATTERN]    runs, for each mutant that has the pattern in its
                                                name and no fate yet, the tests that reach it, until
                                                one of them fails
    python3 scripts/mutants.py report           prints what was found so far, file by file

A mutant is caught when a test fails with it; timed out when a test does not end with it, and does
without; missed when every test that reaches it passes, or none reaches it; unviable when it does not
compile; not run when it is no matter of a function's body. All of it is kept in target/mutants, so
that a run that was stopped goes on where it was. XPKCE_MUTANTS_JOBS says how many run at once,
XPKCE_MUTANTS_TESTS which test binaries there are beside the library's own, if not all of them.
"""

import collections
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import schemata

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "target" / "mutants"
TREE, FOUND, REACH = HOME / "tree", HOME / "found.json", HOME / "reach.json"
PATHS = [
    "grant.rs", "grant/**", "keeper.rs", "keeper/*.rs",
    "store.rs", "store/boot.rs", "store/memory.rs", "store/sqlite.rs", "store/sqlite/**",
]
# Tests, though they do not look like it.
TESTS_TOO = "crates/xpkce/src/keeper/schedules.rs"
TESTS = os.environ.get(
    "XPKCE_MUTANTS_TESTS",
    "keeper keeper_crash keeper_measures model silence store_keys store_memory store_seal store_sqlite "
    "store_sqlite_file store_sqlite_migrate store_sqlite_processes",
).split()
AT_ONCE = int(os.environ.get("XPKCE_MUTANTS_JOBS", "2"))
# Seconds that a test has with a mutant on, and eight times what it took without.
PATIENCE = 90
# A test that takes less is tried before all that take more.
QUICK = 1.5
# No deadline in a test is as short as this.
SURE = 7


def cargo(*args):
    env = os.environ | {"CARGO_TARGET_DIR": str(HOME / "target"), "INSTA_UPDATE": "no"}
    command = ["cargo", *args, "-p", "xpkce", "--locked", "--all-features", "--message-format=json"]
    return subprocess.run(command, cwd=TREE, env=env, capture_output=True, text=True)


def build(paths):
    shutil.rmtree(TREE, ignore_errors=True)
    schemata.copy(ROOT, TREE)
    files = [arg for path in paths for arg in ("-f", f"crates/xpkce/src/{path}")]
    listed = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "-p", "xpkce", "-e", TESTS_TOO, *files],
        cwd=TREE, check=True, capture_output=True, text=True,
    )
    known = [it for it in json.loads(listed.stdout) if not is_in_tests(it)]
    mutants = [it | {"number": at, "fate": None, "diff": None} for at, it in enumerate(known)]
    schemata.build(mutants, TREE, cargo)
    FOUND.write_text(json.dumps(mutants))
    REACH.write_text(json.dumps(learn(executables())))


def is_in_tests(mutant):
    """The tests of a file come last; cargo-mutants does not know all of our ways to mark them."""
    before = (TREE / mutant["file"]).read_text().splitlines()[: mutant["span"]["start"]["line"]]
    return any(line.startswith("mod tests {") for line in before)


def executables():
    run = cargo("test", "--no-run", "--lib", *(arg for name in TESTS for arg in ("--test", name)))
    if run.returncode:
        raise SystemExit(run.stderr)
    built = [json.loads(line) for line in run.stdout.splitlines()]
    return [it["executable"] for it in built if it.get("executable") and it["profile"]["test"]]


def learn(executables):
    """Runs each test by itself, with no mutant on: what it reaches, and how long it takes."""
    (HOME / "traces").mkdir(exist_ok=True)
    write_one_certificate()
    cases = [(path, name) for path in executables for name in names(path)]

    def one(at):
        trace = HOME / "traces" / str(at)
        trace.unlink(missing_ok=True)
        status, took = ends(cases[at], {"XPKCE_MUTANTS_TRACE": str(trace)}, 300)
        reached = sorted(set(map(int, trace.read_text().split()))) if trace.exists() else []
        return {"case": cases[at], "status": status, "took": took, "reached": reached}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        learned = list(pool.map(one, range(len(cases))))
    for it in learned:
        if it["status"] != "passed":
            print(f"left out, {it['status']} with no mutant on: {it['case'][1]}", file=sys.stderr)
    return [it for it in learned if it["status"] == "passed"]


def names(path):
    listed = subprocess.run([path, "--list"], cwd=TREE, check=True, capture_output=True, text=True)
    return [it.removesuffix(": test") for it in listed.stdout.splitlines() if it.endswith(": test")]


def write_one_certificate():
    """Nobody is asked over TLS here; to read the system's certificates is half of many a test."""
    system = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    first, end, _ = Path(system).read_text().partition("-----END CERTIFICATE-----")
    (HOME / "one.pem").write_text(f"{first}{end}\n")


def ends(case, env, patience):
    path, name = case
    began, env = time.monotonic(), os.environ | {"SSL_CERT_FILE": str(HOME / "one.pem")} | env
    run = subprocess.Popen(
        [path, "--exact", name],
        cwd=TREE / "crates/xpkce", env=env, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        return "passed" if run.wait(patience) == 0 else "failed", time.monotonic() - began
    except subprocess.TimeoutExpired:
        return "timeout", patience
    finally:
        try:
            os.killpg(run.pid, 9)
        except ProcessLookupError:
            pass
        run.wait()


def run(pattern):
    mutants, tests = json.loads(FOUND.read_text()), json.loads(REACH.read_text())
    mine = [it for it in mutants if pattern in it["name"]]
    # Most mutants fall to a test that is over at once; what does not is left for the long ones.
    for before, after, chosen in (
        (None, "left", [it for it in tests if it["took"] < QUICK]),
        ("left", "missed", [it for it in tests if it["took"] >= QUICK]),
    ):
        try_all(mutants, [it for it in mine if it["fate"] == before], chosen, after)


def try_all(mutants, chosen, tests, otherwise):
    reaching = collections.defaultdict(list)
    for test in sorted(tests, key=lambda it: it["took"]):
        for number in test["reached"]:
            reaching[number].append(test)
    kills, lock = collections.Counter(), threading.Lock()

    def one(mutant):
        kin = (mutant["file"], mutant["function"]["function_name"])

        # What caught it before, or a mutant of the same function or file, may well catch it.
        def rank(it):
            name = it["case"][1]
            return name != mutant.get("by"), -kills[kin, name], -kills[kin[0], name]

        own = sorted(reaching[mutant["number"]], key=rank)
        fate, by = judge(mutant["number"], own)
        with lock:
            tried = mutant.get("tried", 0) + len(own)
            mutant |= {"fate": fate or otherwise, "by": by, "tried": tried}
            kills[kin, by] += 1
            kills[kin[0], by] += 1
            FOUND.with_suffix(".new").write_text(json.dumps(mutants))
            FOUND.with_suffix(".new").rename(FOUND)
            print(f"{mutant['fate']:8} {mutant['name']} {by or mutant['tried']}", flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, chosen))


def judge(number, tests):
    """Tells what the first of these tests makes of a mutant that does not pass with it."""
    for test in tests:
        patience = PATIENCE + 8 * test["took"]
        while True:
            status, took = ends(test["case"], {"XPKCE_MUTANT": str(number)}, patience)
            if status == "passed":
                break
            # What took long may be the fault of a busy machine, and not of the mutant.
            if took < SURE or ends(test["case"], {}, took)[0] == "passed":
                return "timeout" if status == "timeout" else "caught", test["case"][1]
            time.sleep(10)
    return None, None


def report():
    fates = ["caught", "timeout", "missed", "left", "unviable", "not run", None]
    table = collections.defaultdict(collections.Counter)
    mutants = json.loads(FOUND.read_text())
    for it in mutants:
        table[it["file"].removeprefix("crates/xpkce/src/")][it["fate"]] += 1
    print("| file |", " | ".join(it or "not yet" for it in fates), "|")
    for file, counts in table.items():
        print(f"| `{file}` |", " | ".join(str(counts[it]) for it in fates), "|")
    for it in mutants:
        if it["fate"] in ("missed", "left"):
            print(f"{it['fate']} by {it['tried']} tests: {it['name']}")


def main():
    match sys.argv[1:]:
        case ["build", *paths]:
            build(paths or PATHS)
        case ["run", *pattern]:
            run("".join(pattern))
        case ["report"]:
            report()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
