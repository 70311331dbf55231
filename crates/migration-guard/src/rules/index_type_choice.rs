//! An index method that needs a decision.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{CreateIndex, Kind};

pub(super) const RULE: Rule = Rule {
    id: "index-type-choice",
    severity: Severity::Info,
    why: "with the defaults it misses rows or takes very long to build",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateIndex(it) = cx.kind {
        let method = it.method.as_deref().unwrap_or("btree");
        let message = match method {
            "ivfflat" if only_defaults(&it.options) => {
                "ivfflat finds only what its lists hold, and the default of 100 is meant for about 100,000 rows"
            }
            "hnsw" if only_defaults(&it.options) => "hnsw is built with parameters nobody chose",
            "gin" if is_bare_column(it, cx) => {
                "the default operator class of gin indexes every key and value, which costs most of all when writing"
            }
            _ => return,
        };
        hits.add(message)
            .on(&it.table)
            .help("choose method and parameters on real data; for jsonb that is asked with @> only: jsonb_path_ops");
    }
}

/// pgvector's own values, left out or written down, as examples do.
fn only_defaults(options: &str) -> bool {
    const DEFAULTS: &[(&str, &str)] = &[("lists", "100"), ("m", "16"), ("ef_construction", "64")];
    let inside = options.split_once('(').map_or("", |(_, inside)| inside);
    let mut given = inside
        .trim_end_matches([')', ' '])
        .split(',')
        .filter_map(|option| option.split_once('='));
    given.all(|(name, value)| DEFAULTS.contains(&(name.trim(), value.trim().trim_matches('\''))))
}

/// One column with the default operator class, of a type that is not known to need just that.
fn is_bare_column(it: &CreateIndex, cx: &Context<'_>) -> bool {
    let [column] = it.columns.as_slice() else {
        return false;
    };
    let ty = cx
        .state
        .column(&it.table, column)
        .and_then(|c| c.ty.as_ref());
    !it.expressions
        && !has_operator_class(cx.statement.text())
        && ty.is_none_or(|ty| ty.name == "jsonb" && !ty.array)
}

/// Whether more than a name stands in the parentheses.
fn has_operator_class(text: &str) -> bool {
    let inside = text.split_once('(').map_or("", |(_, rest)| rest);
    let inside = inside.split(')').next().unwrap_or_default();
    inside.split_whitespace().count() > 1
}
