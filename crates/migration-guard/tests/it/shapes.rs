//! The same migrations as each layout would have them on disk.

use std::path::Path;

use ripcord_migration_guard::Layout;

/// A migration that any layout can hold.
pub(crate) struct Shape {
    pub(crate) number: u32,
    pub(crate) up: String,
    pub(crate) down: Option<String>,
    /// Asks, in the layout's own way, for no transaction.
    pub(crate) outside: bool,
}

pub(crate) fn shape(number: u32, up: &str, down: &str) -> Shape {
    Shape {
        number,
        up: up.to_owned(),
        down: (!down.is_empty()).then(|| down.to_owned()),
        outside: false,
    }
}

impl Shape {
    pub(crate) fn outside(mut self) -> Self {
        self.outside = true;
        self
    }

    /// The version as `status` shows it.
    pub(crate) fn version(&self, layout: Layout) -> String {
        version(layout, self.number)
    }

    /// Writes it below `folder`, in place of what was there by that number.
    pub(crate) fn write(&self, layout: Layout, folder: &Path) {
        for (file, text) in self.files(layout) {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    pub(crate) fn remove(&self, layout: Layout, folder: &Path) {
        for (file, _) in self.files(layout) {
            std::fs::remove_file(folder.join(&file)).unwrap();
            if file.contains('/') {
                // Only when it is empty; the next file of it may still be there.
                drop(std::fs::remove_dir(folder.join(file).parent().unwrap()));
            }
        }
    }

    fn files(&self, layout: Layout) -> Vec<(String, String)> {
        let n = self.number;
        let (up, down) = (&self.up, self.down.as_deref());
        let first_line = if self.outside {
            "-- no-transaction\n"
        } else {
            ""
        };
        let pair = |up_name: String, down_name: String| {
            let mut files = vec![(up_name, format!("{first_line}{up}"))];
            files.extend(down.map(|down| (down_name, format!("{first_line}{down}"))));
            files
        };
        match layout {
            Layout::Sqlx | Layout::GolangMigrate => {
                pair(format!("{n}_m.up.sql"), format!("{n}_m.down.sql"))
            }
            Layout::Rails => pair(
                format!("2024010100000{n}_m.up.sql"),
                format!("2024010100000{n}_m.down.sql"),
            ),
            Layout::Plain => pair(format!("000{n}_m.sql"), format!("000{n}_m.down.sql")),
            Layout::Dbmate => {
                let said = if self.outside {
                    " transaction:false"
                } else {
                    ""
                };
                let down = down.unwrap_or_default();
                vec![(
                    format!("2024010100000{n}_m.sql"),
                    format!("-- migrate:up{said}\n{up}\n-- migrate:down{said}\n{down}\n"),
                )]
            }
            Layout::Goose => {
                let said = if self.outside {
                    "-- +goose NO TRANSACTION\n"
                } else {
                    ""
                };
                let down = down.map(|down| format!("-- +goose Down\n{down}\n"));
                vec![(
                    format!("0000{n}_m.sql"),
                    format!("{said}-- +goose Up\n{up}\n{}", down.unwrap_or_default()),
                )]
            }
            Layout::Refinery => vec![(format!("V{n}__m.sql"), up.clone())],
            Layout::Diesel | Layout::Prisma => {
                let (folder, file) = match layout {
                    Layout::Diesel => (format!("2024-01-0{n}-000000_m"), "up.sql"),
                    _ => (format!("2024010100000{n}_m"), "migration.sql"),
                };
                let mut files = vec![(format!("{folder}/{file}"), up.clone())];
                files.extend(down.map(|d| (format!("{folder}/down.sql"), d.to_owned())));
                if self.outside && layout == Layout::Diesel {
                    let text = "run_in_transaction = false\n";
                    files.push((format!("{folder}/metadata.toml"), text.to_owned()));
                }
                files
            }
            Layout::Flyway => {
                let v = n + 8;
                let mut files = vec![(format!("V1.{v}__m.sql"), up.clone())];
                files.extend(down.map(|d| (format!("U1.{v}__m.sql"), d.to_owned())));
                if self.outside {
                    let text = "executeInTransaction=false\n";
                    files.push((format!("V1.{v}__m.sql.conf"), text.to_owned()));
                }
                files
            }
            other => panic!("no shape for {other}"),
        }
    }
}

pub(crate) fn version(layout: Layout, n: u32) -> String {
    match layout {
        Layout::Sqlx | Layout::GolangMigrate | Layout::Goose | Layout::Refinery => n.to_string(),
        Layout::Rails | Layout::Dbmate => format!("2024010100000{n}"),
        Layout::Diesel => format!("2024010{n}000000"),
        Layout::Prisma => format!("2024010100000{n}_m"),
        // The tenth comes after the ninth.
        Layout::Flyway => format!("1.{}", n + 8),
        Layout::Plain => format!("000{n}_m"),
        other => panic!("no shape for {other}"),
    }
}
