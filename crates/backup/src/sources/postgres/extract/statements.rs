//! The statements by which rows are compared and put back.
//!
//! Two values are the same when they read the same: every type can be written as text, and not
//! every type can be compared. `ROW(…)::text` asks the types themselves, whatever casts there are,
//! and tells nothing from an empty text.

use super::super::session::ident;
use super::document::Content;
use super::drift::Target;

/// What is to be done with a row, as its verdict says.
pub(super) mod verdict {
    pub(in super::super) const INSERT: &str = "insert";
    /// Nothing is lost by it.
    pub(in super::super) const FILL: &str = "fill";
    pub(in super::super) const SAME: &str = "same";
    pub(in super::super) const CONFLICT: &str = "conflict";
    /// The row that a value belongs to is gone.
    pub(in super::super) const MISSING: &str = "missing";
}

/// The statements for one table.
pub(super) struct Statements<'a> {
    target: &'a Target,
    /// The exported rows.
    pub(super) rows: String,
    /// What is to be done with each of them.
    verdicts: String,
    number: usize,
}

impl<'a> Statements<'a> {
    pub(super) fn new(number: usize, target: &'a Target) -> Self {
        Self {
            target,
            rows: format!("pg_temp.ripcord_rows_{number}"),
            verdicts: format!("pg_temp.ripcord_verdicts_{number}"),
            number,
        }
    }

    /// Makes a table for the exported rows, with the columns of the live one and nothing else.
    pub(super) fn stage(&self) -> String {
        format!(
            "CREATE TEMP TABLE ripcord_rows_{} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
            self.number,
            self.target.described.column_list(),
            self.target.live.rows
        )
    }

    /// Compares the exported rows with the live ones.
    pub(super) fn judge(&self) -> String {
        let (rows, live) = (&self.rows, &self.target.live.rows);
        let judged = match (&self.target.key, self.target.described.content) {
            (None, _) => {
                // As many of a kind as there are already need not be inserted.
                let all = self.target.described.column_names();
                let (exported, found) = (text("s", &all), text("t", &all));
                format!(
                    "SELECT s.at, CASE WHEN s.nth <= coalesce(l.count, 0) THEN '{SAME}' ELSE '{INSERT}' END AS verdict
                     FROM (SELECT s.ctid AS at, {exported} AS row,
                                  row_number() OVER (PARTITION BY {exported}) AS nth
                           FROM {rows} AS s) AS s
                     LEFT JOIN (SELECT {found} AS row, count(*) FROM {live} AS t GROUP BY 1) AS l
                         ON l.row = s.row",
                    SAME = verdict::SAME,
                    INSERT = verdict::INSERT,
                )
            }
            (Some(_), content) => {
                let cases = match content {
                    Content::Rows => format!(
                        "WHEN t.tableoid IS NULL THEN '{}' WHEN {} THEN '{}' ELSE '{}'",
                        verdict::INSERT,
                        self.same(),
                        verdict::SAME,
                        verdict::CONFLICT
                    ),
                    Content::Columns => format!(
                        "WHEN t.tableoid IS NULL THEN '{}' WHEN {} THEN '{}' WHEN {} THEN '{}' ELSE '{}'",
                        verdict::MISSING,
                        self.same(),
                        verdict::SAME,
                        self.overwritten(),
                        verdict::CONFLICT,
                        verdict::FILL
                    ),
                };
                format!(
                    "SELECT s.ctid AS at, CASE {cases} END AS verdict
                     FROM {rows} AS s LEFT JOIN {live} AS t ON {}",
                    self.found_again()
                )
            }
        };
        format!(
            "ANALYZE {rows};
             CREATE TEMP TABLE ripcord_verdicts_{0} ON COMMIT DROP AS {judged};
             ANALYZE {1}",
            self.number, self.verdicts
        )
    }

    pub(super) fn count(&self) -> String {
        format!("SELECT verdict, count(*) FROM {} GROUP BY 1", self.verdicts)
    }

    /// The keys of rows that hold something else.
    pub(super) fn name_conflicts(&self, limit: usize) -> String {
        let key = self.target.key.as_ref();
        let key = key.map(|key| key.columns.as_slice()).unwrap_or_default();
        format!(
            "SELECT {} FROM {} AS s JOIN {} AS v ON v.at = s.ctid WHERE v.verdict = '{}' ORDER BY v.at LIMIT {limit}",
            text("s", key),
            self.rows,
            self.verdicts,
            verdict::CONFLICT
        )
    }

    /// Gives one row for each row that it inserts.
    pub(super) fn insert(&self) -> String {
        let described = &self.target.described;
        let columns = described.column_list();
        let exported: Vec<String> = described
            .columns
            .iter()
            .map(|column| format!("s.{}", ident(&column.name)))
            .collect();
        format!(
            "INSERT INTO {} ({columns}) OVERRIDING SYSTEM VALUE
             SELECT {} FROM {} AS s JOIN {} AS v ON v.at = s.ctid WHERE v.verdict = '{}'
             RETURNING 1",
            described.quoted(),
            exported.join(", "),
            self.rows,
            self.verdicts,
            verdict::INSERT
        )
    }

    /// Writes the exported values into rows of these verdicts; `None` when there are none but the
    /// key.
    pub(super) fn update(&self, verdicts: &[&str]) -> Option<String> {
        let values = self.target.described.values();
        if values.is_empty() || verdicts.is_empty() || self.target.key.is_none() {
            return None;
        }
        let set: Vec<String> = values
            .iter()
            .map(|name| format!("{0} = s.{0}", ident(name)))
            .collect();
        Some(format!(
            "UPDATE {} AS t SET {} FROM {} AS s JOIN {} AS v ON v.at = s.ctid
             WHERE {} AND v.verdict IN ('{}')",
            self.target.live.rows,
            set.join(", "),
            self.rows,
            self.verdicts,
            self.found_again(),
            verdicts.join("', '")
        ))
    }

    /// Counts rows of these verdicts that do not hold what was written; `None` when that cannot be
    /// told.
    pub(super) fn altered(&self, verdicts: &[&str]) -> Option<String> {
        if self.target.key.is_none() || verdicts.is_empty() {
            return None;
        }
        Some(format!(
            "SELECT count(*) FROM {} AS s JOIN {} AS v ON v.at = s.ctid LEFT JOIN {} AS t ON {}
             WHERE v.verdict IN ('{}') AND (t.tableoid IS NULL OR NOT {})",
            self.rows,
            self.verdicts,
            self.target.live.rows,
            self.found_again(),
            verdicts.join("', '"),
            self.same()
        ))
    }

    /// That a live row and an exported one have the same key.
    fn found_again(&self) -> String {
        let Some(key) = &self.target.key else {
            return "false".to_owned();
        };
        let parts: Vec<String> = key
            .columns
            .iter()
            .zip(&key.equals)
            .map(|(name, equals)| format!("t.{0} {equals} s.{0}", ident(name)))
            .collect();
        parts.join(" AND ")
    }

    /// That both hold the same.
    fn same(&self) -> String {
        let values = self.target.described.values();
        format!("{} = {}", text("t", &values), text("s", &values))
    }

    /// That a live value would be lost which somebody wrote.
    fn overwritten(&self) -> String {
        let lost: Vec<String> = self
            .target
            .described
            .values()
            .into_iter()
            .map(|name| {
                let (live, exported) = (text("t", &[name]), text("s", &[name]));
                let nothing = "'()'";
                let mut lost = format!("({live} <> {exported} AND {live} <> {nothing}");
                let column = self.target.live.column(name);
                for value in column.map(|c| c.untouched.as_slice()).unwrap_or_default() {
                    lost.push_str(&format!(" AND {live} <> ROW({value})::text COLLATE \"C\""));
                }
                lost.push(')');
                lost
            })
            .collect();
        lost.join(" OR ")
    }
}

/// These columns as one text, compared byte by byte.
fn text(of: &str, columns: &[impl AsRef<str>]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|name| format!("{of}.{}", ident(name.as_ref())))
        .collect();
    format!("ROW({})::text COLLATE \"C\"", columns.join(", "))
}
