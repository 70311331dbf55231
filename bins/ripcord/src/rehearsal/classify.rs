//! From what was seen to the class of the plan. Pure.

use ripcord_rollback::evidence::{Overlap, Preserve};
use ripcord_rollback::plan::{Basis, Class};

use super::trial::Tried;

/// Everything that decides.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Why old code may not fit the new schema, as far as the statements tell; `None` when all are additive.
    pub not_additive: Option<String>,
    /// Why the old release may refuse a newer history when it starts.
    pub start_check: Option<String>,
    /// What the old release said to the migrated copy.
    pub old: Tried,
    /// A query that worked before and does not any more.
    pub broken_query: Option<String>,
    /// The first down that is no way back, the newest migration first.
    pub irreversible: Option<String>,
    /// What went wrong on the way down after the new release had written.
    pub after_writes: Option<String>,
    /// How many rows were written that only the new release could have written.
    pub written: usize,
    /// What could be written and could not be tried, with why.
    pub unwritten: Vec<String>,
    /// What the downs drop of what the new release writes.
    pub preserve: Vec<Preserve>,
    /// Why it could not be exported and put back, if it was tried and could not.
    pub not_preserved: Option<String>,
    /// Why the backup could not be restored in production.
    pub no_restore: Option<String>,
}

/// The outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// The cheapest way back that works.
    pub class: Class,
    /// What that rests on.
    pub basis: Basis,
    /// Why it is not a cheaper one.
    pub reason: String,
    /// Whether both releases may share the new schema.
    pub overlap: Overlap,
}

/// Decides.
#[must_use]
pub fn classify(seen: &Seen) -> Classified {
    let overlap = overlap(seen);
    let answer = |class, basis, reason: String| Classified {
        class,
        basis,
        reason,
        overlap: overlap.clone(),
    };
    let dearer = match &overlap {
        // Working on the new schema is one thing, and starting on it another.
        Overlap::Proved => match &seen.start_check {
            None => {
                let reason =
                    "the old release was tried on the migrated copy and passed its smoke test";
                return answer(Class::CodeOnly, Basis::Proved, reason.to_owned());
            }
            Some(why) => why.clone(),
        },
        Overlap::Assumed => match &seen.start_check {
            None => {
                let reason = "every statement is on the closed list of additive DDL";
                return answer(Class::CodeOnly, Basis::Assumed, reason.to_owned());
            }
            Some(why) => why.clone(),
        },
        Overlap::No { why } => why.clone(),
    };
    let restore = |why: &str| {
        let reason = format!("{dearer}; {why}");
        match &seen.no_restore {
            None => answer(Class::Restore, Basis::Proved, reason),
            Some(impossible) => answer(
                Class::ForwardOnly,
                Basis::Proved,
                format!("{reason}; {impossible}"),
            ),
        }
    };
    if let Some(why) = &seen.irreversible {
        return restore(why);
    }
    if let Some(why) = &seen.after_writes {
        return restore(why);
    }
    let rows = match seen.written {
        0 => String::new(),
        1 => ", also after a row that only the new release could write".to_owned(),
        n => format!(", also after {n} rows that only the new release could write"),
    };
    let (basis, but) = match seen.unwritten.first() {
        None => (Basis::Proved, String::new()),
        Some(first) => (Basis::Assumed, format!("; not tried: {first}")),
    };
    if seen.preserve.is_empty() {
        let reason = format!("{dearer}; every down brought schema and content back{rows}{but}");
        return answer(Class::Revert, basis, reason);
    }
    let what: Vec<String> = seen.preserve.iter().map(ToString::to_string).collect();
    let what = what.join(", ");
    if let Some(why) = &seen.not_preserved {
        return restore(&format!(
            "the downs drop what is written into {what}, which could not be exported and put back: {why}"
        ));
    }
    let reason = format!(
        "{dearer}; the downs drop what is written into {what}, which was exported and put back{but}"
    );
    answer(Class::PreserveAndRevert, basis, reason)
}

fn overlap(seen: &Seen) -> Overlap {
    if let Some(query) = &seen.broken_query {
        return Overlap::No { why: query.clone() };
    }
    match (&seen.old, &seen.not_additive) {
        (Tried::Passed, _) => Overlap::Proved,
        (Tried::Failed(why), _) => Overlap::No {
            why: format!("the old release does not work on the migrated copy: {why}"),
        },
        (Tried::Not, None) => Overlap::Assumed,
        (Tried::Not, Some(why)) => Overlap::No { why: why.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            not_additive: Some("0002_x: line 1: renames a column".to_owned()),
            start_check: None,
            old: Tried::Not,
            broken_query: None,
            irreversible: None,
            after_writes: None,
            written: 0,
            unwritten: Vec::new(),
            preserve: Vec::new(),
            not_preserved: None,
            no_restore: None,
        }
    }

    fn class(seen: &Seen) -> (Class, Basis) {
        let found = classify(seen);
        (found.class, found.basis)
    }

    #[test]
    fn the_old_release_decides_before_the_statements() {
        let mut s = seen();
        s.old = Tried::Passed;
        assert_eq!(class(&s), (Class::CodeOnly, Basis::Proved));
        s.start_check = Some("sqlx refuses a history it does not know".to_owned());
        let found = classify(&s);
        assert_eq!(
            (found.class, found.overlap),
            (Class::Revert, Overlap::Proved)
        );
        s.start_check = None;
        s.not_additive = None;
        s.old = Tried::Failed("null value in column \"a\"".to_owned());
        let found = classify(&s);
        assert_eq!(found.class, Class::Revert);
        assert!(found.reason.contains("column \"a\""), "{}", found.reason);
        assert!(matches!(found.overlap, Overlap::No { .. }));
    }

    #[test]
    fn additive_alone_is_an_assumption() {
        let mut s = seen();
        s.not_additive = None;
        assert_eq!(class(&s), (Class::CodeOnly, Basis::Assumed));
        s.start_check = Some("sqlx refuses a history it does not know".to_owned());
        assert_eq!(class(&s), (Class::Revert, Basis::Proved));
        s.broken_query = Some("SELECT total FROM orders".to_owned());
        assert!(matches!(classify(&s).overlap, Overlap::No { .. }));
    }

    #[test]
    fn a_broken_query_outweighs_a_smoke_test() {
        let mut s = seen();
        s.old = Tried::Passed;
        s.broken_query = Some("SELECT total FROM orders".to_owned());
        assert_eq!(class(&s), (Class::Revert, Basis::Proved));
    }

    #[test]
    fn from_revert_to_forward_only() {
        let mut s = seen();
        assert_eq!(class(&s), (Class::Revert, Basis::Proved));
        s.unwritten = vec!["a NULL in t.a: a trigger takes it away".to_owned()];
        assert_eq!(class(&s), (Class::Revert, Basis::Assumed));
        s = seen();
        s.preserve = vec![Preserve {
            table: "public.orders".to_owned(),
            columns: Some(vec!["note".to_owned()]),
        }];
        let found = classify(&s);
        assert_eq!(found.class, Class::PreserveAndRevert);
        assert!(found.reason.contains("public.orders (note)"));
        s.not_preserved = Some("it has no key".to_owned());
        assert_eq!(class(&s), (Class::Restore, Basis::Proved));
        s = seen();
        s.after_writes = Some("0002_x: its down fails".to_owned());
        assert_eq!(class(&s), (Class::Restore, Basis::Proved));
        s.no_restore = Some("there is no key here".to_owned());
        assert_eq!(class(&s), (Class::ForwardOnly, Basis::Proved));
        s.after_writes = None;
        s.irreversible = Some("0002_x: it has no down".to_owned());
        assert_eq!(class(&s), (Class::ForwardOnly, Basis::Proved));
    }
}
