//! `[migrations]`.

use std::path::{Component, PathBuf};
use std::time::Duration;

use ripcord_migration_guard::frameworks::Framework;
use ripcord_migration_guard::{Layout, Unrecorded};
use ripcord_notify::Secret;

use super::read::Reader;
use super::section::Section;
use super::{
    ConfigError, DatabaseConfig, FrameworkConfig, MigrationTool, MigrationsConfig, RunLimits,
    policy,
};

/// What only means something where a framework's code is run.
const OF_FRAMEWORKS: [&str; 10] = [
    "args",
    "database",
    "env",
    "ini",
    "python",
    "read_timeout",
    "run_timeout",
    "secret_env",
    "settings",
    "url_env",
];

#[derive(Clone, Copy)]
enum Named {
    Sql(Layout),
    Framework(Framework),
}

/// Reads `[migrations]`; a framework's project is handed the connection string of `[database]`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    database: Option<&DatabaseConfig>,
) -> Result<MigrationsConfig, ConfigError> {
    let sql = Layout::ALL.map(|layout| (layout.as_str(), Named::Sql(layout)));
    let code = Framework::ALL.map(|it| (it.as_str(), Named::Framework(it)));
    let names: Vec<(&str, Named)> = sql.into_iter().chain(code).collect();
    let named = section
        .choice("layout", &names)?
        .ok_or_else(|| section.missing("layout"))?;
    section.choice("run", &[("workspace", ())])?;
    let (tool, usual_path) = match named {
        Named::Sql(layout) => {
            if let Some(key) = OF_FRAMEWORKS.into_iter().find(|key| section.has(key)) {
                return Err(only_for(section, key, "django and alembic"));
            }
            (MigrationTool::Sql(layout), "migrations")
        }
        Named::Framework(framework) => {
            let config = project(reader, section, framework, database)?;
            (MigrationTool::Framework(Box::new(config)), ".")
        }
    };
    let starts = [("checks-history", true), ("ignores-history", false)];
    let read = MigrationsConfig {
        path: PathBuf::from(section.text("path")?.unwrap_or(usual_path)),
        limits: limits(section)?,
        // The runners of sqlx and refinery refuse a history with versions they do not know.
        checks_history: section
            .choice("at_start", &starts)?
            .unwrap_or(matches!(named, Named::Sql(Layout::Sqlx | Layout::Refinery))),
        large_table: section.size("large_table")?.unwrap_or(1 << 30),
        policy: policy::read(reader, section)?,
        tool,
    };
    let inside = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
    if !read.path.components().all(inside) {
        return Err(section.wrong("path", "`migrations.path` is a folder inside the release"));
    }
    section.finish()?;
    Ok(read)
}

/// What [`Config`](super::Config) needs besides, when there are migrations.
pub(super) fn expect_fit(
    top: &Section<'_>,
    database: Option<&DatabaseConfig>,
    is_mysql: bool,
) -> Result<(), ConfigError> {
    if is_mysql {
        let message = "[migrations] cannot go with a `mysql` database";
        return Err(top.wrong("migrations", message).with_hint(
            "MySQL and MariaDB are backed up by `ripcord backup`; leave [migrations] out",
        ));
    }
    let Some(database) = database else {
        return Err(top.wrong("migrations", "[migrations] needs a [database]"));
    };
    if database.container.is_some() {
        let message = "[migrations] cannot reach a database inside of a container";
        return Err(top
            .wrong("migrations", message)
            .with_hint("publish the server's port, and leave `database.container` out"));
    }
    Ok(())
}

fn only_for(section: &Section<'_>, key: &'static str, whom: &str) -> ConfigError {
    section.wrong_name(key, format!("`migrations.{key}` is only for {whom}"))
}

fn limits(section: &Section<'_>) -> Result<RunLimits, ConfigError> {
    let of = |key: &'static str, usual: u64| -> Result<Duration, ConfigError> {
        let limit = section.duration(key)?.unwrap_or(Duration::from_secs(usual));
        if limit.as_millis() > u128::from(i32::MAX.unsigned_abs()) {
            let message = format!("`migrations.{key}` is more than the server can be told");
            return Err(section.wrong(key, message).with_hint("at most 596 hours"));
        }
        Ok(limit)
    };
    let queue_limit = of("queue_limit", 30)?;
    let attempts = section.number("attempts")?.unwrap_or(6);
    if attempts == 0 {
        return Err(section.wrong("attempts", "`migrations.attempts` has to be more than 0"));
    }
    Ok(RunLimits {
        lock_timeout: of("lock_timeout", 5)?,
        statement_timeout: of("statement_timeout", 15 * 60)?,
        attempts,
        retry_within: of("retry_within", 5 * 60)?,
        queue_limit: (!queue_limit.is_zero()).then_some(queue_limit),
        wait: of("wait", 30)?,
        unrecorded: Unrecorded::Refuse,
    })
}

fn project(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    framework: Framework,
    database: Option<&DatabaseConfig>,
) -> Result<FrameworkConfig, ConfigError> {
    let foreign: &[&'static str] = match framework {
        Framework::Django => &["ini"],
        _ => &["settings", "database"],
    };
    if let Some(key) = foreign.iter().find(|key| section.has(key)) {
        let whom = match framework {
            Framework::Django => "alembic",
            _ => "django",
        };
        return Err(only_for(section, key, whom));
    }
    let python = if section.is_text("python") {
        vec![section.need_text("python")?.to_owned()]
    } else {
        section.texts("python")?.unwrap_or_default()
    };
    if python.is_empty() && section.has("python") {
        return Err(section.wrong("python", "`python` needs at least a program"));
    }
    let mut arguments = section.texts("args")?.unwrap_or_default();
    let (mut plain_env, mut env) = (Vec::new(), Vec::new());
    for name in section.texts("env")?.unwrap_or_default() {
        let value = reader.plain_variable(section, "env", &name)?;
        plain_env.push((name, value));
    }
    for name in section.texts("secret_env")?.unwrap_or_default() {
        let value = reader.secret_variable(section, "secret_env", &name)?;
        env.push((name, Secret::new(value)));
    }
    if let Some(settings) = section.text("settings")? {
        plain_env.push(("DJANGO_SETTINGS_MODULE".to_owned(), settings.to_owned()));
    }
    if let Some(ini) = section.text("ini")? {
        let named = ["-c".to_owned(), ini.to_owned()];
        arguments.splice(0..0, named);
    }
    let own = database.and_then(|d| d.url_env.as_deref());
    let url_env = section.text("url_env")?.or(own).unwrap_or("DATABASE_URL");
    let url = database.map_or_else(|| Secret::new(""), |d| d.url.clone());
    let within = |key: &'static str, usual: u64| -> Result<Duration, ConfigError> {
        match section.duration(key)? {
            Some(limit) if limit.is_zero() => {
                Err(section.wrong(key, format!("`migrations.{key}` has to be more than 0")))
            }
            limit => Ok(limit.unwrap_or(Duration::from_secs(usual))),
        }
    };
    Ok(FrameworkConfig {
        framework,
        python,
        arguments,
        plain_env,
        env,
        url_env: url_env.to_owned(),
        url,
        database: section.text("database")?.unwrap_or("default").to_owned(),
        read_timeout: within("read_timeout", 120)?,
        run_timeout: within("run_timeout", 3600)?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ripcord_conninfo::Surroundings;
    use ripcord_migration_guard::RuleLevel;

    use super::*;
    use crate::config::{Config, Sources, load};

    #[derive(Debug)]
    struct Around;

    impl Surroundings for Around {
        fn var(&self, name: &str) -> Option<String> {
            match name {
                "SHOP_URL" => Some("postgresql+psycopg://me:p4ss@db:5433/shop".to_owned()),
                "KEY" => Some("d5-key-of-the-project".to_owned()),
                "STAGE" => Some("production".to_owned()),
                _ => None,
            }
        }

        fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
            match path.to_str() {
                Some("etc/guard.toml") => {
                    Ok(b"small_table_bytes = 7\n[rules]\ngrants = \"off\"\n".to_vec())
                }
                _ => Err(std::io::ErrorKind::NotFound.into()),
            }
        }

        fn mode(&self, _: &Path) -> Option<u32> {
            None
        }

        fn home(&self) -> Option<PathBuf> {
            None
        }

        fn user(&self) -> Option<String> {
            None
        }
    }

    fn config(migrations: &str) -> Result<Config, String> {
        let text = format!(
            "version = 1\nservice = \"shop\"\n[database]\nkind = \"postgres\"\nurl_env = \"SHOP_URL\"\n[migrations]\n{migrations}"
        );
        let sources = Sources {
            file: Path::new("etc/ripcord.toml"),
            text: &text,
            environment: "production",
            around: &Around,
        };
        load(&sources).map_err(|e| e.to_string())
    }

    fn read(migrations: &str) -> MigrationsConfig {
        config(migrations).unwrap().migrations.unwrap()
    }

    #[test]
    fn every_layout_is_known_and_has_the_defaults_of_the_runner() {
        let sql = Layout::ALL.map(Layout::as_str);
        let code = Framework::ALL.map(Framework::as_str);
        for layout in sql.into_iter().chain(code) {
            let read = read(&format!("layout = \"{layout}\""));
            assert_eq!(read.tool.as_str(), layout);
            let usual = ripcord_migration_guard::RunOptions::default();
            let limits = &read.limits;
            assert_eq!(limits.lock_timeout, usual.lock_timeout);
            assert_eq!(limits.statement_timeout, usual.statement_timeout);
            assert_eq!(limits.attempts, usual.retries + 1);
            assert_eq!(limits.retry_within, usual.retry_within);
            assert_eq!(limits.queue_limit, usual.queue_limit);
            assert_eq!(limits.wait, usual.runner_wait);
        }
    }

    #[test]
    fn a_project_gets_what_it_needs_and_its_secrets_are_masked() {
        let loaded = config(
            "layout = \"django\"\npath = \"web\"\npython = [\"uv\", \"run\", \"python\"]\nsettings = \"shop.live\"\n\
             env = [\"STAGE\"]\nsecret_env = [\"KEY\"]\nrun_timeout = \"5m\"\nqueue_limit = \"0s\"\n",
        )
        .unwrap();
        let read = loaded.migrations.unwrap();
        let MigrationTool::Framework(project) = &read.tool else {
            panic!("{:?}", read.tool)
        };
        assert_eq!(project.python, ["uv", "run", "python"]);
        assert_eq!(
            (project.url_env.as_str(), project.url.reveal()),
            ("SHOP_URL", "postgresql+psycopg://me:p4ss@db:5433/shop")
        );
        let plain: Vec<&str> = project.plain_env.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(plain, ["STAGE", "DJANGO_SETTINGS_MODULE"]);
        let secret: Vec<&str> = project.env.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(secret, ["KEY"]);
        assert_eq!(project.run_timeout, Duration::from_secs(300));
        assert_eq!(read.limits.queue_limit, None);
        assert!(loaded.secrets.iter().any(|s| s == "d5-key-of-the-project"));
        assert!(!loaded.secrets.iter().any(|s| s == "production"));
        assert!(!format!("{read:?}").contains("p4ss"));
    }

    #[test]
    fn alembic_is_told_its_file_before_its_other_arguments() {
        let read =
            read("layout = \"alembic\"\nini = \"conf/a.ini\"\nargs = [\"-x\", \"tenant=a\"]\n");
        let MigrationTool::Framework(project) = &read.tool else {
            panic!("{:?}", read.tool)
        };
        assert_eq!(project.arguments, ["-c", "conf/a.ini", "-x", "tenant=a"]);
        assert!(!read.checks_history);
    }

    #[test]
    fn a_policy_stands_in_the_file_or_in_one_of_its_own() {
        let inline = read(
            "layout = \"sqlx\"\n[migrations.policy]\nsmall_table_bytes = 10\n[migrations.policy.rules]\ndrop-column = \"info\"\n\
             [[migrations.policy.override]]\nrule = \"*\"\ntables = [\"audit_*\"]\nlevel = \"info\"\n\
             [[migrations.policy.allow]]\nrule = \"drop-table\"\nreason = \"unused\"\nuntil = \"2027-01-31\"\n",
        )
        .policy;
        assert_eq!(inline.policy.rules["drop-column"], RuleLevel::Info);
        assert_eq!(inline.policy.overrides[0].tables, ["audit_*"]);
        assert_eq!(inline.policy.allow[0].until.as_deref(), Some("2027-01-31"));
        assert_eq!(inline.policy.small_table_bytes, Some(10));
        assert_eq!(inline.file, Path::new("etc/ripcord.toml"));
        let named = read("layout = \"sqlx\"\npolicy = \"guard.toml\"\n").policy;
        assert_eq!(named.policy.rules["grants"], RuleLevel::Off);
        assert_eq!(named.file, Path::new("guard.toml"));
    }
}
