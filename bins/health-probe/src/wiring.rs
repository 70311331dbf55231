//! From the command line to a gate; the only file that names concrete checks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ripcord_conninfo::{Conninfo, System};
use ripcord_health_probe::checks::{
    CommandCheck, CommandConfig, DiskCheck, HttpCheck, HttpClient, HttpConfig, Origin,
    PostgresCheck, PostgresConfig, Query, RedisCheck, RedisConfig, TcpCheck,
};
use ripcord_health_probe::{Gate, GatePolicy, HealthCheck, Secret};
use serde_json::Value;

use crate::cli::{Check, Cli};

pub(crate) fn gate(cli: &Cli) -> anyhow::Result<Gate> {
    let mut policy = GatePolicy::default();
    policy.attempts = cli.gate.attempts;
    policy.interval = cli.gate.interval;
    policy.rise = cli.gate.rise;
    policy.fall = cli.gate.fall;
    policy.deadline = cli.gate.deadline;
    // The backstop must not be shorter than what a command may take.
    if let Check::Command { timeout, .. } = &cli.check {
        policy.check_timeout = *timeout + Duration::from_secs(10);
    }
    Ok(Gate::new(policy).with(check(cli)?))
}

fn check(cli: &Cli) -> anyhow::Result<Arc<dyn HealthCheck>> {
    Ok(match &cli.check {
        Check::Http { .. } => Arc::new(http(cli)?),
        Check::Tcp { address, timeout } => {
            Arc::new(TcpCheck::new("tcp", address, *timeout).map_err(failed)?)
        }
        Check::Postgres {
            url_env,
            query,
            expect,
        } => {
            let conninfo = Conninfo::parse(&env(url_env)?, &System).map_err(failed)?;
            let mut config = PostgresConfig::default();
            if let Some((sql, expect)) = query.clone().zip(expect.clone()) {
                config.query = Some(Query { sql, expect });
            }
            Arc::new(PostgresCheck::new("postgres", conninfo, config))
        }
        Check::Redis { url_env } => {
            let url = Secret::new(env(url_env)?);
            Arc::new(RedisCheck::new("redis", &url, RedisConfig::default()).map_err(failed)?)
        }
        Check::Disk { path, min_free } => Arc::new(DiskCheck::new("disk", path, *min_free)),
        Check::Command { timeout, argv } => {
            let mut config = CommandConfig::default();
            config.timeout = *timeout;
            Arc::new(CommandCheck::new("command", argv.clone(), config).map_err(failed)?)
        }
    })
}

fn http(cli: &Cli) -> anyhow::Result<HttpCheck> {
    let Check::Http {
        url,
        url_env,
        status,
        json_equals,
        within,
        timeout,
        release_header,
    } = &cli.check
    else {
        anyhow::bail!("not an HTTP check");
    };
    let url = match (url, url_env) {
        (Some(url), _) => url.clone(),
        (None, Some(variable)) => env(variable)?,
        (None, None) => anyhow::bail!("there is no URL"),
    };
    let mut config = HttpConfig::default();
    config.timeout = *timeout;
    config.expect.status = *status;
    config.expect.within = *within;
    config.release = Some(Origin::Header(release_header.clone()));
    for pair in json_equals {
        let (path, value) = json_pair(pair)?;
        config.expect.json.insert(path, value);
    }
    let client = HttpClient::new().map_err(failed)?;
    HttpCheck::new("http", &url, config, &client).map_err(failed)
}

/// `$.ready=true` is a boolean and `$.status=healthy` a string; quote to make a string of the first.
fn json_pair(pair: &str) -> anyhow::Result<(String, Value)> {
    let (path, value) = pair
        .rsplit_once('=')
        .with_context(|| format!("`{pair}` is not PATH=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((path.to_owned(), value))
}

/// The libraries' messages fit after "failed to".
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("failed to {error}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a binary reads its environment, here and nowhere else"
)]
fn env(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable)
        .map_err(|_| anyhow::anyhow!("environment variable {variable} is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_pairs() {
        let pair = |text| json_pair(text).unwrap();
        assert_eq!(pair("$.status=healthy").1, Value::from("healthy"));
        assert_eq!(pair("$.ready=true").1, Value::from(true));
        assert_eq!(pair("$.ready=\"true\"").1, Value::from("true"));
        assert_eq!(pair("$[?@.a==1].b=2").0, "$[?@.a==1].b");
        assert!(json_pair("$.status").is_err());
    }
}
