use super::{Act, Event, Outcome, Record};
use crate::run::WayBack;

/// The ways back of migrations that are applied, as far as the journal tells: of each version the one it was applied with
/// last, without those that were taken back or restored away since. Oldest first.
#[must_use]
pub fn ways_back(records: &[Record]) -> Vec<WayBack> {
    let mut kept: Vec<(&str, &WayBack)> = Vec::new();
    for record in records {
        match &record.event {
            Event::WayBack { way } => {
                kept.retain(|(_, known)| known.version != way.version);
                kept.push((&record.deployment, way));
            }
            Event::TakenBack { version }
            | Event::Result {
                act: Act::Revert { version, .. },
                outcome: Outcome::Done,
                ..
            } => kept.retain(|(_, known)| known.version != *version),
            // The backup is from before the deployment's own migrations.
            Event::Result {
                act: Act::Restore { .. },
                outcome: Outcome::Done,
                ..
            } => kept.retain(|(deployment, _)| *deployment != record.deployment),
            _ => {}
        }
    }
    kept.into_iter().map(|(_, way)| way.clone()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::Release;

    fn way(version: &str, sql: &str) -> Event {
        Event::WayBack {
            way: WayBack {
                version: version.into(),
                name: "n".into(),
                file: "n.down.sql".into(),
                sql: sql.into(),
                in_transaction: true,
                checksum: "c".into(),
            },
        }
    }

    fn done(act: Act) -> Event {
        Event::Result {
            act,
            outcome: Outcome::Done,
            seconds: 0.0,
            made: Value::Null,
        }
    }

    fn kept(events: Vec<(&str, Event)>) -> Vec<String> {
        let records: Vec<Record> = events
            .into_iter()
            .map(|(deployment, event)| Record {
                seq: 0,
                deployment: deployment.into(),
                epoch: 1,
                at: Timestamp::UNIX_EPOCH,
                event,
            })
            .collect();
        let ways = ways_back(&records).into_iter();
        ways.map(|w| format!("{} {}", w.version, w.sql)).collect()
    }

    #[test]
    fn the_newest_of_each_version_that_is_still_applied() {
        let revert = |version: &str| {
            done(Act::Revert {
                version: version.into(),
                owner: Release::single("v1", "web", "v1"),
            })
        };
        let taken = |version: &str| Event::TakenBack {
            version: version.into(),
        };
        let all = vec![
            ("d1", way("1", "a")),
            ("d2", way("2", "b")),
            ("d2", revert("2")),
            ("d3", way("2", "c")),
            ("by-hand", way("3", "d")),
            ("by-hand", taken("3")),
        ];
        assert_eq!(kept(all), ["1 a", "2 c"]);
    }

    #[test]
    fn a_restore_takes_those_of_its_own_deployment() {
        let restore = || done(Act::Restore { backup: "b".into() });
        let all = vec![
            ("d1", way("1", "a")),
            ("d2", way("2", "b")),
            ("d2", restore()),
        ];
        assert_eq!(kept(all), ["1 a"]);
    }
}
