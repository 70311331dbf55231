//! A body that glues values into SQL.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "sql-injection",
    severity: Severity::Warning,
    why: "a value with a quote in it becomes SQL, with the rights of whoever runs it",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let what = match cx.kind {
        Kind::CreateFunction(it) if it.dynamic => it.name.to_string(),
        Kind::Do { .. } => "the block".to_owned(),
        _ => return,
    };
    if executes_glue(cx.statement.text()) {
        hits.add(format!("{what} glues a value into the SQL that it runs"))
            .help("EXECUTE format('… %I … %L …', …); or EXECUTE … USING …");
    }
}

/// Whether an EXECUTE joins text and something that is neither quoted nor a literal.
fn executes_glue(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.as_str();
    while let Some((_, after)) = rest.split_once("execute ") {
        let query = after.split([';']).next().unwrap_or_default();
        let query = query.split(" using ").next().unwrap_or_default();
        let foreign = query.split("||").any(|part| {
            let part = part.trim();
            !part.starts_with('\'')
                && !part.starts_with("quote_")
                && !part.starts_with("format(")
                && !part.ends_with('\'')
                && !part.is_empty()
        });
        if query.contains("||") && foreign {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::executes_glue;

    #[test]
    fn only_bare_values_count() {
        assert!(executes_glue("EXECUTE 'DROP TABLE ' || name;"));
        assert!(executes_glue("EXECUTE 'SELECT ' || a || ' FROM t';"));
        for fine in [
            "EXECUTE 'DROP TABLE ' || quote_ident(name);",
            "EXECUTE format('DROP TABLE %I', name);",
            "EXECUTE 'SELECT 1' || ' WHERE a = $1' USING x || 'y';",
            "CREATE TRIGGER g EXECUTE FUNCTION f();",
        ] {
            assert!(!executes_glue(fine), "{fine}");
        }
    }
}
