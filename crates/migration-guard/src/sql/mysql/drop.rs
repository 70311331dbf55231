use crate::sql::model::{Drop, Kind, Name, Object, TableAction};
use crate::sql::mysql::create;
use crate::sql::mysql::reader::Reader;

/// Behind DROP.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Kind> {
    if reader.eat_all(&["prepare"]) {
        return Some(Kind::Harmless);
    }
    let temporary = reader.eat("temporary");
    if reader.eat("index") {
        let if_exists = reader.eat_all(&["if", "exists"]);
        let name = reader.ident()?;
        let table = reader.eat("on").then(|| reader.name())??;
        let mut actions = vec![TableAction::DropIndex { name, if_exists }];
        create::trailing(reader, &mut actions)?;
        return Some(create::alter(table, actions));
    }
    if reader.eat_any(&["user", "role"]) {
        return Some(Kind::Roles);
    }
    let object = [
        ("table", Object::Table),
        ("tables", Object::Table),
        ("view", Object::View),
        ("database", Object::Database),
        ("schema", Object::Database),
        ("trigger", Object::Trigger),
        ("procedure", Object::Function),
        ("function", Object::Function),
        ("sequence", Object::Sequence),
        ("event", Object::Other),
        ("server", Object::Other),
        ("tablespace", Object::Other),
    ]
    .into_iter()
    .find(|(word, _)| reader.eat(word))?
    .1;
    let if_exists = reader.eat_all(&["if", "exists"]);
    let names = reader.names()?;
    reader.eat_any(&["restrict", "cascade"]);
    if reader.eat("wait") {
        reader.value()?;
    }
    reader.eat("nowait");
    if !reader.done() {
        return None;
    }
    let own = |name: Name| Name::temporary(name.key());
    Some(Kind::Drop(Drop {
        object,
        names: match temporary && object == Object::Table {
            true => names.into_iter().map(own).collect(),
            false => names,
        },
        if_exists,
        cascade: false,
        concurrently: false,
        on: None,
    }))
}
