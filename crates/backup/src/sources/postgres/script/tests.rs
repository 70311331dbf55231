use super::Script;
use super::refusal::Refused;
use crate::ErrorKind;

/// What passes, however the text arrives.
fn through(text: &str) -> Result<String, Refused> {
    let mut results = Vec::new();
    for size in [1, 2, 3, 7, 64, 100_000] {
        let (mut script, mut out) = (Script::new(), Vec::new());
        let passed = text
            .as_bytes()
            .chunks(size)
            .try_for_each(|piece| script.pass(piece, &mut out))
            .and_then(|()| script.end(&mut out));
        results.push(passed.map(|()| String::from_utf8(out).unwrap()));
    }
    assert!(
        results.windows(2).all(|pair| pair[0] == pair[1]),
        "{results:#?}"
    );
    results.remove(0)
}

const HEAD: &str =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict aB3\n\nSET client_encoding = 'UTF8';\n";

#[test]
fn what_needs_no_change_passes_as_it_is() {
    let clear = "\
        CREATE FUNCTION public.f(a integer) RETURNS text LANGUAGE sql AS $_$ SELECT $1; -- ' $$ $_$;\n\
        CREATE FUNCTION public.g() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n\
        CREATE RULE r AS ON INSERT TO public.t DO (DELETE FROM public.u; SELECT 1);\n\
        CREATE TABLE public.\"a;\"\"b\" (a text DEFAULT 'it''s;'::text, b integer[]) PARTITION BY RANGE (a);\r\n\
        CREATE VIEW public.v AS SELECT t.a[1:n] AS a FROM public.t -- ';\n WHERE true;\n\
        COPY public.t (a, b) FROM stdin;\n1\t\\\\.\n\\N\tx';\n\\.x\n\\.\n\n\
        INSERT INTO public.t (a, b) OVERRIDING SYSTEM VALUE VALUES (-1.5e-7, NULL), ('x', B'101') ON CONFLICT DO NOTHING;\n\
        INSERT INTO public.t DEFAULT VALUES;\n\
        SELECT pg_catalog.setval('public.s', 1, false);\n;\n\
        GRANT SELECT(a),UPDATE(b) ON TABLE public.t TO joe;\n\n\\unrestrict aB3\n";
    let text = format!("{HEAD}{clear}");
    assert_eq!(through(&text).unwrap(), text);
    let crlf = text.replace('\n', "\r\n").replace("\r\r", "\r");
    assert_eq!(through(&crlf).unwrap(), crlf);
}

#[test]
fn what_can_be_read_in_two_ways_comes_behind_the_settings() {
    let again = "SELECT pg_catalog.set_config('standard_conforming_strings', 'on', false), \
                 pg_catalog.set_config('client_encoding', 'UTF8', false);";
    for statement in [
        "COMMENT ON TABLE public.t IS 'ends in \\';",
        "COMMENT ON TABLE public.t IS E'it\\'s';",
        "INSERT INTO public.t VALUES ('ünï');",
    ] {
        let text = format!("{HEAD}{statement}\n");
        assert_eq!(
            through(&text).unwrap(),
            format!("{HEAD}\n{again}\n{statement}\n")
        );
    }
    let refused = through("COMMENT ON TABLE public.t IS 'ü';").unwrap_err();
    assert!(refused.why.contains("encoding"), "{refused:?}");
}

#[test]
fn one_transaction_is_around_everything() {
    let large = "BEGIN;\n\nSELECT pg_catalog.lo_open('7', 131072);\nSELECT pg_catalog.lo_close(0);\n\nCOMMIT;\n";
    let passed = through(&format!("{HEAD}{large}")).unwrap();
    assert!(!passed.contains("BEGIN") && !passed.contains("COMMIT"));
    assert!(passed.contains("lo_close"));
    for bad in [
        "BEGIN;\nCREATE TABLE public.t ();\nCOMMIT;\n",
        "COMMIT;\n",
        "BEGIN;\nCOMMIT;\nCOMMIT;\n",
    ] {
        assert!(through(bad).is_err(), "{bad}");
    }
}

#[test]
fn event_triggers_come_last() {
    let text = format!(
        "{HEAD}CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.f();\n\
         COMMENT ON EVENT TRIGGER e IS 'x';\nREFRESH MATERIALIZED VIEW public.m;\n\\unrestrict aB3\n"
    );
    let passed = through(&text).unwrap();
    let (before, after) = passed
        .split_once("\nRESET SESSION AUTHORIZATION;\n")
        .unwrap();
    assert!(
        before.contains("REFRESH") && !before.contains("EVENT"),
        "{passed}"
    );
    assert!(
        after.contains("CREATE EVENT") && after.contains("COMMENT ON"),
        "{passed}"
    );
}

#[test]
fn the_line_is_the_statements_own() {
    for (text, line) in [
        ("SELECT 1;", 1),
        ("\n\nSET a = 1;\n", 3),
        ("COPY t FROM stdin;\n1\n2\n\\.\n\\! x\n", 5),
        (
            "SET lock_timeout = 0;\nCREATE TABLE t (\n a int\n); DROP DATABASE x;\n",
            4,
        ),
        ("SET lock_timeout = 0;\nALTER\nSYSTEM\nRESET ALL;\n", 2),
        ("INSERT INTO t VALUES\n(1),\n(f());\n", 3),
    ] {
        let refused = through(text).unwrap_err();
        assert_eq!(
            (refused.line, refused.kind),
            (line, ErrorKind::InvalidInput),
            "{refused:?}"
        );
    }
}

#[test]
fn cut_off_it_is_corrupt() {
    let text = "CREATE TABLE public.t (a text DEFAULT 'x;', b text);\nCOPY public.t FROM stdin;\n1\t2\n\\.\nINSERT INTO public.t VALUES ('a', E'\\'', $$;$$);\n";
    let mut ends = Vec::new();
    for at in text.find('(').unwrap()..text.len() {
        match through(&text[..at + 1]) {
            Ok(_) => ends.push(&text[at - 1..at + 1]),
            Err(refused) => {
                let told = matches!(refused.kind, ErrorKind::Corrupt | ErrorKind::InvalidInput);
                assert!(told, "{at}: {refused:?}");
            }
        }
    }
    // The last statement before the end of a dump may lack its semicolon.
    assert_eq!(ends, ["t)", ");", ";\n", ".\n", ");", ";\n"]);
}
