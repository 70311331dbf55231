//! Deployments of every class, each taken back by itself after the new release has written, with customers all the while.

use std::fs;

use serde_json::{Value, json};

use super::customers::{Customers, Order};
use crate::support::{Shop, until};

/// How many orders the new release takes before it turns bad.
const WRITES: usize = 20;

/// A shop in which a release turns bad when somebody says so.
struct Turning {
    shop: Shop,
    schema: String,
    seeded: String,
}

/// What became of a deployment.
struct Back {
    document: Value,
    orders: Vec<Order>,
}

impl Turning {
    fn new() -> Option<Self> {
        let shop = Shop::new()?;
        let config = shop.config();
        let config = config.replace("bake = \"300ms\"", "bake = \"60s\"");
        shop.put(&format!(
            "{config}\n[[check]]\nname = \"mood\"\nkind = \"command\"\nrun = [\"sh\", \"-c\", \"test ! -e {}\"]\n\
             [gate.observe]\nchecks = [\"mood\"]\ninterval = \"100ms\"\nfall = 1\n\
             [rehearsal]\nwhere = \"local\"\n",
            shop.folder().join("bad").display()
        ));
        Some(Self {
            schema: shop.schema(),
            seeded: shop.seeded(),
            shop,
        })
    }

    fn release(&self, id: &str, sql: (&str, &str), up: &str, down: Option<&str>) {
        self.shop.release_with(id, "0005_change", up, down);
        let about = json!({"release": id, "insert": sql.0, "select": sql.1});
        fs::write(
            self.shop.release(id).join("release.json"),
            about.to_string(),
        )
        .unwrap();
    }

    /// Deploys it, with customers; it turns bad once it has taken some orders.
    #[track_caller]
    fn goes_back(&self, id: &str, more: &[&str]) -> Back {
        let customers = Customers::arrive(self.shop.address());
        let words = [&["deploy", id, "--json"], more].concat();
        let mut running = self.shop.call(&words).start();
        until("orders of the new release", || {
            assert!(
                !running.is_over(),
                "it ended before the new release took orders"
            );
            (customers.of(id) >= WRITES).then_some(())
        });
        fs::write(self.shop.folder().join("bad"), "").unwrap();
        let said = running.end();
        assert_eq!(said.code, Some(1), "{said:#?}");
        let before = customers.of("v2");
        until("orders of the release that is back", || {
            (customers.of("v2") > before).then_some(())
        });
        fs::remove_file(self.shop.folder().join("bad")).unwrap();
        assert_eq!(self.shop.serving(), "v2");
        assert_eq!(self.shop.seeded(), self.seeded);
        Back {
            document: said.json(),
            orders: customers.leave(),
        }
    }

    fn count(&self, database: Option<&str>, condition: &str) -> usize {
        let sql = format!("SELECT count(*) FROM orders WHERE {condition}");
        let rows = match database {
            None => self.shop.pg.sql(&sql),
            Some(name) => {
                let url = self.shop.pg.url.replace(&self.shop.pg.name, name);
                self.shop.pg.on(&self.shop.pg.connect(&url), &sql)
            }
        };
        rows[0].parse().unwrap()
    }

    /// Of these orders those that are in the live database, or in another one.
    fn present(&self, orders: &[Order], database: Option<&str>) -> usize {
        let pairs: Vec<String> = orders
            .iter()
            .map(|order| format!("({}, '{}')", order.id, order.item))
            .collect();
        self.count(database, &format!("(id, item) IN ({})", pairs.join(", ")))
    }
}

fn class(back: &Back) -> String {
    let plan = &back.document["plan"];
    format!(
        "{} {}",
        plan["class"].as_str().unwrap(),
        plan["basis"].as_str().unwrap()
    )
}

const V2_SELECT: &str = "SELECT item, note FROM orders WHERE id = $1";

#[test]
fn code_only_leaves_the_schema_and_every_order() {
    let Some(turning) = Turning::new() else {
        return;
    };
    turning.release(
        "v6",
        (
            "INSERT INTO orders (item, note, priority, hint) VALUES ($1, $2, 1, $1) RETURNING id",
            V2_SELECT,
        ),
        "ALTER TABLE orders ADD COLUMN hint text;",
        Some("ALTER TABLE orders DROP COLUMN hint;"),
    );
    let back = turning.goes_back("v6", &[]);
    assert_eq!(class(&back), "CodeOnly assumed");
    assert_eq!(turning.present(&back.orders, None), back.orders.len());
    // The schema is left as it is, with what was written into it.
    let of_v6 = back.orders.iter().filter(|o| o.release == "v6").count();
    assert!(turning.count(None, "hint IS NOT NULL") >= of_v6);
    turning.shop.assert_tidy("after v6");
}

#[test]
fn revert_brings_back_the_schema_and_keeps_every_order() {
    let Some(turning) = Turning::new() else {
        return;
    };
    turning.release(
        "v6",
        (
            "INSERT INTO orders (item, remark, priority) VALUES ($1, $2, 1) RETURNING id",
            "SELECT item, remark FROM orders WHERE id = $1",
        ),
        "ALTER TABLE orders RENAME COLUMN note TO remark;",
        Some("ALTER TABLE orders RENAME COLUMN remark TO note;"),
    );
    let back = turning.goes_back("v6", &[]);
    assert_eq!(class(&back), "Revert proved");
    assert_eq!(turning.shop.schema(), turning.schema);
    assert_eq!(turning.present(&back.orders, None), back.orders.len());
    let noted = turning.count(None, "note = 'note of ' || item");
    assert!(
        noted >= back.orders.len(),
        "what the new release wrote is there under the old name"
    );
    turning.shop.assert_tidy("after v6");
}

#[test]
fn preserve_and_revert_puts_back_what_the_new_release_wrote() {
    let Some(turning) = Turning::new() else {
        return;
    };
    let insert = "INSERT INTO orders (item, note, priority, hint) VALUES ($1, $2, 1, 'hint of ' || $1) RETURNING id";
    // Not additive, because the old release could not write its rows.
    let up = "ALTER TABLE orders ADD COLUMN hint text NOT NULL DEFAULT '-'; ALTER TABLE orders ALTER COLUMN hint DROP DEFAULT;";
    let down = "ALTER TABLE orders DROP COLUMN hint;";
    turning.release("v6", (insert, V2_SELECT), up, Some(down));
    let back = turning.goes_back("v6", &[]);
    assert_eq!(class(&back), "PreserveAndRevert proved");
    assert_eq!(turning.shop.schema(), turning.schema);
    assert_eq!(turning.present(&back.orders, None), back.orders.len());
    let export = back.document["preserved"]["id"].as_str().unwrap();
    // The forward fix: the same change, with a default for the rows of the old release.
    let up = "ALTER TABLE orders ADD COLUMN hint text NOT NULL DEFAULT '-';";
    turning.release("v7", (insert, V2_SELECT), up, Some(down));
    let config = turning
        .shop
        .config()
        .replace("bake = \"60s\"", "bake = \"300ms\"");
    turning.shop.put(&config);
    turning.shop.expect(&["deploy", "v7"], 0);
    turning.shop.expect(&["backup", "put-back", export], 0);
    let of_v6: Vec<Order> = back
        .orders
        .iter()
        .filter(|o| o.release == "v6")
        .cloned()
        .collect();
    for order in &of_v6 {
        let condition = format!("id = {} AND hint = 'hint of {}'", order.id, order.item);
        assert_eq!(turning.count(None, &condition), 1, "{order:?}");
    }
    assert_eq!(turning.present(&back.orders, None), back.orders.len());
}

#[test]
fn a_restore_keeps_what_it_loses_in_the_old_database() {
    let Some(turning) = Turning::new() else {
        return;
    };
    turning.release(
        "v6",
        (
            "INSERT INTO orders (item, priority) SELECT $1, length($2::text) RETURNING id",
            "SELECT item, item FROM orders WHERE id = $1",
        ),
        "ALTER TABLE orders DROP COLUMN note;",
        None,
    );
    let back = turning.goes_back("v6", &["--allow-restore", "the column is a mistake"]);
    assert_eq!(class(&back), "Restore proved");
    assert_eq!(turning.shop.schema(), turning.schema);
    // Each is in the database that is live, or in the one that it replaced, whose name tells what it is.
    let family = turning.shop.pg.family();
    let kept: Vec<&String> = family
        .iter()
        .filter(|name| **name != turning.shop.pg.name)
        .collect();
    assert_eq!(kept.len(), 1, "{family:?}");
    let lost: Vec<Order> = back
        .orders
        .iter()
        .filter(|order| turning.present(std::slice::from_ref(order), None) == 0)
        .cloned()
        .collect();
    assert!(
        !lost.is_empty(),
        "the new release's orders came after the backup"
    );
    assert_eq!(turning.present(&lost, Some(kept[0])), lost.len());
    assert!(
        back.document["plan"]["lost"]
            .to_string()
            .contains("after the backup")
    );
}

#[test]
fn a_rename_does_not_overlap() {
    let Some(turning) = Turning::new() else {
        return;
    };
    turning.release(
        "v6",
        (
            "INSERT INTO orders (item, remark, priority) VALUES ($1, $2, 1) RETURNING id",
            "SELECT item, remark FROM orders WHERE id = $1",
        ),
        "ALTER TABLE orders RENAME COLUMN note TO remark;",
        Some("ALTER TABLE orders RENAME COLUMN remark TO note;"),
    );
    let config = turning.shop.config();
    let config = config.replace("bake = \"60s\"", "bake = \"300ms\"");
    turning
        .shop
        .put(&config.replace("max_downtime = \"20s\"", ""));
    let said = turning.shop.expect(&["deploy", "v6", "--json"], 3).json();
    assert_eq!(said["reason_code"], "downtime_not_allowed");
    assert!(said["reasons"].to_string().contains("note"), "{said}");
    assert_eq!(turning.shop.schema(), turning.schema);
    turning.shop.put(&config);
    let said = turning.shop.expect(&["deploy", "v6", "--json"], 0).json();
    assert_eq!(said["plan"]["strategy"], "stop_the_world");
    let steps = said["steps"].to_string();
    assert!(
        steps.contains("quiesce") && !steps.contains("\"rehearse\""),
        "the evidence is reused: {steps}"
    );
}
