//! `keyword = value` strings.

use crate::params::{Params, Quotable, known};
use crate::{Error, ErrorKind};

/// Reads `host=db user='me' password=with\ space`. Errors quote nothing, because the rest of a
/// password that was not quoted looks like the next keyword.
pub(crate) fn parse(text: &str) -> Result<Params, Error> {
    let mut params = Params::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            return Err(malformed("a word is not followed by `=`").with_help(
                "values with spaces need quotes: password='two words'; or use a postgresql:// URI",
            ));
        };
        let name = known(name, quotable(text))?;
        let (value, after) = value_of(value.trim_start())?;
        params.set(name, value);
        rest = after.trim_start();
    }
    Ok(params)
}

/// Without a password in the text there is nothing to give away.
fn quotable(text: &str) -> Quotable {
    if text.contains("password") {
        Quotable::No
    } else {
        Quotable::Yes
    }
}

fn value_of(text: &str) -> Result<(String, &str), Error> {
    let mut value = String::new();
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                if let Some((_, escaped)) = chars.next() {
                    value.push(escaped);
                }
            }
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            c if quoted.is_none() && c.is_whitespace() => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    if quoted.is_some() {
        return Err(malformed("a quoted value has no closing quote"));
    }
    Ok((value, ""))
}

fn malformed(detail: &str) -> Error {
    Error::reading(ErrorKind::Malformed, detail)
}
