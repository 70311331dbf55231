use crate::lint::{LintOptions, LockMode, Unit, replay};
use crate::sql::Script;
use crate::{Error, Migration};

/// What a migration is expected to do to a table: to be set against what is observed.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Expected {
    /// The migration's version.
    pub version: String,
    /// The table, as SQL writes it.
    pub table: String,
    /// The strongest lock that a statement takes on it.
    pub lock: LockMode,
    /// Whether a statement writes every row anew.
    pub rewrite: bool,
}

/// Locks and rewrites of `pending` (in the order in which they run) on tables that the chain has not made itself. It
/// knows the statements only: what a function or a tool does beside them is not in it.
///
/// # Errors
/// [`Syntax`](crate::ErrorKind::Syntax) when an up file does not parse.
pub fn expected(pending: &[Migration], options: &LintOptions) -> Result<Vec<Expected>, Error> {
    let mut units = Vec::new();
    for migration in pending {
        units.push(Unit {
            script: Script::parse(&migration.up, &migration.up_sql)?,
            transaction: migration.transaction,
        });
    }
    let mut found: Vec<Expected> = Vec::new();
    replay(&units, options, |step| {
        let path = step.unit.script.path();
        let Some(migration) = pending.iter().find(|m| m.up == path) else {
            return;
        };
        for (name, lock) in &step.effects.locks {
            if step.state.table(name).is_some_and(|table| table.new) {
                continue;
            }
            let (table, rewrite) = (name.to_string(), step.effects.rewrites(name));
            let known = found
                .iter_mut()
                .find(|known| known.version == migration.version && known.table == table);
            match known {
                Some(known) => {
                    known.lock = known.lock.max(*lock);
                    known.rewrite |= rewrite;
                }
                None => found.push(Expected {
                    version: migration.version.clone(),
                    table,
                    lock: *lock,
                    rewrite,
                }),
            }
        }
    });
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_chain_itself_are_left_out() {
        let one = Migration::new(
            "1",
            "a",
            "1_a.sql",
            "CREATE TABLE fresh (id int); ALTER TABLE old ALTER COLUMN n TYPE bigint; CREATE INDEX i ON old (n);",
        );
        let found = expected(&[one], &LintOptions::with_own_runner()).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].table.as_str(), found[0].lock, found[0].rewrite),
            ("old", LockMode::AccessExclusive, true)
        );
    }
}
