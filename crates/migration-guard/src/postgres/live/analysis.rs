use std::sync::Arc;
use std::time::Instant;

use ripcord_conninfo::Conninfo;

use crate::live::reader::Reader;
use crate::live::{
    Blocker, Broken, Cost, Headroom, LiveOptions, Precheck, Waiting, blockers, duration, headroom,
    invalid, prechecks, snapshot, touch, who_waits,
};
use crate::{Assessment, Error, LintOptions, Migration, Script, Severity, Unit, assess_with};

/// What a live server knows about pending migrations.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Analysis {
    /// The server's version as it counts itself: 150018 for 15.18.
    pub server_version: u32,
    /// What the rules say about the migrations on this very database.
    pub assessment: Assessment,
    /// What is in the way right now, the worst first.
    pub blockers: Vec<Blocker>,
    /// What the rows say to the new keys, checks and types.
    pub prechecks: Vec<Precheck>,
    /// Statements that read or write whole tables.
    pub costs: Vec<Cost>,
    /// Room on the disk.
    pub headroom: Vec<Headroom>,
    /// What earlier migrations have left half done, anywhere in the database.
    pub broken: Vec<Broken>,
    /// Whose statements would wait.
    pub waiting: Vec<Waiting>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
    /// How long it took to look.
    pub seconds: f64,
}

/// A question that has no answer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Unknown {
    /// What is not known, as a fragment: "how far replicas are behind".
    pub what: String,
    /// Why, as a fragment.
    pub why: String,
}

impl Unknown {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl Analysis {
    /// Whether the migrations should not run now: something is in the way, rows do not fit, the disk
    /// is too small, or a finding is an error.
    pub fn blocks(&self) -> bool {
        self.assessment.worst() >= Some(Severity::Error) || self.blocks_now()
    }

    /// The same without the findings, which are about the files and not about this moment.
    pub fn blocks_now(&self) -> bool {
        self.blockers.iter().any(|b| b.blocks)
            || self.prechecks.iter().any(Precheck::blocks)
            || self.headroom.iter().any(|h| h.blocks)
    }
}

/// Looks at a database on behalf of `pending` migrations (in the order in which they run).
///
/// It reads and nothing else: the session is read-only, takes no lock above ACCESS SHARE and waits
/// for none longer than [`LiveOptions::lock_timeout`]. Expressions of the migrations are only run if
/// all functions in them are stable or immutable. What is not permitted, is locked or takes too long
/// is in [`Analysis::unknown`] or in the outcome of its own question.
///
/// # Errors
/// [`Connection`](crate::ErrorKind::Connection) and [`Refused`](crate::ErrorKind::Refused) if there
/// is no session; [`Database`](crate::ErrorKind::Database) if not even the catalogue can be read;
/// [`Syntax`](crate::ErrorKind::Syntax) for a migration that does not parse.
///
/// # Cancel safety
/// Dropping the future closes the session; a query that runs ends with its own timeout.
pub async fn analyse(
    conninfo: &Conninfo,
    pending: &[Migration],
    options: &LiveOptions,
) -> Result<Analysis, Error> {
    let started = Instant::now();
    let chain = pending
        .iter()
        .map(|migration| {
            Ok(Unit {
                script: Script::parse(&migration.up, &migration.up_sql)?,
                transaction: migration.transaction,
            })
        })
        .collect::<Result<Vec<Unit>, Error>>()?;
    let reader = Reader::open(conninfo, options).await?;
    let mut catalogue = snapshot::read(&reader, conninfo).await?;
    let mut lint = LintOptions::with_own_runner();
    lint.postgres_version = catalogue.snapshot.major();
    lint.snapshot = Some(Arc::new(catalogue.snapshot.clone()));
    let mut touched = touch::touched(&chain, &lint, &catalogue);
    let mut unknown = std::mem::take(&mut catalogue.unknown);

    let (blockers, more) = blockers::find(&reader, &catalogue, &touched, options).await;
    unknown.extend(more);
    let wanted = std::mem::take(&mut touched.wanted);
    let prechecks = prechecks::run(&reader, wanted).await;
    let labours = &touched.labours;
    let speed = duration::measure_worked_on(&reader, &catalogue, labours, options).await;
    let speed = speed.unwrap_or_else(|unmeasured| {
        unknown.push(unmeasured);
        None
    });
    let waiting = who_waits::waiting(&reader, &catalogue, &touched).await;
    let waiting = waiting.unwrap_or_else(|unseen| {
        unknown.push(unseen);
        Vec::new()
    });

    let mut measured = catalogue.snapshot.clone();
    measured.scan_bytes_per_second = Some(speed.unwrap_or(options.assumed_bytes_per_second));
    lint.snapshot = Some(Arc::new(measured));
    Ok(Analysis {
        server_version: catalogue.snapshot.server_version,
        assessment: assess_with(pending, &lint)?,
        blockers,
        prechecks,
        costs: duration::costs(&catalogue, labours, speed, options),
        headroom: headroom::headroom(&catalogue, labours, options),
        broken: invalid::broken(&catalogue.snapshot),
        waiting,
        unknown,
        seconds: started.elapsed().as_secs_f64(),
    })
}
