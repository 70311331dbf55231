//! Whoever runs the migrations of one release.

use std::path::{Path, PathBuf};

use ripcord_conninfo::{Conninfo, Surroundings as _, System};
use ripcord_migration_guard::frameworks::{
    Framework, FrameworkMigrator, Missing, Project, check, judge,
};
use ripcord_migration_guard::{
    Assessment, Error, Layout, LintOptions, Migration, Migrator, PostgresMigrator, RunOptions,
    Status, WayBack, Workspace, assess_with, revert_plan,
};
use ripcord_rollback::{Tag, process};

use crate::config::{FrameworkConfig, MigrationTool, MigrationsConfig};

/// What a project's code may see of our environment, beside what the configuration names.
const PASSED: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "DJANGO_CONFIGURATION",
];

/// The migrations of one release, and whoever runs them on one database.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseMigrator {
    runner: Runner,
    workspace: Workspace,
}

#[derive(Clone, Debug)]
enum Runner {
    Sql(PostgresMigrator),
    Framework(FrameworkMigrator),
}

impl ReleaseMigrator {
    /// Those in `folder`, for the database at `conninfo`. Sessions and children are known by `name`: that of a run's tag,
    /// or of the command. Nothing is connected or started yet.
    pub(crate) fn new(
        conninfo: &Conninfo,
        config: &MigrationsConfig,
        name: &str,
        folder: PathBuf,
    ) -> Self {
        let options = options(config, name);
        let conninfo_of = || conninfo.clone();
        let runner = match &config.tool {
            MigrationTool::Sql(layout) => {
                Runner::Sql(PostgresMigrator::new(conninfo_of(), *layout, options))
            }
            MigrationTool::Framework(framework) => Runner::Framework(FrameworkMigrator::new(
                framework.framework,
                conninfo_of(),
                project(framework, conninfo, name, &folder),
                options,
            )),
        };
        Self {
            runner,
            workspace: Workspace::new(folder),
        }
    }

    /// The same with ways back that were kept.
    pub(crate) fn keeping(mut self, ways: Vec<WayBack>) -> Self {
        self.workspace = self.workspace.with_ways_back(ways);
        self
    }

    /// The same, refusing files that changed since they were read.
    pub(crate) fn held_to(mut self, pending: &[Migration]) -> Self {
        self.workspace = self.workspace.held_to(pending.iter().cloned());
        self
    }

    pub(crate) fn migrator(&self) -> &dyn Migrator {
        match &self.runner {
            Runner::Sql(migrator) => migrator,
            Runner::Framework(migrator) => migrator,
        }
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The layout of SQL files; `None` where a framework's code is run.
    pub(crate) fn layout(&self) -> Option<Layout> {
        match &self.runner {
            Runner::Sql(migrator) => Some(migrator.layout()),
            Runner::Framework(_) => None,
        }
    }

    /// A version as `status` shows it.
    pub(crate) fn spelled(&self, version: &str) -> String {
        match self.layout() {
            Some(layout) => layout.spelled(version),
            None => version.to_owned(),
        }
    }

    pub(crate) async fn status(&self) -> Result<Status, Error> {
        self.migrator().status(&self.workspace).await
    }

    /// Those of these versions that the release holds, in the order in which they run.
    pub(crate) async fn find(&self, versions: &[String]) -> Result<Vec<Migration>, Error> {
        let mut all = match &self.runner {
            Runner::Sql(migrator) => migrator.layout().read(&self.workspace)?,
            Runner::Framework(migrator) => migrator.read(&self.workspace, versions).await?,
        };
        all.retain(|m| versions.contains(&m.version));
        Ok(all)
    }

    /// Which applied versions must come down, newest first, so that `target` is the newest one left.
    pub(crate) async fn revert_plan(
        &self,
        status: &Status,
        target: Option<&str>,
    ) -> Result<Vec<Migration>, Error> {
        match &self.runner {
            Runner::Sql(migrator) => {
                let all = migrator.layout().read(&self.workspace)?;
                revert_plan(&self.workspace, &all, status, target)
            }
            Runner::Framework(migrator) => migrator.revert_plan(&self.workspace, target).await,
        }
    }

    /// What is recorded as applied, oldest first; `known` tells the order where only the newest is recorded. `None` where
    /// only a project that holds them can tell.
    pub(crate) async fn recorded(
        &self,
        known: &[Migration],
    ) -> Result<Option<Vec<ripcord_migration_guard::Applied>>, Error> {
        match &self.runner {
            Runner::Sql(migrator) => migrator.applied(known).await.map(Some),
            Runner::Framework(_) => Ok(None),
        }
    }
}

/// Judges migrations as whoever runs them would run them.
pub(crate) fn assess_for(
    config: &MigrationsConfig,
    migrations: &[Migration],
) -> Result<Assessment, Error> {
    let options = lint_options(config);
    match config.tool {
        MigrationTool::Sql(_) => assess_with(migrations, &options),
        MigrationTool::Framework(_) => judge(migrations, &options),
    }
}

/// What the rules have to know of how we run.
pub(crate) fn lint_options(config: &MigrationsConfig) -> LintOptions {
    let mut options = LintOptions::with_own_runner();
    let limit = |limit: std::time::Duration| (!limit.is_zero()).then_some(limit);
    options.lock_timeout = limit(config.limits.lock_timeout);
    options.statement_timeout = limit(config.limits.statement_timeout);
    options
}

/// Changed models without a migration, and heads that nobody has merged.
pub(crate) async fn missing(
    conninfo: &Conninfo,
    config: &FrameworkConfig,
    workspace: &Workspace,
) -> Result<Vec<Missing>, Error> {
    let project = project(config, conninfo, "ripcord-migration", workspace.path());
    // Django compares with the migrations themselves, so that nobody has to be asked.
    let asked = (config.framework == Framework::Alembic).then_some(conninfo);
    check(config.framework, &project, workspace, asked).await
}

fn options(config: &MigrationsConfig, name: &str) -> RunOptions {
    let limits = &config.limits;
    let mut options = RunOptions::default();
    options.lock_timeout = limits.lock_timeout;
    options.statement_timeout = limits.statement_timeout;
    options.retries = limits.attempts.saturating_sub(1);
    options.retry_within = limits.retry_within;
    options.queue_limit = limits.queue_limit;
    options.runner_wait = limits.wait;
    options.unrecorded = limits.unrecorded;
    options.application_name = name.to_owned();
    options
}

/// How the code in `folder` is run: with the Python that has its packages, and an environment that is chosen.
fn project(config: &FrameworkConfig, conninfo: &Conninfo, name: &str, folder: &Path) -> Project {
    let python = if config.python.is_empty() {
        let own = [".venv/bin/python", "venv/bin/python"];
        let own = own.iter().find(|python| folder.join(python).is_file());
        vec![(*own.unwrap_or(&"python3")).to_owned()]
    } else {
        config.python.clone()
    };
    let mut project = Project::new(python);
    project.arguments.clone_from(&config.arguments);
    project.database.clone_from(&config.database);
    project.read_timeout = config.read_timeout;
    project.run_timeout = config.run_timeout;
    let passed = PASSED
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), System.var(name)?)));
    let named = config.env.iter();
    let named = named.map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    let plain = config.plain_env.iter().cloned();
    project.env = passed.chain(plain).chain(named).collect();
    let url = url_for(config.url.reveal(), conninfo);
    project.env.push((config.url_env.clone(), url));
    if Tag::parse(name).is_some() {
        // So that a later run finds what a killed one left.
        project
            .env
            .push((process::RUN_VAR.to_owned(), name.to_owned()));
    }
    project
}

/// The connection string as it was given, unless another database is meant: then a URL of that one, for the same driver.
fn url_for(given: &str, conninfo: &Conninfo) -> String {
    let meant = Conninfo::parse(given, &System);
    if meant.is_ok_and(|meant| meant.to_string() == conninfo.to_string()) {
        return given.to_owned();
    }
    let scheme = given.split_once("://").map_or("postgresql", |(s, _)| s);
    let env = conninfo.libpq_env();
    let value = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| escaped(value)).unwrap_or_default()
    };
    let password = match value("PGPASSWORD") {
        none if none.is_empty() => none,
        password => format!(":{password}"),
    };
    let (user, host, port) = (value("PGUSER"), value("PGHOST"), value("PGPORT"));
    let (database, mode) = (value("PGDATABASE"), value("PGSSLMODE"));
    // A socket's folder, or several hosts, cannot stand before the slash.
    if host.starts_with("%2F") || host.contains("%2C") {
        let rest = format!("host={host}&port={port}&sslmode={mode}");
        return format!("{scheme}://{user}{password}@/{database}?{rest}");
    }
    format!("{scheme}://{user}{password}@{host}:{port}/{database}?sslmode={mode}")
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use ripcord_conninfo::Nothing;

    use super::*;

    #[test]
    fn another_database_gets_a_url_of_its_own() {
        let given = "postgresql+psycopg://me:p%40ss@db:5433/shop?sslmode=disable";
        let conninfo = Conninfo::parse(given, &Nothing).unwrap();
        assert_eq!(url_for(given, &conninfo), given);
        assert_eq!(
            url_for(given, &conninfo.with_database("scratch 1")),
            "postgresql+psycopg://me:p%40ss@db:5433/scratch%201?sslmode=disable"
        );
        let socket = Conninfo::parse(
            "host=/var/run/postgresql user=me dbname=a sslmode=disable",
            &Nothing,
        )
        .unwrap();
        assert_eq!(
            url_for(given, &socket),
            "postgresql+psycopg://me@/a?host=%2Fvar%2Frun%2Fpostgresql&port=5432&sslmode=disable"
        );
    }
}
