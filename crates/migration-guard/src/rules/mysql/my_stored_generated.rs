//! ADD COLUMN … AS (…) STORED.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::model::ConstraintKind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-stored-generated",
    severity: Severity::Error,
    why: "the value is worked out for every row: the table is copied while writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for Defined {
        table, column, how, ..
    } in walk::columns(cx)
    {
        if how == How::Added
            && !cx.is_new(table)
            && column.has(|k| matches!(k, ConstraintKind::Stored))
        {
            hits.add(format!("{} of {} is stored", column.name, quoted(table)))
                .on(table)
                .help("VIRTUAL, with an index where it is looked up");
        }
    }
}
