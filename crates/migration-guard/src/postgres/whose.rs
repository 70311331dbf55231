//! Whose state tables a database holds, and which pending versions seem to have run before.

use ripcord_conninfo::Conninfo;
use tokio_postgres::Client;

use crate::postgres::session::{Session, failed};
use crate::postgres::unrecorded::{Known, unrecorded, writes};
use crate::postgres::{PostgresMigrator, RunOptions, Unrecorded, state};
use crate::status::Recorded;
use crate::{Error, ErrorKind, Layout, Migration, Migrator as _, Problem, ProblemKind, Workspace};

impl PostgresMigrator {
    /// Which layouts' state tables are in a database. Where two tools' tables look alike, both are
    /// named: dbmate's and Rails' differ in what else Rails makes, and not always in that.
    ///
    /// # Errors
    /// [`Connection`](crate::ErrorKind::Connection), [`Refused`](crate::ErrorKind::Refused),
    /// [`Database`](crate::ErrorKind::Database).
    pub async fn recorded_by(
        conninfo: &Conninfo,
        options: &RunOptions,
    ) -> Result<Vec<Layout>, Error> {
        let session = Session::open(conninfo, options).await?;
        recorded_by(&session.client).await
    }

    /// Pending versions that seem to have run before.
    pub(super) async fn unrecorded(
        &self,
        session: &Session,
        workspace: &Workspace,
        pending: &[Migration],
        (all, recorded): (&[Migration], &Recorded),
    ) -> Result<Vec<Problem>, Error> {
        let client = &session.client;
        let mut found = foreign(client, self.layout(), workspace, pending, recorded).await?;
        let applied = all.iter().filter(|m| recorded.covers(self.layout(), m));
        let known = Known {
            applied: &applied.collect::<Vec<_>>(),
            writes_afresh: recorded.is_empty() && all.iter().any(writes),
            table: self.layout().state_table(),
        };
        let made = unrecorded(client, pending, &known).await;
        let made =
            made.map_err(|e| failed("look for what pending versions make on", self.name(), &e))?;
        for problem in made {
            if !found.iter().any(|p| p.version == problem.version) {
                found.push(problem);
            }
        }
        Ok(found)
    }

    /// Nothing is run that seems to have run before, unless that is asked for.
    pub(super) async fn not_run_before(
        &self,
        session: &Session,
        workspace: &Workspace,
        migration: &Migration,
        seen: (&[Migration], &Recorded),
    ) -> Result<(), Error> {
        if self.options().unrecorded == Unrecorded::Apply {
            return Ok(());
        }
        let only = std::slice::from_ref(migration);
        let found = self.unrecorded(session, workspace, only, seen).await?;
        match found.into_iter().next() {
            None => Ok(()),
            Some(problem) => {
                Err(
                    Error::new(ErrorKind::Unrecorded, "apply version", &migration.version)
                        .because(problem.explanation)
                        .with_help(UNRECORDED),
                )
            }
        }
    }
}

/// What to do about a version that seems to have run before.
const UNRECORDED: &str = "record it with the project's own tool if it was applied, name the right layout, or take away what is there";

const COLUMNS: &str = "
    SELECT w.name, coalesce((SELECT pg_catalog.array_agg(a.attname::text)
                             FROM pg_catalog.pg_attribute a
                             WHERE a.attrelid = pg_catalog.to_regclass(w.name)
                               AND a.attnum > 0 AND NOT a.attisdropped), '{}')
    FROM pg_catalog.unnest($1::text[]) AS w (name)
    WHERE pg_catalog.to_regclass(w.name) IS NOT NULL";

/// What Rails makes besides.
const RAILS: &str = "ar_internal_metadata";

async fn recorded_by(client: &Client) -> Result<Vec<Layout>, Error> {
    let mut names: Vec<&str> = Layout::ALL.iter().map(|l| l.state_table()).collect();
    names.push(RAILS);
    names.sort_unstable();
    names.dedup();
    let rows = client
        .query(COLUMNS, &[&names])
        .await
        .map_err(|e| failed("look for", "state tables", &e))?;
    let there: Vec<(String, Vec<String>)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    Ok(whose(&there))
}

/// The layouts of tables with these columns.
fn whose(there: &[(String, Vec<String>)]) -> Vec<Layout> {
    let columns = |table: &str| there.iter().find(|(name, _)| name == table).map(|t| &t.1);
    let fits = |layout: &&Layout| {
        let Some(columns) = columns(layout.state_table()) else {
            return false;
        };
        let dirty = columns.iter().any(|c| c == "dirty");
        match layout {
            Layout::GolangMigrate => dirty,
            Layout::Rails => !dirty,
            Layout::Dbmate => !dirty && columns.len() == 1 && !there.iter().any(|t| t.0 == RAILS),
            _ => true,
        }
    };
    Layout::ALL.iter().filter(fits).copied().collect()
}

/// Pending versions whose files another tool would read, too, and has recorded, where this one has
/// recorded nothing: the layout is not the right one, or the project went from one tool to another.
pub(super) async fn foreign(
    client: &Client,
    layout: Layout,
    workspace: &Workspace,
    pending: &[Migration],
    recorded: &Recorded,
) -> Result<Vec<Problem>, Error> {
    if !recorded.is_empty() || pending.is_empty() {
        return Ok(Vec::new());
    }
    let mut problems: Vec<Problem> = Vec::new();
    for other in recorded_by(client).await? {
        let table = other.state_table();
        if table == layout.state_table() {
            continue;
        }
        let Ok(files) = other.read(workspace) else {
            continue;
        };
        // A table that only has the name is nobody's.
        let Ok(theirs) = state::read(other, client, &files).await else {
            continue;
        };
        for migration in pending {
            let file = files.iter().find(|f| f.up == migration.up);
            let found = file.is_some_and(|f| {
                theirs.find(&f.version).is_some() || theirs.dirty.contains(&f.version)
            });
            let version = &migration.version;
            if found && !problems.iter().any(|p| p.version == *version) {
                problems.push(Problem {
                    kind: ProblemKind::Unrecorded,
                    version: version.clone(),
                    explanation: format!(
                        "version {version} is pending for {layout}, and {other}'s table {table} records it"
                    ),
                });
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_one_name_are_told_apart_by_their_columns() {
        let of = |tables: &[(&str, &[&str])]| {
            let owned = |c: &[&str]| c.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
            let there: Vec<_> = tables
                .iter()
                .map(|(name, columns)| ((*name).to_owned(), owned(columns)))
                .collect();
            whose(&there)
        };
        let name = "schema_migrations";
        assert_eq!(
            of(&[(name, &["version", "dirty"])]),
            [Layout::GolangMigrate]
        );
        assert_eq!(of(&[(name, &["version"])]), [Layout::Dbmate, Layout::Rails]);
        let rails = [(name, &["version"][..]), (RAILS, &["key", "value"])];
        assert_eq!(of(&rails), [Layout::Rails]);
        assert_eq!(of(&[("_sqlx_migrations", &["version"])]), [Layout::Sqlx]);
        assert_eq!(of(&[]), []);
    }
}
