//! `[rehearsal]`.

use std::path::{Component, PathBuf};
use std::time::Duration;

use super::ConfigError;
use super::read::Reader;
use super::section::Section;

/// `[rehearsal]`: how the way back is tried out before anything is touched.
#[derive(Clone, Debug)]
pub struct RehearsalConfig {
    /// Where.
    pub place: RehearsalPlace,
    /// The folder below which scratch servers are made.
    pub folder: PathBuf,
    /// The folder with `initdb` and `postgres`, if it is not a usual one.
    pub programs: Option<PathBuf>,
    /// For how long its result is believed.
    pub max_age: Duration,
    /// Variables of children that get the scratch database's URL.
    pub url_env: Vec<String>,
    /// Further variables of children.
    pub env: Vec<(String, String)>,
    /// A command of a release that only reads, to see that it uses the URL it is given.
    pub probe: Option<Vec<String>>,
    /// Starts a release, its start-up migrator included.
    pub start: Option<Vec<String>>,
    /// Gets the port that the release has to listen on.
    pub port_env: String,
    /// A test of a release that writes, too.
    pub smoke: Option<Vec<String>>,
    /// How long a release may take until its port is open.
    pub start_timeout: Duration,
    /// How long the probe or the test may take.
    pub timeout: Duration,
    /// A file inside a release with its queries.
    pub queries: Option<PathBuf>,
    /// Whether queries that the live server has counted are prepared, too.
    pub seen_queries: bool,
}

/// Where a way back is tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehearsalPlace {
    /// On a server of its own on this machine, of the same major version.
    Local,
    /// Nowhere: the plan rests on what the statements are.
    Off,
}

/// Reads `[rehearsal]`, which may be missing: then it is local.
pub(super) fn read(
    reader: &Reader<'_>,
    section: Option<&Section<'_>>,
    database_env: Option<&str>,
    usual_folder: PathBuf,
) -> Result<RehearsalConfig, ConfigError> {
    let mut config = RehearsalConfig {
        place: RehearsalPlace::Local,
        folder: usual_folder,
        programs: None,
        max_age: Duration::from_secs(24 * 60 * 60),
        url_env: vec![database_env.unwrap_or("DATABASE_URL").to_owned()],
        env: Vec::new(),
        probe: None,
        start: None,
        port_env: "PORT".to_owned(),
        smoke: None,
        start_timeout: Duration::from_secs(60),
        timeout: Duration::from_secs(120),
        queries: None,
        seen_queries: true,
    };
    let Some(section) = section else {
        return Ok(config);
    };
    let places = [
        ("local", RehearsalPlace::Local),
        ("off", RehearsalPlace::Off),
    ];
    if let Some(place) = section.choice("where", &places)? {
        config.place = place;
    }
    if let Some(folder) = section.text("folder")? {
        config.folder = reader.path(folder);
    }
    config.programs = section.text("programs")?.map(|text| reader.path(text));
    let duration = |key, into: &mut Duration| -> Result<(), ConfigError> {
        if let Some(given) = section.duration(key)? {
            *into = given;
        }
        Ok(())
    };
    duration("max_age", &mut config.max_age)?;
    duration("start_timeout", &mut config.start_timeout)?;
    duration("timeout", &mut config.timeout)?;
    if let Some(names) = section.texts("url_env")? {
        if names.is_empty() {
            return Err(section.wrong("url_env", "`rehearsal.url_env` names no variable"));
        }
        config.url_env = names;
    }
    for (name, value) in section.json_map("env")? {
        let Some(value) = value.as_str() else {
            let message = format!("`rehearsal.env.{name}` has to be a string");
            return Err(section.wrong("env", message));
        };
        config.env.push((name, value.to_owned()));
    }
    config.probe = argv(section, "probe")?;
    config.start = argv(section, "start")?;
    config.smoke = argv(section, "smoke")?;
    if let Some(name) = section.text("port_env")? {
        name.clone_into(&mut config.port_env);
    }
    if let (None, Some(key)) = (
        &config.probe,
        ["start", "smoke"].into_iter().find(|key| section.has(key)),
    ) {
        let message = format!("`rehearsal.{key}` needs `rehearsal.probe`");
        return Err(section.wrong(key, message).with_hint(
            "a command of the release that only reads the database: it has to be seen on the scratch copy before anything else of the release runs",
        ));
    }
    if let Some(queries) = section.text("queries")? {
        let queries = PathBuf::from(queries);
        let inside = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if !queries.components().all(inside) {
            let message = "`rehearsal.queries` is a file inside the release";
            return Err(section.wrong("queries", message));
        }
        config.queries = Some(queries);
    }
    if let Some(seen) = section.flag("pg_stat_statements")? {
        config.seen_queries = seen;
    }
    section.finish()?;
    Ok(config)
}

fn argv(section: &Section<'_>, key: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
    let argv = section.texts(key)?;
    if argv
        .as_ref()
        .is_some_and(|argv| argv.iter().all(String::is_empty))
    {
        let message = format!("`rehearsal.{key}` is empty");
        return Err(section
            .wrong(key, message)
            .with_hint("write the program and its arguments as an array"));
    }
    Ok(argv)
}
