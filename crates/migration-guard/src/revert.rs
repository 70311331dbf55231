use crate::sql::Script;
use crate::unclosed::ends_transactions;
use crate::{Applied, AppliedAs, Error, ErrorKind, Migration, Status, Workspace};

/// Which applied migrations must come down, newest first, so that `target` is the newest one
/// left. `target` itself stays. `None` means that nothing stays, and has to be asked for
/// explicitly. What repeats has no place in that order, and stays.
///
/// `migrations` is what the workspace that owns them holds; ways back that were recorded stand in
/// for files that are gone. Every migration in the answer has a way back.
///
/// # Errors
/// [`UnknownVersion`](ErrorKind::UnknownVersion): `target` is not applied, or a migration that
/// must come down is not in the workspace; [`Irreversible`](ErrorKind::Irreversible): one of
/// them has no way back; [`Unsupported`](ErrorKind::Unsupported): one of them leaves a transaction
/// open; [`Dirty`](ErrorKind::Dirty): an interrupted run has to be resolved first.
pub fn revert_plan(
    workspace: &Workspace,
    migrations: &[Migration],
    status: &Status,
    target: Option<&str>,
) -> Result<Vec<Migration>, Error> {
    let dirty = status
        .problems
        .iter()
        .find(|p| p.kind == crate::ProblemKind::Dirty);
    if let Some(problem) = dirty {
        return Err(Error::new(
            ErrorKind::Dirty,
            "plan the revert past version",
            &problem.version,
        )
        .because(problem.explanation.clone())
        .with_help(format!("resolve version {} first", problem.version)));
    }
    let versions = status.applied.iter();
    let versions: Vec<&Applied> = versions
        .filter(|a| a.applied_as != AppliedAs::Repeatable)
        .collect();
    let keep = match target {
        None => 0,
        Some(version) => {
            let at = versions.iter().position(|a| a.version == version);
            1 + at.ok_or_else(|| {
                Error::new(ErrorKind::UnknownVersion, "revert to version", version)
                    .because("it is not applied")
                    .with_help("name an applied version, as `status` shows them")
            })?
        }
    };
    let mut plan = Vec::new();
    for applied in versions.into_iter().skip(keep).rev() {
        let migration = owned(workspace, migrations, applied).ok_or_else(|| {
            Error::new(
                ErrorKind::UnknownVersion,
                "revert version",
                &applied.version,
            )
            .because(format!("{} does not hold it", workspace.path().display()))
            .with_help("use the workspace of the release that applied it, or the way back that was recorded")
        })?;
        row_way_back(&migration, applied)?;
        plan.push(migration);
    }
    Ok(plan)
}

/// The migration from its file, or as it was recorded where the file is gone or was edited since.
fn owned(workspace: &Workspace, files: &[Migration], row: &Applied) -> Option<Migration> {
    let file = files.iter().find(|m| m.version == row.version);
    let Some(way) = workspace.way_back(&row.version) else {
        return file.cloned();
    };
    let applied = row.checksum.as_ref().is_none_or(|c| *c == way.checksum);
    match file {
        Some(file) if file.checksum == way.checksum || !applied => Some(file.clone()),
        _ => Some(way.to_migration()),
    }
}

/// The parsed way back of what a row of the state table stands for.
pub(crate) fn row_way_back(migration: &Migration, row: &Applied) -> Result<Script, Error> {
    let why = match row.applied_as {
        AppliedAs::Version => return way_back(migration),
        AppliedAs::Repeatable => "it repeats, and has no state before it",
        AppliedAs::Baseline => "it is the baseline, and what it stands for is not its own",
    };
    Err(Error::new(
        ErrorKind::Irreversible,
        "revert version",
        &migration.version,
    )
    .because(why)
    .with_help("restore a backup, or write a migration that goes on from here"))
}

/// The parsed way back, if there is one that does something.
pub(crate) fn way_back(migration: &Migration) -> Result<Script, Error> {
    let irreversible = || {
        Error::new(
            ErrorKind::Irreversible,
            "revert version",
            &migration.version,
        )
    };
    let (Some(path), Some(sql)) = (&migration.down, &migration.down_sql) else {
        return Err(irreversible()
            .because("it has no way back")
            .with_help("restore a backup, or write the way back"));
    };
    let script = Script::parse(path, sql)?;
    if script.is_effectless() {
        return Err(irreversible()
            .because("its way back changes nothing")
            .with_help("restore a backup, or write the way back"));
    }
    ends_transactions(&script)?;
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Applied, WayBack};

    fn three() -> (Vec<Migration>, Status) {
        let migrations: Vec<Migration> = (1..=3)
            .map(|v| {
                Migration::new(
                    v.to_string(),
                    "m",
                    format!("{v}.up.sql"),
                    "CREATE TABLE a (b int)",
                )
                .with_down(format!("{v}.down.sql"), "DROP TABLE a")
            })
            .collect();
        let status = Status {
            applied: (1..=3).map(|v| Applied::new(v.to_string())).collect(),
            ..Status::default()
        };
        (migrations, status)
    }

    #[test]
    fn newest_first_and_never_past_the_target() {
        let (migrations, status) = three();
        let w = Workspace::new("m");
        let plan = revert_plan(&w, &migrations, &status, Some("1")).unwrap();
        let versions: Vec<_> = plan.iter().map(|m| m.version.as_str()).collect();
        assert_eq!(versions, ["3", "2"]);
        assert!(
            revert_plan(&w, &migrations, &status, Some("3"))
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            revert_plan(&w, &migrations, &status, None).unwrap().len(),
            3
        );
    }

    #[test]
    fn what_cannot_come_down_is_an_error() {
        let (mut migrations, status) = three();
        let w = Workspace::new("m");
        let unknown = revert_plan(&w, &migrations, &status, Some("9")).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::UnknownVersion);
        migrations[2].down_sql = Some("SELECT 1".to_owned());
        let empty = revert_plan(&w, &migrations, &status, Some("1")).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::Irreversible);
        migrations.remove(1);
        migrations[1].down_sql = Some("DROP TABLE a".to_owned());
        let missing = revert_plan(&w, &migrations, &status, Some("1")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::UnknownVersion);
    }

    #[test]
    fn what_was_recorded_stands_in_for_files_that_are_gone_or_edited() {
        let (mut migrations, status) = three();
        let ways: Vec<WayBack> = migrations.iter().filter_map(WayBack::of).collect();
        let w = Workspace::new("m").with_ways_back(ways);
        migrations[1].checksum = "edited".into();
        migrations[1].down_sql = Some("DROP TABLE other".into());
        migrations.pop();
        let plan = revert_plan(&w, &migrations, &status, Some("1")).unwrap();
        let sql: Vec<_> = plan.iter().map(|m| m.down_sql.as_deref()).collect();
        assert_eq!(sql, [Some("DROP TABLE a"), Some("DROP TABLE a")]);
    }
}
