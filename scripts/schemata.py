"""Compiles every mutant of some files into one build, each behind a switch: mutant schemata.

What the mutants are is told by `cargo mutants --list --json`; nothing is mutated here. A function's
body becomes a choice between its mutated bodies and its own, made by a number in the environment, so
that one build serves for all of them. What does not compile is found by the compiler and left out.
"""

import json
import re
import shutil
import subprocess

import removals

# What may hold a brace that is none.
NO_CODE = r'//[^\n]*|/\*.*?\*/|r(#*)".*?"\1|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\''
BRACE = re.compile(rf"(?:{NO_CODE})|(\{{)", re.DOTALL)
SWITCH = """//! Which mutant is on; and, to learn which test reaches which, what was asked for.
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static CHOSEN: OnceLock<usize> = OnceLock::new();
static TRACE: OnceLock<Option<String>> = OnceLock::new();
static ASKED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

pub(crate) fn on(mutant: usize) -> bool {
    if let Some(trace) = TRACE.get_or_init(|| std::env::var("XPKCE_MUTANTS_TRACE").ok())
        && !ASKED[mutant].swap(true, Ordering::Relaxed)
    {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(trace).unwrap();
        file.write_all(format!("{mutant}\\n").as_bytes()).unwrap();
    }
    let chosen = || std::env::var("XPKCE_MUTANT").map_or(usize::MAX, |it| it.parse().unwrap());
    *CHOSEN.get_or_init(chosen) == mutant
}
"""

# A mutant may overflow for sure; that is no reason not to run it.
ALLOWED = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]"

# Those that are in no build.
OUT = ("unviable", "not run")


def build(mutants, tree, cargo):
    """Writes the mutants into the tree until it compiles; sorts out, in place, those that do not."""
    sources = {file: (tree / file).read_text() for file in files(mutants)}
    count = len(mutants) + len(removals.REMOVALS)
    while True:
        branches = write(sources, mutants, tree)
        library = tree / "crates" / "xpkce" / "src"
        (library / "mutant.rs").write_text(SWITCH.replace("COUNT", str(count)))
        lib = (library / "lib.rs").read_text()
        if "mod mutant;" not in lib:
            (library / "lib.rs").write_text(f"{ALLOWED}\n{lib}\nmod mutant;\n")
        errors = check(cargo)
        if not errors:
            return
        sort_out(errors, mutants, branches)


def files(mutants):
    """Returns which files are another in the build."""
    return {it["file"] for it in mutants} | removals.FILES


def write(sources, mutants, tree):
    """Writes the mutants into these texts, and the removals, whose numbers come after theirs; returns
    which lines are whose."""
    branches = {}
    for file, text in sources.items():
        own = [it for it in mutants if it["file"] == file and it["fate"] not in OUT]
        woven = weave(text, own, file, branches)
        (tree / file).write_text(removals.put(file, text, woven, len(mutants)))
    return branches


def check(cargo):
    """Returns the errors of the library, as it is and as its own tests have it."""
    errors = []
    for how in ((), ("--profile", "test")):
        run = cargo("check", "--lib", *how)
        for line in run.stdout.splitlines():
            message = json.loads(line).get("message", {})
            if message.get("level") == "error" and message["spans"]:
                spans = [it for it in message["spans"] if it["is_primary"]]
                places = [(it["file_name"], it["line_start"]) for it in spans]
                errors.append((places, message["rendered"]))
        if run.returncode and not errors:
            raise SystemExit(run.stderr)
    return errors


def sort_out(errors, mutants, branches):
    """Leaves out a mutant whose own lines do not compile; failing that, all of a function that does
    not take the choice itself: those are for cargo-mutants alone."""
    places = [it for own, _ in errors for it in own]
    for fate, ends in (("unviable", "own"), ("not run", "whole")):
        hit = {
            branch["number"]
            for file, line in places
            for branch in branches.get(file, [])
            if branch[ends][0] <= line <= branch[ends][1]
        }
        for it in mutants:
            if it["number"] in hit:
                it["fate"] = fate
        if hit:
            return
    # What a constant is made with must be `const` itself.
    constants = {it["number"] for own in branches.values() for it in own if it["is_const"]}
    if constants and any("E0015" in it for _, it in errors):
        for it in mutants:
            if it["number"] in constants:
                it["fate"] = "not run"
        return
    raise SystemExit("an error of no mutant's:\n" + "\n".join(it for _, it in errors))


def weave(text, mutants, file, branches):
    """Makes a choice of every function's body that has mutants; notes in `branches` which lines
    are whose."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(place):
        return starts[place["line"] - 1] + place["column"] - 1

    def span(it):
        return at(it["start"]), at(it["end"])

    functions = {}
    for it in mutants:
        if it["function"] is None:
            it["fate"] = "not run"
            continue
        functions.setdefault(span(it["function"]["span"]), []).append(it)
    # The mutants of a function within another are mutants of the outer one.
    for inner in sorted(functions, key=lambda it: it[1] - it[0]):
        outer = [it for it in functions if it != inner and it[0] <= inner[0] and inner[1] <= it[1]]
        if outer:
            functions[min(outer, key=lambda it: it[1] - it[0])] += functions.pop(inner)

    woven, done, own = "", 0, branches.setdefault(file, [])
    for begin, end in sorted(functions):
        brace = next(it.start(2) for it in BRACE.finditer(text, begin, end) if it[2])
        head = text[begin:brace]
        is_const = re.search(r"\bconst fn\b", head) is not None
        woven += text[done:begin] + re.sub(r"\bconst fn\b", "fn", head) + "{\n"
        first, mine = woven.count("\n"), []
        for it in functions[(begin, end)]:
            start, stop = span(it["span"])
            line = woven.count("\n") + 1
            body = text[brace:start] + it["replacement"] + text[stop:end]
            woven += f"if crate::mutant::on({it['number']}) {body} else\n"
            mine.append({"number": it["number"], "own": (line, woven.count("\n"))})
        woven += text[brace:end] + "\n}"
        whole = first, woven.count("\n") + 1
        own += [it | {"whole": whole, "is_const": is_const} for it in mine]
        done = end
    return woven + text[done:]


def copy(root, tree):
    """Copies what is committed or changed, without what is ignored."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, check=True, text=True,
    ).stdout.split("\0")
    for file in filter(None, files):
        if (root / file).is_file():
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / file, tree / file)
