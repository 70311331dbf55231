use squawk_syntax::SyntaxNode;

use super::words::Words;
use crate::sql::model::Kind;

/// SET of a parameter. Everything that is not about a parameter is harmless to the schema.
pub(super) fn set(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let local = words.is(1, &["local"]);
    let at = words.skip(words.skip(1, &["local"]), &["session"]);
    if words.is(at, &["time", "zone"]) {
        return Kind::Set {
            local,
            name: "timezone".to_owned(),
            value: value(&words, at + 2),
        };
    }
    if words.is(at, &["schema"]) {
        return Kind::Set {
            local,
            name: "search_path".to_owned(),
            value: value(&words, at + 1),
        };
    }
    let (name, next) = words.name(at);
    // A parameter of an extension is spelled like a qualified name.
    let name = match name.schema {
        Some(prefix) => format!("{prefix}.{}", name.name),
        None => name.name,
    };
    Kind::Set {
        local,
        name,
        value: value(&words, next + 1),
    }
}

fn value(words: &Words, at: usize) -> String {
    let end = if words.is(words.len() - 1, &[";"]) {
        words.len() - 1
    } else {
        words.len()
    };
    words.text(at, end).trim_matches('\'').to_owned()
}

pub(super) fn reset(node: &SyntaxNode) -> Kind {
    Kind::Reset {
        name: Words::of(node).get(1).to_owned(),
    }
}

/// DISCARD ends what belongs to the session.
pub(super) fn discard(node: &SyntaxNode) -> Kind {
    let what = match Words::of(node).get(1) {
        "temporary" => "temp".to_owned(),
        other => other.to_owned(),
    };
    Kind::Reset {
        name: format!("discard {what}"),
    }
}

pub(super) fn lock(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let (tables, _) = words.names(words.skip(1, &["table"]));
    let mode = match (words.find(&["in"]), words.find(&["mode"])) {
        (Some(from), Some(to)) if from < to => words.text(from + 1, to),
        _ => "access exclusive".to_owned(),
    };
    Kind::LockTable { tables, mode }
}

pub(super) fn vacuum(node: &SyntaxNode, full: bool) -> Kind {
    let words = Words::of(node);
    let mut at = words.skip_parens(1);
    while matches!(
        words.get(at),
        "full" | "freeze" | "verbose" | "analyze" | "analyse"
    ) {
        at += 1;
    }
    Kind::Vacuum {
        full,
        tables: rest(&words, at),
    }
}

pub(super) fn analyze(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let at = words.skip(words.skip_parens(1), &["verbose"]);
    Kind::Analyze {
        tables: rest(&words, at),
    }
}

pub(super) fn cluster(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let at = words.skip(words.skip_parens(1), &["verbose"]);
    let table = rest(&words, at).into_iter().next();
    // The old spelling is CLUSTER index ON table.
    let table = match words.find(&["on"]) {
        Some(on) => Some(words.name(on + 1).0),
        None => table,
    };
    Kind::Cluster { table }
}

pub(super) fn reindex(node: &SyntaxNode, concurrently: bool) -> Kind {
    let words = Words::of(node);
    let at = words.skip_parens(1);
    let scope = words.get(at).to_owned();
    let next = words.skip(at + 1, &["concurrently"]);
    Kind::Reindex {
        concurrently,
        scope,
        name: rest(&words, next).into_iter().next(),
    }
}

pub(super) fn refresh(node: &SyntaxNode) -> Kind {
    let words = Words::of(node);
    let concurrently = words.is(3, &["concurrently"]);
    Kind::RefreshView {
        view: words.name(words.skip(3, &["concurrently"])).0,
        concurrently,
        with_data: !words.has(&["with", "no", "data"]),
    }
}

fn rest(words: &Words, at: usize) -> Vec<crate::sql::Name> {
    if words.get(at).is_empty() || words.is(at, &[";"]) {
        return Vec::new();
    }
    words.names(at).0
}
