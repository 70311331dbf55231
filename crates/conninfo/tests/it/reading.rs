use ripcord_conninfo::{Conninfo, ErrorKind, Host, Nothing, SslMode};

use crate::around::Around;

fn parse(text: &str) -> Conninfo {
    Conninfo::parse(text, &Around::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> (ErrorKind, String) {
    let error = match Conninfo::parse(text, &Around::default()) {
        Ok(_) => panic!("{text} was accepted"),
        Err(error) => error,
    };
    let help = error.help().unwrap_or_default();
    (error.kind(), format!("{error} | {help}"))
}

fn env(conninfo: &Conninfo, name: &str) -> Option<String> {
    conninfo
        .libpq_env()
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

fn tcp(name: &str, port: u16) -> Host {
    Host::Tcp {
        name: name.to_owned(),
        port,
        hostaddr: None,
    }
}

#[test]
fn uris_as_found_in_the_wild() {
    for text in [
        "postgres://shop:p%40s%2Fs@db.example:6432/orders",
        "postgresql://shop:p%40s%2Fs@db.example:6432/orders",
        "postgresql+psycopg://shop:p%40s%2Fs@db.example:6432/orders",
        "postgresql+asyncpg://shop:p%40s%2Fs@db.example:6432/orders",
        "postgis://shop:p%40s%2Fs@db.example:6432/orders",
        " postgresql://shop:p%40s%2Fs@db.example:6432/orders\n",
        "postgresql://db.example:6432/orders?user=shop&password=p%40s%2Fs",
        "postgresql:///?host=db.example&port=6432&dbname=orders&user=shop&password=p%40s%2Fs",
        "host=db.example port=6432 dbname=orders user=shop password=p@s/s",
        "host = db.example port='6432' dbname=orders user=shop password='p@s/s'",
    ] {
        let read = parse(text);
        assert_eq!(read.hosts(), [tcp("db.example", 6432)], "{text}");
        assert_eq!(read.user(), "shop", "{text}");
        assert_eq!(read.database(), "orders", "{text}");
        assert_eq!(env(&read, "PGPASSWORD").unwrap(), "p@s/s", "{text}");
    }
}

#[test]
fn sockets_and_addresses() {
    let socket = Host::Unix {
        dir: "/run/postgresql".into(),
        port: 5432,
    };
    for text in [
        "postgresql://%2Frun%2Fpostgresql/shop",
        "postgresql:///shop?host=/run/postgresql",
        "host=/run/postgresql dbname=shop",
    ] {
        assert_eq!(parse(text).hosts(), std::slice::from_ref(&socket), "{text}");
    }
    assert_eq!(
        parse("postgresql://[2001:db8::1]:6432/shop").hosts(),
        [tcp("2001:db8::1", 6432)]
    );
    assert_eq!(
        parse("postgresql://[::1]/shop").to_string(),
        "me@[::1]:5432/shop"
    );
    let with_addr = parse("host=db.example hostaddr=10.0.0.7");
    assert_eq!(env(&with_addr, "PGHOSTADDR").unwrap(), "10.0.0.7");
    assert_eq!(env(&with_addr, "PGHOST").unwrap(), "db.example");
}

#[test]
fn several_hosts_pair_with_their_ports() {
    let read = parse("postgresql://a:1111,b,[::1]:3333/x?target_session_attrs=read-write");
    assert_eq!(
        read.hosts(),
        [tcp("a", 1111), tcp("b", 5432), tcp("::1", 3333)]
    );
    assert_eq!(env(&read, "PGHOST").unwrap(), "a,b,::1");
    assert_eq!(env(&read, "PGPORT").unwrap(), "1111,5432,3333");
    assert_eq!(env(&read, "PGTARGETSESSIONATTRS").unwrap(), "read-write");
    assert_eq!(parse("host=a,b port=7").hosts(), [tcp("a", 7), tcp("b", 7)]);
    assert_eq!(refused("host=a,b,c port=1,2").0, ErrorKind::Malformed);
    assert_eq!(
        refused("host=a,b hostaddr=10.0.0.1").0,
        ErrorKind::Malformed
    );
}

#[test]
fn keyword_values_with_quotes_and_escapes() {
    let read = parse(r"host=h user='o''b' ".replace("''", r"\'").as_str());
    assert_eq!(read.user(), "o'b");
    let read = parse(r"user=a\ b password='x y\\z' host=h application_name=''");
    assert_eq!(read.user(), "a b");
    assert_eq!(env(&read, "PGPASSWORD").unwrap(), r"x y\z");
    assert_eq!(refused("host=h user='open").0, ErrorKind::Malformed);
    assert_eq!(refused("shop").0, ErrorKind::Malformed);
}

#[test]
fn defaults_are_libpqs() {
    let read = parse("");
    assert_eq!(read.user(), "me");
    assert_eq!(read.database(), "me");
    assert_eq!(read.hosts(), [tcp("localhost", 5432)]);
    assert_eq!(read.ssl_mode(), SslMode::Prefer);
    let around = Around::default().file("/var/run/postgresql/.s.PGSQL.5433", 0o777, "");
    let read = Conninfo::parse("port=5433", &around).unwrap();
    assert_eq!(
        read.hosts(),
        [Host::Unix {
            dir: "/var/run/postgresql".into(),
            port: 5433
        }]
    );
    let error = Conninfo::parse("host=h", &Nothing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "no user is known");
}

#[test]
fn the_string_wins_over_the_service_and_that_over_the_environment() {
    let around = Around::default()
        .var("PGSERVICEFILE", "/etc/services")
        .var("PGPORT", "1")
        .var("PGDATABASE", "from_env")
        .var("PGUSER", "from_env")
        .var("PGAPPNAME", "from_env")
        .file(
            "/etc/services",
            0o644,
            "# comment\n[other]\nhost=no\n\n[shop]\nhost = db\ndbname=from_service\nuser=from_service\n[shop]\nhost=late\n",
        );
    let read = Conninfo::parse("service=shop user=from_text", &around).unwrap();
    assert_eq!(read.hosts(), [tcp("db", 1)]);
    assert_eq!(read.database(), "from_service");
    assert_eq!(read.user(), "from_text");
    assert_eq!(read.application_name(), Some("from_env"));

    let by_env = Around::default().var("PGSERVICE", "shop").file(
        "/home/me/.pg_service.conf",
        0o644,
        "[shop]\nhost=home\n",
    );
    let read = Conninfo::parse("", &by_env).unwrap();
    assert_eq!(read.hosts(), [tcp("home", 5432)]);

    let missing = Conninfo::parse("service=nope", &around).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Missing);
    let wrong = Around::default().file("/home/me/.pg_service.conf", 0o644, "[s]\nhots=x\n");
    let error = Conninfo::parse("service=s", &wrong).unwrap_err();
    assert!(
        error.to_string().contains(".pg_service.conf line 2"),
        "{error}"
    );
    assert!(error.help().unwrap().contains("host"), "{error}");
}

#[test]
fn password_files() {
    let text = "# comment\nother:*:*:*:no\ndb:5432:shop:a\\:b:with\\:colon\ndb:*:*:*:any\nlocalhost:5432:*:*:by_socket\n";
    let around = Around::default().file("/home/me/.pgpass", 0o600, text);
    let password = |conninfo: &str| {
        let read = Conninfo::parse(conninfo, &around).unwrap();
        env(&read, "PGPASSWORD")
    };
    assert_eq!(
        password("host=db dbname=shop user=a:b").unwrap(),
        "with:colon"
    );
    assert_eq!(password("host=db dbname=other user=x").unwrap(), "any");
    assert_eq!(password("host=elsewhere"), None);
    assert_eq!(password("host=/tmp").unwrap(), "by_socket");
    assert_eq!(password("host=db password=given").unwrap(), "given");

    // Hosts with passwords of their own cannot share PGPASSWORD.
    let read = Conninfo::parse("host=db,other dbname=shop user=x", &around).unwrap();
    assert_eq!(env(&read, "PGPASSWORD"), None);
    assert_eq!(env(&read, "PGPASSFILE").unwrap(), "/home/me/.pgpass");
    assert_eq!(read.secrets(), ["any", "no"]);
}

#[test]
fn a_password_file_that_others_may_read_is_not_used() {
    let named = Around::default().file("/p", 0o640, "*:*:*:*:x\n");
    let error = Conninfo::parse("host=db passfile=/p", &named).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.to_string().contains("0640"), "{error}");

    let default = Around::default().file("/home/me/.pgpass", 0o644, "*:*:*:*:x\n");
    let read = Conninfo::parse("host=db", &default).unwrap();
    assert_eq!(env(&read, "PGPASSWORD"), None);
    assert!(
        read.warnings()[0].contains(".pgpass"),
        "{:?}",
        read.warnings()
    );

    let by_env = Around::default()
        .var("PGPASSFILE", "/p")
        .file("/p", 0o600, "*:*:*:*:x\n");
    let read = Conninfo::parse("host=db", &by_env).unwrap();
    assert_eq!(env(&read, "PGPASSWORD").unwrap(), "x");
}

#[test]
fn slips_are_refused_with_the_nearest_name() {
    for (text, kind, says) in [
        (
            "host=h sslmod=require",
            ErrorKind::UnknownParameter,
            "`sslmode`",
        ),
        (
            "postgresql://h/d?sslmod=require",
            ErrorKind::UnknownParameter,
            "`sslmode`",
        ),
        (
            "postgresql://h/d?schema=public",
            ErrorKind::UnknownParameter,
            "`schema`",
        ),
        (
            "host=h sslmode=verify_full",
            ErrorKind::InvalidValue,
            "`verify-full`",
        ),
        (
            "host=h gssencmode=require",
            ErrorKind::Unsupported,
            "sslmode",
        ),
        (
            "host=h sslnegotiation=direct",
            ErrorKind::Unsupported,
            "direct",
        ),
        (
            "host=h replication=database",
            ErrorKind::Unsupported,
            "replication",
        ),
        ("host=h sslcrl=/x", ErrorKind::Unsupported, "revocation"),
        (
            "host=h requirepeer=postgres",
            ErrorKind::Unsupported,
            "requirepeer",
        ),
        (
            "host=h require_auth=scram-sha-256",
            ErrorKind::Unsupported,
            "channel_binding",
        ),
        (
            "host=h client_encoding=LATIN1",
            ErrorKind::Unsupported,
            "UTF8",
        ),
        (
            "host=h connect_timeout=soon",
            ErrorKind::InvalidValue,
            "whole number",
        ),
        ("host=h port=70000", ErrorKind::Malformed, "65535"),
        ("mysql://h/d", ErrorKind::Malformed, "mysql"),
        ("jdbc:postgresql://h/d", ErrorKind::Malformed, "jdbc"),
        ("postgresql://h/d%zz", ErrorKind::Malformed, "hexadecimal"),
        ("postgresql://h/d%00", ErrorKind::Malformed, "%00"),
        ("postgresql://[::1/d", ErrorKind::Malformed, "bracket"),
        ("host=h sslmode=verify-full", ErrorKind::Missing, "root.crt"),
        (
            "host=h sslrootcert=/gone.crt",
            ErrorKind::Missing,
            "/gone.crt",
        ),
        (
            "host=h sslrootcert=system sslmode=require",
            ErrorKind::InvalidValue,
            "verify-full",
        ),
        (
            "host=h ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
            ErrorKind::InvalidValue,
            "above",
        ),
    ] {
        let (found, message) = refused(text);
        assert_eq!(found, kind, "{text}: {message}");
        assert!(message.contains(says), "{text}: {message}");
    }
}

#[test]
fn harmless_parameters_are_accepted() {
    let read = parse(
        "host=h gssencmode=prefer krbsrvname=pg sslcompression=0 sslnegotiation=postgres \
         replication=false client_encoding=utf-8 keepalives=1 keepalives_idle=30 \
         keepalives_interval=5 keepalives_count=3 tcp_user_timeout=1000 load_balance_hosts=disable",
    );
    assert_eq!(env(&read, "PGGSSENCMODE").unwrap(), "disable");
    assert_eq!(
        parse("postgresql://h/d?ssl=true").ssl_mode(),
        SslMode::Require
    );
    assert_eq!(
        parse("postgresql+asyncpg://h/d?ssl=require").ssl_mode(),
        SslMode::Require
    );
}

#[test]
fn system_roots_are_handed_on_as_a_file() {
    let around = Around::default().file("/etc/ssl/certs/ca-certificates.crt", 0o644, "");
    let read = Conninfo::parse("host=h sslrootcert=system", &around).unwrap();
    assert_eq!(read.ssl_mode(), SslMode::VerifyFull);
    assert_eq!(
        env(&read, "PGSSLROOTCERT").unwrap(),
        "/etc/ssl/certs/ca-certificates.crt"
    );
}

#[test]
fn a_client_key_that_others_may_read_is_refused() {
    let around = Around::default()
        .file("/c.crt", 0o644, "")
        .file("/c.key", 0o644, "");
    let error = Conninfo::parse("host=h sslcert=/c.crt sslkey=/c.key", &around).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
}

#[test]
fn the_with_functions_change_one_thing() {
    let read = parse("host=h dbname=d user=u options='-c geqo=off' connect_timeout=3");
    let other = read
        .with_database("it's \"x\"")
        .with_application_name("ripcord:1:2")
        .with_setting("search_path", "a, b\\c")
        .with_connect_timeout(std::time::Duration::from_secs(7));
    assert_eq!(env(&other, "PGDATABASE").unwrap(), "it's \"x\"");
    assert_eq!(env(&other, "PGAPPNAME").unwrap(), "ripcord:1:2");
    assert_eq!(
        env(&other, "PGOPTIONS").unwrap(),
        r"-c geqo=off -c search_path=a,\ b\\c"
    );
    assert_eq!(env(&other, "PGCONNECT_TIMEOUT").unwrap(), "7");
    assert_eq!(env(&read, "PGCONNECT_TIMEOUT").unwrap(), "3");
    assert_eq!(env(&parse("host=h"), "PGCONNECT_TIMEOUT").unwrap(), "10");
    assert_eq!(
        env(&parse("host=h connect_timeout=0"), "PGCONNECT_TIMEOUT").unwrap(),
        "0"
    );
}

/// libpq takes the user's name for the database's, which is seldom what was meant.
#[test]
fn whether_a_database_is_named_is_known() {
    for text in [
        "postgres://u@h/shop",
        "host=h dbname=shop",
        "postgres://h?dbname=shop",
    ] {
        assert!(parse(text).names_database(), "{text}");
    }
    for text in [
        "postgres://u@h",
        "postgres://u@h/",
        "host=h user=u",
        "host=h dbname=''",
    ] {
        assert!(!parse(text).names_database(), "{text}");
        assert!(parse(text).with_database("d").names_database());
    }
    let around = Around::default().var("PGDATABASE", "shop");
    let read = Conninfo::parse("postgres://u@h", &around).unwrap();
    assert_eq!((read.database(), read.names_database()), ("shop", true));
}
