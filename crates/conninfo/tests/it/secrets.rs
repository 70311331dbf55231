//! The password appears nowhere but in the child's environment.

use ripcord_conninfo::Conninfo;

use crate::around::Around;

const SECRET: &str = "Sup3rS3cretW0rd";

/// Everything a program might print about an error.
fn everything(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error:?} {error:#?} {error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(" {cause} {cause:?}"));
        next = cause.source();
    }
    text
}

#[test]
fn no_error_repeats_it_however_broken_the_string_is() {
    let broken = [
        "postgres://u:Sup3rS3cretW0rd@h:port/d",
        "postgres://u:a@Sup3rS3cretW0rd@h/d",
        "postgres://u:a/Sup3rS3cretW0rd@h/d",
        "postgres://u:a#Sup3rS3cretW0rd/x@h/d",
        "postgres://u:a/b?Sup3rS3cretW0rd=1@h/d",
        "postgres://u:a@x/b?sup3rs3cretw0rd=1@h/d",
        "postgres://u:a?Sup3rS3cretW0rd/@h/d",
        "postgres://u:a/Sup3rS3cretW0rd",
        "postgres://u:Sup3rS3cretW0rd",
        "postgres://u:Sup3rS3cretW0rd%zz@h/d",
        "postgres://u:Sup3rS3cretW0rd%00@h/d",
        "postgres://u:Sup3rS3cretW0rd%ff@h/d",
        "postgres://u:Sup3rS3cretW0rd@[::1/d",
        "postgres://u:Sup3rS3cretW0rd@h/d?sslmode=Sup3rS3cretW0rd",
        "postgres://u:Sup3rS3cretW0rd@h/d?nope=1",
        "postgres://h/d?password=Sup3rS3cretW0rd&nope=1",
        "postgres://h/d?passwort=Sup3rS3cretW0rd",
        "postgres://h/d?Sup3rS3cretW0rd",
        "host=h password=two Sup3rS3cretW0rd",
        "host=h password=two Sup3rS3cretW0rd=x",
        "host=h password=two sup3rs3cretw0rd=x",
        "host=h password='Sup3rS3cretW0rd",
        "host=h passwort=Sup3rS3cretW0rd",
        "password=Sup3rS3cretW0rd host=h sslmode=nope",
        "password=Sup3rS3cretW0rd host=h sslrootcert=/gone",
        "Sup3rS3cretW0rd",
        "host=h port=Sup3rS3cretW0rd",
        "host=h connect_timeout=Sup3rS3cretW0rd",
        "host=h keepalives=Sup3rS3cretW0rd",
        "host=h hostaddr=Sup3rS3cretW0rd",
        "host=h sslpassword=Sup3rS3cretW0rd",
    ];
    for text in broken {
        let error = match Conninfo::parse(text, &Around::default()) {
            Err(error) => error,
            Ok(read) => panic!("{text} was accepted as {read}"),
        };
        let shown = everything(&error).to_lowercase();
        assert!(!shown.contains(&SECRET.to_lowercase()), "{text}: {shown}");
        assert!(!error.help().unwrap_or_default().contains(SECRET));
    }
}

#[test]
fn labels_mask_it() {
    let around = Around::default().var("PGPASSWORD", SECRET).file(
        "/home/me/.pgpass",
        0o600,
        "*:*:*:*:Sup3rS3cretW0rd",
    );
    for text in [
        "postgres://u:Sup3rS3cretW0rd@h/d",
        "postgres://u@h/d?password=Sup3rS3cretW0rd",
        "host=h password=Sup3rS3cretW0rd",
        "host=h",
    ] {
        let read = Conninfo::parse(text, &around).unwrap();
        let shown = format!("{read} {read:?} {read:#?}");
        assert!(!shown.contains(SECRET), "{shown}");
        assert_eq!(read.secrets(), [SECRET]);
        assert!(
            read.libpq_env()
                .contains(&("PGPASSWORD", SECRET.to_owned()))
        );
    }
}

#[test]
fn both_spellings_of_an_escaped_password_are_secrets() {
    let read = Conninfo::parse("postgres://u:a%40bcdef@h/d", &Around::default()).unwrap();
    assert_eq!(read.secrets(), ["a%40bcdef", "a@bcdef"]);
}
