//! One target, one deployment at a time, whoever starts it and from where; and how people stop one.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::support::{Call, Running, Site, until};

/// Starts only when the file `run/go` is there, so that a deployment stands still where the test wants it.
const GATED: &str = "#!/bin/sh\n\
    touch ../../run/waiting\n\
    while [ ! -e ../../run/go ]; do sleep 0.02; done\n\
    sleep 100000 >/dev/null 2>&1 &\n\
    echo $! >../../run/pid.new && mv ../../run/pid.new ../../run/pid\n";

struct Bench {
    site: Site,
    other: tempfile::TempDir,
}

impl Bench {
    /// A site with a second checkout of the same configuration elsewhere: same target, same journal.
    fn new() -> Self {
        let site = Site::new();
        site.release("v4", "200");
        site.script("v4", "start.sh", GATED);
        let other = tempfile::tempdir().unwrap();
        let absolute = site
            .config()
            .replace("root = \"site\"", &format!("root = {:?}", site.root()))
            .replace("journal/journal.db", &site.journal().to_string_lossy());
        fs::write(other.path().join("ripcord.toml"), absolute).unwrap();
        Self { site, other }
    }

    fn there(&self, words: &[&str]) -> Call {
        Call::new(self.other.path(), words)
    }

    fn flag(&self, name: &str) -> PathBuf {
        self.site.root().join("run").join(name)
    }

    fn go(&self) {
        fs::write(self.flag("go"), "").unwrap();
    }

    /// A deployment of v4 that stands still while it starts the service.
    fn held(&self) -> Running {
        let running = self.site.call(&["deploy", "v4"]).start();
        until("the start command", || {
            self.flag("waiting").exists().then_some(())
        });
        running
    }
}

#[test]
fn of_two_at_once_from_two_checkouts_one_proceeds() {
    let bench = Bench::new();
    let mut pair = [
        bench.site.call(&["deploy", "v4", "--json"]).start(),
        bench.there(&["deploy", "v4", "--json"]).start(),
    ];
    // The one that may not ends while the other one stands still.
    let refused = until("one of them to be refused", || {
        pair.iter_mut().position(Running::is_over)
    });
    until("the other to start the service", || {
        bench.flag("waiting").exists().then_some(())
    });
    let [first, second] = pair;
    let (refused, proceeds) = if refused == 0 {
        (first, second)
    } else {
        (second, first)
    };
    let owner = format!("(pid {})", proceeds.pid());
    let refused = refused.end();
    assert_eq!(refused.code, Some(6), "{refused:?}");
    let document = refused.json();
    assert_eq!(document["outcome"], "lease_held");
    assert!(
        document["owner"].as_str().unwrap().contains(&owner),
        "{document}"
    );
    assert!(
        document["reasons"][0].as_str().unwrap().contains(&owner),
        "{document}"
    );
    let status = bench.there(&["status", "--json"]).run().json();
    assert!(
        status["lease"]["owner"].as_str().unwrap().contains(&owner),
        "{status}"
    );
    for words in [["resume", "--json"], ["rollback", "--json"]] {
        assert_eq!(bench.there(&words).run().code, Some(6), "{words:?}");
    }
    bench.go();
    let proceeded = proceeds.end();
    assert_eq!(proceeded.code, Some(0), "{proceeded:?}");
    bench.site.assert_tidy("after both");
    assert_eq!(bench.site.serving().as_deref(), Some("v4"));
}

#[test]
fn what_a_killed_owner_held_is_free_at_once_also_for_another_checkout() {
    let bench = Bench::new();
    bench.held().kill();
    // No waiting for the lease to expire: its owner is known to be dead.
    let resumed = bench.there(&["resume", "--json"]).run();
    assert_eq!(resumed.code, Some(1), "{resumed:?}");
    assert_eq!(resumed.json()["outcome"], "rolled_back");
    bench.site.assert_tidy("after the resume");
    assert_eq!(bench.site.serving().as_deref(), Some("v1"));
}

#[test]
fn an_interrupted_deployment_has_to_be_finished_before_the_next() {
    let bench = Bench::new();
    bench.held().kill();
    let next = bench.site.run(&["deploy", "v2", "--json"]);
    assert_eq!(next.code, Some(3), "{next:?}");
    assert_eq!(next.json()["reason_code"], "unfinished_deployment");
    assert_eq!(bench.site.run(&["resume"]).code, Some(1));
    assert_eq!(bench.site.run(&["deploy", "v2"]).code, Some(0));
    bench.site.assert_tidy("after all");
}

#[test]
fn abort_from_a_second_shell_takes_a_starting_release_back() {
    let bench = Bench::new();
    let running = bench.held();
    let abort = bench.there(&["abort"]).run();
    assert_eq!(abort.code, Some(0), "{abort:?}");
    went_back(&bench, running);
}

#[test]
fn abort_from_a_second_shell_takes_a_release_in_its_gate_back() {
    let bench = Bench::new();
    let running = in_its_gate(&bench);
    let abort = bench.there(&["abort"]).run();
    assert_eq!(abort.code, Some(0), "{abort:?}");
    went_back(&bench, running);
}

#[test]
fn sigterm_and_sigint_go_back() {
    for signal in [Signal::TERM, Signal::INT] {
        let bench = Bench::new();
        let running = in_its_gate(&bench);
        running.signal(signal);
        went_back(&bench, running);
    }
}

#[test]
fn abort_without_a_deployment_says_so() {
    let site = Site::new();
    let said = site.run(&["abort", "--json"]);
    assert_eq!(
        (said.code, said.json()["outcome"].as_str()),
        (Some(0), Some("nothing"))
    );
    assert_eq!(site.serving().as_deref(), Some("v1"));
}

fn in_its_gate(bench: &Bench) -> Running {
    bench.site.release("v5", "200 after 100000");
    bench.site.put(
        &bench
            .site
            .config()
            .replace("attempts = 60", "attempts = 100000"),
    );
    let mut running = bench.site.call(&["deploy", "v5"]).start();
    running.wait_for("post gate: started");
    running
}

fn went_back(bench: &Bench, running: Running) {
    let said = running.end();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stdout.contains("an operator stopped the deployment"),
        "{said:?}"
    );
    bench.site.assert_tidy("after going back");
    assert_eq!(bench.site.serving().as_deref(), Some("v1"));
}
