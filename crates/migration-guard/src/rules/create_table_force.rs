//! A table is dropped and created anew in one file.

use crate::lint::{Context, Hits, Severity, Topic};
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "create-table-force",
    severity: Severity::Error,
    why: "the table is there afterwards as if nothing had happened, and its rows are not",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind {
        let dropped = cx.said_before(&it.table, &Topic::DropsTable, cx.here());
        if let Some(place) = dropped
            && cx.said_before(&it.table, &Topic::Creates, place).is_none()
        {
            hits.add(format!("{} is created in place of a dropped one", it.table))
                .on(&it.table)
                .help("ALTER TABLE; or a new name, and a copy of the rows");
        }
    }
}
