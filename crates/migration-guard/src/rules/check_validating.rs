//! ADD CHECK that reads the existing rows.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::ConstraintKind;

pub(super) const RULE: Rule = Rule {
    id: "check-validating",
    severity: Severity::Error,
    why: "readers and writers wait while every row is read",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, column, constraint) in walk::added_constraints(cx) {
        // A CHECK at a new column is that rule's own concern, unless it asks old columns, too.
        if let ConstraintKind::Check(expr) = &constraint.kind
            && column.is_none_or(|c| mentions_another(&expr.text, &c.name))
            && !constraint.not_valid
            && !constraint.not_enforced
        {
            hits.add(format!(
                "a CHECK on {table} is verified under an exclusive lock"
            ))
            .on(table)
            .help(
                "ADD CONSTRAINT … CHECK (…) NOT VALID;\n\
                     then, in a later migration: VALIDATE CONSTRAINT …",
            );
        }
    }
}

/// Whether the expression has a name in it that is not the column's, a keyword or a function's.
fn mentions_another(text: &str, column: &str) -> bool {
    let mut quoted = false;
    let mut word = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\'' {
            quoted = !quoted;
        }
        if !quoted && (c.is_alphanumeric() || c == '_') {
            word.push(c.to_ascii_lowercase());
            continue;
        }
        let cast = c == ':' && rest.peek() == Some(&':');
        if is_name(&word) && word != column && c != '(' && !cast {
            return true;
        }
        word.clear();
        if cast {
            // What follows is a type.
            rest.next();
            while rest.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
        }
    }
    is_name(&word) && word != column
}

fn is_name(word: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "and",
        "or",
        "not",
        "is",
        "null",
        "in",
        "between",
        "like",
        "ilike",
        "similar",
        "to",
        "true",
        "false",
        "any",
        "all",
        "array",
        "case",
        "when",
        "then",
        "else",
        "end",
        "interval",
        "date",
        "timestamp",
        "distinct",
        "from",
        "current_date",
        "current_timestamp",
        "symmetric",
        "collate",
    ];
    word.starts_with(|c: char| c.is_alphabetic() || c == '_') && !KEYWORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::mentions_another;

    #[test]
    fn only_other_columns_count() {
        for text in [
            "c > 0",
            "c IN ('a', 'b c')",
            "length(c) < 10",
            "c::text <> ''",
        ] {
            assert!(!mentions_another(text, "c"), "{text}");
        }
        for text in ["c > d", "c IS NULL OR d IS NOT NULL", "lower(d) = 'x'"] {
            assert!(mentions_another(text, "c"), "{text}");
        }
    }
}
