use ripcord_backup::sources::{MysqlOptions, MysqlSource};
use ripcord_notify::Secret;

use super::read::Reader;
use super::section::Section;
use super::{ConfigError, DatabaseConfig, MysqlConfig};

const URL: [&str; 3] = ["url", "url_env", "url_file"];

#[derive(Clone, Copy)]
enum Kind {
    Postgres,
    Mysql,
}

/// Reads `[database]`: the one or the other.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
) -> Result<(Option<DatabaseConfig>, Option<MysqlConfig>), ConfigError> {
    let kinds = [("postgres", Kind::Postgres), ("mysql", Kind::Mysql)];
    let kind = section
        .choice("kind", &kinds)?
        .ok_or_else(|| section.missing("kind"))?;
    let read = match kind {
        Kind::Postgres => (Some(postgres(reader, section)?), None),
        Kind::Mysql => (None, Some(mysql(reader, section)?)),
    };
    section.finish()?;
    Ok(read)
}

/// The variable that the connection string comes from, if it is one.
pub(super) fn url_env<'a>(top: &Section<'a>) -> Result<Option<&'a str>, ConfigError> {
    match top.table("database")? {
        Some(section) => section.text("url_env"),
        None => Ok(None),
    }
}

fn postgres(reader: &mut Reader<'_>, section: &Section<'_>) -> Result<DatabaseConfig, ConfigError> {
    let (conninfo, url) = reader.connection(section)?;
    if !conninfo.names_database() {
        return Err(section
            .wrong(given(section), "the connection string names no database")
            .with_hint("add one (postgres://host/NAME), or set PGDATABASE"));
    }
    let container = section.text("container")?.map(str::to_owned);
    Ok(DatabaseConfig {
        conninfo,
        url: Secret::new(url),
        url_env: section.text("url_env")?.map(str::to_owned),
        container,
    })
}

fn mysql(reader: &mut Reader<'_>, section: &Section<'_>) -> Result<MysqlConfig, ConfigError> {
    let url = reader.need_secret(section, URL)?;
    if reader.resolves() {
        let wrong = |error: ripcord_backup::Error| {
            let message = format!("cannot use this connection string: failed to {error}");
            let wrong = section.wrong(given(section), message);
            match error.help() {
                Some(help) => wrong.with_hint(help),
                None => wrong,
            }
        };
        MysqlSource::new(&url, MysqlOptions::default()).map_err(wrong)?;
        // Also where it stands alone.
        if let Some(password) = password(&url) {
            reader.keep_secret(password);
        }
    }
    Ok(MysqlConfig {
        url: Secret::new(url),
    })
}

/// As it is written in the URL.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (who, _) = rest.split(['/', '?']).next()?.rsplit_once('@')?;
    let (_, password) = who.split_once(':')?;
    Some(password).filter(|password| !password.is_empty())
}

fn given(section: &Section<'_>) -> &'static str {
    URL.into_iter()
        .find(|key| section.has(key))
        .unwrap_or("url")
}
