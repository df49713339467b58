"""Mutation testing of the library: which faults, put into the code one at a time, no test notices.

    python3 scripts/mutants.py all [PATH...]    does all of the following, one after the other
    python3 scripts/mutants.py build [PATH...]  lists the mutants of these files of the library with
                                                cargo-mutants, compiles them into one build, and
                                                learns
    python3 scripts/mutants.py learn            learns which test reaches which
    python3 scripts/mutants.py run [PATTERN]    runs, for each mutant that has the pattern in its
                                                name and no fate yet, the tests that reach it, until
                                                one of them fails
    python3 scripts/mutants.py again [PATTERN]  the same for those that were missed, after the tests
                                                of today were compiled to the build
    python3 scripts/mutants.py report           prints what was found so far, file by file
    python3 scripts/mutants.py removals         prints how many tests fail without what keeps each
                                                invariant (scripts/removals.py), after a build
    python3 scripts/mutants.py short            the whole of it for a few files, of which each mutant
                                                must be caught, and of each removal its own test;
                                                ./test mutants runs it

A mutant is caught when a test fails with it; timed out when a test does not end with it, and does
without; missed when every test that reaches it passes, or none reaches it; unviable when it does not
compile; not run when it is no matter of a function's body. All of it is kept in target/mutants, so
that a run that was stopped goes on where it was; XPKCE_MUTANTS_HOME names another folder for it, and
for what is built. XPKCE_MUTANTS_JOBS says how many run at once,
XPKCE_MUTANTS_QUICK below how many seconds a test is tried first, XPKCE_MUTANTS_TESTS which test
binaries there are beside the library's own, if not all of them.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import removals
import schemata
import trials
from trials import HOME, ROOT, TREE

FOUND, REACH, SOURCES = (HOME / f"{it}.json" for it in ("found", "reach", "sources"))
PATHS = [
    "grant.rs", "grant/**", "keeper.rs", "keeper/*.rs", "keeper/presence/foreign.rs", "seal.rs",
    "seal/**", "store.rs", "store/**",
]
# What all keepers and stores go by, and a few that the short tests reach: none is missed there.
SHORT = [
    "grant/transition.rs", "grant/transition/*.rs", "keeper/parked.rs", "keeper/recall.rs",
    "store/sqlite/meta.rs",
]
SHORT_TESTS = ["keeper", "keeper_crash", "store_sqlite"]
# How many of them are of what constants are made with.
SHORT_CONSTANTS = 2
# Tests, though they do not look like it.
TESTS_TOO = [
    "keeper/meanwhile.rs", "keeper/pauses.rs", "keeper/schedules.rs", "store/contract.rs",
    "store/contract/**",
]
SMALL_STACKS = "crates/xpkce/src/keeper/schedules/explore.rs"
TESTS = os.environ.get(
    "XPKCE_MUTANTS_TESTS",
    "fork keeper keeper_crash keeper_log keeper_measures model silence store_keys store_memory "
    "store_postgres store_postgres_pooler store_seal store_sqlite store_sqlite_file "
    "store_sqlite_migrate store_sqlite_processes",
).split()
# More than there are processors: many a mutant is a wait.
AT_ONCE = int(os.environ.get("XPKCE_MUTANTS_JOBS", "4"))
# A test that takes less is tried before all that take more. On a busy machine all take more.
QUICK = float(os.environ.get("XPKCE_MUTANTS_QUICK", "1.5"))


def cargo(*args):
    env = os.environ | {"CARGO_TARGET_DIR": str(HOME / "target"), "INSTA_UPDATE": "no"}
    command = ["cargo", *args, "-p", "xpkce", "--locked", "--all-features", "--message-format=json"]
    return subprocess.run(command, cwd=TREE, env=env, capture_output=True, text=True)


def build(paths):
    shutil.rmtree(TREE, ignore_errors=True)
    schemata.copy(ROOT, TREE)
    # A function that is a choice of many takes all of their room.
    text = (TREE / SMALL_STACKS).read_text()
    (TREE / SMALL_STACKS).write_text(text.replace("stack_size = 512 * 1024", "stack_size = 16 << 20"))
    files = [arg for path in paths for arg in ("-f", f"crates/xpkce/src/{path}")]
    files += [arg for path in TESTS_TOO for arg in ("-e", f"crates/xpkce/src/{path}")]
    listed = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "-p", "xpkce", *files],
        cwd=TREE, capture_output=True, text=True,
    )
    if listed.returncode:
        raise SystemExit(listed.stderr)
    known = [it for it in json.loads(listed.stdout) if not is_in_tests(it)]
    mutants = [it | {"number": at, "fate": None, "diff": None} for at, it in enumerate(known)]
    write(SOURCES, {it: (TREE / it).read_text() for it in schemata.files(mutants)})
    schemata.build(mutants, TREE, cargo)
    write(FOUND, mutants)
    REACH.unlink(missing_ok=True)


def is_in_tests(mutant):
    """Cargo-mutants does not know all of our ways to mark tests."""
    before = code((TREE / mutant["file"]).read_text())
    return mutant["span"]["start"]["line"] > before.count("\n")


def code(text):
    """The tests within a file come last. Those of another file are named before the code."""
    return re.split(r"^(?:#\[.*\]\n)*mod tests \{", text, flags=re.MULTILINE)[0].rstrip() + "\n"


def executables():
    run = cargo("test", "--no-run", "--lib", *(arg for name in TESTS for arg in ("--test", name)))
    if run.returncode:
        raise SystemExit(run.stderr)
    built = [json.loads(line) for line in run.stdout.splitlines()]
    return [it["executable"] for it in built if it.get("executable") and it["profile"]["test"]]


def learn():
    """Runs each test by itself, with no mutant on: what it reaches, and how long it takes. A test
    that is known already is not asked again."""
    there = [(path, name) for path in executables() for name in names(path)]
    known = json.loads(REACH.read_text()) if REACH.exists() else []
    known = [it for it in known if tuple(it["case"]) in there]
    had = {tuple(it["case"]) for it in known}
    cases = [it for it in there if it not in had]
    (HOME / "traces").mkdir(exist_ok=True)

    def one(at):
        trace = HOME / "traces" / str(at)
        trace.unlink(missing_ok=True)
        status, took = trials.alone((*cases[at], 30), {"XPKCE_MUTANTS_TRACE": str(trace)}, 300)
        reached = sorted(set(map(int, trace.read_text().split()))) if trace.exists() else []
        print(f"{status} {took:.2f} {cases[at][1]}", flush=True)
        return {"case": cases[at], "status": status, "took": took, "reached": reached}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        learned = list(pool.map(one, range(len(cases))))
    for it in learned:
        if it["status"] != "passed":
            print(f"left out, {it['status']} with no mutant on: {it['case'][1]}", file=sys.stderr)
    write(REACH, known + [it for it in learned if it["status"] == "passed"])


def names(path):
    listed = subprocess.run([path, "--list"], cwd=TREE, check=True, capture_output=True, text=True)
    return [it.removesuffix(": test") for it in listed.stdout.splitlines() if it.endswith(": test")]


def write(path, value):
    path.with_suffix(".new").write_text(json.dumps(value))
    path.with_suffix(".new").rename(path)


def run(pattern):
    mutants, tests = json.loads(FOUND.read_text()), json.loads(REACH.read_text())
    mine = [it for it in mutants if pattern in it["name"]]
    # Most mutants fall to a test that is over at once; what does not is left for the long ones.
    for before, after, chosen in (
        (None, "left", [it for it in tests if it["took"] < QUICK]),
        ("left", "missed", [it for it in tests if it["took"] >= QUICK]),
    ):
        try_all(mutants, [it for it in mine if it["fate"] == before], chosen, after)


def again(pattern):
    """Takes in the tests of today. The code must be as it was, up to the tests within its files."""
    mutants = json.loads(FOUND.read_text())
    sources = {it: (ROOT / it).read_text() for it in schemata.files(mutants)}
    built = json.loads(SOURCES.read_text())
    if changed := [it for it in sources if code(sources[it]) != code(built[it])]:
        raise SystemExit(f"build anew: {', '.join(changed)} changed")
    shutil.copytree(ROOT / "crates/xpkce/tests", TREE / "crates/xpkce/tests", dirs_exist_ok=True)
    library = ROOT / "crates/xpkce/src"
    likes = ("**/tests.rs", "**/tests/*.rs", *(it.replace("/**", "/**/*") for it in TESTS_TOO))
    for tests in (it for like in likes for it in library.glob(like)):
        if tests.is_file():
            shutil.copy2(tests, TREE / tests.relative_to(ROOT))
    schemata.write(sources, mutants, TREE)
    learn()
    for it in mutants:
        if it["fate"] == "missed" and pattern in it["name"]:
            it["fate"], it["tried"] = None, 0
    write(FOUND, mutants)
    run(pattern)


def try_all(mutants, chosen, tests, otherwise):
    reaching = collections.defaultdict(list)
    for test in sorted(tests, key=lambda it: it["took"]):
        for number in test["reached"]:
            reaching[number].append(test)
    kills, lock = collections.Counter(), threading.Lock()

    def one(mutant):
        kin = (mutant["file"], mutant["function"]["function_name"])
        stem = Path(mutant["file"]).stem

        # What caught it before, or a mutant of the same function or file, may well catch it; then
        # what has its name from the file.
        def rank(it):
            name = it["case"][1]
            known = name != mutant.get("by"), -kills[kin, name], -kills[kin[0], name]
            return *known, stem not in name

        own = sorted(reaching[mutant["number"]], key=rank)
        fate, by = trials.judge(mutant["number"], own)
        with lock:
            tried = mutant.get("tried", 0) + len(own)
            mutant |= {"fate": fate or otherwise, "by": by, "tried": tried}
            kills[kin, by] += 1
            kills[kin[0], by] += 1
            write(FOUND, mutants)
            print(f"{mutant['fate']:8} {mutant['name']} {by or mutant['tried']}", flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, chosen))


def report():
    fates = {
        "unviable": "unviable", "constants": "not run", "caught": "caught", "timed out": "timeout",
        "missed": "missed", "not run yet": None,
    }
    table = collections.defaultdict(collections.Counter)
    mutants = json.loads(FOUND.read_text())
    for it in mutants:
        # What passed with the quick tests is not judged yet.
        fate = None if it["fate"] == "left" else it["fate"]
        table[it["file"].removeprefix("crates/xpkce/src/")][fate] += 1
    print("| file | listed |", " | ".join(fates), "|")
    print("|---" + "|---:" * (len(fates) + 1) + "|")
    for file, counts in sorted(table.items()):
        row = " | ".join(str(counts[it]) for it in fates.values())
        print(f"| `{file}` | {counts.total()} | {row} |")
    for it in mutants:
        if it["fate"] in ("missed", "left"):
            print(f"{it['fate']} by {it['tried']} tests: {it['name']}")


def removed():
    """Yields each removal with its number and the tests that reach it."""
    tests = json.loads(REACH.read_text())
    for number, it in enumerate(removals.REMOVALS, len(json.loads(FOUND.read_text()))):
        yield number, it, [test for test in tests if number in test["reached"]]


def remove():
    def fails(number, test):
        case = (*test["case"], test["took"])
        patience = trials.SHORT_PATIENCE + 8 * test["took"]
        return trials.alone(case, {"XPKCE_MUTANT": str(number)}, patience)[0] != "passed"

    print("| | taken out | failed | for example |")
    print("|---|---|---:|---|")
    for number, it, tests in removed():
        with ThreadPoolExecutor(AT_ONCE) as pool:
            has_failed = list(pool.map(lambda test: fails(number, test), tests))
        failed = [test["case"][1] for test, it_has in zip(tests, has_failed) if it_has]
        example = f"`{it.test}`" if it.test in failed else "NOT THE ONE THAT IS NAMED"
        print(f"| {it.invariant} | {it.what} | {len(failed)} | {example} |", flush=True)


def short():
    """Fails if one of them is missed, and if it could not have told."""
    TESTS[:] = SHORT_TESTS
    trials.PATIENCE = trials.SHORT_PATIENCE
    build(SHORT)
    learn()
    run("")
    report()
    mutants = json.loads(FOUND.read_text())
    for path in SHORT:
        own = f"crates/xpkce/src/{path}"
        if not any(Path(it["file"]).match(own) and it["fate"] == "caught" for it in mutants):
            raise SystemExit(f"no mutant of {path} was caught, or there is none")
    fates = collections.Counter(it["fate"] for it in mutants)
    if fates["missed"] or fates["not run"] > SHORT_CONSTANTS:
        raise SystemExit("each of these faults must make a test fail: see docs/mutants.md")
    for number, it, tests in removed():
        own = [test for test in tests if test["case"][1] == it.test]
        fate = own and trials.judge_alone(number, own[0])
        print(f"{fate or 'passed':8} {it.invariant} without: {it.what} {it.test}", flush=True)
        if not fate:
            raise SystemExit("without what keeps an invariant its test must fail")
    # A test that fails by itself by now, as on a disk that is full, has caught nothing.
    by = {it["by"] for it in mutants if it["fate"] in ("caught", "timeout")}
    by |= {it.test for it in removals.REMOVALS}
    for test in json.loads(REACH.read_text()):
        case = (*test["case"], test["took"])
        if test["case"][1] in by and trials.alone(case, {}, trials.PATIENCE)[0] != "passed":
            raise SystemExit(f"it does not pass without a mutant either: {test['case'][1]}")


def main():
    match sys.argv[1:]:
        case ["all", *paths]:
            build(paths or PATHS)
            learn()
            run("")
            again("")
            report()
        case ["build", *paths]:
            build(paths or PATHS)
            learn()
        case ["learn"]:
            learn()
        case ["run", *pattern]:
            run("".join(pattern))
        case ["again", *pattern]:
            again("".join(pattern))
        case ["removals"]:
            remove()
        case ["short"]:
            short()
        case ["report"]:
            report()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
