//! Where the code of a trigger, routine or event ends: a second statement behind it would be
//! executed at once.

use super::scanner::Refusal;
use super::tokens::Token;

/// Words that can only come once the code has begun.
const VERBS: &[&str] = &[
    "CALL", "EXECUTE", "FROM", "INTO", "PREPARE", "RETURN", "SELECT", "SET", "VALUES", "WITH",
];

/// Words behind which a statement begins.
const BEFORE_A_STATEMENT: &[&str] = &["BEGIN", "DO", "ELSE", "LOOP", "REPEAT", "THEN"];

/// Words that open a block of statements, if a statement may begin there.
const OPENERS: &[&str] = &["BEGIN", "CASE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"];

#[derive(PartialEq, Eq)]
enum Open {
    Block,
    /// A `CASE` that is a value and holds no statements.
    Value,
}

/// # Errors
/// When there is a semicolon outside of every block.
pub(super) fn check(list: &[Token<'_>]) -> Result<(), Refusal> {
    let mut open: Vec<Open> = Vec::new();
    let (mut begun, mut handler) = (false, false);
    let mut before: Option<&Token<'_>> = None;
    let mut skip = false;
    for (at, token) in list.iter().enumerate() {
        let last = before.replace(token);
        if std::mem::take(&mut skip) {
            continue;
        }
        let next = list.get(at + 1);
        if token.is_sign(b';') {
            if open.is_empty() && next.is_some() {
                return Refusal::new(
                    "there is a statement behind the code of a trigger or routine",
                );
            }
            handler = false;
            continue;
        }
        let begins = last.is_none_or(|last| {
            last.is_sign(b';') || last.is_sign(b':') || last.is_one_of(BEFORE_A_STATEMENT)
        });
        let opens = match open.last() {
            // In the header there is nothing else that these could be.
            None => !begun,
            Some(Open::Block) => begins || handler,
            Some(Open::Value) => false,
        };
        if token.is("END") {
            open.pop();
            skip = next.is_some_and(|next| next.is_one_of(&OPENERS[1..]));
        } else if token.is_one_of(OPENERS) && opens && !is_header_word(token, next) {
            open.push(Open::Block);
            begun = true;
        } else if token.is("CASE") {
            open.push(Open::Value);
        } else if token.is("HANDLER") {
            handler = true;
        } else if token.is_one_of(VERBS) && !is_type(last, next) {
            begun = true;
        }
    }
    Ok(())
}

/// `FOR EACH ROW`, and the `IF` of `IF EXISTS`, open nothing.
fn is_header_word(token: &Token<'_>, next: Option<&Token<'_>>) -> bool {
    let next = |words: &[&str]| next.is_some_and(|next| next.is_one_of(words));
    (token.is("FOR") && next(&["EACH"])) || (token.is("IF") && next(&["NOT", "EXISTS"]))
}

/// The `SET` of `CHARACTER SET latin1`, and of `SET('a', 'b')`.
fn is_type(last: Option<&Token<'_>>, next: Option<&Token<'_>>) -> bool {
    last.is_some_and(|last| last.is("CHARACTER")) || next.is_some_and(|next| next.is_sign(b'('))
}

#[cfg(test)]
mod tests {
    use super::super::scanner::Escapes;
    use super::super::tokens::Tokens;
    use super::check;

    fn passes(code: &str) -> bool {
        check(
            &Tokens::of(code.as_bytes(), Escapes::Backslash)
                .unwrap()
                .list,
        )
        .is_ok()
    }

    #[test]
    fn code_as_people_write_it() {
        for code in [
            "FOR EACH ROW SET NEW.a = 1",
            "FOR EACH ROW BEGIN SET NEW.a = IF(1, 2, 3); INSERT INTO l VALUES (1); END",
            "FOR EACH ROW IF NEW.a < 0 THEN SET NEW.a = 0; END IF",
            "(a set('x','y'), b varchar(9) CHARACTER SET latin1) BEGIN SELECT 1; SELECT 2; END",
            "() RETURNS int DETERMINISTIC BEGIN DECLARE x int; l: LOOP SET x = 1; IF x THEN LEAVE l; END IF; END LOOP l; RETURN x; END",
            "() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; START TRANSACTION; COMMIT; END",
            "() BEGIN CASE a WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE; WHILE a DO SET a = 0; END WHILE; REPEAT SET a = 1; UNTIL a END REPEAT; END",
            "() BEGIN SET a = CASE WHEN b THEN IF(c, 1, 2) ELSE REPEAT('x', 3) END; SELECT 1; END;",
            "() BEGIN FOR i IN 1..5 DO SELECT i; END FOR; DROP TABLE IF EXISTS t; END",
            "ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO BEGIN DELETE FROM t; END",
        ] {
            assert!(passes(code), "{code}");
        }
    }

    #[test]
    fn nothing_comes_behind_it() {
        for code in [
            "FOR EACH ROW SET NEW.a = 1; DROP DATABASE shop",
            "FOR EACH ROW BEGIN SELECT 1; END; DROP DATABASE shop",
            "FOR EACH ROW BEGIN SELECT 1; END; DROP DATABASE shop; END",
            "FOR EACH ROW SELECT 1 BEGIN INTO @a; DROP DATABASE shop; END",
            "FOR EACH ROW SET @a = CASE WHEN 1 THEN IF(1, 2, 3) END; DROP DATABASE shop",
            "() SELECT 1 begin; DROP DATABASE shop; END",
        ] {
            assert!(!passes(code), "{code}");
        }
    }
}
