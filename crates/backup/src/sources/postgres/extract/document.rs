//! What the archive says about itself.

use serde::{Deserialize, Serialize};

use super::super::session::ident;
use crate::{Error, ErrorKind};

/// The version that this library writes, and the newest it reads.
pub(super) const VERSION: u32 = 1;

/// Name of the member that holds a [`Description`].
pub(super) const DESCRIPTION: &str = "extract.json";

/// Name of the member that holds a [`Summary`].
pub(super) const SUMMARY: &str = "rows.json";

/// The archive's first member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) version: u32,
    pub(super) tables: Vec<Described>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    pub(super) schema: String,
    pub(super) table: String,
    /// Quoted where a statement needs it.
    pub(super) name: String,
    pub(super) content: Content,
    /// Columns that tell rows apart; empty when the table has no such.
    pub(super) key: Vec<String>,
    /// In the order of the CSV, the key's among them.
    pub(super) columns: Vec<Column>,
    /// Columns that are computed from others.
    pub(super) generated: Vec<String>,
    /// The condition that rows had to meet.
    pub(super) filter: Option<String>,
    /// The member, or how the names of its parts begin.
    pub(super) file: String,
}

/// How a table goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    /// As rows that are inserted.
    Rows,
    /// As values of rows that are there.
    Columns,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Set when the type is not there in a database that holds nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restored_as: Option<String>,
}

/// The archive's last member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Summary {
    pub(super) version: u32,
    pub(super) tables: Vec<Summed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Summed {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) hash: String,
    pub(super) files: Vec<String>,
}

impl Column {
    /// The type it has in a database that holds nothing else.
    pub(super) fn plain_type(&self) -> &str {
        self.restored_as.as_deref().unwrap_or(&self.kind)
    }
}

impl Described {
    /// As it is written in a statement, whatever the name.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.table))
    }

    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns
            .iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// Its columns as a list in a statement.
    pub(super) fn column_list(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|c| ident(&c.name)).collect();
        quoted.join(", ")
    }

    /// Names of columns that are not part of the key.
    pub(super) fn values(&self) -> Vec<&str> {
        self.columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| !self.key.iter().any(|key| key == name))
            .collect()
    }
}

impl Description {
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let wrong = |_| corrupt(format!("its {DESCRIPTION} is none"));
        // The version first: a newer document may differ in anything else.
        let version: Version = serde_json::from_slice(bytes).map_err(wrong)?;
        if version.version > VERSION {
            let detail = format!(
                "it has version {}, and this program knows versions up to {VERSION}",
                version.version
            );
            return Err(
                Error::new("read", "the export", ErrorKind::NewerSchema, detail)
                    .with_help("use a newer version of this program"),
            );
        }
        let description: Self = serde_json::from_slice(bytes).map_err(wrong)?;
        let odd = description.tables.iter().any(|table| {
            let known = |key: &String| table.columns.iter().any(|column| column.name == *key);
            table.columns.is_empty()
                || !table.key.iter().all(known)
                || !table.columns.iter().all(|c| is_type(c.plain_type()))
        });
        if odd || description.tables.is_empty() {
            return Err(corrupt(format!(
                "its {DESCRIPTION} contradicts itself or names no table"
            )));
        }
        Ok(description)
    }
}

/// The plain types go into a statement as they are.
fn is_type(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || " _,\"()[]".contains(c))
}

pub(super) fn corrupt(detail: impl Into<String>) -> Error {
    Error::new("read", "the export", ErrorKind::Corrupt, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described() -> Described {
        Described {
            schema: "public".to_owned(),
            table: "t".to_owned(),
            name: "public.t".to_owned(),
            content: Content::Rows,
            key: vec!["id".to_owned()],
            columns: vec![Column {
                name: "id".to_owned(),
                kind: "integer".to_owned(),
                restored_as: None,
            }],
            generated: Vec::new(),
            filter: None,
            file: "001-public.t.csv".to_owned(),
        }
    }

    fn read(version: u32, tables: Vec<Described>) -> Result<Description, ErrorKind> {
        let bytes = serde_json::to_vec(&Description { version, tables }).unwrap();
        Description::from_bytes(&bytes).map_err(|error| error.kind())
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(read(VERSION, vec![described()]).is_ok());
        assert_eq!(
            read(VERSION + 1, vec![described()]),
            Err(ErrorKind::NewerSchema)
        );
        assert_eq!(read(VERSION, Vec::new()), Err(ErrorKind::Corrupt));
        let mut other = described();
        other.key = vec!["other".to_owned()];
        assert_eq!(read(VERSION, vec![other]), Err(ErrorKind::Corrupt));
        let mut other = described();
        other.columns[0].kind = "integer; DROP TABLE t".to_owned();
        assert_eq!(read(VERSION, vec![other]), Err(ErrorKind::Corrupt));
        assert!(Description::from_bytes(b"{}").is_err());
    }
}
