//! What a definition loses, or leaves out, that its neighbours have.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::model::{Column, ConstraintKind, CreateTable, Kind, Name};
use crate::sql::mysql::{option_of, quoted};

pub(super) const RULE: Rule = Rule {
    id: "required-columns-comments",
    severity: Severity::Info,
    why: "MODIFY and CHANGE say the whole column anew, and what is not repeated is gone; a comment that some have and some not is soon trusted by nobody",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind {
        created(it, cx, hits);
    }
    for defined in walk::columns(cx) {
        let Defined { table, column, .. } = defined;
        match (defined.how, defined.was) {
            (How::Added, _) => added(table, column, cx, hits),
            (How::Redefined, Some(was)) => redefined(table, was, column, cx, hits),
            _ => {}
        }
    }
}

fn commented(column: &Column) -> bool {
    column.has(|k| matches!(k, ConstraintKind::Comment))
}

fn say(table: &Name, column: &Column, hits: &mut Hits) {
    hits.add(format!(
        "{} of {} has no comment, the others have",
        column.name,
        quoted(table)
    ))
    .on(table)
    .help("COMMENT '…'");
}

fn created(it: &CreateTable, cx: &Context<'_>, hits: &mut Hits) {
    if it.columns.iter().any(commented) {
        for column in it.columns.iter().filter(|c| !commented(c)) {
            say(&it.table, column, hits);
        }
    }
    if cx.schema.commented && option_of(&it.options, "comment").is_none() && !it.columns.is_empty()
    {
        hits.add(format!(
            "{} has no comment, tables before it have",
            quoted(&it.table)
        ))
        .on(&it.table)
        .help("COMMENT = '…'");
    }
}

fn added(table: &Name, column: &Column, cx: &Context<'_>, hits: &mut Hits) {
    let all = cx
        .schema
        .table(table)
        .is_some_and(|t| t.complete && t.columns.iter().all(commented));
    if all && !commented(column) {
        say(table, column, hits);
    }
}

fn redefined(table: &Name, was: &Column, column: &Column, cx: &Context<'_>, hits: &mut Hits) {
    let key = cx.schema.table(table).and_then(|t| t.primary_key.as_ref());
    let key = key.is_some_and(|key| key.iter().any(|c| c.eq_ignore_ascii_case(&was.name)));
    let mut lost = Vec::new();
    if commented(was) && !commented(column) {
        lost.push("its comment");
    }
    if was.not_null() && !column.not_null() && !key {
        lost.push("NOT NULL");
    }
    if was.default().is_some() && column.default().is_none() {
        lost.push("its default");
    }
    if !lost.is_empty() {
        hits.add(format!(
            "{} of {} loses {}",
            column.name,
            quoted(table),
            lost.join(" and ")
        ))
        .on(table)
        .help("repeat it, if it is to stay");
    }
}
