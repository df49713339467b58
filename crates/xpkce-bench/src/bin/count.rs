//! Does one operation a number of times, for valgrind to count: `count OPERATION BASE_URL COUNT`.
#![allow(clippy::unwrap_used, reason = "a program that measures ends where it cannot go on")]

use std::sync::Arc;

use xpkce::store::MemoryStore;
use xpkce_bench::crowd::Crowd;
use xpkce_bench::wire::{Grant, Other, Ours};
use xpkce_bench::{flow, hot};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (operation, base_url) = (args[1].as_str(), args[2].as_str());
    let count = args[3].parse().unwrap();
    match operation {
        "begin" => flow::begin(&flow::app(base_url), count),
        "begin-by-class" => flow::begin_by_class(base_url, count),
        "begin-other" => flow::begin_other(&flow::other(base_url), count),
        "judge" => flow::judge(count),
        "judge-other" => flow::judge_other(count),
        "hot" => hot::read(&hot::fresh_source(base_url), count),
        "refresh" => _ = Ours::new(base_url).turn(Grant::Refresh, count, 1),
        "refresh-other" => _ = Other::new(base_url).turn(Grant::Refresh, count, 1),
        "spend" => Crowd::sign_in(base_url, Arc::new(MemoryStore::default()), None, 1).spend(count),
        _ => panic!("no operation {operation}"),
    }
}
