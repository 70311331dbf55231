//! `backup restore`: beside the live one, and then in its place if somebody consents.

use anyhow::Error;
use ripcord_backup::sources::{FolderSource, InPlace, PostgresSource, Switch};
use ripcord_backup::{BackupId, Restored, TableWrites, Vault};
use serde_json::json;

use crate::cli::Common;
use crate::consent::{Consent, ask};
use crate::exit::{Outcome, Usage};
use crate::output::Output;
use crate::progress::Shown;
use crate::wiring::{Live, Missing, live, vault};

type Written = std::collections::BTreeMap<String, TableWrites>;

/// What is asked for.
pub(crate) struct Wish<'a> {
    pub(crate) id: &'a BackupId,
    pub(crate) into: &'a str,
    pub(crate) then: Then,
    pub(crate) keep: &'a [String],
    pub(crate) reason: Option<&'a str>,
}

/// What happens to the restored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It stays where it is.
    Stay,
    /// It takes the place of the live one.
    Switch,
    /// What is in it takes the place of what is in the live one.
    Replace,
}

impl Then {
    fn flag(self) -> &'static str {
        match self {
            Self::Stay => "",
            Self::Switch => " --switch",
            Self::Replace => " --in-place",
        }
    }
}

pub(crate) async fn restore(common: &Common, wish: &Wish<'_>) -> Result<(Output, Outcome), Error> {
    let usage = |text: &str| Err(Usage(text.to_owned()).into());
    let (live, vault) = (live(common)?, vault(common, Missing::Refuse)?);
    match (&live, wish.then) {
        (_, Then::Stay) => beside(&live, &vault, wish).await,
        (Live::Postgres(source), Then::Switch) => switch(source, &vault, wish).await,
        (Live::Postgres(source), Then::Replace) => replace(source, &vault, wish).await,
        (Live::Folder(source), Then::Switch) => switch_folder(source, &vault, wish).await,
        (Live::Mysql(_), Then::Switch) => usage(
            "--switch: MySQL cannot rename a database; restore without it, and point the service to the new name",
        ),
        (_, Then::Replace) => {
            usage("--in-place is for PostgreSQL only; restore without it, or use --switch")
        }
    }
}

async fn beside(live: &Live, vault: &Vault, wish: &Wish<'_>) -> Result<(Output, Outcome), Error> {
    let restored = vault
        .restore(live.source(), wish.id, wish.into, &Shown::new())
        .await?;
    let written = match live {
        Live::Postgres(source) => written(source, &restored).await,
        _ => None,
    };
    let text = format!("{} is restored and verified in {}\n", wish.id, wish.into);
    let output = told(
        wish,
        wish.into,
        None,
        text + &loss(written.as_ref()),
        written.as_ref(),
    );
    Ok((with_remarks(output, &restored), Outcome::Done))
}

async fn switch(
    source: &PostgresSource,
    vault: &Vault,
    wish: &Wish<'_>,
) -> Result<(Output, Outcome), Error> {
    let (id, live) = (wish.id, source.database());
    let plan = Switch::new(wish.into, id.clone());
    if source.switched(&plan).await? {
        let done = source.switch(&plan).await?;
        let text = format!(
            "{live} was switched to {id} already, at {}; the old database is kept as {}. \
             To go back to it once more, restore into another name\n",
            done.at, done.kept
        );
        return Ok((
            told(wish, live, Some(&done.kept), text, None),
            Outcome::Done,
        ));
    }
    source.ready_to_switch(&plan, &[]).await?;
    let restored = vault.restore(source, id, wish.into, &Shown::new()).await?;
    let written = written(source, &restored).await;
    if ask(&loss(written.as_ref()), live, wish.reason).await? == Consent::Missing {
        return Ok((unasked(wish, live, written.as_ref()), Outcome::Refused));
    }
    let kept = source.switch(&plan).await?.kept;
    let text = format!("{id} is live as {live}; the old database is kept as {kept}\n");
    let output = told(wish, live, Some(&kept), text, written.as_ref());
    Ok((with_remarks(output, &restored), Outcome::Done))
}

async fn replace(
    source: &PostgresSource,
    vault: &Vault,
    wish: &Wish<'_>,
) -> Result<(Output, Outcome), Error> {
    let (id, live) = (wish.id, source.database());
    let mut plan = InPlace::new(wish.into, id.clone());
    plan.keep = wish.keep.to_vec();
    source.ready_to_replace(&plan).await?;
    let restored = vault.restore(source, id, wish.into, &Shown::new()).await?;
    let mut written = written(source, &restored).await;
    if let Some(tables) = &mut written {
        tables.retain(|table, _| plan.replaces(table));
    }
    if ask(&loss(written.as_ref()), live, wish.reason).await? == Consent::Missing {
        return Ok((unasked(wish, live, written.as_ref()), Outcome::Refused));
    }
    let done = source.replace_in_place(&plan).await?;
    let mut text = format!(
        "{live} holds {id}: {} tables, {} rows",
        done.tables, done.rows
    );
    if !wish.keep.is_empty() {
        text.push_str(&format!("; kept as they were: {}", wish.keep.join(", ")));
    }
    text.push('\n');
    if let Err(error) = ripcord_backup::Source::discard(source, wish.into).await {
        text.push_str(&format!(
            "note: {} is left behind: failed to {error}\n",
            wish.into
        ));
    }
    let output = told(wish, live, None, text, written.as_ref());
    Ok((with_remarks(output, &restored), Outcome::Done))
}

async fn switch_folder(
    source: &FolderSource,
    vault: &Vault,
    wish: &Wish<'_>,
) -> Result<(Output, Outcome), Error> {
    let (id, live) = (wish.id, ripcord_backup::Source::name(source));
    if !source.switched(wish.into, id).await? {
        vault.restore(source, id, wish.into, &Shown::new()).await?;
        if ask(&loss(None), live, wish.reason).await? == Consent::Missing {
            return Ok((unasked(wish, live, None), Outcome::Refused));
        }
    }
    let kept = source
        .switch(wish.into, id)
        .await?
        .kept
        .display()
        .to_string();
    let text = format!("{id} is live as {live}; the old folder is kept as {kept}\n");
    Ok((told(wish, live, Some(&kept), text, None), Outcome::Done))
}

/// `None` when it is not known, as when the live database takes no connections now.
async fn written(source: &PostgresSource, restored: &Restored) -> Option<Written> {
    source
        .writes_since(&restored.manifest.writes)
        .await
        .ok()
        .flatten()
}

fn loss(written: Option<&Written>) -> String {
    let Some(tables) = written else {
        return "written since the backup: unknown\n".to_owned();
    };
    if tables.is_empty() {
        return "written since the backup (estimate): nothing\n".to_owned();
    }
    tables
        .iter()
        .map(|(table, writes)| {
            format!(
                "written since the backup (estimate): {table} {} inserted, {} updated, {} deleted\n",
                writes.inserted, writes.updated, writes.deleted
            )
        })
        .collect()
}

fn unasked(wish: &Wish<'_>, live: &str, written: Option<&Written>) -> Output {
    let (id, into, flag) = (wish.id, wish.into, wish.then.flag());
    let keep: String = wish
        .keep
        .iter()
        .map(|name| format!(" --keep-schema {name}"))
        .collect();
    let text = format!(
        "no: {live} is untouched, because nobody consented to lose what was written since the backup; \
         {id} is restored and verified in {into}\n\
         to go on: backup restore {id} --into {into}{flag}{keep} --allow-restore REASON\n"
    );
    told(wish, into, None, text, written)
}

fn told(
    wish: &Wish<'_>,
    at: &str,
    kept: Option<&str>,
    text: String,
    written: Option<&Written>,
) -> Output {
    Output {
        text,
        json: json!({
            "id": wish.id,
            "database": at,
            "kept": kept,
            "took_over": wish.then != Then::Stay && at != wish.into,
            "allowed": wish.reason,
            "written_since_estimate": written,
        }),
    }
}

fn with_remarks(mut output: Output, restored: &Restored) -> Output {
    for remark in restored.report.iter().flat_map(|report| &report.harmless) {
        output.text.push_str(&format!("note: {remark}\n"));
    }
    output
}
