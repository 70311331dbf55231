//! The environment of a libpq child.

use crate::conninfo::{ChannelBinding, Conninfo, Target};
use crate::host::Host;

/// Every variable libpq reads. Remove them all from a child's environment before adding
/// [`Conninfo::libpq_env`], or a leftover would point the child somewhere else.
pub const LIBPQ_VARS: &[&str] = &[
    "PGAPPNAME",
    "PGCHANNELBINDING",
    "PGCLIENTENCODING",
    "PGCONNECT_TIMEOUT",
    "PGDATABASE",
    "PGDATESTYLE",
    "PGGEQO",
    "PGGSSDELEGATION",
    "PGGSSENCMODE",
    "PGGSSLIB",
    "PGHOST",
    "PGHOSTADDR",
    "PGKRBSRVNAME",
    "PGLOADBALANCEHOSTS",
    "PGLOCALEDIR",
    "PGMAXPROTOCOLVERSION",
    "PGMINPROTOCOLVERSION",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGPORT",
    "PGREALM",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGREQUIRESSL",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLCERT",
    "PGSSLCERTMODE",
    "PGSSLCOMPRESSION",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLKEY",
    "PGSSLMAXPROTOCOLVERSION",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMODE",
    "PGSSLNEGOTIATION",
    "PGSSLROOTCERT",
    "PGSSLSNI",
    "PGSYSCONFDIR",
    "PGTARGETSESSIONATTRS",
    "PGTZ",
    "PGUSER",
];

impl Conninfo {
    /// Everything a libpq child needs to get in, the password included; nothing goes into argv.
    ///
    /// Keepalives have no variables and are left to the child's defaults.
    #[must_use]
    pub fn libpq_env(&self) -> Vec<(&'static str, String)> {
        let mut env = vec![
            ("PGHOST", self.each_host(Host::name)),
            ("PGPORT", self.each_host(|host| host.port().to_string())),
            ("PGUSER", self.user.clone()),
            ("PGDATABASE", self.database.clone()),
            ("PGSSLMODE", self.tls.mode.as_str().to_owned()),
            ("PGSSLSNI", self.tls.sni.to_string()),
            // Our own connections cannot do it, and both must take the same way in.
            ("PGGSSENCMODE", "disable".to_owned()),
            (
                "PGCONNECT_TIMEOUT",
                self.connect_timeout
                    .map_or(0, |limit| limit.as_secs().max(1))
                    .to_string(),
            ),
        ];
        let addrs = self.each_host(|host| match host {
            Host::Tcp {
                hostaddr: Some(addr),
                ..
            } => addr.to_string(),
            _ => String::new(),
        });
        if addrs.bytes().any(|byte| byte != b',') {
            env.push(("PGHOSTADDR", addrs));
        }
        self.password_env(&mut env);
        if let Some(name) = &self.application_name {
            env.push(("PGAPPNAME", name.clone()));
        }
        if !self.options.is_empty() {
            env.push(("PGOPTIONS", self.options.clone()));
        }
        let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
        if let Some(roots) = &self.tls.roots {
            env.push(("PGSSLROOTCERT", path(&roots.path)));
        }
        if let Some((cert, key)) = &self.tls.identity {
            env.push(("PGSSLCERT", path(&cert.path)));
            env.push(("PGSSLKEY", path(&key.path)));
        }
        if let Some(min) = self.tls.min {
            env.push(("PGSSLMINPROTOCOLVERSION", min.as_str().to_owned()));
        }
        if let Some(max) = self.tls.max {
            env.push(("PGSSLMAXPROTOCOLVERSION", max.as_str().to_owned()));
        }
        let target = match self.target {
            Target::Any => None,
            Target::ReadWrite => Some("read-write"),
            Target::ReadOnly => Some("read-only"),
            Target::Primary => Some("primary"),
            Target::Standby => Some("standby"),
            Target::PreferStandby => Some("prefer-standby"),
        };
        env.extend(target.map(|target| ("PGTARGETSESSIONATTRS", target.to_owned())));
        let binding = match self.channel_binding {
            ChannelBinding::Prefer => None,
            ChannelBinding::Disable => Some("disable"),
            ChannelBinding::Require => Some("require"),
        };
        env.extend(binding.map(|binding| ("PGCHANNELBINDING", binding.to_owned())));
        env
    }

    /// One password serves all hosts, or the file that knows them apart is handed on.
    fn password_env(&self, env: &mut Vec<(&'static str, String)>) {
        let first = self.passwords.first().cloned().flatten();
        let same = self.passwords.iter().all(|password| *password == first);
        match (&self.passfile, first, same) {
            (Some(file), _, false) => {
                env.push(("PGPASSFILE", file.to_string_lossy().into_owned()));
            }
            (_, Some(password), _) => env.push(("PGPASSWORD", password)),
            // Nothing is known, so the child must not find something else by itself.
            (_, None, _) => env.push(("PGPASSFILE", "/dev/null".to_owned())),
        }
    }

    fn each_host(&self, part: impl Fn(&Host) -> String) -> String {
        self.hosts.iter().map(part).collect::<Vec<_>>().join(",")
    }
}
