use squawk_syntax::SyntaxNode;

use super::words::Words;
use crate::sql::model::{
    AlterDomain, AlterIndex, AlterTable, AlterType, Drop, Fires, Kind, Name, Object,
    SequenceChange, TableAction,
};

/// DROP of anything.
pub(super) fn drop(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (object, at) = object(&words, 1);
    let concurrently = words.is(at, &["concurrently"]);
    let at = words.skip(at, &["concurrently"]);
    let if_exists = words.is(at, &["if", "exists"]);
    let (names, next) = words.names(words.skip(at, &["if", "exists"]));
    let on = words.is(next, &["on"]).then(|| words.name(next + 1).0);
    Kind::Drop(Drop {
        object,
        names,
        if_exists,
        cascade: words.has(&["cascade"]),
        concurrently,
        on,
    })
}

fn object(words: &Words, at: usize) -> (Object, usize) {
    let two = match (words.get(at), words.get(at + 1)) {
        ("materialized", "view") => Some(Object::MaterializedView),
        ("foreign", "table") => Some(Object::ForeignTable),
        ("owned", "by") => Some(Object::Owned),
        ("event", "trigger")
        | ("access", "method")
        | ("foreign", "data")
        | ("text", "search")
        | ("user", "mapping")
        | ("operator", "class" | "family")
        | ("property", "graph") => Some(Object::Other),
        _ => None,
    };
    if let Some(object) = two {
        return (object, at + 2);
    }
    let one = match words.get(at) {
        "table" => Object::Table,
        "index" => Object::Index,
        "view" => Object::View,
        "sequence" => Object::Sequence,
        "schema" => Object::Schema,
        "database" => Object::Database,
        "type" => Object::Type,
        "domain" => Object::Domain,
        "function" | "procedure" | "routine" | "aggregate" => Object::Function,
        "trigger" => Object::Trigger,
        "policy" => Object::Policy,
        "rule" => Object::Rule,
        "extension" => Object::Extension,
        "role" | "user" | "group" => Object::Role,
        "publication" | "subscription" => Object::Publication,
        _ => Object::Other,
    };
    (one, at + 1)
}

/// ALTER of anything that is not a table, a type, a domain, an index or a sequence.
pub(super) fn alter(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (object, at) = object(&words, 1);
    let (name, next) = words.name(words.skip(at, &["if", "exists"]));
    let next = words.skip_parens(next);
    if words.is(next, &["rename", "to"]) {
        return Kind::Rename {
            object,
            from: name,
            to: words.get(next + 2).to_owned(),
        };
    }
    if words.is(next, &["rename"]) {
        // A column of a view, or a trigger, a policy or a rule on a table.
        let to = words.find(&["to"]).map(|t| words.get(t + 1).to_owned());
        return Kind::Rename {
            object,
            from: name,
            to: to.unwrap_or_default(),
        };
    }
    if words.is(next, &["set", "schema"]) {
        return Kind::SetSchema { object, name };
    }
    match object {
        Object::View | Object::MaterializedView => Kind::AlterTable(AlterTable {
            table: name,
            object,
            if_exists: words.is(at, &["if", "exists"]),
            actions: vec![TableAction::Other(words.text(next, next + 3))],
        }),
        Object::Extension => Kind::AlterExtension { name: name.name },
        Object::Policy | Object::Rule | Object::Trigger => {
            let table = words.find(&["on"]).map(|on| words.name(on + 1).0);
            match table {
                Some(table) if words.is(next, &["rename"]) => Kind::Rename {
                    object,
                    from: table,
                    to: String::new(),
                },
                Some(table) => Kind::ChangePolicy { table },
                None => Kind::Unanalysed,
            }
        }
        Object::Role => Kind::Roles,
        Object::Publication => Kind::CreatePublication,
        Object::Database => Kind::SystemSettings,
        _ if words.has(&["owner", "to"]) => Kind::Roles,
        Object::Function => Kind::CreateFunction(crate::sql::model::CreateFunction {
            name,
            or_replace: true,
            security_definer: words.has(&["security", "definer"]),
            sets_search_path: words.has(&["set", "search_path"]),
            dynamic: false,
        }),
        _ => Kind::Unanalysed,
    }
}

pub(super) fn alter_index(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    if words.is(2, &["all"]) {
        return Kind::Unanalysed;
    }
    let (index, next) = words.name(words.skip(2, &["if", "exists"]));
    let action = if words.is(next, &["rename", "to"]) {
        AlterIndex::Rename {
            to: words.get(next + 2).to_owned(),
        }
    } else if words.is(next, &["attach", "partition"]) {
        AlterIndex::AttachPartition
    } else if words.is(next, &["set", "tablespace"]) {
        AlterIndex::SetTablespace
    } else if words.has(&["statistics"])
        || words.is(next, &["set", "("])
        || words.is(next, &["reset"])
    {
        AlterIndex::Tuning
    } else {
        AlterIndex::Other
    };
    Kind::AlterIndex { index, action }
}

pub(super) fn alter_sequence(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (name, next) = words.name(words.skip(2, &["if", "exists"]));
    if words.is(next, &["rename", "to"]) {
        return Kind::Rename {
            object: Object::Sequence,
            from: name,
            to: words.get(next + 2).to_owned(),
        };
    }
    if words.is(next, &["set", "schema"]) {
        return Kind::SetSchema {
            object: Object::Sequence,
            name,
        };
    }
    let change = if words.has(&["as"]) {
        SequenceChange::Type
    } else if words.is(next, &["owned"]) || words.is(next, &["owner"]) {
        SequenceChange::Other
    } else {
        SequenceChange::Values
    };
    Kind::AlterSequence { name, change }
}

pub(super) fn create_type(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (name, next) = words.name(2);
    let values = words.is(next, &["as", "enum"]).then(|| {
        (next + 3..words.len())
            .map(|at| words.get(at))
            .filter(|word| word.starts_with('\''))
            .map(|word| word.trim_matches('\'').to_owned())
            .collect()
    });
    Kind::CreateType { name, values }
}

pub(super) fn alter_type(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (name, next) = words.name(2);
    if words.is(next, &["rename", "to"]) {
        return Kind::Rename {
            object: Object::Type,
            from: name,
            to: words.get(next + 2).to_owned(),
        };
    }
    if words.is(next, &["set", "schema"]) {
        return Kind::SetSchema {
            object: Object::Type,
            name,
        };
    }
    let action = if words.is(next, &["add", "value"]) {
        let if_not_exists = words.is(next + 2, &["if", "not", "exists"]);
        let at = words.skip(next + 2, &["if", "not", "exists"]);
        AlterType::AddValue {
            value: words.get(at).trim_matches('\'').to_owned(),
            placed: words.has(&["before"]) || words.has(&["after"]),
            if_not_exists,
        }
    } else if words.is(next, &["rename", "value"]) {
        AlterType::RenameValue
    } else if words.is(next, &["add", "attribute"]) {
        AlterType::AddAttribute
    } else if words.is(next, &["rename", "attribute"]) {
        AlterType::RenameAttribute
    } else if words.has(&["attribute"]) {
        AlterType::ChangeAttribute
    } else {
        AlterType::Other
    };
    Kind::AlterType { name, action }
}

pub(super) fn create_domain(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    Kind::CreateDomain {
        name: words.name(2).0,
        constrained: words.has(&["check"]) || words.has(&["not", "null"]),
    }
}

pub(super) fn alter_domain(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (name, next) = words.name(2);
    if words.is(next, &["rename", "to"]) {
        return Kind::Rename {
            object: Object::Domain,
            from: name,
            to: words.get(next + 2).to_owned(),
        };
    }
    let action = if words.is(next, &["add"]) {
        AlterDomain::AddConstraint {
            not_valid: words.has(&["not", "valid"]),
        }
    } else if words.is(next, &["set", "not", "null"]) {
        AlterDomain::SetNotNull
    } else if words.is(next, &["validate"]) {
        AlterDomain::Validate
    } else {
        AlterDomain::Other
    };
    Kind::AlterDomain { name, action }
}

/// CREATE of the kinds that need no more than a name and a table.
pub(super) fn create(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let mut at = words.skip(1, &["or", "replace"]);
    let or_replace = at != 1;
    for word in [
        "temporary",
        "temp",
        "unlogged",
        "recursive",
        "constraint",
        "trusted",
        "event",
    ] {
        at = words.skip(at, &[word]);
    }
    let (what, next) = (words.get(at).to_owned(), at + 1);
    let if_not_exists = words.is(next, &["if", "not", "exists"]);
    let next = words.skip(next, &["if", "not", "exists"]);
    let on = || {
        words
            .find(&["on"])
            .map(|on| words.name(words.skip(on + 1, &["only"])).0)
    };
    match what.as_str() {
        "view" => Kind::CreateView {
            name: words.name(next).0,
            or_replace,
        },
        "materialized" => {
            let next = words.skip(next, &["view"]);
            Kind::CreateMaterializedView {
                name: words.name(words.skip(next, &["if", "not", "exists"])).0,
                with_data: !words.has(&["with", "no", "data"]),
            }
        }
        "trigger" if !words.is(at - 1, &["event"]) => {
            on().map_or(Kind::Unanalysed, |table| Kind::CreateTrigger {
                table,
                fires: fires(&words, next),
            })
        }
        "policy" => on().map_or(Kind::Unanalysed, |table| Kind::CreatePolicy { table }),
        "rule" => {
            let table = words.find(&["to"]).map(|to| words.name(to + 1).0);
            table.map_or(Kind::Unanalysed, |table| Kind::CreateRule {
                table,
                fires: fires(&words, next),
            })
        }
        "sequence" => Kind::CreateSequence {
            name: words.name(next).0,
            if_not_exists,
        },
        "schema" => Kind::CreateSchema {
            name: words.get(next).to_owned(),
            if_not_exists,
            elements: words.has(&["create", "table"])
                && words.find(&["create", "table"]) != Some(0),
        },
        "extension" => Kind::CreateExtension {
            name: words.get(next).to_owned(),
            if_not_exists,
            versioned: words.has(&["version"]),
        },
        "database" => Kind::CreateDatabase,
        "publication" | "subscription" => Kind::CreatePublication,
        "role" | "user" | "group" => Kind::Roles,
        "statistics" | "collation" | "cast" | "operator" | "aggregate" | "text" | "language"
        | "conversion" | "server" | "foreign" | "transform" | "access" | "tablespace" => {
            Kind::CreateOther
        }
        _ => Kind::Unanalysed,
    }
}

/// Of a trigger or a rule whose name stands at `at`.
fn fires(words: &Words, at: usize) -> Fires {
    // Behind the table, and of a rule behind TO, no event is named.
    let table = if words.is(1, &["rule"]) || words.is(3, &["rule"]) {
        words.find(&["to"])
    } else {
        words.find(&["on"])
    };
    let events = ["insert", "update", "delete", "truncate"];
    let on = (at + 1..table.unwrap_or_else(|| words.len()))
        .filter(|at| events.iter().any(|event| words.is(*at, &[event])))
        .map(|at| words.get(at).to_owned());
    let function = words.find(&["execute"]).map(|at| words.name(at + 2).0.name);
    Fires {
        name: words.get(at).to_owned(),
        on: on.collect(),
        function,
    }
}

pub(super) fn comment(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let table = match words.get(2) {
        "table" => Some(words.name(3).0),
        "column" => {
            let (column, _) = words.name(3);
            column.schema.map(Name::bare)
        }
        _ => None,
    };
    Kind::Comment { table }
}

pub(super) fn grant(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let revoke = words.is(0, &["revoke"]);
    let public = words.has(&["to", "public"]);
    Kind::Grant {
        broad: public || words.is(1, &["all"]) || words.has(&["with", "admin", "option"]),
        revoke,
    }
}
