# Run by Python with answer.py before it, in the folder of alembic.ini: what ScriptDirectory and env.py know.


def kind_of(error):
    from alembic.util import CommandError
    from sqlalchemy.exc import ArgumentError, InterfaceError, NoSuchModuleError, OperationalError

    if isinstance(error, (OperationalError, InterfaceError)) and sqlstate(error) is None:
        return "connection"
    if isinstance(error, (CommandError, ImportError, ArgumentError, NoSuchModuleError, KeyError)):
        return "workspace"
    return "tool"


def configured():
    import io

    from alembic.config import CommandLine, Config
    from alembic.script import ScriptDirectory

    line = CommandLine(prog="alembic")
    options = line.parser.parse_args(REQUEST["args"] + ["current"])
    if hasattr(line, "_inis_from_config"):
        toml, ini = line._inis_from_config(options)
        found = {"file_": ini, "toml_file": toml}
    else:
        found = {"file_": options.config}
    config = Config(ini_section=options.name, cmd_opts=options, stdout=io.StringIO(), **found)
    return config, ScriptDirectory.from_config(config)


def online(config, script, steps):
    """Runs env.py as `alembic current` and `alembic upgrade` do; `steps` says what is to be run."""
    from alembic.runtime.environment import EnvironmentContext

    seen = []

    def fn(heads, context):
        seen.append(heads)
        if context.dialect.name != "postgresql":
            raise Refused("unsupported", "its database is %s" % context.dialect.name)
        if len(seen) > 1:
            raise Refused("unsupported", "its env.py goes to several databases")

        def execute(sql):
            result = context.connection.exec_driver_sql(sql)
            return result.fetchone() if result.returns_rows else None

        prepare(execute)
        return steps(heads, context)

    settings = {"dont_mutate": True} if REQUEST["do"] == "look" else {}
    with EnvironmentContext(config, script, fn=fn, **settings):
        script.run_env()
    if not seen:
        raise Refused("workspace", "its env.py runs no migrations")
    return tuple(seen[0])


def body(revision, name):
    """The statements of a function of a revision's file, without its docstring; None where it cannot be told."""
    import ast

    try:
        with open(revision.path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return [
                s for s in node.body
                if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            ]
    return None


def is_empty(revision, name):
    import ast

    found = body(revision, name)
    return found is not None and all(isinstance(s, (ast.Pass, ast.Return)) for s in found)


def only_raises(revision, name):
    import ast

    found = body(revision, name)
    return bool(found) and isinstance(found[0], ast.Raise)


class Enough(Exception):
    pass


def statements(config, script, revision, back):
    """The SQL of one way as `--sql` writes it, what there is besides SQL, and why there is no such way."""
    import io

    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import RevisionStep

    name = "downgrade" if back else "upgrade"
    if only_raises(revision, name):
        return "", [], "its %s() raises" % name
    if is_empty(revision, name):
        return "", [], None
    buffer = io.StringIO()
    config.output_buffer = buffer
    got = {}

    def fn(heads, context):
        step = RevisionStep(script.revision_map, revision, not back)
        inner = step.migration_fn

        def only_its_own(**arguments):
            start = buffer.tell()
            try:
                inner(**arguments)
                got["sql"] = buffer.getvalue()[start:]
            except Exception as error:
                got["error"] = error
            raise Enough()

        step.migration_fn = only_its_own
        return [step]

    parents = revision._normalized_down_revisions
    start = revision.revision if back else (tuple(parents) or None)
    try:
        with EnvironmentContext(config, script, fn=fn, as_sql=True, starting_rev=start):
            script.run_env()
    except Enough:
        pass
    except Exception as error:
        got.setdefault("error", error)
    error = got.get("error")
    if isinstance(error, NotImplementedError):
        return "", [], "its %s() raises NotImplementedError" % name
    if error is not None:
        return "", ["its SQL is not known before it runs (%s)" % told(error)], None
    sql = got.get("sql", "")
    return sql, [] if sql.strip() else ["%s() is code that `--sql` does not show" % name], None


def ancestors(script, heads):
    found, left = set(), [h for h in heads if script.revision_map._revision_map.get(h)]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left.extend(script.get_revision(one)._normalized_down_revisions)
    return found


def conflicts(script):
    """Heads that nobody has told apart by a branch label."""
    heads = [script.get_revision(h) for h in script.get_heads()]
    labels = [set(h.branch_labels or ()) for h in heads]
    every = [label for some in labels for label in some]
    if len(heads) < 2 or (all(labels) and len(every) == len(set(every))):
        return []
    return [{"of": "", "heads": sorted(h.revision for h in heads)}]


def look():
    config, script = configured()
    heads = online(config, script, lambda heads, context: [])
    done = ancestors(script, heads)
    migrations, rows = [], []
    for revision in reversed(list(script.walk_revisions())):
        version = revision.revision
        wanted = version in REQUEST["sql"] or (REQUEST["pending_sql"] and version not in done)
        up, up_opaque, down, down_opaque, why = "", [], "", [], None
        if wanted:
            up, up_opaque, never = statements(config, script, revision, False)
            up_opaque += [never] if never else []
            down, down_opaque, why = statements(config, script, revision, True)
        if version in done:
            rows.append({"version": version, "when": None, "known": True})
        migrations.append(
            {
                "version": version,
                "name": (revision.doc or "").splitlines()[0] if revision.doc else "",
                "file": revision.path,
                "checksum": checksum(revision.path),
                "parents": list(revision._normalized_down_revisions),
                "pending": version not in done,
                "transactional": True,
                "irreversible": why,
                "up": up,
                "up_opaque": up_opaque,
                "down": down,
                "down_opaque": down_opaque,
            }
        )
    for head in heads:
        if head not in done:
            rows.append({"version": head, "when": None, "known": False})
    return {"migrations": migrations, "applied": rows, "conflicts": conflicts(script)}


def run():
    from alembic.runtime.migration import RevisionStep

    config, script = configured()
    revision = script.get_revision(REQUEST["version"])
    back = REQUEST["do"] == "down"

    def steps(heads, context):
        done = ancestors(script, heads)
        if back and revision.revision not in heads:
            raise Refused("order", "it is not a head of what is applied: %s" % ", ".join(sorted(heads)))
        left = [p for p in revision._normalized_down_revisions if p not in done]
        if not back and left:
            raise Refused("order", "pending before it: %s" % ", ".join(sorted(left)))
        return [RevisionStep(script.revision_map, revision, not back)]

    online(config, script, steps)
    # Another session, so what is read is what was committed.
    heads = online(config, script, lambda heads, context: [])
    return {"applied": revision.revision in ancestors(script, heads)}


def described(diff):
    """A difference as autogenerate writes it: a tuple, or a list of tuples about one column."""
    if isinstance(diff, list):
        return [pair for one in diff for pair in described(one)]
    what, rest = diff[0], diff[1:]
    words = what.replace("_", " ")
    if what in ("add_table", "remove_table"):
        return [(rest[0].name, words)]
    if what in ("add_column", "remove_column"):
        return [(rest[1], "%s %s" % (words, rest[2].name))]
    if what.startswith("modify_") and len(rest) >= 3:
        return [(rest[1], "%s of %s" % (words, rest[2]))]
    table = getattr(rest[0], "table", None) if rest else None
    named = getattr(rest[0], "name", None) if rest else None
    return [(getattr(table, "name", None) or str(named), "%s %s" % (words, named or ""))]


def check():
    from alembic import command
    from alembic.util import AutogenerateDiffsDetected, CommandError

    config, script = configured()
    found = conflicts(script)
    changes = []
    if not found and not REQUEST["compare"]:
        raise Refused("no-database", "the models can only be compared with a database")
    if not found:
        try:
            command.check(config)
        except AutogenerateDiffsDetected as error:
            pairs = [pair for diff in error.diffs for pair in described(diff)]
            changes = [{"subject": table, "what": what.strip()} for table, what in pairs]
        except CommandError as error:
            if "not up to date" not in str(error):
                raise
            raise Refused("no-database", "its database has pending revisions, so the models cannot be compared with it")
    return {"conflicts": found, "changes": changes}


respond({"look": look, "up": run, "down": run, "check": check}[REQUEST["do"]])
