//! Definitions as statements, by way of `pg_dump`.

use std::process::Stdio;

use tokio::io::AsyncReadExt as _;
use tokio_postgres::Client;

use super::super::child::tail;
use super::super::session::{ident, refused};
use super::super::source::PostgresSource;
use crate::{Error, ErrorKind};

/// Which definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What rows need to be there.
    BeforeRows,
    /// Indexes, constraints, triggers: what is quicker or only right behind the rows.
    AfterRows,
}

impl Section {
    fn argument(self) -> &'static str {
        match self {
            Self::BeforeRows => "--section=pre-data",
            Self::AfterRows => "--section=post-data",
        }
    }
}

impl PostgresSource {
    /// The statements that make what is in `database`, without the schemas to be kept.
    pub(super) async fn script(
        &self,
        database: &str,
        keep: &[String],
        snapshot: &str,
        section: Section,
    ) -> Result<String, Error> {
        let tools = self.tools(self.server_major().await?).await?;
        let at = tools.conninfo(&self.conninfo).with_database(database);
        let mut command = self.command(tools.dump(), &at);
        command
            .args([
                "--no-password",
                "--format=plain",
                "--encoding=UTF8",
                section.argument(),
            ])
            .arg(format!("--snapshot={snapshot}"))
            // In double quotes, or it would be a pattern.
            .args(
                keep.iter()
                    .map(|name| format!("--exclude-schema={}", ident(name))),
            )
            .stdout(Stdio::piped());
        let failed = |detail: String| {
            Error::new(
                "read the definitions of",
                database,
                ErrorKind::ToolFailed,
                detail,
            )
        };
        let mut child = self.spawn(command)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (text, said) = tokio::join!(
            async {
                let mut text = String::new();
                match stdout {
                    Some(mut stdout) => stdout.read_to_string(&mut text).await.map(|_| text),
                    None => Ok(text),
                }
            },
            tail(stderr)
        );
        let status = child
            .wait()
            .await
            .map_err(|source| failed(source.to_string()))?;
        if !status.success() {
            return Err(failed(self.redact(&said)));
        }
        Ok(statements(
            &text.map_err(|source| failed(source.to_string()))?,
        ))
    }

    /// In the transaction that is open, whose settings a script changes.
    pub(super) async fn run_script(&self, client: &Client, script: &str) -> Result<(), Error> {
        let failed = |source| refused("replace the definitions of", self.database(), source);
        client.batch_execute(script).await.map_err(failed)?;
        client
            .batch_execute("SET search_path = pg_catalog; SET default_tablespace = ''")
            .await
            .map_err(failed)
    }
}

/// Without what is for `psql`, and without limits on waiting that are not ours.
fn statements(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    // The header ends with the first statement that makes something.
    while let Some(line) = lines.peek() {
        let is_setting =
            line.starts_with("SET ") || line.starts_with("SELECT pg_catalog.set_config(");
        if !(line.is_empty()
            || line.starts_with("--")
            || line.starts_with("\\restrict ")
            || is_setting)
        {
            break;
        }
        let is_limit = line.starts_with("SET ") && line.contains("_timeout");
        if is_setting && !is_limit {
            kept.push_str(line);
            kept.push('\n');
        }
        lines.next();
    }
    for line in lines {
        kept.push_str(line);
        kept.push('\n');
    }
    // The last line that is not empty, if it is there at all.
    let end = kept.trim_end();
    let last = end.rfind('\n').map_or(0, |at| at + 1);
    if end[last..].starts_with("\\unrestrict ") {
        kept.truncate(last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_psql_reads_is_taken_out_and_nothing_else() {
        let text = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n\
                    SET lock_timeout = 0;\nSET client_encoding = 'UTF8';\n\
                    SELECT pg_catalog.set_config('search_path', '', false);\n\n\
                    CREATE FUNCTION f() AS $$\n\\restrict x\nSET lock_timeout = 0;\n\\unrestrict y\n$$;\n\n\\unrestrict abc\n\n";
        assert_eq!(
            statements(text),
            "SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n\
             CREATE FUNCTION f() AS $$\n\\restrict x\nSET lock_timeout = 0;\n\\unrestrict y\n$$;\n\n"
        );
        assert_eq!(statements(""), "");
    }
}
