use std::collections::BTreeSet;
use std::fmt::Debug;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use ripcord_backup::{BackupId, Progress, Restored, Vault};
use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::Expected;
use ripcord_rollback::evidence::{
    Evidence, EvidenceKey, Granularity, LostData, RehearsedMigration,
};
use ripcord_rollback::journal::Owner;
use ripcord_rollback::plan::{Class, Reason};

use super::arrivals::Door;
use super::classify::{Classified, Seen, classify};
use super::course::{Climb, Compare, Course, Descent, Failing, RUNNER};
use super::details;
use super::hostile::{Fate, Shape, fates, goals, write_all, writes_into};
use super::locks::{LockWatch, strength};
use super::place::{LocalCluster, ServerFacts, random, reachable, server_programs, sweep};
use super::preserving::{export, put_back, to_preserve, watched};
use super::queries::Queries;
use super::scratch::{Scratch, told};
use super::state::{Looker, OWN, State, listed};
use super::trial::{Trial, TrialOptions, Tried, end_marked};
use crate::config::show_size;
use crate::wiring::ReleaseMigrator;

/// Makes the migrator of the new release for a scratch database: as the child role, with children that have that
/// folder for a home, and sessions of this name.
pub(crate) type MakeMigrator<'a> =
    &'a (dyn Fn(&Scratch, &Path, &str) -> ReleaseMigrator + Send + Sync);

/// How a rehearsal is done.
#[derive(Clone, Debug)]
pub struct RehearsalOptions {
    /// The folder below which scratch servers are made.
    pub folder: PathBuf,
    /// The folder with `initdb` and `postgres`, if it is not a usual one.
    pub programs: Option<PathBuf>,
    /// How releases are tried out.
    pub trial: TrialOptions,
    /// A file of queries inside a release.
    pub queries: Option<PathBuf>,
    /// Whether queries that the live server has counted are prepared, too.
    pub seen_queries: bool,
}

/// What is known without trying.
#[derive(Clone, Debug, Default)]
pub struct Statics {
    /// Why old code may not fit the new schema; `None` when all statements are additive.
    pub not_additive: Option<String>,
    /// Why the old release may refuse a newer history when it starts.
    pub start_check: Option<String>,
    /// Why the backup could not be restored in production.
    pub no_restore: Option<String>,
    /// What the guard says about locks and rewrites.
    pub predicted: Vec<Expected>,
}

/// One rehearsal: what is tried, and with what.
pub(crate) struct Rehearsal<'a> {
    /// The live database, which is only read.
    pub live: &'a Conninfo,
    /// Where the backup is.
    pub vault: &'a Vault,
    /// The backup that is restored.
    pub backup: BackupId,
    /// Makes the migrator.
    pub migrator: MakeMigrator<'a>,
    /// Versions and names of what is pending, in the order in which it runs.
    pub pending: Vec<(String, String)>,
    /// Tables of the migration tool itself.
    pub own: Vec<String>,
    /// The folder of the release that runs now.
    pub old: Option<PathBuf>,
    /// The folder of the new release.
    pub new: PathBuf,
    /// What is known without trying.
    pub statics: Statics,
    /// What the evidence will hold for.
    pub key: EvidenceKey,
    /// Who rehearses.
    pub by: Owner,
    /// How.
    pub options: &'a RehearsalOptions,
    /// Is told of the restore.
    pub progress: &'a dyn Progress,
    /// Is told of everything else, a line each.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
}

impl Debug for Rehearsal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal")
            .field("backup", &self.backup)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was tried out.
    Tried(Box<Evidence>),
    /// The deployment must not go on.
    Refused(Reason),
}

impl Rehearsal<'_> {
    /// Tries the way back out. Whatever it made is removed before this returns, and by the next rehearsal if it does
    /// not return.
    ///
    /// # Errors
    /// When it could not be tried at all: no server, no room, a backup that does not restore.
    pub(crate) async fn run(&self) -> Result<Outcome> {
        let folder = reachable(&self.options.folder);
        let swept = sweep(&folder).await.unwrap_or_else(|error| {
            (self.say)(&format!(
                "what an interrupted rehearsal left is still there: {error:#}"
            ));
            Vec::new()
        });
        for left in swept {
            (self.say)(&format!(
                "removed what an interrupted rehearsal left: {}",
                left.display()
            ));
        }
        let facts = ServerFacts::read(self.live).await?;
        if let Some(reason) = no_room(&folder, &facts)? {
            return Ok(Outcome::Refused(reason));
        }
        let major = facts.major();
        let programs = server_programs(major, self.options.programs.as_deref()).with_context(|| {
            format!("the programs of PostgreSQL {major} are not installed here (initdb, postgres): install its server package, or name their folder in rehearsal.programs")
        })?;
        let id = random(10);
        let cluster = LocalCluster::start(&folder, &id, &programs, &facts, &self.by).await?;
        let work = self.in_cluster(&id, &cluster, &facts, &folder);
        let done = work.await;
        let cleaned = async {
            end_marked(&id).await?;
            cluster.remove().await
        }
        .await;
        let outcome = done?;
        cleaned?;
        Ok(outcome)
    }

    async fn in_cluster(
        &self,
        id: &str,
        cluster: &LocalCluster,
        facts: &ServerFacts,
        folder: &Path,
    ) -> Result<Outcome> {
        let door = Door::open(cluster.admin()).await?;
        (self.say)(&format!(
            "restoring backup {} ({})",
            self.backup,
            show_size(facts.bytes)
        ));
        let (scratch, restored, took) = self.restore(cluster, facts, (id, &door)).await?;
        let home = folder.join(format!("rehearsal-{id}")).join("home");
        // What is exported and what releases print is production's.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&home)?;
        let stage = Stage {
            rehearsal: self,
            id,
            cluster,
            facts,
            door: &door,
            scratch: &scratch,
            home: &home,
        };
        stage.play(&restored, took).await
    }

    async fn restore(
        &self,
        cluster: &LocalCluster,
        facts: &ServerFacts,
        (id, door): (&str, &Door),
    ) -> Result<(Scratch, Restored, Duration)> {
        Scratch::restore(
            cluster.admin(),
            facts,
            self.vault,
            &self.backup,
            &[],
            (id, door.port()),
            self.progress,
        )
        .await
    }
}

/// Whether the disk holds another copy, with some room for what the migrations write.
fn no_room(folder: &Path, facts: &ServerFacts) -> Result<Option<Reason>> {
    let there = folder
        .ancestors()
        .find(|f| f.exists())
        .unwrap_or(Path::new("/"));
    let disk = rustix::fs::statvfs(there)
        .with_context(|| format!("cannot look at {}", there.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = facts.bytes.saturating_mul(2).saturating_add(128 << 20);
    Ok((free < needed).then(|| {
        Reason::new(
            "rehearsal_no_room",
            format!(
                "rehearsing takes about {} in {}, where {} are free; name a larger place in rehearsal.folder",
                show_size(needed),
                folder.display(),
                show_size(free)
            ),
        )
    }))
}

/// How fast a slow disk takes what is written, in bytes a second.
const DISK: f64 = 50.0 * 1024.0 * 1024.0;
/// The first of the numbers from which values are made.
const FIRST: u64 = 100;

/// What the way back has shown so far.
#[derive(Debug)]
struct Found {
    seen: Seen,
    lost: Vec<LostData>,
    findings: Vec<String>,
    tried: Vec<RehearsedMigration>,
}

/// Everything is in place.
struct Stage<'a> {
    rehearsal: &'a Rehearsal<'a>,
    id: &'a str,
    cluster: &'a LocalCluster,
    facts: &'a ServerFacts,
    door: &'a Door,
    scratch: &'a Scratch,
    home: &'a Path,
}

impl Stage<'_> {
    async fn play(&self, restored: &Restored, restore_took: Duration) -> Result<Outcome> {
        let rehearsal = self.rehearsal;
        let say = rehearsal.say;
        let looker = Looker::new(self.scratch, &rehearsal.own, self.facts.major()).await?;
        let watch = LockWatch::begin(&self.scratch.admin, OWN).await?;
        let base = Arc::new(looker.first(&restored.manifest.fingerprint).await?);
        let shape_before = Shape::read(&looker.client).await?;
        let trial = self.trial(self.scratch);
        if trial.is_asked_for() {
            for release in rehearsal.old.iter().chain([&rehearsal.new]) {
                if let Err(error) = trial.arrives(release).await {
                    let text = format!("{error:#}");
                    return Ok(Outcome::Refused(Reason::new(
                        "rehearsal_not_isolated",
                        text,
                    )));
                }
            }
        }
        let queries = self.queries().await?.working(&self.scratch.child).await?;
        let course = Course {
            looker: &looker,
            watch: &watch,
            migrator: (rehearsal.migrator)(self.scratch, self.home, RUNNER),
            pending: &rehearsal.pending,
        };
        if course.migrator.layout().is_none()
            && let Some(reason) = self.tool_arrives(&course).await?
        {
            return Ok(Outcome::Refused(reason));
        }
        if let Some(reason) = self.other_history(&course).await? {
            return Ok(Outcome::Refused(reason));
        }
        say(&format!("{} up", migrations(rehearsal.pending.len())));
        let climb = match course.up(Arc::clone(&base)).await? {
            Ok(climb) => climb,
            Err((name, why)) => {
                let text = format!("{name} fails on a copy of the data: {why}");
                return Ok(Outcome::Refused(Reason::new("migration_fails", text)));
            }
        };
        say(&format!(
            "{} down, each compared",
            migrations(rehearsal.pending.len())
        ));
        let descent = course.down(&climb, Compare::All).await?;
        let mut found = self.first_round(&climb, &descent).await?;
        found
            .findings
            .extend(disagreements(&rehearsal.statics.predicted, &found.tried));
        let again = match course.up(Arc::clone(&descent.state)).await? {
            Ok(again) => Some(again),
            Err((name, why)) => {
                let text = format!("{name}: after its down it does not go up again: {why}");
                found.seen.irreversible.get_or_insert(text);
                None
            }
        };
        if let (Some(again), true) = (&again, descent.failing.is_empty()) {
            found.findings.extend(repeated(&climb, again));
        }
        if let Some(again) = &again {
            found.seen.broken_query =
                queries
                    .first_broken(&self.scratch.child)
                    .await?
                    .map(|(query, said)| {
                        format!(
                            "a query of the old release fails on the new schema: {said} ({query})"
                        )
                    });
            let mut up_again = true;
            let mut top = Arc::clone(again.states.last().context("there is no state above")?);
            if found.seen.irreversible.is_none() {
                say("down again, after rows that only the new release could write");
                let bottom = self
                    .hostile_round(&course, (&climb, &top), &shape_before, &mut found)
                    .await?;
                if trial.is_asked_for() {
                    match course.up(bottom).await? {
                        Ok(climb) => top = climb.states.last().cloned().unwrap_or(top),
                        Err((name, why)) => {
                            let text = format!("{name} does not go up again: {why}");
                            found.seen.after_writes.get_or_insert(text);
                            // What the releases would say to half of it means nothing.
                            up_again = false;
                        }
                    }
                }
            }
            if up_again {
                if let Some(reason) = self.releases(&trial, &mut found).await? {
                    return Ok(Outcome::Refused(reason));
                }
                self.after_releases(&course, &climb, top, &mut found)
                    .await?;
            }
        }
        if queries.count() > 0 {
            found.findings.push(format!(
                "{} queries of the old release were prepared before and after",
                queries.count()
            ));
        }
        let Classified {
            class,
            basis,
            reason,
            overlap,
        } = classify(&found.seen);
        // The copy never waits for a disk, the live server does.
        #[expect(clippy::cast_precision_loss, reason = "a prediction in seconds")]
        let written: f64 = found.tried.iter().map(|m| m.wal_bytes as f64).sum();
        let took: f64 = found.tried.iter().map(|m| m.up_seconds).sum();
        let predicted = took + written / DISK;
        Ok(Outcome::Tried(Box::new(Evidence {
            class,
            basis,
            reason,
            overlap,
            granularity: match course.migrator.layout() {
                Some(_) => Granularity::Statement,
                None => Granularity::Migration,
            },
            preserve: match class {
                Class::PreserveAndRevert => found.seen.preserve,
                _ => Vec::new(),
            },
            lost: found.lost,
            migrations: found.tried,
            restore_seconds: restore_took.as_secs_f64(),
            predicted_seconds: Some(predicted),
            findings: found.findings,
            key: EvidenceKey {
                at: Timestamp::now(),
                ..rehearsal.key.clone()
            },
        })))
    }

    fn trial<'b>(&'b self, scratch: &'b Scratch) -> Trial<'b> {
        let options = &self.rehearsal.options.trial;
        Trial::new(options, self.id, scratch, self.door, self.home.to_owned())
    }

    /// A backup from before other migrations would show what becomes of another schema.
    async fn other_history(&self, course: &Course<'_>) -> Result<Option<Reason>> {
        let status = course.migrator.status().await;
        let status = status.map_err(|e| anyhow::anyhow!("{}", super::course::told(&e)))?;
        let there: Vec<&str> = status.pending.iter().map(|m| m.version.as_str()).collect();
        let wanted: Vec<&str> = self
            .rehearsal
            .pending
            .iter()
            .map(|(v, _)| v.as_str())
            .collect();
        Ok((there != wanted).then(|| {
            Reason::new(
                "backup_of_another_schema",
                format!(
                    "backup {} was made with other migrations applied ({} would be pending there, {} are pending now); make a new one with `ripcord backup create`",
                    self.rehearsal.backup,
                    there.join(", "),
                    wanted.join(", ")
                ),
            )
        }))
    }

    /// A framework's project reads its connection by itself: before anything is run it only reports, and has to be seen
    /// on the scratch database.
    async fn tool_arrives(&self, course: &Course<'_>) -> Result<Option<Reason>> {
        let Err(error) = course.migrator.status().await else {
            return Ok(None);
        };
        let why = super::course::told(&error);
        // Our own session comes in, too; the project's has to see a lock of ours.
        if why.contains("lead to another database") {
            let text = format!("{why}: migrating could reach production");
            return Ok(Some(Reason::new("rehearsal_not_isolated", text)));
        }
        anyhow::bail!("{why}")
    }

    async fn queries(&self) -> Result<Queries> {
        let rehearsal = self.rehearsal;
        let mut queries = Queries::default();
        if let (Some(file), Some(old)) = (&rehearsal.options.queries, &rehearsal.old) {
            queries = Queries::from_file(&old.join(file))?;
        }
        if rehearsal.options.seen_queries {
            queries = queries.and(Queries::seen_by(rehearsal.live).await?);
        }
        Ok(queries)
    }

    /// What the first way down has shown; what it lost is counted against a second restore.
    async fn first_round(&self, climb: &Climb, descent: &Descent) -> Result<Found> {
        let statics = &self.rehearsal.statics;
        let mut tried = climb.tried.clone();
        let count = tried.len();
        for (number, seconds) in descent.seconds.iter().enumerate() {
            if let Some(one) = tried.get_mut(count - 1 - number) {
                one.down_seconds = Some(*seconds);
                one.reversible = true;
            }
        }
        for (name, why) in &descent.failing {
            let position = self.rehearsal.pending.iter().position(|(_, n)| n == name);
            if let Some(one) = position.and_then(|at| tried.get_mut(at)) {
                one.reversible = false;
                one.irreversible = Some(why.told());
            }
        }
        let mut lost = Vec::new();
        if !descent.failing.is_empty() {
            let base = climb.states.first().context("there is no state before")?;
            let now = &descent.state.fingerprint;
            let differences = base.fingerprint.diff_content(now);
            (self.rehearsal.say)("counting what the way down does not bring back");
            let (copy, _, _) = self
                .rehearsal
                .restore(self.cluster, self.facts, (self.id, self.door))
                .await?;
            let admin = &self.scratch.admin;
            lost = details::lost(&copy.admin, admin, base, &descent.state, &differences).await?;
            copy.remove().await?;
        }
        let irreversible = descent.failing.first().map(|(name, why)| {
            let counted: Vec<String> = lost.iter().map(ToString::to_string).collect();
            let counted = match (why, counted.is_empty()) {
                (Failing::Content(_), false) => format!(" ({})", counted.join("; ")),
                _ => String::new(),
            };
            format!("{name}: {}{counted}", why.told())
        });
        Ok(Found {
            seen: Seen {
                not_additive: statics.not_additive.clone(),
                start_check: statics.start_check.clone(),
                old: Tried::Not,
                broken_query: None,
                irreversible,
                after_writes: None,
                written: 0,
                unwritten: Vec::new(),
                preserve: Vec::new(),
                not_preserved: None,
                no_restore: statics.no_restore.clone(),
            },
            lost,
            findings: Vec::new(),
            tried,
        })
    }

    /// The old release and the new one on the migrated copy. A test of the old release that fails on the data as it
    /// was says nothing.
    async fn releases(&self, trial: &Trial<'_>, found: &mut Found) -> Result<Option<Reason>> {
        let rehearsal = self.rehearsal;
        let trial_options = &rehearsal.options.trial;
        if !trial.is_asked_for() {
            return Ok(None);
        }
        if let Some(old) = &rehearsal.old {
            let mut tried = trial.of(old).await?;
            if let Tried::Failed(why) = &tried {
                let (copy, _, _) = rehearsal
                    .restore(self.cluster, self.facts, (self.id, self.door))
                    .await?;
                let before = self.trial(&copy).of(old).await?;
                copy.remove().await?;
                if let Tried::Failed(_) = before {
                    found.findings.push(format!(
                        "the old release's test fails on the data as it was, too, so it proves nothing: {why}"
                    ));
                    tried = Tried::Not;
                }
            }
            match (&tried, &trial_options.smoke, &trial_options.start) {
                (Tried::Passed, None, _) => {
                    found.findings.push(
                        "the old release starts on the migrated copy; without rehearsal.smoke that does not prove that it works".to_owned(),
                    );
                    tried = Tried::Not;
                }
                // It has started with its own migrator looking at the history.
                (Tried::Passed, Some(_), Some(_)) => found.seen.start_check = None,
                _ => {}
            }
            found.seen.old = tried;
        }
        if let Tried::Failed(why) = trial.of(&rehearsal.new).await? {
            let text =
                format!("the new release does not work on a migrated copy of the data: {why}");
            return Ok(Some(Reason::new("new_release_fails", text)));
        }
        Ok(None)
    }

    /// Down from where only the new release has been, and what became of the rows that it alone could write. Returns
    /// where that ends.
    async fn hostile_round(
        &self,
        course: &Course<'_>,
        (climb, top): (&Climb, &State),
        before: &Shape,
        found: &mut Found,
    ) -> Result<Arc<State>> {
        let looker = course.looker;
        let base = climb.states.first().context("there is no state before")?;
        let now = Shape::read(&looker.client).await?;
        let hides = |name: &str| looker.hides(name);
        let goals = goals(before, &now, &hides);
        let writing = write_all(&looker.client, &now, &goals, FIRST).await?;
        found.seen.written = writing.rows.len();
        found.seen.unwritten.clone_from(&writing.failed);
        found.findings.extend(writing.failed.iter().cloned());
        let (above, by_writing) = looker.since(top).await?;
        // Of this time: what was dropped and made again has other numbers.
        let up = above.relations.clone();
        let descent = course
            .down_from(Arc::new(above), climb, Compare::Schema)
            .await?;
        let bottom = Arc::clone(&descent.state);
        if let Some((name, why)) = descent.failing.first() {
            let what: Vec<&str> = writing.rows.iter().map(|w| w.what.as_str()).collect();
            let what = what.join(", ");
            let text = format!(
                "{name}: once the new release has written ({what}), {}",
                why.told()
            );
            self.not_reversible(name, text, found);
            return Ok(bottom);
        }
        let fates = fates(&looker.client, &writing.rows, &bottom.relations).await;
        found.seen.preserve =
            to_preserve(&up, &bottom.relations, &now, &writing.rows, &fates, &hides);
        writing.take_away(&looker.client, &bottom.relations).await?;
        let (clean, _) = looker.since(&bottom).await?;
        // Rows that changed or went are accounted for, and so is what triggers wrote beside them.
        let mut explained: BTreeSet<String> = writing
            .rows
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| **fate != Fate::Kept)
            .map(|(one, _)| one.name.clone())
            .collect();
        let own = writing.tables();
        explained.extend(
            by_writing
                .rows
                .into_keys()
                .filter(|table| !own.contains(table)),
        );
        let mut differences = base.fingerprint.diff_content(&clean.fingerprint);
        differences.retain(|difference| {
            let table = difference.object.strip_prefix("content of ");
            table.is_some_and(|table| !explained.contains(table))
        });
        if !differences.is_empty() {
            // Rows that moved to another table are not lost.
            let (copy, _, _) = self
                .rehearsal
                .restore(self.cluster, self.facts, (self.id, self.door))
                .await?;
            let admin = &self.scratch.admin;
            let lost = details::lost(&copy.admin, admin, base, &clean, &differences).await?;
            copy.remove().await?;
            if !lost.is_empty() {
                let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
                found.seen.after_writes = Some(format!(
                    "after the new release has written, the way down changes what it brought back before: {}",
                    lost.join("; ")
                ));
                return Ok(Arc::new(clean));
            }
        }
        let clean = Arc::new(clean);
        if found.seen.preserve.is_empty() {
            return Ok(clean);
        }
        (self.rehearsal.say)("exporting and putting back what the downs drop");
        let (why, at) = self.preserving_round(course, clean, found).await?;
        found.seen.not_preserved = why;
        Ok(at)
    }

    fn not_reversible(&self, name: &str, text: String, found: &mut Found) {
        let position = self.rehearsal.pending.iter().position(|(_, n)| n == name);
        if let Some(one) = position.and_then(|at| found.tried.get_mut(at)) {
            one.reversible = false;
            one.irreversible = Some(text.clone());
        }
        found.seen.after_writes = Some(text);
    }

    /// Once more down, after what the releases themselves have written.
    async fn after_releases(
        &self,
        course: &Course<'_>,
        climb: &Climb,
        top: Arc<State>,
        found: &mut Found,
    ) -> Result<()> {
        let decided = found.seen.irreversible.is_some() || found.seen.after_writes.is_some();
        if decided || !self.trial(self.scratch).is_asked_for() {
            return Ok(());
        }
        let descent = course.down_from(top, climb, Compare::Schema).await?;
        if let Some((name, why)) = descent.failing.first() {
            let text = format!(
                "{name}: after the releases' own tests have written, {}",
                why.told()
            );
            self.not_reversible(name, text, found);
        }
        Ok(())
    }

    /// Up, rows, export, down, up, back in: why it does not work, if it does not, and where that ends.
    async fn preserving_round(
        &self,
        course: &Course<'_>,
        bottom: Arc<State>,
        found: &Found,
    ) -> Result<(Option<String>, Arc<State>)> {
        let refused =
            |(name, why): (String, String)| Some(format!("{name} does not go up again: {why}"));
        let climb = match course.up(Arc::clone(&bottom)).await? {
            Ok(climb) => climb,
            Err(failed) => return Ok((refused(failed), bottom)),
        };
        let looker = course.looker;
        let now = Shape::read(&looker.client).await?;
        let preserve = &found.seen.preserve;
        // By name: what was dropped and made again has other numbers.
        let goals = writes_into(&now, preserve);
        let writing = write_all(&looker.client, &now, &goals, FIRST * 10).await?;
        let top = climb
            .states
            .last()
            .context("there is no state to go down from")?;
        let columns = watched(preserve, &top.relations);
        let source = self.scratch.source();
        let database = &self.scratch.database;
        let before = source
            .contents_of_columns(database, &columns)
            .await
            .map_err(told)?;
        // With nothing in it, putting it back would show nothing. Partitions are written through their tables.
        let written = writing.tables();
        let missing = preserve.iter().find(|one| {
            !written.contains(&one.table) && now.tables.values().any(|t| t.name == one.table)
        });
        if let Some(one) = missing {
            let why = writing.failed.join("; ");
            return Ok((
                Some(format!(
                    "nothing could be written into {}: {why}",
                    one.table
                )),
                Arc::clone(top),
            ));
        }
        let file = self.home.join("preserved");
        if let Err(error) = export(&self.scratch.admin, preserve, &file).await {
            return Ok((Some(format!("{error:#}")), Arc::clone(top)));
        }
        let (above, _) = looker.since(top).await?;
        let descent = course
            .down_from(Arc::new(above), &climb, Compare::Schema)
            .await?;
        if let Some((name, why)) = descent.failing.first() {
            return Ok((Some(format!("{name}: {}", why.told())), descent.state));
        }
        let again = match course.up(Arc::clone(&descent.state)).await? {
            Ok(again) => again,
            Err(failed) => return Ok((refused(failed), descent.state)),
        };
        let at = again.states.last().cloned().unwrap_or(descent.state);
        if let Err(error) = put_back(&self.scratch.admin, &file).await {
            return Ok((Some(format!("{error:#}")), at));
        }
        let after = source
            .contents_of_columns(database, &columns)
            .await
            .map_err(told)?;
        let differs = before
            .iter()
            .find(|(table, content)| after.get(*table) != Some(content));
        let why =
            differs.map(|(table, _)| format!("{table} is not as it was after it was put back"));
        let (at, _) = looker.since(&at).await?;
        Ok((why, Arc::new(at)))
    }
}

/// What a second run over the same data left differently.
fn repeated(first: &Climb, second: &Climb) -> Vec<String> {
    let (Some(one), Some(two)) = (first.states.last(), second.states.last()) else {
        return Vec::new();
    };
    let differences = one.fingerprint.diff(&two.fingerprint);
    match differences.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "a second run over the same data gives something else (now(), random values): {}",
            listed(&differences)
        )],
    }
}

/// Where the guard and the observation say different things about a lock that makes others wait, or a rewrite.
fn disagreements(predicted: &[Expected], tried: &[RehearsedMigration]) -> Vec<String> {
    let same = |a: &str, b: &str| a == b || a.rsplit('.').next() == b.rsplit('.').next();
    let mut found = Vec::new();
    for migration in tried {
        for lock in &migration.locks {
            let Some(mode) = strength(&lock.mode) else {
                continue;
            };
            if !mode.blocks_writes() {
                continue;
            }
            let known = predicted.iter().any(|p| {
                p.version == migration.id && same(&p.table, &lock.relation) && p.lock >= mode
            });
            if !known {
                found.push(format!(
                    "{}: {} on {} was observed, which the guard did not say",
                    migration.id, lock.mode, lock.relation
                ));
            }
        }
        for table in &migration.rewrites {
            let known = predicted
                .iter()
                .any(|p| p.version == migration.id && p.rewrite && same(&p.table, table));
            if !known {
                found.push(format!(
                    "{}: {table} was written anew, which the guard did not say",
                    migration.id
                ));
            }
        }
        for one in predicted
            .iter()
            .filter(|p| p.version == migration.id && p.rewrite)
        {
            if !migration
                .rewrites
                .iter()
                .any(|table| same(&one.table, table))
            {
                found.push(format!(
                    "{}: the guard expects {} to be written anew, which was not observed",
                    migration.id, one.table
                ));
            }
        }
    }
    found
}

fn migrations(count: usize) -> String {
    match count {
        1 => "1 migration".to_owned(),
        n => format!("{n} migrations"),
    }
}
