//! People are told in order, and a channel that is dead or hangs costs the deployment nothing but a line.

use std::time::Instant;

use serde_json::Value;

use crate::support::{Http, Reply, Said, Site};

fn ok() -> Http {
    Http::serve(|_| Reply::Status(200, Vec::new()))
}

/// A port nobody listens on any more.
fn dead() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn with_slack(site: &Site, url: &str) {
    std::fs::write(
        site.folder().join("slack"),
        format!("{url}/services/T0/B0/x"),
    )
    .unwrap();
    site.add("[[notify]]\nname = \"team\"\nkind = \"slack\"\nurl_file = \"slack\"\n");
}

fn titles(http: &Http) -> Vec<(String, String)> {
    http.heard()
        .iter()
        .map(|heard| {
            let body: Value = serde_json::from_str(&heard.body).unwrap();
            let attachment = &body["attachments"][0];
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            (text(&attachment["title"]), text(&attachment["color"]))
        })
        .collect()
}

#[test]
fn a_live_channel_hears_begin_and_outcome_in_order() {
    let site = Site::new();
    let http = ok();
    with_slack(&site, &http.base);
    let good = site.run(&["deploy", "v2", "--json"]);
    assert_eq!(good.code, Some(0), "{good:?}");
    assert_eq!(good.json()["undelivered"], serde_json::json!([]));
    let bad = site.run(&["deploy", "v3", "--json"]);
    assert_eq!(bad.code, Some(1), "{bad:?}");
    assert_eq!(bad.json()["undelivered"], serde_json::json!([]));
    let heard = titles(&http);
    let last = |n: usize| heard.iter().rev().nth(n).unwrap();
    assert!(
        heard
            .iter()
            .any(|(t, c)| t.contains("v2 runs in production") && c == "#27ae60"),
        "{heard:?}"
    );
    assert!(
        last(0).0.contains("v3 was taken back; v2 runs again") && last(0).1 == "#e67e22",
        "{heard:?}"
    );
    assert!(
        last(1).0.contains("v3 failed, going back to v2") && last(1).1 == "#e67e22",
        "{heard:?}"
    );
    // The beginning of a run that ends quickly may be superseded, but never comes late.
    for (at, (title, _)) in heard.iter().enumerate() {
        let later = |text: &str| heard[at..].iter().any(|(t, _)| t.contains(text));
        if title.contains("deploying v2") {
            assert!(later("v2 runs in production"), "{heard:?}");
        }
        if title.contains("deploying v3") {
            assert!(later("v3 failed"), "{heard:?}");
        }
    }
}

fn seconds(said: &Said) -> f64 {
    let document = said.json();
    let steps = document["steps"].as_array().unwrap();
    steps.iter().filter_map(|s| s["seconds"].as_f64()).sum()
}

fn told_of(said: &Said) {
    let document = said.json();
    let undelivered = document["undelivered"].as_array().unwrap();
    assert!(!undelivered.is_empty(), "{document}");
    assert!(
        undelivered
            .iter()
            .all(|u| u["destination"] == "team" && !u["reason"].as_str().unwrap().is_empty())
    );
    assert!(
        undelivered
            .iter()
            .any(|u| u["title"].as_str().unwrap().contains("v2 runs")),
        "{document}"
    );
    assert!(said.stderr.contains("not delivered to team"), "{said:?}");
}

/// What a finished command waits for messages at most, and some room for a busy machine.
const BUDGET: f64 = 5.0 + 5.0;

#[test]
fn a_dead_channel_neither_fails_nor_delays() {
    let url = dead();
    costs_nothing(&url);
}

#[test]
fn a_hanging_channel_neither_fails_nor_delays() {
    let http = Http::serve(|_| Reply::Hang);
    costs_nothing(&http.base);
}

fn costs_nothing(url: &str) {
    let site = Site::new();
    let begun = Instant::now();
    let without = site.run(&["deploy", "v2", "--json"]);
    let plain = begun.elapsed().as_secs_f64();
    assert_eq!(without.code, Some(0), "{without:?}");

    let site = Site::new();
    with_slack(&site, url);
    let begun = Instant::now();
    let with = site.run(&["deploy", "v2", "--json"]);
    let whole = begun.elapsed().as_secs_f64();
    assert_eq!(with.code, Some(0), "{with:?}");
    told_of(&with);
    site.assert_tidy("with a dead channel");
    // The run itself is not slower by anything like the channel's patience, and the command ends within its budget.
    assert!(
        seconds(&with) < seconds(&without) + BUDGET / 2.0,
        "{} {}",
        seconds(&with),
        seconds(&without)
    );
    assert!(whole < plain + BUDGET, "{whole} s instead of {plain} s");
}

#[test]
fn a_test_message_says_what_arrived() {
    let site = Site::new();
    let http = ok();
    with_slack(&site, &http.base);
    let url = dead();
    site.add(&format!(
        "[[notify]]\nname = \"other\"\nkind = \"webhook\"\nurl = {url:?}\n"
    ));
    let said = site.run(&["notify", "test", "--json"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let document = said.json();
    assert_eq!(document["delivered"], serde_json::json!(["team"]));
    assert_eq!(document["undelivered"][0]["destination"], "other");
    assert!(titles(&http)[0].0.contains("TEST"));
    assert_eq!(site.run(&["notify", "test", "team"]).code, Some(0));
}
