//! `INTO variable` of PL/pgSQL, which the parser does not know: it is blanked out, so that what
//! is left is the statement that the server runs, at the places where it stands.

/// `body` with every INTO of a variable replaced by as many blanks.
pub(super) fn without_into(body: &str) -> String {
    let bytes = body.as_bytes();
    let mut out = bytes.to_vec();
    let mut before = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        at = after_token(bytes, at);
        let Some(word) = body.get(from..at).filter(|w| is_word(w)) else {
            continue;
        };
        // INSERT INTO and MERGE INTO name a table.
        if word.eq_ignore_ascii_case("into") && before != "insert" && before != "merge" {
            let end = after_targets(bytes, body, at);
            for byte in out[from..end].iter_mut().filter(|b| **b != b'\n') {
                *byte = b' ';
            }
            at = end;
        }
        before = word.to_ascii_lowercase();
    }
    String::from_utf8(out).unwrap_or_else(|_| body.to_owned())
}

/// The place after `[STRICT] a, b.c, d[1]`.
fn after_targets(bytes: &[u8], body: &str, from: usize) -> usize {
    let mut at = skip_blank(bytes, from);
    let strict = body.get(at..at + 6);
    if strict.is_some_and(|w| w.eq_ignore_ascii_case("strict")) {
        at = skip_blank(bytes, at + 6);
    }
    loop {
        at = after_target(bytes, at);
        let next = skip_blank(bytes, at);
        if bytes.get(next) != Some(&b',') {
            return at;
        }
        at = skip_blank(bytes, next + 1);
    }
}

/// The place after one name with its fields and subscripts.
fn after_target(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at = match bytes.get(at) {
            Some(b'"') => after_quote(bytes, at, b'"'),
            Some(byte) if is_name(*byte) => skip(bytes, at, is_name),
            _ => return at,
        };
        if bytes.get(at) == Some(&b'[') {
            at = skip(bytes, at, |b| b != b']') + 1;
        }
        if bytes.get(at) != Some(&b'.') {
            return at.min(bytes.len());
        }
        at += 1;
    }
}

/// The place after the word, the literal, the comment or the single sign at `at`.
fn after_token(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        b'-' if bytes.get(at + 1) == Some(&b'-') => skip(bytes, at, |b| b != b'\n'),
        b'/' if bytes.get(at + 1) == Some(&b'*') => {
            let rest = &bytes[at + 2..];
            let end = rest.windows(2).position(|w| w == b"*/");
            end.map_or(bytes.len(), |end| at + end + 4)
        }
        quote @ (b'\'' | b'"') => after_quote(bytes, at, quote),
        b'$' => after_dollar(bytes, at),
        byte if is_name(byte) => skip(bytes, at, is_name),
        _ => at + 1,
    }
}

fn after_quote(bytes: &[u8], at: usize, quote: u8) -> usize {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let end = rest.iter().position(|b| *b == quote);
    end.map_or(bytes.len(), |end| at + end + 2)
}

/// `$tag$ … $tag$`, or a parameter like `$1`.
fn after_dollar(bytes: &[u8], at: usize) -> usize {
    let end = skip(bytes, at + 1, |b| is_name(b) && b != b'$');
    if bytes.get(end) != Some(&b'$') {
        return end.max(at + 1);
    }
    let tag = &bytes[at..=end];
    let rest = &bytes[end + 1..];
    let close = rest.windows(tag.len()).position(|w| w == tag);
    close.map_or(bytes.len(), |close| end + 1 + close + tag.len())
}

fn skip_blank(bytes: &[u8], from: usize) -> usize {
    skip(bytes, from, |b| b.is_ascii_whitespace())
}

fn skip(bytes: &[u8], from: usize, over: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let end = rest.iter().position(|b| !over(*b));
    end.map_or(bytes.len(), |end| from + end)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::without_into;

    #[test]
    fn only_variables_are_blanked() {
        for (body, left) in [
            ("SELECT a INTO n FROM t", "SELECT a FROM t"),
            ("SELECT INTO n a FROM t", "SELECT a FROM t"),
            (
                "SELECT a, b INTO STRICT n, r.\"X y\"[2] FROM t",
                "SELECT a, b FROM t",
            ),
            (
                "DELETE FROM t RETURNING a\nINTO\nü;",
                "DELETE FROM t RETURNING a ;",
            ),
        ] {
            let blanked = without_into(body);
            let words: Vec<&str> = blanked.split_whitespace().collect();
            assert_eq!(words.join(" "), left);
            assert_eq!(blanked.len(), body.len(), "{body}");
            assert_eq!(blanked.matches('\n').count(), body.matches('\n').count());
        }
        for same in [
            "INSERT INTO t VALUES ('x INTO y') -- INTO z",
            "insert /* INTO a */ into t select $$ x INTO y $$, $1",
            "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
            "RAISE NOTICE 'open",
            "",
        ] {
            assert_eq!(without_into(same), same);
        }
    }
}
