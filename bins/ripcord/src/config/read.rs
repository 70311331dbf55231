use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ripcord_conninfo::{Conninfo, Surroundings};
use ripcord_notify::{Secret, Severity};

use super::section::Section;
use super::tree::{self, Entry, Node, Table, Value};
use super::{
    Config, ConfigError, ManagerConfig, NotifyConfig, NotifyKind, ReleaseConfig, WriterConfig,
};

/// Where the file came from and what it may refer to.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The file's path as the user named it.
    pub file: &'a Path,
    /// Its content.
    pub text: &'a str,
    /// The environment that was asked for.
    pub environment: &'a str,
    /// Environment variables and files for `*_env` and `*_file`.
    pub around: &'a dyn Surroundings,
}

/// Reads the configuration for one environment. All environments' overlays are checked, not only the one asked for.
///
/// # Errors
/// The first thing that is wrong, with its place and a hint.
pub fn load(sources: &Sources<'_>) -> Result<Config, ConfigError> {
    let file = sources.file.display().to_string();
    let root = tree::parse(&file, sources.text)?;
    let Value::Table(mut base) = root.value else {
        return Err(ConfigError::new(&file, 1, 1, "not a table"));
    };
    let overlays = take_overlays(&file, &mut base)?;
    let mut asked = None;
    let names: BTreeSet<&str> = overlays.iter().map(|(name, _)| name.as_str()).collect();
    // A mistyped name must not quietly be an environment of its own, with a journal and a lease of its own.
    let implied = names.is_empty() && sources.environment == "production";
    if !implied && !names.contains(sources.environment) {
        let message = format!("there is no [environment.{}]", sources.environment);
        let hint = if names.is_empty() {
            "write it, empty if nothing differs; without any, the environment is \"production\""
                .to_owned()
        } else {
            format!(
                "known here: {}",
                names.iter().copied().collect::<Vec<_>>().join(", ")
            )
        };
        return Err(ConfigError::new(&file, 0, 0, message).with_hint(hint));
    }
    for (name, over) in overlays {
        let mut merged = base.clone();
        tree::overlay(&mut merged, over);
        let secrets = if name == sources.environment {
            Resolve::Yes
        } else {
            Resolve::No
        };
        let config = read(sources, &file, merged, &name, secrets)?;
        if name == sources.environment {
            asked = Some(config);
        }
    }
    match asked {
        Some(config) => Ok(config),
        None => read(sources, &file, base, sources.environment, Resolve::Yes),
    }
}

/// Whether references are followed. An environment that is not the one asked for may refer to variables that only
/// exist there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolve {
    Yes,
    No,
}

fn take_overlays(file: &str, base: &mut Table) -> Result<Vec<(String, Table)>, ConfigError> {
    let Some(Entry { node, line, column }) = base.remove("environment") else {
        return Ok(Vec::new());
    };
    let Value::Table(environments) = node.value else {
        return Err(ConfigError::new(
            file,
            line,
            column,
            "`environment` has to be tables: [environment.production]",
        ));
    };
    environments
        .into_iter()
        .map(|(name, entry)| match entry.node.value {
            Value::Table(_) if !is_plain(&name) => {
                let message =
                    format!("an environment is named with letters, digits and . _ -, not {name:?}");
                Err(ConfigError::new(file, entry.line, entry.column, message))
            }
            Value::Table(table) => Ok((name, table)),
            other => {
                let message = format!(
                    "`environment.{name}` has to be a table, not {}",
                    other.what()
                );
                Err(ConfigError::new(file, entry.line, entry.column, message))
            }
        })
        .collect()
}

fn read(
    sources: &Sources<'_>,
    file: &str,
    table: Table,
    environment: &str,
    resolve: Resolve,
) -> Result<Config, ConfigError> {
    let node = Node {
        value: Value::Table(table),
        line: 1,
        column: 1,
    };
    let section = Section::root(file, &node)?;
    let mut reader = Reader {
        around: sources.around,
        file: sources.file.to_owned(),
        folder: sources
            .file
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default(),
        resolve,
        secrets: Vec::new(),
        warnings: Vec::new(),
    };
    reader.config(&section, environment)
}

/// Reads sections; remembers every secret it resolved.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    around: &'a dyn Surroundings,
    file: PathBuf,
    folder: PathBuf,
    resolve: Resolve,
    secrets: Vec<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    fn config(&mut self, top: &Section<'_>, environment: &str) -> Result<Config, ConfigError> {
        match top.number::<u32>("version")? {
            Some(1) => {}
            Some(other) => {
                return Err(top
                    .wrong(
                        "version",
                        format!("version {other} of the configuration is not known"),
                    )
                    .with_hint("this program reads version = 1"));
            }
            None => return Err(top.missing("version").with_hint("write version = 1")),
        }
        let service = top.need_text("service")?.to_owned();
        if !is_plain(&service) {
            return Err(top.wrong(
                "service",
                "a service is named with letters, digits and . _ -",
            ));
        }
        let release = top
            .table("release")?
            .map(|s| self.release(&s))
            .transpose()?;
        let mut checks = Vec::new();
        for section in top.tables("check")? {
            let check = self.check(&section)?;
            if checks
                .iter()
                .any(|known: &super::CheckConfig| known.name == check.name)
            {
                return Err(section.wrong(
                    "name",
                    format!("there are two checks named {:?}", check.name),
                ));
            }
            checks.push(check);
        }
        let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
        let gates = match top.table("gate")? {
            Some(section) => super::gates::read(&section, &names)?,
            None => Vec::new(),
        };
        let (database, mysql) = match top.table("database")? {
            Some(section) => super::database::read(self, &section)?,
            None => (None, None),
        };
        let migrations = top
            .table("migrations")?
            .map(|s| super::migrations::read(self, &s, database.as_ref()))
            .transpose()?;
        if migrations.is_some() {
            super::migrations::expect_fit(top, database.as_ref(), mysql.is_some())?;
        }
        let backup = top
            .table("backup")?
            .map(|s| super::backup::read(self, &s))
            .transpose()?;
        if let Some(backup) = &backup {
            super::backup::expect_fit(top, backup, release.as_ref(), database.as_ref())?;
        }
        let deploy = super::deploy::read(top.table("deploy")?)?;
        let bake = match top.table("observe")? {
            Some(section) => {
                let bake = section.duration("bake")?;
                section.finish()?;
                bake.unwrap_or(Duration::from_secs(120))
            }
            None => Duration::from_secs(120),
        };
        let journal = self.journal(top, &service, environment)?;
        let rehearsal = super::rehearsal::read(
            self,
            top.table("rehearsal")?.as_ref(),
            super::database::url_env(top)?,
            journal.with_file_name("rehearsal"),
        )?;
        let mut notify = Vec::new();
        for section in top.tables("notify")? {
            notify.push(self.notify(&section)?);
        }
        top.finish()?;
        Ok(Config {
            service,
            environment: environment.to_owned(),
            release,
            checks,
            gates,
            database,
            mysql,
            migrations,
            backup,
            deploy,
            bake,
            journal,
            rehearsal,
            notify,
            secrets: std::mem::take(&mut self.secrets),
            warnings: std::mem::take(&mut self.warnings),
        })
    }

    /// A path relative to the configuration's folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    /// The configuration's file as the user named it.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// A file that the configuration names, which holds no secret.
    pub(super) fn text_of_file(
        &self,
        section: &Section<'_>,
        key: &'static str,
        path: &str,
    ) -> Result<String, ConfigError> {
        let full = self.path(path);
        let unread =
            |why: String| section.wrong(key, format!("cannot read {}: {why}", full.display()));
        let bytes = self.around.read(&full).map_err(|e| unread(e.to_string()))?;
        String::from_utf8(bytes).map_err(|_| unread("it is not UTF-8".to_owned()))
    }

    /// A variable that is handed on and is no secret. One that is not set is a mistake as well.
    pub(super) fn plain_variable(
        &self,
        section: &Section<'_>,
        key: &'static str,
        name: &str,
    ) -> Result<String, ConfigError> {
        self.variable(section, key, name)
    }

    /// Whether references are followed, so that there is something to check.
    pub(super) fn resolves(&self) -> bool {
        self.resolve == Resolve::Yes
    }

    /// Masks one more text wherever text goes out.
    pub(super) fn keep_secret(&mut self, text: impl Into<String>) {
        self.secrets.push(text.into());
    }

    /// A value given by reference; the plain form is only for values without a credential in them.
    pub(super) fn need_secret(
        &mut self,
        section: &Section<'_>,
        keys: [&'static str; 3],
    ) -> Result<String, ConfigError> {
        let [plain, env, from_file] = keys;
        let given = (
            section.text(plain)?,
            section.text(env)?,
            section.text(from_file)?,
        );
        let value = match given {
            (Some(text), None, None) => {
                if holds_password(text) {
                    return Err(section
                        .wrong(plain, format!("`{plain}` holds a password"))
                        .with_hint(format!("put it into a variable or a file and refer to it with `{env}` or `{from_file}`")));
                }
                return Ok(text.to_owned());
            }
            (None, Some(name), None) => self.variable(section, env, name)?,
            (None, None, Some(path)) => self.content(section, from_file, path)?,
            (None, None, None) => {
                return Err(section
                    .missing(plain)
                    .with_hint(format!("or `{env}`, or `{from_file}`")));
            }
            _ => {
                return Err(section.wrong(
                    plain,
                    format!("only one of `{plain}`, `{env}` and `{from_file}` can be given"),
                ));
            }
        };
        if self.resolve == Resolve::Yes {
            self.secrets.push(value.clone());
        }
        Ok(value)
    }

    /// The value of a variable, which is not shown anywhere.
    pub(super) fn secret_variable(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        name: &str,
    ) -> Result<String, ConfigError> {
        let value = self.variable(section, key, name)?;
        if self.resolve == Resolve::Yes {
            self.secrets.push(value.clone());
        }
        Ok(value)
    }

    /// What is in a file, of which no line is shown anywhere; `None` for an environment that is not asked for.
    pub(super) fn secret_content(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        path: &str,
    ) -> Result<Option<String>, ConfigError> {
        if self.resolve == Resolve::No {
            return Ok(None);
        }
        let text = self.content(section, key, path)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        self.secrets.extend(lines.map(str::to_owned));
        Ok(Some(text))
    }

    fn variable(
        &self,
        section: &Section<'_>,
        key: &'static str,
        name: &str,
    ) -> Result<String, ConfigError> {
        if self.resolve == Resolve::No {
            return Ok("http://not-resolved.invalid".into());
        }
        match self.around.var(name) {
            Some(value) if !value.is_empty() => Ok(value),
            Some(_) => Err(section.wrong(key, format!("the environment variable {name} is empty"))),
            None => Err(section
                .wrong(key, format!("the environment variable {name} is not set"))
                .with_hint(format!("export {name}, or refer to a file"))),
        }
    }

    fn content(
        &self,
        section: &Section<'_>,
        key: &'static str,
        path: &str,
    ) -> Result<String, ConfigError> {
        if self.resolve == Resolve::No {
            return Ok("http://not-resolved.invalid".into());
        }
        let full = self.path(path);
        let bytes = self
            .around
            .read(&full)
            .map_err(|e| section.wrong(key, format!("cannot read {}: {e}", full.display())))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| section.wrong(key, format!("{} is not UTF-8", full.display())))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// A PostgreSQL connection, by reference only.
    pub(super) fn conninfo(&mut self, section: &Section<'_>) -> Result<Conninfo, ConfigError> {
        self.connection(section).map(|(conninfo, _)| conninfo)
    }

    /// The same, with the text as it was given.
    pub(super) fn connection(
        &mut self,
        section: &Section<'_>,
    ) -> Result<(Conninfo, String), ConfigError> {
        let text = self.need_secret(section, ["url", "url_env", "url_file"])?;
        if self.resolve == Resolve::No {
            return Conninfo::parse(
                "host=localhost dbname=unresolved user=unresolved",
                &ripcord_conninfo::Nothing,
            )
            .map(|conninfo| (conninfo, text))
            .map_err(|e| section.wrong("url", e.to_string()));
        }
        let key = ["url", "url_env", "url_file"]
            .into_iter()
            .find(|key| section.has(key))
            .unwrap_or("url");
        let conninfo = Conninfo::parse(&text, self.around).map_err(|e| {
            let error = section.wrong(
                key,
                format!(
                    "cannot use this connection string: {}",
                    crate::report::chain(&e)
                ),
            );
            match e.help() {
                Some(help) => error.with_hint(help.to_owned()),
                None => error,
            }
        })?;
        self.secrets
            .extend(conninfo.secrets().into_iter().map(str::to_owned));
        self.warnings.extend(conninfo.warnings().iter().cloned());
        Ok((conninfo, text))
    }

    fn release(&self, section: &Section<'_>) -> Result<ReleaseConfig, ConfigError> {
        section
            .choice("backend", &[("directory", ())])?
            .ok_or_else(|| section.missing("backend"))?;
        let root = self.path(section.need_text("root")?);
        // Two names for one folder must be one: processes are found by it.
        let root = root
            .canonicalize()
            .or_else(|_| std::path::absolute(&root))
            .unwrap_or(root);
        let keep = section.number("keep")?.unwrap_or(5);
        let service = section
            .table("service")?
            .ok_or_else(|| section.missing("service"))?;
        service
            .choice("manager", &[("command", ())])?
            .ok_or_else(|| service.missing("manager"))?;
        let processes = [("own", true), ("elsewhere", false)];
        let mut writers = Vec::new();
        for writer in service.tables("writers")? {
            writers.push(WriterConfig {
                name: writer.need_text("name")?.to_owned(),
                start: argv(&writer, "start")?,
                stop: argv(&writer, "stop")?,
            });
            writer.finish()?;
        }
        let manager = ManagerConfig {
            start: argv(&service, "start")?,
            stop: argv(&service, "stop")?,
            start_timeout: service
                .duration("start_timeout")?
                .unwrap_or(Duration::from_secs(60)),
            stop_timeout: service
                .duration("stop_timeout")?
                .unwrap_or(Duration::from_secs(30)),
            restarts: service.number("restarts")?.unwrap_or(3),
            own_processes: service.choice("processes", &processes)?.unwrap_or(true),
            writers,
        };
        service.finish()?;
        section.finish()?;
        Ok(ReleaseConfig {
            root,
            keep,
            manager,
        })
    }

    fn journal(
        &self,
        top: &Section<'_>,
        service: &str,
        environment: &str,
    ) -> Result<PathBuf, ConfigError> {
        let default = PathBuf::from(format!(
            "/var/lib/ripcord/{service}/{environment}/journal.db"
        ));
        let Some(section) = top.table("journal")? else {
            return Ok(default);
        };
        let url = section.text("url")?;
        section.finish()?;
        match url {
            None => Ok(default),
            Some(url) => match url.strip_prefix("sqlite://") {
                Some(path) => Ok(self.path(path)),
                None => Err(section
                    .wrong("url", format!("`journal.url` cannot be {url:?}"))
                    .with_hint("this version keeps the journal in SQLite: \"sqlite:///var/lib/ripcord/shop/production/journal.db\"")),
            },
        }
    }

    fn notify(&mut self, section: &Section<'_>) -> Result<NotifyConfig, ConfigError> {
        let name = section.need_text("name")?.to_owned();
        let severities = [
            ("info", Severity::Info),
            ("warning", Severity::Warning),
            ("critical", Severity::Critical),
        ];
        let from = section
            .choice("from", &severities)?
            .unwrap_or(Severity::Info);
        let kinds = [("slack", 0), ("webhook", 1), ("console", 2)];
        let kind = section
            .choice("kind", &kinds)?
            .ok_or_else(|| section.missing("kind"))?;
        let kind = match kind {
            0 => NotifyKind::Slack {
                url: Secret::new(self.need_secret(section, ["url", "url_env", "url_file"])?),
            },
            1 => {
                let url = Secret::new(self.need_secret(section, ["url", "url_env", "url_file"])?);
                let signed = ["secret_env", "secret_file"]
                    .iter()
                    .any(|key| section.has(key));
                let secret = if signed {
                    Some(Secret::new(self.need_secret(
                        section,
                        ["secret", "secret_env", "secret_file"],
                    )?))
                } else {
                    None
                };
                NotifyKind::Webhook { url, secret }
            }
            _ => NotifyKind::Console,
        };
        section.finish()?;
        Ok(NotifyConfig { name, from, kind })
    }
}

fn argv(section: &Section<'_>, key: &'static str) -> Result<Vec<String>, ConfigError> {
    match section.texts(key)? {
        Some(argv) if argv.is_empty() => {
            Err(section.wrong(key, format!("`{key}` needs at least a program")))
        }
        Some(argv) => Ok(argv),
        None => Err(section.missing(key)),
    }
}

/// A name that goes into paths, variables and messages.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(plain)
}

/// Whether a URL or connection string carries a password in the clear.
fn holds_password(text: &str) -> bool {
    let in_authority = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next())
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    let in_words = text
        .split(|c: char| c.is_whitespace() || c == '?' || c == '&')
        .any(|word| word.starts_with("password=") && word.len() > "password=".len());
    in_authority || in_words || text.contains("hooks.slack.com/services/")
}
