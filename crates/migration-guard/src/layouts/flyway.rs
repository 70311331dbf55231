//! Flyway: <https://documentation.red-gate.com/flyway/flyway-concepts/migrations>

use std::path::{Path, PathBuf};

use crate::layouts::checksum;
use crate::layouts::contents::Contents;
use crate::layouts::folder::{self, Found, Unsaid, bad, name_of, spaced};
use crate::layouts::{placeholders, settings};
use crate::migration::Place;
use crate::{Error, ErrorKind, Layout, Migration, Repeats, Transactional, Workspace};

const SHAPE: &str = "V<version>__<name>.sql, U<version>__<name>.sql to undo it, R__<name>.sql to repeat, B<version>__<name>.sql as a baseline";

/// Folders are read to their depths, as Flyway does.
pub(super) fn read(workspace: &Workspace) -> Result<Contents, Error> {
    let mut found = Found::new(Layout::Flyway);
    let mut baselines = Found::new(Layout::Flyway);
    let mut undos: Vec<(String, PathBuf)> = Vec::new();
    for path in folder::files_below(workspace.path())? {
        let (kind, version, name) = match naming(name_of(&path)) {
            Naming::Other => continue,
            Naming::Bad(why) => {
                found.problem(bad(&path).because(why).with_help(SHAPE));
                continue;
            }
            Naming::Migration(kind, version, name) => (kind, version, name),
        };
        match kind {
            Kind::Undo => undos.push((canonical(version), path)),
            Kind::Baseline => baselines.add(migration(workspace, &path, kind, version, name)),
            Kind::Versioned | Kind::Repeatable => {
                found.add(migration(workspace, &path, kind, version, name));
            }
        }
    }
    for (version, path) in undos {
        let Some(migration) = found.get_mut(&version) else {
            let why = format!("it undoes version {version}, and there is no V{version}__….sql");
            let problem = bad(&path).because(why);
            found.problem(problem.with_help("add the file that goes forward, or remove this one"));
            continue;
        };
        if let Err(problem) = undo(workspace, migration, &path) {
            found.problem(problem);
        }
    }
    Ok(Contents {
        migrations: found.finish()?,
        baselines: baselines.finish()?,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Versioned,
    Undo,
    Repeatable,
    Baseline,
}

#[derive(Debug)]
enum Naming<'a> {
    /// The version as the file has it, and the description.
    Migration(Kind, &'a str, &'a str),
    Other,
    Bad(&'static str),
}

fn naming(file: &str) -> Naming<'_> {
    let kind = match file.as_bytes().first() {
        Some(b'V') => Kind::Versioned,
        Some(b'U') => Kind::Undo,
        Some(b'R') => Kind::Repeatable,
        Some(b'B') => Kind::Baseline,
        _ => return Naming::Other,
    };
    let rest = &file[1..];
    let meant = rest.starts_with("__") || rest.starts_with(|c: char| c.is_ascii_digit());
    if meant && (rest.ends_with(".java") || rest.ends_with(".kt")) {
        return Naming::Bad("it is code, and only the program that holds it can run that");
    }
    let Some(stem) = rest.strip_suffix(".sql").filter(|_| meant) else {
        return Naming::Other;
    };
    let (version, name) = stem.split_once("__").unwrap_or((stem, ""));
    match (kind, version.is_empty()) {
        (Kind::Repeatable, true) if name.is_empty() => Naming::Bad("it has no name"),
        (Kind::Repeatable, true) => Naming::Migration(kind, version, name),
        (Kind::Repeatable, false) => Naming::Bad("what repeats has no version"),
        (_, true) => Naming::Bad("it has no version"),
        (_, false) if is_version(version) => Naming::Migration(kind, version, name),
        _ => Naming::Bad("its version is not numbers with dots or single _ between them"),
    }
}

fn is_version(text: &str) -> bool {
    text.len() <= 50
        && text
            .split(['.', '_'])
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// One spelling for versions that Flyway holds to be the same: `1`, `1.0` and `01`.
pub(super) fn canonical(version: &str) -> String {
    let dotted = version.replace('_', ".");
    if !is_version(&dotted) {
        return version.to_owned();
    }
    let parts = dotted.split('.').map(|part| {
        let short = part.trim_start_matches('0');
        if short.is_empty() { "0" } else { short }
    });
    let mut parts: Vec<&str> = parts.collect();
    while parts.len() > 1 && parts.last() == Some(&"0") {
        parts.pop();
    }
    parts.join(".")
}

/// The name by which a migration that repeats is known here; Flyway knows it by its description.
pub(crate) fn repeatable(description: &str) -> String {
    format!("R__{}", description.replace(' ', "_"))
}

fn migration(
    workspace: &Workspace,
    path: &Path,
    kind: Kind,
    version: &str,
    name: &str,
) -> Result<Migration, Error> {
    let script = read_script(path)?;
    if script.sql.trim().is_empty() {
        return Err(bad(path)
            .because("it is empty")
            .with_help("write the migration, or remove the file"));
    }
    let name = spaced(name);
    let ours = match kind {
        Kind::Repeatable => repeatable(&name),
        _ => canonical(version),
    };
    let mut migration = Migration::new(ours, name, path, &script.sql);
    migration.checksum = script.checksum;
    migration.transaction = script.transaction;
    migration.native.version = version.replace('_', ".");
    migration.native.script = below(workspace, path);
    match kind {
        Kind::Repeatable => migration.repeats = Repeats::WhenChanged,
        Kind::Baseline => migration.native.place = Place::Baseline,
        Kind::Versioned | Kind::Undo => {}
    }
    Ok(migration)
}

fn undo(workspace: &Workspace, migration: &mut Migration, path: &Path) -> Result<(), Error> {
    if let Some(other) = &migration.down {
        return Err(folder::duplicate(path, other, &migration.version));
    }
    let script = read_script(path)?;
    migration.down = Some(path.to_owned());
    migration.down_sql = Some(script.sql);
    migration.down_transaction = script.transaction;
    migration.native.down_script = below(workspace, path);
    migration.native.down_checksum = script.checksum;
    Ok(())
}

/// The path below the folder, as Flyway records it.
fn below(workspace: &Workspace, path: &Path) -> String {
    let path = path.strip_prefix(workspace.path()).unwrap_or(path);
    let parts = path.components().map(|c| c.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

struct ScriptFile {
    sql: String,
    checksum: String,
    transaction: Transactional,
}

fn read_script(path: &Path) -> Result<ScriptFile, Error> {
    let text = folder::text(path)?;
    let checksum = checksum::flyway(&text);
    let sql = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    let mut conf = path.as_os_str().to_owned();
    conf.push(".conf");
    let conf = PathBuf::from(conf);
    let settings = if conf.exists() {
        folder::text(&conf)?
    } else {
        String::new()
    };
    if said(&conf, &settings, "placeholderReplacement")? != Some(false)
        && let Some((line, column, name)) = placeholders::first(&sql)
    {
        return Err(
            Error::of_file(ErrorKind::Unsupported, "read migration", path)
                .at(line, column)
                .because(format!(
                    "only Flyway knows what it puts in the place of ${{{name}}}"
                ))
                .with_help(format!(
                    "write the value out, or put placeholderReplacement=false into {}",
                    name_of(&conf)
                )),
        );
    }
    let transaction = match said(&conf, &settings, "executeInTransaction")? {
        Some(false) => Transactional::No,
        Some(true) => folder::transactional(path, &sql, Unsaid::Wrapped),
        None => folder::transactional(path, &sql, Unsaid::ByStatements),
    };
    Ok(ScriptFile {
        sql,
        checksum,
        transaction,
    })
}

fn said(conf: &Path, settings: &str, key: &str) -> Result<Option<bool>, Error> {
    let wrong = |line: u32, why: &str| {
        bad(conf)
            .at(line, 1)
            .because(why)
            .with_help(format!("{key}=false"))
    };
    let value = settings::value(settings, key).map_err(|(line, why)| wrong(line, why))?;
    match value {
        None => Ok(None),
        Some((_, "true")) => Ok(Some(true)),
        Some((_, "false")) => Ok(Some(false)),
        Some((line, _)) => Err(wrong(line, "the value is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_flyway_reads_them() {
        assert!(matches!(
            naming("V1_10__add_user.sql"),
            Naming::Migration(Kind::Versioned, "1_10", "add_user")
        ));
        assert!(matches!(
            naming("U1.2__a.sql"),
            Naming::Migration(Kind::Undo, "1.2", "a")
        ));
        assert!(matches!(
            naming("R__all_views.sql"),
            Naming::Migration(Kind::Repeatable, "", "all_views")
        ));
        assert!(matches!(
            naming("B3__base.sql"),
            Naming::Migration(Kind::Baseline, "3", "base")
        ));
        for bad in [
            "V__a.sql",
            "R1__a.sql",
            "V1-2__a.sql",
            "V1__a.java",
            "R__.sql",
        ] {
            assert!(matches!(naming(bad), Naming::Bad(_)), "{bad}");
        }
        for other in [
            "Views.sql",
            "beforeMigrate.sql",
            "V1__a.sql.conf",
            "Ü__a.sql",
        ] {
            assert!(matches!(naming(other), Naming::Other), "{other}");
        }
    }

    #[test]
    fn equal_versions_have_one_spelling() {
        for (text, same) in [
            ("01_0", "1"),
            ("1.10", "1.10"),
            ("0", "0"),
            ("2.0.1", "2.0.1"),
        ] {
            assert_eq!(canonical(text), same);
        }
    }
}
