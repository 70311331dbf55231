use std::time::Duration;

use crate::conninfo::{ChannelBinding, Conninfo, Keepalive, Target};
use crate::surroundings::Surroundings;
use crate::tls::Tls;
use crate::{Error, ErrorKind, host, keyvalue, params::Params, passfile, service, uri};

/// libpq waits for ever by default; a deployment must not.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Conninfo {
    /// Reads a URI or a `keyword=value` string.
    ///
    /// Values that are not in the text come from the service it names, then from the `PG*`
    /// variables, then (the password) from a password file, then from libpq's defaults; all of
    /// these only as far as `around` lets them be seen. Certificates are read here too.
    ///
    /// # Errors
    /// `Malformed`, `UnknownParameter`, `Unsupported` and `InvalidValue` for the text itself,
    /// `Missing` and `Unusable` for what it refers to.
    pub fn parse(text: &str, around: &dyn Surroundings) -> Result<Self, Error> {
        let text = text.trim();
        if text.contains('\0') {
            return Err(Error::reading(
                ErrorKind::Malformed,
                "it contains a zero byte",
            ));
        }
        let (mut params, raw_password) = match uri::parse(text)? {
            Some(parsed) => (parsed.params, parsed.raw_password),
            None => (keyvalue::parse(text)?, None),
        };
        let service = params
            .get("service")
            .map(str::to_owned)
            .or_else(|| around.var("PGSERVICE").filter(|name| !name.is_empty()));
        if let Some(service) = service {
            service::apply(&service, &mut params, around)?;
        }
        params.fill_from(|name| around.var(name));
        resolve(&params, raw_password, around)
    }
}

fn resolve(
    params: &Params,
    raw_password: Option<String>,
    around: &dyn Surroundings,
) -> Result<Conninfo, Error> {
    params.check_supported()?;
    let hosts = host::hosts(params, around)?;
    let user = params
        .get("user")
        .map(str::to_owned)
        .or_else(|| around.user())
        .ok_or_else(|| Error::reading(ErrorKind::Malformed, "it names no user"))?;
    let named = params.get("dbname");
    let database = named.unwrap_or(&user).to_owned();
    let mut warnings = Vec::new();
    let mut file = None;
    let passwords = match params.get("password") {
        Some(password) => vec![Some(password.to_owned()); hosts.len()],
        None => {
            let found = passfile::look_up(params, &hosts, &database, &user, around)?;
            warnings.extend(found.warning);
            file = found.file;
            if found.passwords.is_empty() {
                vec![None; hosts.len()]
            } else {
                found.passwords
            }
        }
    };
    let mut secrets: Vec<String> = passwords
        .iter()
        .flatten()
        .cloned()
        .chain(raw_password)
        .filter(|secret| !secret.is_empty())
        .collect();
    secrets.sort();
    secrets.dedup();
    Ok(Conninfo {
        hosts,
        user,
        names_database: named.is_some(),
        database,
        passwords,
        passfile: file,
        secrets,
        options: params.get("options").unwrap_or_default().to_owned(),
        application_name: params
            .get("application_name")
            .or_else(|| params.get("fallback_application_name"))
            .map(str::to_owned),
        connect_timeout: match params.number("connect_timeout")? {
            None => Some(DEFAULT_TIMEOUT),
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds)),
        },
        keepalive: keepalive(params)?,
        target: target(params)?,
        channel_binding: params.choice(
            "channel_binding",
            ChannelBinding::Prefer,
            &[
                ("disable", ChannelBinding::Disable),
                ("prefer", ChannelBinding::Prefer),
                ("require", ChannelBinding::Require),
            ],
        )?,
        tls: Tls::read(params, around)?,
        proxy: None,
        warnings,
    })
}

fn keepalive(params: &Params) -> Result<Keepalive, Error> {
    let seconds = |name| -> Result<Option<Duration>, Error> {
        Ok(params
            .number(name)?
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs))
    };
    Ok(Keepalive {
        on: params.switch("keepalives", 1)?,
        idle: seconds("keepalives_idle")?,
        interval: seconds("keepalives_interval")?,
        count: params
            .number("keepalives_count")?
            .filter(|count| *count > 0)
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        user_timeout: params
            .number("tcp_user_timeout")?
            .filter(|millis| *millis > 0)
            .map(Duration::from_millis),
    })
}

fn target(params: &Params) -> Result<Target, Error> {
    params.choice(
        "target_session_attrs",
        Target::Any,
        &[
            ("any", Target::Any),
            ("read-write", Target::ReadWrite),
            ("read-only", Target::ReadOnly),
            ("primary", Target::Primary),
            ("standby", Target::Standby),
            ("prefer-standby", Target::PreferStandby),
        ],
    )
}
