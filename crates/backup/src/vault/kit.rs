//! How to restore a backup without this library: a text to read and a script to run, kept beside
//! each archive. They use standard tools only.

use crate::{Companion, EncryptionInfo, Format, Manifest, Scope};

/// The files for this backup; none when its format is a source's own.
pub(super) fn of(manifest: &Manifest) -> Vec<Companion> {
    let Some(way) = Way::of(manifest) else {
        return Vec::new();
    };
    vec![
        Companion {
            file: "RESTORE.md".to_owned(),
            content: way.text(manifest).into_bytes(),
        },
        Companion {
            file: "restore.sh".to_owned(),
            content: way.script(manifest).into_bytes(),
        },
    ]
}

/// What differs from format to format.
struct Way {
    /// Programs, beside those that every script needs.
    tools: &'static str,
    /// What the script's argument is.
    target: &'static str,
    /// How the tools find the server.
    server: &'static str,
    /// Makes the target, and fails when there is one.
    create: &'static str,
    /// Reads the archive, decrypted and decompressed, from its standard input.
    reader: String,
    /// After it.
    after: String,
}

const LIBPQ: &str = "libpq's variables say where: PGHOST, PGPORT, PGUSER, PGPASSWORD or PGPASSFILE";

/// The variable says it to those that would take a name with `=` in it for something else.
const CREATEDB: &str = "createdb --template=template0 \"$@\" -- \"$target\"\n\
                        PGDATABASE=$target\n\
                        export PGDATABASE";

/// Makes events that do not run yet, as a restore by this library does. What makes one begins a
/// line, which no value in a dump's rows can do.
const ASLEEP: &str = r"LC_ALL=C sed '/^\/\*!50106 CREATE\*\/ .*EVENT /s/\( ON COMPLETION \(NOT \)\{0,1\}PRESERVE\) ENABLE/\1 DISABLE ON SLAVE/'";

/// Makes one file of each table's parts.
const JOIN: &str = "for first in \"$target\"/*.csv.000000; do\n    \
                        [ -e \"$first\" ] || continue\n    \
                        whole=${first%.000000}\n    \
                        for part in \"$whole\".[0-9]*; do cat -- \"$part\" >>\"$whole\"; rm -- \"$part\"; done\n\
                    done";

const CSV: &str = "Each table becomes a CSV file with a header line, in which an empty field is NULL \
                   and `\"\"` an empty text; `extract.json` has tables, columns, types and keys, and \
                   `rows.json` how many rows there are. psql loads one with `\\copy TABLE (COLUMNS) \
                   FROM 'FILE' CSV HEADER`.";

impl Way {
    fn of(manifest: &Manifest) -> Option<Self> {
        Some(match manifest.format {
            Format::PgCustom => Self {
                tools: "createdb, pg_restore, psql",
                target: "NEW_DATABASE",
                server: LIBPQ,
                create: CREATEDB,
                reader: pg_restore("--dbname=", manifest),
                after: settings(manifest),
            },
            Format::PgDirectory => Self {
                tools: "tar, createdb, pg_restore, psql",
                target: "NEW_DATABASE",
                server: LIBPQ,
                create: CREATEDB,
                reader: "{ mkdir \"$work/dump\"; tar -x -C \"$work/dump\"; }".to_owned(),
                after: format!(
                    "{}\n{}",
                    pg_restore("--jobs=2 --dbname= \"$work/dump\"", manifest),
                    settings(manifest)
                ),
            },
            Format::PgPlain => Self {
                tools: "createdb, psql",
                target: "NEW_DATABASE",
                server: LIBPQ,
                create: CREATEDB,
                reader: "psql -X -q -1 -v ON_ERROR_STOP=1 >\"$work/out\"".to_owned(),
                after: settings(manifest),
            },
            Format::Mysql => Self {
                tools: "mariadb (or mysql, see MYSQL)",
                target: "NEW_DATABASE",
                server: "an option file says where, such as ~/.my.cnf or MYSQL_HOME",
                create: "sql=${MYSQL:-mariadb}\n\
                         name=$(printf %s \"$target\" | sed 's/`/``/g')\n\
                         \"$sql\" -e \"CREATE DATABASE \\`$name\\`\"",
                reader: format!(
                    "{{ {ASLEEP} && : >\"$work/passed\"; }} |\n    \
                         \"$sql\" --binary-mode --comments --database=\"$target\""
                ),
                after:
                    "[ -e \"$work/passed\" ] || { echo \"restore.sh: sed failed\" >&2; exit 1; }"
                        .to_owned(),
            },
            Format::Folder | Format::Extract => Self {
                tools: "tar",
                target: "NEW_FOLDER",
                server: "",
                create: "mkdir -- \"$target\"",
                reader: "tar -x -p -C \"$target\"".to_owned(),
                after: match manifest.format {
                    Format::Extract => JOIN.to_owned(),
                    _ => String::new(),
                },
            },
            Format::Other => return None,
        })
    }

    fn usage(&self) -> String {
        let more = match self.create {
            CREATEDB => " [CREATEDB_OPTION...]",
            _ => "",
        };
        format!("{}{more}", self.target)
    }

    fn script(&self, manifest: &Manifest) -> String {
        let file = &manifest.archive.file;
        let opening = Opening::of(manifest);
        let server = match self.server {
            "" => String::new(),
            server => format!("# {server}.\n"),
        };
        let absolute = match self.target {
            "NEW_FOLDER" => absolute("target"),
            _ => String::new(),
        };
        let usage = self.usage();
        format!(
            "#!/bin/sh\n\
             # Restores backup {id} with standard tools: sha256sum, {needs}, {tools}.\n\
             # usage: sh restore.sh {usage}\n\
             {server}{about_key}\
             set -eu\n\
             if [ -z \"${{1:-}}\" ]; then echo \"usage: sh $0 {usage}\" >&2; exit 2; fi\n\
             {need_key}\
             target=$1\n\
             shift\n\
             {absolute}\
             cd -- \"$(dirname -- \"$0\")\"\n\
             work=$(mktemp -d)\n\
             stage=before\n\
             leave() {{\n    \
                 status=$?\n    \
                 rm -rf -- \"$work\"\n    \
                 case $stage in\n    \
                 ended) ;;\n    \
                 before) echo \"restore.sh: failed; nothing was made\" >&2 ;;\n    \
                 *) echo \"restore.sh: failed; $target is incomplete, remove it\" >&2 ;;\n    \
                 esac\n    \
                 [ \"$stage\" = ended ] || [ \"$status\" -ne 0 ] || status=1\n    \
                 exit \"$status\"\n\
             }}\n\
             trap leave EXIT\n\
             sha256sum --quiet -c SHA256SUMS >&2\n\
             {try_key}\
             {create}\n\
             stage=restoring\n\
             {{ {decrypt} && : >\"$work/whole\"; }} |\n    \
                 {reader}\n\
             # A pipe only tells how its last part ended.\n\
             [ -e \"$work/whole\" ] || {{ echo \"restore.sh: {file} could not be read to its end\" >&2; exit 1; }}\n\
             {after}\
             stage=ended\n\
             echo \"restored into $target\"\n",
            id = manifest.id,
            needs = opening.needs,
            tools = self.tools,
            about_key = opening.about,
            need_key = opening.required,
            try_key = opening.attempt,
            create = self.create,
            decrypt = opening.pipe,
            reader = self.reader,
            after = match self.after.trim() {
                "" => String::new(),
                after => format!("{after}\n"),
            },
        )
    }

    fn text(&self, manifest: &Manifest) -> String {
        let server = &manifest.server;
        let what = match &manifest.scope {
            Scope::Full => "Everything in".to_owned(),
            Scope::Schema => "The definitions, without rows, of".to_owned(),
            Scope::Tables(tables) => format!("Rows of {} from", tables.join(", ")),
        };
        let key = match &manifest.encryption {
            None => "It is not encrypted.".to_owned(),
            Some(EncryptionInfo::Passphrase) => {
                "It is encrypted with a passphrase; `age` asks for it on the terminal.".to_owned()
            }
            Some(EncryptionInfo::Recipients { recipients }) => format!(
                "It is encrypted. The secret key of one of these is needed, in a file that the \
                 variable IDENTITY names:\n\n{}",
                recipients
                    .iter()
                    .map(|r| format!("    {r}\n"))
                    .collect::<String>()
            ),
        };
        let others: String = manifest
            .companions
            .iter()
            .filter_map(|file| Some((file, about(&file.file)?)))
            .map(|(file, about)| format!("- `{}`: {about}\n", file.file))
            .collect();
        format!(
            "# Restoring backup {id} without Ripcord\n\n\
             {what} `{database}` on {product}, as of {at}, made with {tool}.\n{key}\n\n\
             ```sh\n\
             sh restore.sh {target}\n\
             ```\n\n\
             The script checks `SHA256SUMS` first and stops at the first error. It needs {tools}, \
             and makes {target} anew, so that nothing that exists is written to. {kind}\n\n\
             Files:\n\n\
             - `{file}`: the archive\n{others}\
             - `manifest.json`: what it holds and how it was proven, level `{level}`\n\
             - `SHA256SUMS`: for `sha256sum -c`\n",
            id = manifest.id,
            database = server.database,
            product = server.version,
            at = server.started,
            tool = server.tool,
            target = self.target,
            tools = self.tools,
            kind = match manifest.format {
                Format::Extract => CSV.to_owned(),
                Format::Mysql => format!(
                    "For the tools, {}. Events sleep in the new database, so that they do not run \
                     beside those they were copied from: `ALTER EVENT name ENABLE` wakes one.",
                    self.server
                ),
                _ if self.server.is_empty() => String::new(),
                _ => format!("For the tools, {}.", self.server),
            },
            file = manifest.archive.file,
            level = manifest.verification.level,
        )
    }
}

/// How the archive's bytes become what a tool reads.
struct Opening {
    needs: &'static str,
    about: &'static str,
    /// Fails when there is no key.
    required: String,
    /// Fails when the key is the wrong one, before anything is made.
    attempt: String,
    pipe: String,
}

impl Opening {
    fn of(manifest: &Manifest) -> Self {
        let file = &manifest.archive.file;
        match &manifest.encryption {
            None => Self {
                needs: "zstd",
                about: "",
                required: String::new(),
                attempt: String::new(),
                pipe: format!("zstd -d -q -c {file}"),
            },
            Some(EncryptionInfo::Recipients { .. }) => Self {
                needs: "age, zstd",
                about: "# IDENTITY names the file with the secret key of one of the recipients.\n",
                required: format!(
                    ": \"${{IDENTITY:?must name the identity file}}\"\n{}",
                    absolute("IDENTITY")
                ),
                attempt: format!(
                    "age -d -i \"$IDENTITY\" {file} 2>\"$work/said\" | head -c 1 >\"$work/first\" || :\n\
                     [ -s \"$work/first\" ] || {{\n    \
                         cat \"$work/said\" >&2\n    \
                         echo \"restore.sh: $IDENTITY does not open {file}\" >&2\n    \
                         exit 1\n\
                     }}\n"
                ),
                pipe: decrypted(&format!("age -d -i \"$IDENTITY\" {file}")),
            },
            Some(EncryptionInfo::Passphrase) => Self {
                needs: "age, zstd",
                about: "# age asks for the passphrase on the terminal.\n",
                required: String::new(),
                attempt: String::new(),
                pipe: decrypted(&format!("age -d {file}")),
            },
        }
    }
}

/// Two programs in a row, of which both have to end well.
fn decrypted(age: &str) -> String {
    format!("{{ {age} && : >\"$work/decrypted\"; }} | zstd -d -q -c && [ -e \"$work/decrypted\" ]")
}

/// Stops at the first error; at the end if errors of a known harmless kind came with the proof,
/// and then only as many count as harmless.
fn pg_restore(arguments: &str, manifest: &Manifest) -> String {
    match manifest.verification.harmless.len() {
        0 => format!("pg_restore --exit-on-error {arguments}"),
        count => format!(
            "{{ LC_ALL=C pg_restore {arguments} 2>\"$work/said\" ||\n        \
             {{ cat \"$work/said\" >&2; grep -q \"errors ignored on restore: {count}\\$\" \"$work/said\"; }}; }}"
        ),
    }
}

fn settings(manifest: &Manifest) -> String {
    const PSQL: &str = "psql -X -q -v ON_ERROR_STOP=1 -v db=\"$target\"";
    let has = |name| manifest.companions.iter().any(|file| file.file == name);
    if has("settings.sql") {
        return format!("{PSQL} -f settings.sql");
    }
    if !has("settings.sql.age") {
        return String::new();
    }
    let identity = match &manifest.encryption {
        Some(EncryptionInfo::Recipients { .. }) => "-i \"$IDENTITY\" ",
        _ => "",
    };
    format!(
        "age -d {identity}-o \"$work/settings.sql\" settings.sql.age\n{PSQL} -f \"$work/settings.sql\""
    )
}

/// The script changes its folder, so paths on its command line are made absolute before.
fn absolute(variable: &str) -> String {
    format!("case ${variable} in /*) ;; *) {variable}=$PWD/${variable} ;; esac\n")
}

fn about(file: &str) -> Option<&'static str> {
    Some(match file.strip_suffix(".age").unwrap_or(file) {
        "globals.sql" => {
            "the server's roles, without passwords; on a new server run it first, with psql"
        }
        "fingerprint.json" => "what the archive holds; the manifest says names and numbers only",
        "settings.sql" => {
            "the database's own settings and grants; after the restore run it with \
             `psql -v db=NEW_DATABASE`"
        }
        _ => return None,
    })
}
