-- Less common kinds, by their identity and, where it is at hand, their definition. OIDs from 16384
-- on are those that users made.
WITH things AS (
    SELECT 'pg_collation'::regclass AS class, oid,
           format('%s %s %s %s', collprovider, collencoding, coalesce(collcollate::text, '-'),
                  coalesce(collctype::text, '-')) AS fact
    FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid, conproc::text FROM pg_conversion
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprcode::text FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcdefault::text FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, 'exists' FROM pg_opfamily
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, 'exists' FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, coalesce(dictinitoption, '-') FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid, 'exists' FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid, 'exists' FROM pg_ts_template
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, pg_get_statisticsobjdef(oid)
              FROM pg_statistic_ext
    UNION ALL SELECT 'pg_cast'::regclass, oid,
                     format('%s %s %s', castfunc::regprocedure, castcontext, castmethod) FROM pg_cast
    UNION ALL SELECT 'pg_language'::regclass, oid, 'exists' FROM pg_language
    UNION ALL SELECT 'pg_transform'::regclass, oid, 'exists' FROM pg_transform
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 'exists' FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 'exists' FROM pg_foreign_server
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid,
                     format('%s %s %s %s', evtevent, evtfoid::regprocedure, evtenabled,
                            coalesce(array_to_string(evttags, ','), '-')) FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, p.oid,
                     format('%s %s %s %s %s', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete,
                            (SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text COLLATE "C")
                             FROM pg_publication_rel r WHERE r.prpubid = p.oid))
              FROM pg_publication p
), described AS (
    SELECT classoid AS class, objoid AS oid, objsubid AS sub, 'comment ' || description AS fact
    FROM pg_description WHERE classoid <> 'pg_extension'::regclass
    UNION ALL
    SELECT classoid, objoid, objsubid, format('label %s %s', provider, label)
    FROM pg_seclabel WHERE classoid <> 'pg_extension'::regclass
)
SELECT i.type || ' ' || i.identity, coalesce(t.fact, '-')
FROM things t, pg_identify_object(t.class, t.oid, 0) i
WHERE t.oid >= 16384 AND (i.schema IS NULL OR i.schema <> ALL ($1::text[]))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = t.class AND d.objid = t.oid
                  AND d.deptype = 'e')
UNION ALL
SELECT i.type || ' ' || i.identity, t.fact
FROM described t, pg_identify_object(t.class, t.oid, t.sub) i
WHERE t.oid >= 16384 AND i.identity IS NOT NULL
  AND (i.schema IS NULL OR i.schema <> ALL ($1::text[]))
  AND coalesce(i.schema, '') NOT LIKE 'pg\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = t.class AND d.objid = t.oid
                  AND d.deptype = 'e')
UNION ALL
SELECT format('user mapping of %s on %I', coalesce(quote_ident(usename), 'PUBLIC'), srvname), 'exists'
FROM pg_user_mappings WHERE $1::text[] IS NOT NULL
