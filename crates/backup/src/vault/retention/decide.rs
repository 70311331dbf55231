//! The rules themselves: no store, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Retention;
use super::buckets::CALENDARS;
use crate::{BackupId, Level, Scope};

/// What claims to be from further in the future than this was stamped by a wrong clock, its own or
/// ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What deciding needs to know about a published backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub id: BackupId,
    /// Whose it is and what is known about it.
    pub standing: Standing,
    /// Why somebody wants it kept.
    pub pin: Option<String>,
}

/// What is known about a published backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its manifest is whole.
    Known {
        /// When it was made.
        created: Timestamp,
        /// The source's label.
        source: String,
        /// The cluster.
        system: Option<String>,
        /// How much of the database it holds.
        scope: Scope,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// The level that is proven; `None` when a later verification condemned it.
        proven: Option<Level>,
    },
    /// Its manifest cannot be read.
    Broken,
    /// It only has the name of a backup.
    Foreign,
}

/// What becomes of a backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", content = "reason", rename_all = "snake_case")]
pub enum Decision {
    /// It stays, for this reason.
    Keep(String),
    /// It is deleted, for this reason.
    Delete(String),
    /// These rules are not about it.
    LeaveAlone(String),
}

impl Decision {
    /// Whether it says to delete.
    #[must_use]
    pub fn deletes(&self) -> bool {
        matches!(self, Decision::Delete(_))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Keep(reason) => write!(f, "keep: {reason}"),
            Decision::Delete(reason) => write!(f, "delete: {reason}"),
            Decision::LeaveAlone(reason) => write!(f, "left alone: {reason}"),
        }
    }
}

/// Decides about each of `candidates`, in their order, for the backups of `source`.
///
/// Holds whatever the arguments: per database, the newest `max(min_verified, 1)` verified backups
/// stay, and if there are fewer, the best proven others; what is pinned, broken, of another source
/// or from the future stays; deciding again about what stays deletes nothing more. What is from
/// the future does not count for any rule either, so a wrong clock costs no good backup.
#[must_use]
pub fn decide(
    candidates: &[Candidate],
    retention: &Retention,
    source: &str,
    now: Timestamp,
) -> Vec<Decision> {
    let mut decisions: Vec<Option<Decision>> = vec![None; candidates.len()];
    let mut databases: BTreeMap<Kin<'_>, Vec<Good<'_>>> = BTreeMap::new();
    let mut condemned = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let Standing::Known {
            created,
            source: theirs,
            system,
            scope,
            labels,
            proven,
        } = &candidate.standing
        else {
            let reason = match candidate.standing {
                Standing::Foreign => "it is no folder of a backup",
                _ => "its manifest is broken, look at it",
            };
            decisions[at] = Some(Decision::LeaveAlone(reason.to_owned()));
            continue;
        };
        if theirs != source {
            let reason = format!("of another source, {theirs}");
            decisions[at] = Some(Decision::LeaveAlone(reason));
        } else if created.duration_since(now) > SKEW {
            let reason = "it is from the future, so one clock is wrong";
            decisions[at] = Some(Decision::LeaveAlone(reason.to_owned()));
        } else if let Some(level) = *proven {
            let kin = (system.as_deref(), part(scope));
            databases.entry(kin).or_default().push(Good {
                at,
                created: *created,
                id: &candidate.id,
                labels,
                level,
                reasons: Vec::new(),
            });
        } else {
            condemned.push((at, (system.as_deref(), part(scope)), *created));
        }
        if let Some(reason) = candidate.pin.as_ref().filter(|_| decisions[at].is_none()) {
            decisions[at] = Some(Decision::Keep(format!("pinned, {reason}")));
        }
    }
    for goods in databases.values_mut() {
        goods.sort_by(|a, b| (b.created, b.id).cmp(&(a.created, a.id)));
        apply(goods, retention);
        for good in goods.iter() {
            decisions[good.at].get_or_insert_with(|| {
                if good.reasons.is_empty() {
                    Decision::Delete("no rule keeps it".to_owned())
                } else {
                    Decision::Keep(good.reasons.join(", "))
                }
            });
        }
    }
    for (at, kin, created) in condemned {
        // The evidence may be wrong, and a bad copy may be better than none.
        let replaced = databases.get(&kin).into_iter().flatten().any(|good| {
            good.level >= retention.verified
                && good.created > created
                && matches!(decisions[good.at], Some(Decision::Keep(_)))
        });
        decisions[at].get_or_insert_with(|| match (replaced, retention.has_rules()) {
            (true, true) => Decision::Delete("condemned, and a newer one is verified".to_owned()),
            (_, false) => Decision::Keep("there is no rule".to_owned()),
            (false, true) => Decision::Keep("condemned, but no newer one is verified".to_owned()),
        });
    }
    let undecided = || Decision::LeaveAlone("nothing is known about it".to_owned());
    decisions
        .into_iter()
        .map(|decision| decision.unwrap_or_else(undecided))
        .collect()
}

/// Backups that can stand in for each other: of one cluster, and of the same part of the database.
/// One without rows must never be the reason for which one with rows goes.
type Kin<'a> = (Option<&'a str>, Vec<&'a str>);

fn part(scope: &Scope) -> Vec<&str> {
    match scope {
        Scope::Full => Vec::new(),
        Scope::Schema => vec!["definitions"],
        Scope::Tables(tables) => ["rows"]
            .into_iter()
            .chain(tables.iter().map(String::as_str))
            .collect(),
    }
}

/// A good backup of one database.
struct Good<'a> {
    at: usize,
    created: Timestamp,
    id: &'a BackupId,
    labels: &'a BTreeMap<String, String>,
    level: Level,
    /// Why it stays.
    reasons: Vec<String>,
}

/// Finds the reasons, newest first.
fn apply(goods: &mut [Good<'_>], retention: &Retention) {
    if !retention.has_rules() {
        for good in goods {
            good.reasons.push("there is no rule".to_owned());
        }
        return;
    }
    for good in goods.iter_mut().take(count(retention.keep_last)) {
        good.reasons
            .push(format!("one of the newest {}", retention.keep_last));
    }
    for calendar in &CALENDARS {
        let mut left = (calendar.count)(retention);
        let mut seen = BTreeSet::new();
        for good in goods.iter_mut() {
            let bucket = (calendar.bucket)(good.created);
            if left == 0 {
                break;
            }
            if seen.insert(bucket.clone()) {
                left -= 1;
                good.reasons.push(format!("{} {bucket}", calendar.name));
            }
        }
    }
    for good in goods.iter_mut() {
        let label = good.labels.iter().find(|(name, value)| {
            let mut rules = retention.keep_labels.iter();
            rules.any(|rule| rule.fits(name, value))
        });
        if let Some((name, value)) = label {
            good.reasons.push(format!("label {name}={value}"));
        }
    }
    protect(goods, retention);
}

/// Keeps the newest verified ones, or the best proven in their place.
fn protect(goods: &mut [Good<'_>], retention: &Retention) {
    let least = retention.min_verified.max(1);
    let mut best: Vec<&mut Good<'_>> = goods.iter_mut().collect();
    // Stable, so that among equals the newest stay first; above the threshold all are equal.
    best.sort_by_key(|good| std::cmp::Reverse(good.level.min(retention.verified)));
    for good in best.into_iter().take(count(least)) {
        let what = if good.level >= retention.verified {
            "verified"
        } else {
            "best proven"
        };
        good.reasons
            .push(format!("one of the newest {least} {what}"));
    }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
