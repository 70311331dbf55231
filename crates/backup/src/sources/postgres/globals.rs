//! What a database needs and its dump does not hold: the server's roles, and the database's own
//! settings and grants. Kept as text beside the archive.

use std::process::Stdio;

use tokio_postgres::Client;

use super::session::refused;
use super::settings::{Target, carry_over};
use super::source::PostgresSource;
use super::tools::Tools;
use crate::{Companion, Error};

const ENCODING: &str = "
SELECT pg_encoding_to_char(encoding), datcollate::text, datctype::text
FROM pg_database WHERE datname = $1";

impl PostgresSource {
    /// The roles, as statements without passwords. An error is only a text: a backup without them
    /// is still one.
    pub(super) async fn roles(&self, tools: &Tools) -> Result<Companion, String> {
        let output = self
            .command(&tools.beside("pg_dumpall"), &self.conninfo)
            .args(["--roles-only", "--no-role-passwords", "--no-password"])
            .arg(format!("--database={}", self.options.maintenance_database))
            .stdout(Stdio::piped())
            .output()
            .await
            .map_err(|error| format!("pg_dumpall: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(self.redact(said.lines().last().unwrap_or_default()));
        }
        Ok(Companion {
            file: "globals.sql".to_owned(),
            content: output.stdout,
        })
    }

    /// The database's owner, limits, grants and settings, as a script for psql whose variable
    /// `db` names the database that shall get them.
    pub(super) async fn settings(&self, client: &Client) -> Result<Companion, Error> {
        let database = self.conninfo.database();
        let row = client
            .query_one(ENCODING, &[&database])
            .await
            .map_err(|source| refused("read the settings of", database, source))?;
        let (encoding, collate, ctype): (String, String, String) =
            (row.get(0), row.get(1), row.get(2));
        let mut script = format!(
            "-- Run with: psql -v db=NEW_DATABASE -f settings.sql\n\
             -- A database like the old one is made with: createdb --template=template0 \
             --encoding={encoding} --lc-collate={collate} --lc-ctype={ctype} NEW_DATABASE\n"
        );
        for statement in carry_over(client, database, Target::Variable("db")).await? {
            script.push_str(&statement);
            script.push_str(";\n");
        }
        Ok(Companion {
            file: "settings.sql".to_owned(),
            content: script.into_bytes(),
        })
    }
}
