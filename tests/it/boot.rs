//! Slow is not broken, and broken is not slow. That the default settings carry an application through a boot of 40 s is
//! shown with paused time in health-probe; here the same policy at a fifth of its interval.

use serde_json::Value;

use crate::support::Site;

/// The default post gate but for the interval.
fn default_gate(site: &Site, interval: &str) {
    let gate = "[gate.post]\nchecks = [\"web\", \"file\"]\nattempts = 60\ninterval = \"50ms\"\nrise = 1\nfall = 3\n";
    let config = site.config();
    assert!(config.contains(gate));
    let patient = format!("[gate.post]\nchecks = [\"web\", \"file\"]\n{interval}");
    site.put(&config.replace(gate, &patient));
}

fn seconds(document: &Value, step: &str) -> f64 {
    let steps = document["steps"].as_array().unwrap();
    let step = steps.iter().find(|s| s["name"] == step).unwrap();
    step["seconds"].as_f64().unwrap()
}

#[test]
fn a_slow_boot_is_waited_for() {
    let site = Site::new();
    site.release("slow", "200 after 6");
    default_gate(&site, "interval = \"1s\"\n");
    let said = site.run(&["deploy", "slow", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        seconds(&said.json(), "post_gate") >= 5.0,
        "it was really waited for"
    );
    site.assert_tidy("slow boot");
}

/// What the gate would have waited with its defaults.
const PATIENCE: f64 = 30.0 * 5.0;

#[test]
fn a_process_that_dies_at_once_is_not_waited_for() {
    let site = Site::new();
    site.release("dead", "200");
    site.script("dead", "start.sh", "#!/bin/sh\nsh -c 'exit 1' &\n");
    default_gate(&site, "");
    let said = site.run(&["deploy", "dead", "--json"]);
    gone_long_before(&site, &said, "is gone");
}

#[test]
fn a_crash_loop_under_a_supervisor_is_not_waited_for() {
    let site = Site::new();
    site.release("loop", "503 after 100000");
    site.script("loop", "app.sh", "#!/bin/sh\nsleep 0.6\nexit 1\n");
    let supervised = "#!/bin/sh\n\
        sh -c 'while :; do ./app.sh; done' >/dev/null 2>&1 &\n\
        echo $! >../../run/pid\n";
    site.script("loop", "start.sh", supervised);
    default_gate(&site, "");
    let said = site.run(&["deploy", "loop", "--json"]);
    gone_long_before(&site, &said, "was started again");
}

fn gone_long_before(site: &Site, said: &crate::support::Said, why: &str) {
    assert_eq!(said.code, Some(1), "{said:?}");
    let document = said.json();
    assert!(document["reasons"].to_string().contains(why), "{document}");
    let waited = seconds(&document, "post_gate");
    assert!(waited * 5.0 < PATIENCE, "waited {waited} s of {PATIENCE} s");
    site.assert_tidy("crashed");
    assert_eq!(site.serving().as_deref(), Some("v1"));
}
