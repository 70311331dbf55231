//! A table is dropped and created anew in one file.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, Object};

pub(super) const RULE: Rule = Rule {
    id: "create-table-force",
    severity: Severity::Error,
    why: "the table is there afterwards as if nothing had happened, and its rows are not",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind {
        let mut before = cx.before_about(&it.table).rev();
        let dropped = before.any(|s| matches!(&s.kind, Kind::Drop(d) if d.object == Object::Table));
        let mut made =
            before.filter(|s| matches!(&s.kind, Kind::CreateTable(c) if !c.if_not_exists));
        if dropped && made.next().is_none() {
            hits.add(format!("{} is created in place of a dropped one", it.table))
                .on(&it.table)
                .help("ALTER TABLE; or a new name, and a copy of the rows");
        }
    }
}
