//! `[migrations.policy]`: the words of migration-guard's own file, which it may also name.

use std::path::PathBuf;

use ripcord_migration_guard::{Allow, Dialect, Override, Policy, RuleLevel, hazards};

use super::read::Reader;
use super::section::{Section, nearest};
use super::{ConfigError, PolicyConfig, tree};

const LEVELS: [(&str, RuleLevel); 5] = [
    ("off", RuleLevel::Off),
    ("info", RuleLevel::Info),
    ("warning", RuleLevel::Warning),
    ("error", RuleLevel::Error),
    ("blocker", RuleLevel::Blocker),
];

/// Reads `policy` of `[migrations]`.
pub(super) fn read(
    reader: &Reader<'_>,
    migrations: &Section<'_>,
) -> Result<PolicyConfig, ConfigError> {
    if migrations.is_text("policy") {
        let named = migrations.need_text("policy")?;
        // A file of an environment that is not asked for may only exist there.
        if !reader.resolves() {
            return Ok(PolicyConfig::default());
        }
        return of_file(reader, migrations, named);
    }
    let Some(section) = migrations.table("policy")? else {
        return Ok(PolicyConfig::default());
    };
    Ok(PolicyConfig {
        policy: policy(&section)?,
        file: reader.file().to_owned(),
    })
}

fn of_file(
    reader: &Reader<'_>,
    migrations: &Section<'_>,
    named: &str,
) -> Result<PolicyConfig, ConfigError> {
    let text = reader.text_of_file(migrations, "policy", named)?;
    let node = tree::parse(named, &text)?;
    Ok(PolicyConfig {
        policy: policy(&Section::root(named, &node)?)?,
        file: PathBuf::from(named),
    })
}

fn policy(section: &Section<'_>) -> Result<Policy, ConfigError> {
    let mut policy = Policy::default();
    if let Some(rules) = section.table("rules")? {
        for (rule, level) in rules.named(&LEVELS)? {
            let mut one = Policy::default();
            one.rules.insert(rule.to_owned(), level);
            expect_good(&one, |message| rules.wrong_name(rule, message))?;
            policy.rules.insert(rule.to_owned(), level);
        }
    }
    for table in section.tables("override")? {
        let over = Override {
            rule: table.need_text("rule")?.to_owned(),
            tables: table
                .texts("tables")?
                .ok_or_else(|| table.missing("tables"))?,
            level: table
                .choice("level", &LEVELS)?
                .ok_or_else(|| table.missing("level"))?,
        };
        table.finish()?;
        let mut one = Policy::default();
        one.overrides.push(over.clone());
        expect_good(&one, |message| table.wrong("rule", message))?;
        policy.overrides.push(over);
    }
    for table in section.tables("allow")? {
        let allow = Allow {
            rule: table.need_text("rule")?.to_owned(),
            file: table.text("file")?.map(str::to_owned),
            table: table.text("table")?.map(str::to_owned),
            reason: table.need_text("reason")?.to_owned(),
            until: table.text("until")?.map(str::to_owned),
        };
        table.finish()?;
        expect_good_exception(&table, &allow)?;
        policy.allow.push(allow);
    }
    policy.small_table_bytes = section.number("small_table_bytes")?;
    section.finish()?;
    Ok(policy)
}

/// The place is that of the value that is wrong: what is right in front of it is replaced step by step.
fn expect_good_exception(table: &Section<'_>, allow: &Allow) -> Result<(), ConfigError> {
    for (key, until, reason) in [("rule", None, "-"), ("reason", None, allow.reason.as_str())] {
        let mut one = Policy::default();
        one.allow.push(Allow {
            until,
            reason: reason.to_owned(),
            ..allow.clone()
        });
        expect_good(&one, |message| table.wrong(key, message))?;
    }
    let mut one = Policy::default();
    one.allow.push(allow.clone());
    expect_good(&one, |message| table.wrong("until", message))
}

/// The first mistake, with the nearest name where a rule does not exist.
fn expect_good(one: &Policy, place: impl FnOnce(String) -> ConfigError) -> Result<(), ConfigError> {
    let mistakes = one.mistakes();
    let Some(mistake) = mistakes.first() else {
        return Ok(());
    };
    let error = place(mistake.clone());
    if !mistake.contains("no rule is called") {
        return Err(error);
    }
    let typed = mistake.split('`').nth(1).unwrap_or_default();
    let known: Vec<String> = [Dialect::Postgres, Dialect::MySql]
        .into_iter()
        .flat_map(hazards)
        .map(|hazard| hazard.id)
        .collect();
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(error.with_hint(match nearest(typed, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`migration-guard rules` lists them".to_owned(),
    }))
}
