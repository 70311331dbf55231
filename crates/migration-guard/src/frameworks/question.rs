//! One question to a project, and its answer.

use std::time::Duration;

use ripcord_conninfo::Conninfo;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frameworks::answer::{Failed, Reply};
use crate::frameworks::child::{self, Ended, Group, last_words, redacted};
use crate::frameworks::{Framework, Project};
use crate::{Error, ErrorKind, Workspace};

/// What is asked; the names are those of the Python texts.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Question<'a> {
    #[serde(rename = "do")]
    pub(super) what: &'static str,
    /// The version to apply or to revert.
    pub(super) version: &'a str,
    /// The versions whose SQL is wanted.
    pub(super) sql: &'a [String],
    /// Whether the SQL of all that is pending is wanted, too.
    pub(super) pending_sql: bool,
    /// The advisory lock by which our own session is seen.
    pub(super) seen: i64,
    /// The advisory lock that a session takes which changes something.
    pub(super) mark: i64,
    /// In milliseconds.
    pub(super) lock_timeout: u128,
    pub(super) statement_timeout: u128,
    /// Whether there is a database to compare the models with.
    pub(super) compare: bool,
}

/// Whose project is asked, and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) framework: Framework,
    pub(super) project: &'a Project,
    pub(super) workspace: &'a Workspace,
    pub(super) conninfo: Option<&'a Conninfo>,
}

/// The line on which the answer is, whatever else the project prints.
const LINE: &str = "ripcord-answer ";

impl Asked<'_> {
    /// Starts the child that will answer.
    pub(super) fn start(
        &self,
        question: &Question<'_>,
    ) -> Result<(tokio::process::Child, Group), Error> {
        let folder = self.workspace.path();
        if !folder.is_dir() {
            return Err(
                Error::of_file(ErrorKind::Workspace, "read the project in", folder)
                    .because("it is no folder"),
            );
        }
        let argv = self.argv(question)?;
        child::start(&argv, folder, &self.env()).map_err(|source| {
            let program = argv.first().cloned().unwrap_or_default();
            Error::new(ErrorKind::Workspace, "start", program)
                .because(source.to_string())
                .with_help(
                    "name the Python that has the project's packages, for example with --python",
                )
                .with_source(source)
        })
    }

    /// Asks and waits, where nothing has to be cleaned up on the server.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question<'_>,
        within: Duration,
    ) -> Result<T, Error> {
        let (child, mut group) = self.start(question)?;
        let ended = child::listen(child, &mut group, within).await;
        self.answer(ended, within)
    }

    /// What it answered.
    pub(super) fn answer<T: DeserializeOwned>(
        &self,
        ended: std::io::Result<Option<Ended>>,
        within: Duration,
    ) -> Result<T, Error> {
        let ended = ended.map_err(|source| self.failed(ErrorKind::Tool).with_source(source))?;
        let Some(ended) = ended else {
            return Err(self.failed(ErrorKind::Tool).because(format!(
                "it did not end within {} s and was killed",
                within.as_secs_f64()
            )));
        };
        let line = ended
            .printed
            .lines()
            .rev()
            .find_map(|l| l.strip_prefix(LINE));
        let Some(line) = line else {
            // It never came to the question: the project does not load.
            let said = last_words(&ended.said, &self.secrets());
            let detail = match said.is_empty() {
                true => format!("it ended with {} and said nothing", ended.status),
                false => said,
            };
            return Err(self
                .failed(ErrorKind::Workspace)
                .because(detail)
                .with_help(self.how_to_see()));
        };
        match serde_json::from_str::<Reply<T>>(line) {
            Ok(Reply::Ok(answer)) => Ok(answer),
            Ok(Reply::Error(failed)) => Err(self.explained(&failed)),
            Err(source) => Err(self
                .failed(ErrorKind::Tool)
                .because("its answer is not understood")
                .with_source(source)),
        }
    }

    fn failed(&self, kind: ErrorKind) -> Error {
        let operation = match self.framework {
            Framework::Django => "run Django in",
            Framework::Alembic => "run Alembic in",
        };
        Error::of_file(kind, operation, self.workspace.path())
    }

    fn explained(&self, failed: &Failed) -> Error {
        let error = self
            .failed(failed.error_kind())
            .because(redacted(&failed.text, &self.secrets()));
        match failed.kind.as_str() {
            "elsewhere" => error.with_help(
                "let the settings read the connection string from the environment variable that is handed on",
            ),
            "connection" | "workspace" => error.with_help(self.how_to_see()),
            "no-database" => error.with_help(
                "hand it a database that is migrated to the head, for example a throwaway one",
            ),
            _ => error,
        }
    }

    fn how_to_see(&self) -> &'static str {
        match self.framework {
            Framework::Django => {
                "`python manage.py showmigrations` shows the whole of it; the variables it may see are an allow-list"
            }
            Framework::Alembic => {
                "`alembic current` shows the whole of it; the variables it may see are an allow-list"
            }
        }
    }

    /// What must not be shown.
    fn secrets(&self) -> Vec<String> {
        let own = self.conninfo.iter().flat_map(|c| c.secrets());
        own.map(str::to_owned).collect()
    }

    fn argv(&self, question: &Question<'_>) -> Result<Vec<String>, Error> {
        let mut argv = self.project.python.clone();
        let arguments = &self.project.arguments;
        let mut request = serde_json::to_value(question)
            .map_err(|e| self.failed(ErrorKind::Tool).with_source(e))?;
        request["line"] = LINE.into();
        request["database"] = self.project.database.as_str().into();
        request["args"] = arguments.clone().into();
        // A JSON string of JSON is a Python string, too.
        let literal = serde_json::Value::String(request.to_string()).to_string();
        let own = match self.framework {
            Framework::Django => include_str!("python/django.py"),
            Framework::Alembic => include_str!("python/alembic.py"),
        };
        let (watch, answer) = (
            include_str!("python/watch.py"),
            include_str!("python/answer.py"),
        );
        let code = format!("RIPCORD_REQUEST = {literal}\n{answer}\n{own}");
        argv.push("-c".to_owned());
        match self.framework {
            // The settings are read before the code is, and may take their time.
            Framework::Django => {
                let entry = self.framework.entry().to_owned();
                let entry = arguments.first().cloned().unwrap_or(entry);
                let entry = serde_json::Value::String(entry);
                argv.push(format!("{watch}\nbegin({entry})"));
                argv.extend(["shell", "-v", "0", "-c"].map(str::to_owned));
                argv.push(code);
            }
            Framework::Alembic => argv.push(format!("{watch}\n{code}")),
        }
        Ok(argv)
    }

    fn env(&self) -> Vec<(String, String)> {
        let mut env: Vec<(String, String)> = Vec::new();
        for (name, value) in [
            ("PYTHONIOENCODING", "utf-8"),
            // A release's folder stays as it was prepared.
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("NO_COLOR", "1"),
            ("DJANGO_COLORS", "nocolor"),
        ] {
            env.push((name.to_owned(), value.to_owned()));
        }
        let libpq = self.conninfo.map(Conninfo::libpq_env).unwrap_or_default();
        env.extend(libpq.into_iter().map(|(n, v)| (n.to_owned(), v)));
        env.extend(self.project.env.iter().cloned());
        env
    }
}
