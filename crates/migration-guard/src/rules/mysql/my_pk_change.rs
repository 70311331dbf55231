//! ADD, DROP or change of the PRIMARY KEY.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::schema::adds_key;
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-pk-change",
    severity: Severity::Error,
    why: "the rows lie in the order of the key: all of them and every index are written anew",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let added = adds_key(it);
    let dropped = it
        .actions
        .iter()
        .any(|a| matches!(a, TableAction::DropPrimaryKey));
    let name = quoted(&it.table);
    let (message, help) = match (dropped, added) {
        (true, true) => (
            format!("{name} gets another primary key"),
            "ALGORITHM=INPLACE, LOCK=NONE",
        ),
        (true, false) => (
            format!("{name} loses its primary key, and is copied while writers wait"),
            "DROP PRIMARY KEY, ADD PRIMARY KEY (…) in one statement",
        ),
        (false, true) => (
            format!("{name} gets a primary key"),
            "ALGORITHM=INPLACE, LOCK=NONE, after the columns are NOT NULL",
        ),
        (false, false) => return,
    };
    hits.add(message).on(&it.table).help(help);
}
