//! SIGKILL at every record of a deployment, with the real program: whatever happens, `resume` ends in the new release or
//! in the old one, proved to run, with nothing left behind.

use std::sync::Mutex;

use crate::support::{Said, Site, committed, deployments, records, sample};

/// A deployment that is killed at every place.
struct Walk {
    name: &'static str,
    prepare: fn() -> Site,
    /// What was running before, and what is deployed.
    from: &'static str,
    to: &'static str,
    /// How it ends when nobody kills it.
    ends: i32,
}

#[test]
fn a_good_release_killed_at_every_record() {
    walk(&Walk {
        name: "good",
        prepare: Site::new,
        from: "v1",
        to: "v2",
        ends: 0,
    });
}

#[test]
fn a_bad_release_killed_at_every_record_on_the_way_there_and_back() {
    walk(&Walk {
        name: "bad",
        prepare: Site::new,
        from: "v1",
        to: "v3",
        ends: 1,
    });
}

/// With old releases to remove, so that there is something to do after the commit.
#[test]
fn a_release_that_is_committed_but_not_tidied_up() {
    walk(&Walk {
        name: "tidy",
        prepare: || {
            let site = Site::new();
            for id in ["v2", "v4", "v5"] {
                site.release(id, "200");
                assert_eq!(site.run(&["deploy", id]).code, Some(0));
            }
            site.release("v6", "200");
            site
        },
        from: "v5",
        to: "v6",
        ends: 0,
    });
}

fn walk(walk: &Walk) {
    let boundaries = boundaries(walk);
    let chosen = sample(walk.name, boundaries);
    assert!(!chosen.is_empty());
    let todo = Mutex::new(chosen);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        // The runs mostly wait for each other's processes, so more of them than processors.
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(boundary) = { todo.lock().unwrap().pop() } {
                    let tried = std::panic::catch_unwind(|| one(walk, &boundary));
                    if let Err(why) = tried {
                        let text = why
                            .downcast_ref::<String>()
                            .cloned()
                            .unwrap_or_else(|| "a panic".into());
                        failures.lock().unwrap().push(format!("{boundary}: {text}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// As many as a whole run writes records, each before and after; the run itself has to end as it should.
fn boundaries(walk: &Walk) -> Vec<String> {
    let site = (walk.prepare)();
    let before = records(&site.journal()).len();
    let said = site.run(&["deploy", walk.to]);
    assert_eq!(said.code, Some(walk.ends), "{said:?}");
    site.assert_tidy("whole");
    let written = records(&site.journal()).len() - before;
    assert!(
        written > 15,
        "a deployment writes more than {written} records"
    );
    (1..=written)
        .flat_map(|n| [format!("{n}:before"), format!("{n}:after")])
        .collect()
}

fn one(walk: &Walk, boundary: &str) {
    let site = (walk.prepare)();
    let earlier = deployments(&records(&site.journal()));
    let what = format!("{} killed at {boundary}", walk.name);
    let killed = site.call(&["deploy", walk.to]).kill_at(boundary).run();
    if killed.code.is_some() {
        // A run whose timing saved it a record; what it says has to be true all the same.
        return verify(walk, &site, &killed, &what);
    }
    // Half of the resumes are killed, too, each at another record.
    let number = boundary.bytes().fold(7_usize, |sum, b| {
        sum.wrapping_mul(31).wrapping_add(b.into())
    });
    if number % 2 == 0 {
        let again = format!(
            "{}:{}",
            1 + number / 2 % 9,
            ["before", "after"][number / 18 % 2]
        );
        site.call(&["resume"]).kill_at(&again).run();
    }
    let resumed = site.run(&["resume", "--json"]);
    verify(walk, &site, &resumed, &what);
    // And a second resume has nothing to do.
    let nothing = site.run(&["resume", "--json"]);
    assert_eq!(
        (nothing.code, nothing.json()["outcome"].as_str()),
        (Some(0), Some("nothing")),
        "{what}"
    );
    let next: Vec<String> = deployments(&records(&site.journal()))
        .difference(&earlier)
        .cloned()
        .collect();
    assert!(
        next.len() <= 1,
        "{what}: resume belongs to the deployment it finishes"
    );
}

/// The new release is there or the old one, and exit code, journal, processes and the service itself agree on which.
fn verify(walk: &Walk, site: &Site, said: &Said, what: &str) {
    site.assert_tidy(what);
    let records = records(&site.journal());
    let last = records
        .last()
        .map(|r| r.deployment.clone())
        .unwrap_or_default();
    let story = ripcord_rollback::Story::all(&records).pop();
    let deployed = story.filter(|s| s.release.id == walk.to);
    let expected = match &deployed {
        Some(_) if committed(&records, &last) => walk.to,
        _ => walk.from,
    };
    assert_eq!(
        site.serving().as_deref(),
        Some(expected),
        "{what}: {said:?}"
    );
    if walk.ends == 1 {
        assert_eq!(expected, walk.from, "{what}: a bad release never stays");
    }
    match said.code {
        Some(0) if said.stdout.contains("\"nothing\"") => {}
        Some(0) => assert_eq!(expected, walk.to, "{what}: {said:?}"),
        Some(1) => assert_eq!(expected, walk.from, "{what}: {said:?}"),
        // Nothing is broken here except `ripcord` itself, so nobody has to be called.
        other => panic!("{what}: ended with {other:?}: {said:?}"),
    }
}
