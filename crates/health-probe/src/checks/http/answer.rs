//! Comparing an answer with what was expected.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderName;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::certificate::remaining;
use super::client::Fetched;
use super::config::{HttpConfig, Origin};
use crate::secret::clean;
use crate::{CheckResult, Error, ErrorKind, Reason};

const DAY: u64 = 24 * 3600;

/// What to compare with, parsed.
#[derive(Clone)]
pub(super) struct Expectations {
    status: u16,
    json: Vec<(String, JsonPath, Value)>,
    body_contains: Option<String>,
    headers: Vec<(HeaderName, String)>,
    within: Option<Duration>,
    certificate_for: Option<Duration>,
    release: Option<Place>,
    instance: Option<Place>,
}

#[derive(Clone)]
enum Place {
    Header(HeaderName),
    Json(JsonPath),
}

impl Expectations {
    pub(super) fn new(subject: &str, config: &HttpConfig) -> Result<Self, Error> {
        let expect = &config.expect;
        if !(100..600).contains(&expect.status) {
            let operation = format!("{} is no HTTP status", expect.status);
            return Err(Error::new(subject, operation, ErrorKind::Setting));
        }
        let json = expect
            .json
            .iter()
            .map(|(path, value)| Ok((path.clone(), json_path(subject, path)?, value.clone())))
            .collect::<Result<_, Error>>()?;
        let headers = expect
            .headers
            .iter()
            .map(|(key, value)| Ok((header_name(subject, key)?, value.clone())))
            .collect::<Result<_, Error>>()?;
        let place = |origin: &Option<Origin>| origin.as_ref().map(|o| Place::new(subject, o));
        Ok(Self {
            status: expect.status,
            json,
            body_contains: expect.body_contains.clone(),
            headers,
            within: expect.within,
            certificate_for: expect.certificate_for,
            release: place(&config.release).transpose()?,
            instance: place(&config.instance).transpose()?,
        })
    }
}

impl Place {
    fn new(subject: &str, origin: &Origin) -> Result<Self, Error> {
        Ok(match origin {
            Origin::Header(name) => Place::Header(header_name(subject, name)?),
            Origin::Json(path) => Place::Json(json_path(subject, path)?),
        })
    }
}

pub(super) fn json_path(subject: &str, path: &str) -> Result<JsonPath, Error> {
    JsonPath::parse(path).map_err(|e| {
        let operation = format!("JSON path `{}` does not parse", clean(path, 100));
        Error::new(subject, operation, ErrorKind::Setting).with_source(e)
    })
}

fn header_name(subject: &str, name: &str) -> Result<HeaderName, Error> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        let operation = format!("header `{}` is not valid", name.escape_default());
        Error::new(subject, operation, ErrorKind::Setting)
    })
}

/// A whole answer beside what was expected.
pub(super) struct Answer<'a> {
    name: &'a str,
    expect: &'a Expectations,
    fetched: &'a Fetched,
    json: Option<Value>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(name: &'a str, expect: &'a Expectations, fetched: &'a Fetched) -> Self {
        Self {
            name,
            expect,
            fetched,
            json: serde_json::from_slice(&fetched.body).ok(),
        }
    }

    pub(super) fn judge(&self, took: Duration) -> CheckResult {
        let mut result = match self.mismatch(took) {
            Some((reason, detail)) => CheckResult::fail(self.name, reason, detail),
            None => CheckResult::pass(self.name),
        }
        .with_observed(
            "status",
            f64::from(self.fetched.status),
            "",
            Some(f64::from(self.expect.status)),
        )
        .with_observed(
            "latency",
            took.as_secs_f64(),
            "s",
            self.expect.within.map(|d| d.as_secs_f64()),
        );
        if let Some(left) = self.remaining() {
            let wanted = self.expect.certificate_for.map(|d| d.as_secs_f64());
            result = result.with_observed("certificate", left.as_secs_f64(), "s", wanted);
        }
        result.release = self.read(self.expect.release.as_ref());
        result.instance = self.read(self.expect.instance.as_ref());
        if result.reason == Reason::Ok && self.expect.release.is_some() && result.release.is_none()
        {
            // Healthy; but a gate that expects a release must not take it for that one.
            result.reason = Reason::ReleaseUnknown;
        }
        result
    }

    fn mismatch(&self, took: Duration) -> Option<(Reason, String)> {
        self.status()
            .or_else(|| self.headers())
            .or_else(|| self.body())
            .or_else(|| self.certificate())
            .or_else(|| self.latency(took))
    }

    fn status(&self) -> Option<(Reason, String)> {
        let (got, want) = (self.fetched.status, self.expect.status);
        if got == want {
            return None;
        }
        let reason = match got {
            401 | 403 => Reason::Auth,
            _ => Reason::HttpStatus,
        };
        Some((reason, format!("expected status {want}, got {got}")))
    }

    fn headers(&self) -> Option<(Reason, String)> {
        self.expect.headers.iter().find_map(|(name, want)| {
            let found = self.fetched.headers.get(name);
            let detail = match found {
                Some(got) if got.as_bytes() == want.as_bytes() => return None,
                Some(_) => format!("header {name} has another value"),
                None => format!("header {name} is missing"),
            };
            Some((Reason::BodyMismatch, detail))
        })
    }

    fn body(&self) -> Option<(Reason, String)> {
        let wanted = !self.expect.json.is_empty() || self.expect.body_contains.is_some();
        if wanted && self.fetched.truncated {
            return Some((Reason::BodyMismatch, "the body is larger than 1 MiB".into()));
        }
        let text = &self.expect.body_contains;
        if let Some(text) = text
            && !String::from_utf8_lossy(&self.fetched.body).contains(text.as_str())
        {
            return Some((
                Reason::BodyMismatch,
                "the body does not contain the text".into(),
            ));
        }
        if self.expect.json.is_empty() {
            return None;
        }
        let Some(json) = &self.json else {
            return Some((Reason::BodyMismatch, "the body is not JSON".into()));
        };
        self.expect.json.iter().find_map(|(text, path, want)| {
            let found = path.query(json).all();
            let detail = match found.iter().find(|got| **got != want) {
                _ if found.is_empty() => format!("{} is missing", clean(text, 100)),
                None => return None,
                Some(got) => format!(
                    "{} is {}, expected {}",
                    clean(text, 100),
                    clean(&got.to_string(), 60),
                    clean(&want.to_string(), 60)
                ),
            };
            Some((Reason::BodyMismatch, detail))
        })
    }

    fn certificate(&self) -> Option<(Reason, String)> {
        let wanted = self.expect.certificate_for?;
        let detail = match self.remaining() {
            None => "there is no certificate to look at".to_owned(),
            Some(left) if left < wanted => format!(
                "the certificate ends in {} days, at least {} wanted",
                left.as_secs() / DAY,
                wanted.as_secs() / DAY
            ),
            Some(_) => return None,
        };
        Some((Reason::Tls, detail))
    }

    fn remaining(&self) -> Option<Duration> {
        remaining(self.fetched.certificate.as_ref()?, SystemTime::now())
    }

    fn latency(&self, took: Duration) -> Option<(Reason, String)> {
        let within = self.expect.within?;
        (took > within).then(|| {
            let detail = format!("took {} ms, at most {within:?} wanted", took.as_millis());
            (Reason::TooSlow, detail)
        })
    }

    /// What stands at a place, if anything does. From elsewhere, so cleaned.
    fn read(&self, place: Option<&Place>) -> Option<String> {
        let text = match place? {
            Place::Header(name) => {
                let value = self.fetched.headers.get(name)?;
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            }
            Place::Json(path) => match path.query(self.json.as_ref()?).exactly_one().ok()? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            },
        };
        let text = clean(&text, 200);
        (!text.is_empty()).then_some(text)
    }
}
