//! The SELECTs that ask rows whether they fit. All of them begin with the number of those that do not.

use crate::live::prechecks::PrecheckKind;
use crate::snapshot::{Table, TableKind};
use crate::sql::model::{Name, Type};
use crate::sql::types::{self, TypeChange};

/// A SELECT, and what of it comes from the migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) sql: String,
    /// Expressions that may only be run if they only compute.
    pub(super) expressions: Vec<String>,
    /// Whether no answer counts but whether it can be run at all.
    pub(super) trial: bool,
}

impl Question {
    fn plain(sql: String) -> Self {
        Self {
            sql,
            expressions: Vec::new(),
            trial: false,
        }
    }
}

/// A name in quotes: no word of it can mean anything else.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's full name as people write it.
pub(super) fn relation(table: &Table) -> String {
    let schema = Some(table.schema.clone()).filter(|s| s != "public");
    let name = table.name.clone();
    Name { schema, name }.to_string()
}

/// The rows of a table itself; those of a partitioned one are in its partitions.
fn from(table: &Table) -> String {
    let only = match table.kind {
        TableKind::Ordinary => "ONLY ",
        _ => "",
    };
    format!("{only}{}.{}", ident(&table.schema), ident(&table.name))
}

pub(super) fn nulls(table: &Table, column: &str) -> Question {
    Question::plain(format!(
        "SELECT count(*) FROM {} WHERE {} IS NULL",
        from(table),
        ident(column)
    ))
}

pub(super) fn rows(table: &Table) -> Question {
    Question::plain(format!(
        "SELECT count(*) FROM (SELECT FROM {} LIMIT 1) AS a_row",
        from(table)
    ))
}

/// Rows for which it is false; unknown passes, as it does for the constraint.
pub(super) fn check(table: &Table, expression: &str) -> Question {
    Question {
        sql: format!(
            "SELECT count(*) FROM {} WHERE NOT ({expression})",
            from(table)
        ),
        expressions: vec![expression.to_owned()],
        trial: false,
    }
}

/// Rows that share their values with another one. `terms` and `predicate` are SQL.
pub(super) fn duplicates(
    table: &Table,
    terms: &[String],
    predicate: Option<&str>,
    nulls_not_distinct: bool,
) -> Question {
    let mut conditions: Vec<String> = Vec::new();
    if !nulls_not_distinct {
        conditions.extend(terms.iter().map(|t| format!("({t}) IS NOT NULL")));
    }
    conditions.extend(predicate.map(|p| format!("({p})")));
    let filter = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    let groups: Vec<String> = terms.iter().map(|t| format!("({t})")).collect();
    let mut expressions: Vec<String> = terms.to_vec();
    expressions.extend(predicate.map(str::to_owned));
    Question {
        sql: format!(
            "SELECT COALESCE(sum(n), 0)::bigint FROM (SELECT count(*) AS n FROM {}{filter} \
             GROUP BY {} HAVING count(*) > 1) AS groups",
            from(table),
            groups.join(", ")
        ),
        expressions,
        trial: false,
    }
}

/// Rows without their row in `parent`. `columns` are pairs of this table's and the parent's.
pub(super) fn orphans(
    table: &Table,
    parent: &Table,
    columns: &[(&str, &str)],
    match_full: bool,
) -> Question {
    let all = |each: &dyn Fn(&(&str, &str)) -> String, joint: &str| {
        columns.iter().map(each).collect::<Vec<_>>().join(joint)
    };
    let set = all(
        &|(from, _)| format!("c.{} IS NOT NULL", ident(from)),
        " AND ",
    );
    let same = all(
        &|(from, to)| format!("p.{} = c.{}", ident(to), ident(from)),
        " AND ",
    );
    let missing = format!(
        "{set} AND NOT EXISTS (SELECT FROM {} p WHERE {same})",
        from(parent)
    );
    let filter = if match_full && columns.len() > 1 {
        let any = all(
            &|(from, _)| format!("c.{} IS NOT NULL", ident(from)),
            " OR ",
        );
        format!("({missing}) OR (({any}) AND NOT ({set}))")
    } else {
        missing
    };
    Question::plain(format!(
        "SELECT count(*) FROM {} c WHERE {filter}",
        from(table)
    ))
}

/// What a change of type raises: the kind, what should be true, the question.
pub(super) type Asked = (PrecheckKind, String, Result<Question, String>);

pub(super) fn types(
    table: &Table,
    column: &str,
    from_type: Option<&Type>,
    to: &Type,
    using: Option<&str>,
) -> Vec<Asked> {
    let name = relation(table);
    let shown = Name::bare(column);
    let fits = format!("each {shown} of {name} fits {to}");
    if let Some(using) = using {
        let trial = trial(table, &format!("({using})::{to}"), Some(using));
        return vec![(PrecheckKind::DoesNotFit, fits, Ok(trial))];
    }
    let Some(was) = from_type else {
        return Vec::new();
    };
    if was == to || types::change(was, to) != TypeChange::Rewrite || never_fails(was, to) {
        return Vec::new();
    }
    let own = ident(column);
    let text = |t: &Type| matches!(t.name.as_str(), "text" | "varchar" | "char");
    if text(was) && !text(to) {
        let why = format!("the server casts no {was} to {to} by itself: USING is missing");
        return vec![(PrecheckKind::DoesNotFit, fits, Err(why))];
    }
    let question = match misfit(&own, was, to) {
        Some(condition) => Question::plain(format!(
            "SELECT count(*) FROM {} WHERE {condition}",
            from(table)
        )),
        None => trial(table, &format!("{own}::{to}"), None),
    };
    let mut asked = vec![(PrecheckKind::DoesNotFit, fits, Ok(question))];
    if let Some(condition) = cut(&own, was, to) {
        asked.push((
            PrecheckKind::Cut,
            format!("no {shown} of {name} loses digits or a time of day"),
            Ok(Question::plain(format!(
                "SELECT count(*) FROM {} WHERE {condition}",
                from(table)
            ))),
        ));
    }
    asked
}

fn trial(table: &Table, value: &str, expression: Option<&str>) -> Question {
    Question {
        sql: format!(
            "SELECT count(value) FROM (SELECT {value} AS value FROM {}) AS tried",
            from(table)
        ),
        expressions: expression.map(str::to_owned).into_iter().collect(),
        trial: true,
    }
}

/// Whether every value of the one type is one of the other.
fn never_fails(was: &Type, to: &Type) -> bool {
    let rank = |name: &str| match name {
        "smallint" => Some(1),
        "integer" => Some(2),
        "bigint" => Some(3),
        "numeric" => Some(4),
        _ => None,
    };
    if was.array || to.array {
        return false;
    }
    match (was.name.as_str(), to.name.as_str()) {
        (_, "text") => true,
        (_, "varchar") if to.args.is_empty() => true,
        ("real", "double precision") => true,
        ("json", "jsonb") => false,
        (a, b) => match (rank(a), rank(b)) {
            (Some(a), Some(b)) => a < b && to.args.is_empty(),
            _ => false,
        },
    }
}

/// The condition that a value is too large, where that can be counted.
fn misfit(own: &str, was: &Type, to: &Type) -> Option<String> {
    let numeric = matches!(
        was.name.as_str(),
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision"
    );
    let whole = match to.name.as_str() {
        "smallint" => Some("-32768 AND 32767"),
        "integer" => Some("-2147483648 AND 2147483647"),
        "bigint" => Some("-9223372036854775808 AND 9223372036854775807"),
        _ => None,
    };
    if was.array || to.array {
        return None;
    }
    if let (true, Some(range)) = (numeric, whole) {
        return Some(match was.name.as_str() {
            "numeric" | "real" | "double precision" => {
                format!("round({own}::numeric) NOT BETWEEN {range}")
            }
            _ => format!("{own} NOT BETWEEN {range}"),
        });
    }
    match (to.name.as_str(), to.args.as_slice()) {
        // Spaces at the end that are too many are dropped without an error.
        ("varchar" | "char", [limit]) => {
            Some(format!("char_length(rtrim({own}::text, ' ')) > {limit}"))
        }
        ("char", []) => Some(format!("char_length(rtrim({own}::text, ' ')) > 1")),
        ("numeric", [precision, rest @ ..]) if numeric => {
            let scale = rest.first().copied().unwrap_or(0);
            Some(format!(
                "{own}::numeric <> 'NaN' AND abs(round({own}::numeric, {scale})) >= 10::numeric ^ {}",
                precision - scale
            ))
        }
        _ => None,
    }
}

/// The condition that the new value is not the old one, although nothing fails.
fn cut(own: &str, was: &Type, to: &Type) -> Option<String> {
    let scale = |t: &Type| (!t.args.is_empty()).then(|| t.args.get(1).copied().unwrap_or(0));
    match (was.name.as_str(), to.name.as_str()) {
        ("numeric", "numeric") => match (scale(was), scale(to)) {
            (Some(old), Some(new)) if new >= old => None,
            (_, Some(new)) => Some(format!("round({own}, {new}) <> {own}")),
            (_, None) => None,
        },
        ("numeric" | "real" | "double precision", "smallint" | "integer" | "bigint") => {
            Some(format!("round({own}::numeric) <> {own}::numeric"))
        }
        ("timestamp" | "timestamptz", "date") => {
            Some(format!("{own}::date::{was} IS DISTINCT FROM {own}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            schema: "app".to_owned(),
            name: "Weird \"t\"".to_owned(),
            ..Table::default()
        }
    }

    #[test]
    fn names_are_quoted_and_nulls_left_out() {
        let asked = duplicates(&table(), &[ident("a b")], Some("x > 0"), false);
        assert_eq!(
            asked.sql,
            "SELECT COALESCE(sum(n), 0)::bigint FROM (SELECT count(*) AS n FROM ONLY \
             \"app\".\"Weird \"\"t\"\"\" WHERE (\"a b\") IS NOT NULL AND (x > 0) \
             GROUP BY (\"a b\") HAVING count(*) > 1) AS groups"
        );
        let asked = duplicates(&table(), &[ident("a")], None, true);
        assert!(!asked.sql.contains("IS NOT NULL"), "{}", asked.sql);
    }

    #[test]
    fn what_cannot_fail_is_not_asked() {
        let ty = |name: &str, args: &[i64]| Type {
            name: name.to_owned(),
            args: args.to_vec(),
            array: false,
        };
        let asked = |was: &Type, to: &Type| types(&table(), "c", Some(was), to, None).len();
        assert_eq!(asked(&ty("integer", &[]), &ty("bigint", &[])), 0);
        assert_eq!(asked(&ty("varchar", &[5]), &ty("varchar", &[9])), 0);
        assert_eq!(asked(&ty("varchar", &[9]), &ty("varchar", &[5])), 1);
        assert_eq!(asked(&ty("bigint", &[]), &ty("integer", &[])), 1);
        assert_eq!(asked(&ty("numeric", &[9, 4]), &ty("numeric", &[9, 2])), 2);
        assert_eq!(asked(&ty("timestamptz", &[]), &ty("date", &[])), 2);
    }
}
