//! The real shop on a real PostgreSQL: a bad release is taken back with its schema, and `ripcord` is killed where it
//! hurts most.

use std::path::Path;

use ripcord_rollback::Event;
use ripcord_rollback::journal::Act;

use crate::support::{Shop, processes, records, until};

/// What has to be as before when v2 is back.
struct Before {
    schema: String,
    seeded: String,
}

impl Before {
    fn of(shop: &Shop) -> Self {
        Self {
            schema: shop.schema(),
            seeded: shop.seeded(),
        }
    }

    #[track_caller]
    fn holds(&self, shop: &Shop, what: &str) {
        assert_eq!(shop.serving(), "v2", "{what}");
        assert_eq!(
            shop.schema(),
            self.schema,
            "{what}: the schema is the one before"
        );
        assert_eq!(
            shop.seeded(),
            self.seeded,
            "{what}: the orders are the ones before"
        );
        shop.assert_tidy(what);
    }
}

#[test]
fn a_bad_release_is_taken_back_with_its_schema() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    let said = shop.expect(&["deploy", "v3", "--json"], 1);
    before.holds(&shop, "after v3");
    let document = said.json();
    assert_eq!(document["outcome"], "rolled_back");
    assert_eq!(document["plan"]["class"], "Revert");
    assert_eq!(document["plan"]["basis"], "proved");
    assert_eq!(document["rehearsal"]["class"], "Revert");
    assert!(!document["first_bad"].is_null(), "{document}");
    assert!(
        document["reasons"].to_string().contains("orders"),
        "{document}"
    );
    // The journal tells the story, in order.
    let told: Vec<&str> = document["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|s| s["name"].as_str())
        .collect();
    let story = [
        "pre_gate",
        "prepare",
        "guard",
        "backup",
        "rehearse",
        "quiesce",
        "migrate",
        "activate",
        "post_gate",
        "undo_quiesce",
        "undo_backup",
        "revert",
        "compare",
        "undo_activate",
        "verify",
    ];
    assert_eq!(told, story);
    let intents = acts(&shop, |e| matches!(e, Event::Intent { .. }));
    let results = acts(&shop, |e| matches!(e, Event::Result { .. }));
    assert_eq!(intents, results, "every intent has its result");
    let history = shop.expect(&["history", "--json"], 0).json();
    assert_eq!(history["deployments"][0]["reasons"], document["reasons"]);
}

/// The acts of the last deployment, from its intents or from its results.
fn acts(shop: &Shop, wanted: fn(&Event) -> bool) -> Vec<String> {
    let records = records(&shop.journal());
    let last = &records.last().unwrap().deployment;
    let of_last = records
        .iter()
        .filter(|r| r.deployment == *last && wanted(&r.event));
    of_last
        .filter_map(|r| match &r.event {
            Event::Intent { act, .. } | Event::Result { act, .. } => Some(act.to_string()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_release_that_destroys_data_is_blocked_and_changes_nothing() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    let said = shop.expect(&["deploy", "v4", "--json"], 3);
    assert_eq!(said.json()["reason_code"], "restore_needs_consent");
    before.holds(&shop, "after v4");
}

/// The bad release, killed before and after every change of the world, on the way there and on the way back.
#[test]
fn a_bad_release_killed_around_each_act() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    // The first time it is rehearsed; what that has shown still holds for all the others.
    shop.expect(&["deploy", "v3"], 1);
    shop.expect(&["deploy", "v3"], 1);
    for at in boundaries(&shop) {
        let killed = shop.call(&["deploy", "v3"]).kill_at(&at).run();
        assert_eq!(killed.code, None, "killed at {at}: {killed:?}");
        shop.expect(&["resume"], 1);
        before.holds(&shop, &format!("killed at {at}"));
    }
}

/// The additive release, killed: it stays if it was activated, and v2 is there if it was not.
#[test]
fn a_good_release_killed_around_each_act() {
    let Some(shop) = Shop::new() else { return };
    shop.expect(&["deploy", "v5"], 0);
    let all = boundaries(&shop);
    drop(shop);
    for at in all {
        let Some(shop) = Shop::new() else { return };
        let before = Before::of(&shop);
        let killed = shop.call(&["deploy", "v5"]).kill_at(&at).run();
        assert_eq!(killed.code, None, "killed at {at}: {killed:?}");
        let resumed = shop.run(&["resume"]);
        if resumed.code == Some(0) {
            assert_eq!(shop.serving(), "v5", "killed at {at}");
            assert_eq!(shop.seeded(), before.seeded, "killed at {at}");
            shop.assert_tidy(&format!("killed at {at}"));
        } else {
            assert_eq!(resumed.code, Some(1), "killed at {at}: {resumed:?}");
            assert_eq!(shop.serving(), "v2", "killed at {at}");
            assert_eq!(shop.seeded(), before.seeded, "killed at {at}");
            shop.assert_tidy(&format!("killed at {at}"));
        }
    }
}

/// After each intent and after each result of the last deployment, as the number of its record.
fn boundaries(shop: &Shop) -> Vec<String> {
    let records = records(&shop.journal());
    let last = &records.last().unwrap().deployment;
    let all = records
        .iter()
        .filter(|r| r.deployment == *last)
        .enumerate()
        .filter(|(_, r)| match &r.event {
            Event::Intent { act, .. } | Event::Result { act, .. } => {
                !matches!(act, Act::Prepare { .. })
            }
            Event::Committed { .. } => true,
            _ => false,
        })
        .map(|(at, _)| format!("{}:after", at + 1))
        .collect();
    crate::support::sample("service", all)
}

#[test]
fn killed_while_a_slow_statement_runs_on_the_server() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    shop.release_with(
        "v6",
        "0003_slow",
        "ALTER TABLE orders ADD COLUMN slow integer;\nSELECT pg_sleep(600);\n",
        Some("ALTER TABLE orders DROP COLUMN slow;\n"),
    );
    // It would be as slow on a copy.
    shop.put(&format!(
        "{}\n[rehearsal]\nwhere = \"off\"\n",
        shop.config()
    ));
    let running = shop.call(&["deploy", "v6"]).start();
    let slow = format!(
        "SELECT application_name FROM pg_stat_activity
         WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND datname = '{}' AND pid <> pg_backend_pid()",
        shop.pg.name
    );
    let name = until("the slow statement", || shop.pg.admin(&slow).pop());
    assert!(name.starts_with("ripcord:"), "{name}");
    running.kill();
    // Nobody told the server.
    assert_eq!(shop.pg.admin(&slow), [name]);
    let resumed = shop.expect(&["resume"], 1);
    assert!(
        resumed.stderr.contains("ended 1 database sessions"),
        "{resumed:?}"
    );
    assert!(shop.pg.admin(&slow).is_empty());
    before.holds(&shop, "after the resume");
}

#[test]
fn killed_while_the_backup_is_dumped() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    // pg_dump waits for this table, and so stands still where the test wants it.
    shop.pg.sql("CREATE TABLE audit (id bigint)");
    let with_audit = shop.schema();
    let published = backups(&shop);
    let mut running = shop.call(&["deploy", "v5"]).start();
    running.wait_for("backup: started");
    let holder = shop.pg.connect(&shop.pg.url);
    shop.pg
        .on(&holder, "BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE");
    let dumps = || {
        processes()
            .into_iter()
            .filter(|p| {
                p.argv.contains("pg_dump") && shop.everything().iter().any(|q| q.pid == p.pid)
            })
            .count()
    };
    until("a pg_dump that waits for the lock", || {
        (dumps() > 0).then_some(())
    });
    running.kill();
    let resumed = shop.expect(&["resume"], 1);
    assert_eq!(dumps(), 0, "{resumed:?}");
    assert_eq!(backups(&shop), published, "a half backup is not listed");
    shop.pg.on(&holder, "ROLLBACK");
    drop(holder);
    assert_eq!(shop.schema(), with_audit);
    assert_eq!(shop.serving(), "v2");
    assert_eq!(shop.seeded(), before.seeded);
    shop.assert_tidy("after the resume");
}

fn backups(shop: &Shop) -> usize {
    let list = shop.expect(&["backup", "list", "--json"], 0).json();
    let all = list["backups"].as_array().unwrap();
    assert!(all.iter().all(|b| b["state"] == "good"), "{list}");
    all.len()
}

/// v4 drops a column, has no down and does not answer for orders any more: back to v2 by restoring, with consent.
const RESTORE: [&str; 4] = ["deploy", "v4", "--allow-restore", "the test says so"];

#[test]
fn a_restore_with_consent_brings_everything_back() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    let said = shop.run(&[&RESTORE[..], &["--json"]].concat());
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_eq!(said.json()["plan"]["class"], "Restore");
    before.holds(&shop, "after v4");
    // The one that was replaced is kept, under a dated name.
    assert_eq!(shop.pg.family().len(), 2, "{:?}", shop.pg.family());
}

#[test]
fn killed_while_a_backup_is_restored_and_switched() {
    let Some(shop) = Shop::new() else { return };
    let before = Before::of(&shop);
    let said = shop.run(&RESTORE);
    assert_eq!(said.code, Some(1), "{said:#?}");
    let restore: Vec<String> = {
        let records = records(&shop.journal());
        let last = &records.last().unwrap().deployment;
        records
            .iter()
            .filter(|r| r.deployment == *last)
            .enumerate()
            .filter(|(_, r)| {
                matches!(
                    &r.event,
                    Event::Intent {
                        act: Act::Restore { .. },
                        ..
                    } | Event::Result {
                        act: Act::Restore { .. },
                        ..
                    }
                )
            })
            .flat_map(|(at, _)| [format!("{}:before", at + 1), format!("{}:after", at + 1)])
            .collect()
    };
    assert_eq!(restore.len(), 4);
    for at in restore {
        let killed = shop.call(&RESTORE).kill_at(&at).run();
        assert_eq!(killed.code, None, "{killed:?}");
        shop.expect(&["resume"], 1);
        before.holds(&shop, &format!("killed at {at}"));
    }
    // From outside, as soon as the restored database exists: in the middle of pg_restore.
    let earlier = shop.pg.family();
    let running = shop.call(&RESTORE).start();
    until("the restored database", || {
        let now = shop.pg.family();
        now.iter()
            .any(|d| d.contains("_restored_") && !earlier.contains(d))
            .then_some(())
    });
    running.kill();
    shop.expect(&["resume"], 1);
    before.holds(&shop, "killed in the restore");
}

#[test]
fn a_hand_made_rollback_that_is_killed_is_finished() {
    let Some(shop) = Shop::new() else { return };
    shop.expect(&["deploy", "v5"], 0);
    let rollback = ["rollback", "--to", "v2", "--reason", "the test"];
    let said = shop.expect(&rollback, 0);
    assert_eq!(shop.serving(), "v2", "{said:?}");
    let all = boundaries(&shop);
    for at in all {
        shop.expect(&["deploy", "v5"], 0);
        let killed = shop.call(&rollback).kill_at(&at).run();
        assert_eq!(killed.code, None, "{killed:?}");
        let resumed = shop.run(&["resume"]);
        assert!(matches!(resumed.code, Some(0 | 1)), "{at}: {resumed:?}");
        shop.assert_tidy(&format!("killed at {at}"));
    }
    assert!(Path::new(&shop.journal()).exists());
}
