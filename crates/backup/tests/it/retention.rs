//! What stays and what goes: by the rules, and for any input.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use ripcord_backup::retention::{Candidate, LabelRule, Retention, Standing, decide};
use ripcord_backup::{BackupId, Level, Scope};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn good(created: &str, proven: Level) -> Candidate {
    candidate(at(created), 0, "shop", Some("1"), Some(proven))
}

fn candidate(
    created: Timestamp,
    number: u32,
    source: &str,
    system: Option<&str>,
    proven: Option<Level>,
) -> Candidate {
    Candidate {
        id: BackupId::new(created, number),
        standing: Standing::Known {
            created,
            source: source.to_owned(),
            system: system.map(str::to_owned),
            scope: Scope::Full,
            labels: BTreeMap::new(),
            proven,
        },
        pin: None,
    }
}

fn shown(candidates: &[Candidate], retention: &Retention, now: &str) -> Vec<String> {
    decide(candidates, retention, "shop", at(now))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn each_rule_gives_its_reason() {
    let mut retention = Retention::default();
    retention.keep_last = 1;
    retention.daily = 2;
    retention.weekly = 2;
    retention.keep_labels = vec!["deployment=42".parse().unwrap(), LabelRule::any("forever")];
    let mut candidates = vec![
        good("2026-11-01T12:00:00Z", Level::Content),
        good("2026-11-02T12:00:00Z", Level::Content),
        good("2026-11-15T12:00:00Z", Level::Content),
        good("2026-11-18T12:00:00Z", Level::Content),
        good("2026-11-19T10:00:00Z", Level::Content),
        good("2026-11-19T23:00:00Z", Level::Content),
        good("2026-11-20T00:10:00Z", Level::Stored),
        good("2026-11-21T00:10:00Z", Level::Content),
    ];
    let label = |candidate: &mut Candidate, name: &str, value: &str| {
        let Standing::Known { labels, .. } = &mut candidate.standing else {
            panic!("it is known");
        };
        labels.insert(name.to_owned(), value.to_owned());
    };
    label(&mut candidates[0], "deployment", "42");
    label(&mut candidates[1], "deployment", "43");
    candidates[3].pin = Some("deployment 7 can be rolled back".to_owned());
    assert_eq!(
        shown(&candidates, &retention, "2026-11-20T12:00:00Z"),
        [
            "keep: label deployment=42",
            "delete: no rule keeps it",
            "keep: weekly 2026-W46",
            "keep: pinned, deployment 7 can be rolled back",
            "delete: no rule keeps it",
            "keep: daily 2026-11-19, one of the newest 1 verified",
            "keep: one of the newest 1, daily 2026-11-20, weekly 2026-W47",
            "left alone: it is from the future, so one clock is wrong",
        ]
    );
    let none = Retention::default();
    let decisions = shown(&candidates[..2], &none, "2026-11-20T12:00:00Z");
    assert_eq!(
        decisions,
        ["keep: there is no rule", "keep: there is no rule"]
    );
}

#[test]
fn a_condemned_backup_goes_when_a_newer_one_is_verified() {
    let mut retention = Retention::default();
    retention.keep_last = 5;
    let mut bad = good("2026-11-02T00:00:00Z", Level::Content);
    if let Standing::Known { proven, .. } = &mut bad.standing {
        *proven = None;
    }
    let old = good("2026-11-01T00:00:00Z", Level::Content);
    let new = good("2026-11-03T00:00:00Z", Level::Content);
    let weak = good("2026-11-04T00:00:00Z", Level::Structure);
    let now = "2026-11-20T12:00:00Z";
    assert_eq!(
        shown(&[old.clone(), bad.clone(), weak], &retention, now)[1],
        "keep: condemned, but no newer one is verified"
    );
    assert_eq!(
        shown(&[old, bad, new], &retention, now)[1],
        "delete: condemned, and a newer one is verified"
    );
}

fn level() -> impl Strategy<Value = Option<Level>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(Level::Stored)),
        1 => Just(Some(Level::Restored)),
        1 => Just(Some(Level::Counts)),
        2 => Just(Some(Level::Content)),
    ]
}

/// Hours since 2026, so that buckets are shared, and some of them in the future.
fn any_candidate() -> impl Strategy<Value = Candidate> {
    (
        0_i64..3000,
        any::<u32>(),
        prop::sample::select(vec!["shop", "shop", "shop", "blog"]),
        prop::sample::select(vec![None, Some("1"), Some("1"), Some("2")]),
        level(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(hours, number, source, system, proven, pin, broken, label, bare)| {
                let created = at("2026-01-01T00:00:00Z") + hours.hours();
                let mut candidate = candidate(created, number, source, system, proven);
                candidate.pin = pin.then(|| "because".to_owned());
                if let Standing::Known { scope, .. } = &mut candidate.standing
                    && bare
                {
                    *scope = Scope::Schema;
                }
                match &mut candidate.standing {
                    _ if broken => candidate.standing = Standing::Broken,
                    Standing::Known { labels, .. } if label => {
                        labels.insert("deployment".to_owned(), "1".to_owned());
                    }
                    _ => {}
                }
                candidate
            },
        )
}

fn any_retention() -> impl Strategy<Value = Retention> {
    let count = || prop_oneof![2 => Just(0_u32), 2 => 0_u32..4, 1 => any::<u32>()];
    (
        (count(), count(), count(), count(), count(), count()),
        0_u32..4,
        any::<bool>(),
        prop::sample::select(vec![Level::Stored, Level::Counts, Level::Content]),
    )
        .prop_map(|(counts, min_verified, label, verified)| {
            let mut retention = Retention::default();
            retention.keep_last = counts.0;
            retention.hourly = counts.1;
            retention.daily = counts.2;
            retention.weekly = counts.3;
            retention.monthly = counts.4;
            retention.yearly = counts.5;
            retention.min_verified = min_verified;
            retention.verified = verified;
            if label {
                retention.keep_labels.push(LabelRule::any("deployment"));
            }
            retention
        })
}

struct Facts<'a> {
    created: Timestamp,
    source: &'a str,
    system: Option<&'a str>,
    proven: Option<Level>,
    scope: &'a Scope,
}

fn facts(candidate: &Candidate) -> Option<Facts<'_>> {
    match &candidate.standing {
        Standing::Known {
            created,
            source,
            system,
            proven,
            scope,
            ..
        } => Some(Facts {
            created: *created,
            source,
            system: system.as_deref(),
            proven: *proven,
            scope,
        }),
        Standing::Broken | Standing::Foreign => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_must_stay_stays_whatever_the_settings(
        mut candidates in prop::collection::vec(any_candidate(), 0..40),
        retention in any_retention(),
        hours in 0_i64..3500,
    ) {
        candidates.sort_by(|a, b| a.id.cmp(&b.id));
        candidates.dedup_by(|a, b| a.id == b.id);
        let now = at("2026-01-01T00:00:00Z") + hours.hours();
        let decisions = decide(&candidates, &retention, "shop", now);
        prop_assert_eq!(decisions.len(), candidates.len());
        let decided = || candidates.iter().zip(&decisions);
        for (candidate, decision) in decided() {
            let facts = facts(candidate);
            let ours = facts.as_ref().is_some_and(|facts| facts.source == "shop");
            let future = facts.as_ref().is_some_and(|facts| facts.created > now);
            if !ours || future || candidate.pin.is_some() {
                prop_assert!(!decision.deletes(), "{:?}: {}", candidate, decision);
            }
        }
        let least = retention.min_verified.max(1) as usize;
        for system in [None, Some("1"), Some("2")] {
            let of_it = |wanted: &dyn Fn(Level) -> bool, stays: bool| {
                decided()
                    .filter(|(candidate, decision)| {
                        facts(candidate).is_some_and(|facts| {
                            facts.source == "shop"
                                && facts.system == system
                                // One without rows is no copy to go back to.
                                && *facts.scope == Scope::Full
                                && facts.created <= now
                                && facts.proven.is_some_and(wanted)
                        }) && !(stays && decision.deletes())
                    })
                    .count()
            };
            for wanted in [&|level| level >= retention.verified, &|_| true] as [&dyn Fn(Level) -> bool; 2] {
                prop_assert!(of_it(wanted, true) >= least.min(of_it(wanted, false)));
            }
        }
        let left: Vec<Candidate> = decided()
            .filter(|(_, decision)| !decision.deletes())
            .map(|(candidate, _)| candidate.clone())
            .collect();
        let again = decide(&left, &retention, "shop", now);
        prop_assert!(again.iter().all(|decision| !decision.deletes()), "{:?}", again);
    }

    /// The newest of a bucket stays, and so do as many of the newest as asked for.
    #[test]
    fn the_rules_keep_what_they_name(
        hours in prop::collection::btree_set(0_i64..400, 1..40),
        last in 1_u32..5,
        daily in 1_u32..5,
    ) {
        let begin = at("2026-01-01T00:00:00Z");
        let candidates: Vec<Candidate> = hours
            .iter()
            .map(|hour| candidate(begin + hour.hours(), 0, "shop", Some("1"), Some(Level::Content)))
            .collect();
        let mut retention = Retention::default();
        retention.keep_last = last;
        retention.daily = daily;
        let decisions = decide(&candidates, &retention, "shop", begin + 400.hours());
        let newest: Vec<i64> = hours.iter().rev().copied().take(last as usize).collect();
        let mut of_days = BTreeMap::new();
        for hour in &hours {
            of_days.insert(hour / 24, *hour);
        }
        let of_days: Vec<i64> = of_days.values().rev().copied().take(daily as usize).collect();
        for (hour, decision) in hours.iter().zip(&decisions) {
            let named = newest.contains(hour) || of_days.contains(hour);
            prop_assert_eq!(!decision.deletes(), named, "{}: {}", hour, decision);
        }
    }
}
