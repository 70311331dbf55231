//! What the server's answers mean: no such bucket is not a missing file, and a refusal is not a
//! store that is away.

use std::error::Error as StdError;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::stores::Refusal;

const STORE: &str = "S3";
/// How the client words an answer that is no success; its type is private.
const STATUS: &str = "Server returned non-2xx status code: ";
const REDIRECT: &str = "Received redirect without LOCATION";

pub(super) fn explain(bucket: &str, error: Error) -> Error {
    let text = chain(&error);
    if text.contains(REDIRECT) {
        return refused("", "the bucket is in another region");
    }
    let Some((_, answer)) = text.split_once(STATUS) else {
        return error;
    };
    let status: Option<u16> = answer.get(..3).and_then(|digits| digits.parse().ok());
    // Nothing else of the body: some servers repeat what was signed.
    let code = element(answer, "Code").unwrap_or_default();
    let message = element(answer, "Message").unwrap_or_default();
    match (status, code) {
        (_, "NoSuchBucket") => refused(code, &format!("there is no bucket {bucket}")),
        // Answers that mean something to the caller, or that the server may change its mind about.
        (None | Some(304 | 404 | 408 | 409 | 412 | 416 | 429 | 500..), _) => error,
        (Some(status), "") => refused(&format!("status {status}"), message),
        (Some(_), code) => refused(code, message),
    }
}

/// Whether it is unknown what became of a request because its answer, or a part of it, was lost.
pub(super) fn is_unanswered(error: &Error) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return error.kind() != HttpErrorKind::Connect;
        }
        next = error.source();
    }
    false
}

fn refused(code: &str, message: &str) -> Error {
    let source = Box::new(Refusal::new(code, message));
    Error::Generic {
        store: STORE,
        source,
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Error {
        Error::Generic {
            store: STORE,
            source: format!("{STATUS}{text}").into(),
        }
    }

    #[test]
    fn an_answer_is_told_by_its_code() {
        let shown = |text: &str| chain(&explain("shop", answer(text)));
        assert_eq!(
            shown(
                "403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>\
                 <Message>no match</Message><StringToSign>x</StringToSign></Error>"
            ),
            "Generic S3 error: no match (SignatureDoesNotMatch): no match (SignatureDoesNotMatch)"
        );
        let text = "404 Not Found: <Error><Code>NoSuchBucket</Code></Error>";
        assert!(shown(text).contains("there is no bucket shop"));
        assert!(shown("503 Slow Down: ").contains(STATUS));
        assert!(shown("404 Not Found: <Code>NoSuchKey</Code>").contains(STATUS));
    }
}
