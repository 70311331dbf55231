//! Whether an expression of a migration may be run on production before the migration is.

use std::collections::BTreeSet;
use std::path::Path;

use crate::live::reader::Reader;
use crate::sql::Script;
use crate::sql::model::Kind;

/// `Ok` if it can only compute: every function that it calls is there, and the server knows it as
/// stable or immutable. A volatile one may do anything, a read-only transaction or not.
///
/// # Errors
/// Why it is not run, as a fragment.
pub(super) async fn only_computes(reader: &Reader, expression: &str) -> Result<(), String> {
    let functions = functions(expression)?;
    if functions.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = functions.iter().map(String::as_str).collect();
    let rows = reader
        .rows(
            "SELECT proname::text, bool_or(provolatile = 'v' OR prokind <> 'f')
             FROM pg_catalog.pg_proc WHERE proname = ANY($1) GROUP BY 1",
            &[&names],
        )
        .await
        .map_err(|refusal| refusal.why)?;
    for name in &functions {
        let known = rows.iter().find(|row| row.get::<_, &str>(0) == name);
        match known {
            None => return Err(format!("it calls {name}(), which is not there yet")),
            Some(row) if row.get(1) => {
                return Err(format!("it calls {name}(), which may do more than compute"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The functions that an expression calls.
fn functions(expression: &str) -> Result<BTreeSet<String>, String> {
    let sql = format!("SELECT ({expression})");
    let script = Script::parse(Path::new("expression"), &sql);
    let unclear = || "it is no expression that can be looked into".to_owned();
    let script = script.map_err(|_| unclear())?;
    match script.statements() {
        [statement] => match &statement.kind {
            Kind::Select {
                functions,
                into: None,
                writes,
            } if writes.is_empty() => Ok(functions
                .iter()
                .filter(|f| !SYNTAX.contains(&f.as_str()))
                .cloned()
                .collect()),
            _ => Err(unclear()),
        },
        _ => Err(unclear()),
    }
}

/// What looks like a function and is none.
const SYNTAX: &[&str] = &[
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "cast",
    "row",
    "array",
    "exists",
    "any",
    "all",
    "some",
    "in",
    "extract",
    "overlay",
    "position",
    "substring",
    "trim",
    "grouping",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_seen() {
        let of = |text: &str| functions(text).map(|f| f.into_iter().collect::<Vec<_>>());
        assert_eq!(of("a > 0").unwrap(), Vec::<String>::new());
        assert_eq!(of("lower(f(x)) = 'a'").unwrap(), ["f", "lower"]);
        assert_eq!(of("(SELECT g(1)) > 0").unwrap(), ["g"]);
        assert!(of("1); DELETE FROM t; SELECT (1").is_err());
    }
}
