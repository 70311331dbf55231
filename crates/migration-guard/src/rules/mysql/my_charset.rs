//! CONVERT TO CHARACTER SET, and character sets that do not hold all characters.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::redefine::changes_charset;
use crate::rules::mysql::schema::charset;
use crate::rules::mysql::walk::{self, Defined, How};
use crate::rules::{Check, Rule};
use crate::sql::model::{Kind, TableAction};
use crate::sql::mysql::{option_of, quoted};

pub(super) const RULE: Rule = Rule {
    id: "my-charset",
    severity: Severity::Warning,
    why: "text in two character sets is converted in every comparison, which no index helps, and what does not fit is lost",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::DatabaseSettings { settings } = cx.kind {
        for (name, value) in settings {
            if let Some(set) = named(name, value).filter(|set| !whole(set)) {
                hits.add(format!("new tables get {set}"))
                    .help("CHARACTER SET utf8mb4");
            }
        }
    }
    if let Kind::CreateTable(it) = cx.kind {
        let stated = ["charset", "collate"]
            .into_iter()
            .find_map(|n| named(n, option_of(&it.options, n)?));
        if let Some(set) = stated.filter(|set| !whole(set)) {
            hits.add(format!("{} holds {set} only", quoted(&it.table)))
                .on(&it.table)
                .severity(Severity::Info)
                .help("CHARACTER SET utf8mb4");
        }
    }
    columns(cx, hits);
    let Some(it) = walk::alter(cx) else {
        return;
    };
    let name = quoted(&it.table);
    for action in &it.actions {
        match action {
            TableAction::ConvertCharset { to } => {
                let hit = hits.add(format!("every text of {name} is written anew as {to}"));
                hit.on(&it.table)
                    .severity(Severity::Error)
                    .help("with gh-ost or pt-online-schema-change; check first what does not fit");
                if cx.is_new(&it.table) {
                    hit.severity(Severity::Info);
                }
            }
            TableAction::Setting { name: n, value } => {
                if let Some(set) = named(n, value).filter(|set| !whole(set)) {
                    hits.add(format!(
                        "new columns of {name} get {set}, the old ones stay"
                    ))
                    .on(&it.table)
                    .help("CHARACTER SET utf8mb4");
                }
            }
            _ => {}
        }
    }
}

fn columns(cx: &Context<'_>, hits: &mut Hits) {
    for Defined {
        table,
        column,
        how,
        was,
    } in walk::columns(cx)
    {
        let Some(set) = charset(column) else {
            continue;
        };
        let known = cx.schema.table(table);
        let converted = how == How::Redefined
            && !cx.is_new(table)
            && was.is_none_or(|old| changes_charset(old, column, known));
        if converted {
            hits.add(format!(
                "{} of {} is written anew as {set}",
                column.name,
                quoted(table)
            ))
            .on(table)
            .severity(Severity::Error)
            .help("with gh-ost or pt-online-schema-change; check first what does not fit");
        } else if !whole(&set) {
            hits.add(format!(
                "{} of {} holds {set} only",
                column.name,
                quoted(table)
            ))
            .on(table)
            .severity(Severity::Info)
            .help("CHARACTER SET utf8mb4");
        }
    }
}

/// The character set of `charset = x` or `collate = x_…`.
fn named(name: &str, value: &str) -> Option<String> {
    match name {
        "charset" => Some(value.to_owned()),
        "collate" => value.split('_').next().map(str::to_owned),
        _ => None,
    }
}

/// Whether it holds every character, or is not meant for text.
fn whole(set: &str) -> bool {
    // MariaDB's collations since 10.10 are called `uca1400_…` for every character set.
    matches!(
        set,
        "utf8mb4" | "binary" | "utf16" | "utf32" | "uca1400" | "default"
    )
}
