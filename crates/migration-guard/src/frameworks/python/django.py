# Run by `manage.py shell`, with answer.py before it: the graph, the history and the SQL as Django's own loader has them.


def kind_of(error):
    from django.core.exceptions import ImproperlyConfigured
    from django.db import InterfaceError, OperationalError
    from django.db.migrations.exceptions import (
        AmbiguityError,
        BadMigrationError,
        CircularDependencyError,
        IrreversibleError,
        NodeNotFoundError,
    )

    graph = (AmbiguityError, BadMigrationError, CircularDependencyError, NodeNotFoundError)
    if isinstance(error, IrreversibleError):
        return "irreversible"
    if isinstance(error, graph + (ImproperlyConfigured, ImportError)):
        return "workspace"
    if isinstance(error, (OperationalError, InterfaceError)) and sqlstate(error) is None:
        return "connection"
    return "tool"


def spelled(key):
    return "%s.%s" % key


def split(version):
    app, _, name = version.partition(".")
    return app, name


def connection_for():
    from django.db import connections

    connection = connections[REQUEST["database"]]
    if connection.vendor != "postgresql":
        raise Refused("unsupported", "its database is %s" % connection.vendor)

    def execute(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone() if cursor.description else None

    prepare(execute)
    if REQUEST["do"] == "look":
        # Asking for SQL runs a migration's operations with everything caught; what slips through cannot write.
        execute("SET default_transaction_read_only = on")
    return connection


def flat(operations):
    for operation in operations:
        inner = getattr(operation, "database_operations", None)
        if inner is None:
            yield operation
        else:
            yield from flat(inner)


def does_nothing(operation, back):
    from django.db.migrations import RunPython, RunSQL

    if isinstance(operation, RunPython):
        return (operation.reverse_code if back else operation.code) is RunPython.noop
    if isinstance(operation, RunSQL):
        return (operation.reverse_sql if back else operation.sql) == RunSQL.noop
    return False


def irreversible(migration):
    for operation in flat(migration.operations):
        if not operation.reversible:
            return "%s has no reverse" % operation.describe()
    for operation in migration.operations:
        if not operation.reversible:
            return "%s has no reverse" % operation.describe()
    return None


def statements(executor, migration, back):
    """The SQL of one way, and what there is besides SQL."""
    opaque = []
    hidden = False
    for operation in migration.operations:
        for inner in flat([operation]):
            if not inner.reduces_to_sql and not does_nothing(inner, back):
                opaque.append(inner.describe())
                # Inside of another operation its code would be run by the very question for its SQL.
                hidden = hidden or inner is not operation
    if hidden:
        return "", opaque
    loader = executor.loader
    collect = getattr(loader, "collect_sql", None) or executor.collect_sql
    try:
        lines = collect([(migration, back)])
    except Exception as error:
        return "", opaque + ["its SQL is not known before it runs (%s)" % told(error)]
    lines = [line for line in lines if line != "-- THIS OPERATION CANNOT BE WRITTEN AS SQL"]
    return "\n".join(lines), opaque


def applied(connection, executor):
    """The rows in the order in which they were written, without those that an applied squashed one stands for."""
    from django.db.migrations.recorder import MigrationRecorder

    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return []
    loader = executor.loader
    done = loader.applied_migrations
    hidden, known = set(), set(loader.disk_migrations)
    for key, migration in loader.disk_migrations.items():
        known.update(migration.replaces)
        if migration.replaces and key in loader.graph.nodes and key in done:
            hidden.update(migration.replaces)
    rows, there = [], set()
    for app, name, when in recorder.migration_qs.order_by("id").values_list("app", "name", "applied"):
        key = (app, name)
        there.add(key)
        if key in hidden:
            continue
        rows.append({"version": spelled(key), "when": when.timestamp(), "known": key in known})
    for key in done:
        # All that a squashed one stands for is applied, and nobody has written that down yet.
        if key in loader.graph.nodes and key not in there:
            rows.append({"version": spelled(key), "when": None, "known": True})
    return rows


def look():
    from django.db.migrations.executor import MigrationExecutor
    import inspect

    connection = connection_for()
    executor = MigrationExecutor(connection)
    loader = executor.loader
    graph = loader.graph
    plan = [m for m, _ in executor.migration_plan(graph.leaf_nodes(), clean_start=True)]
    migrations = []
    for migration in plan:
        key = (migration.app_label, migration.name)
        done = key in loader.applied_migrations
        wanted = spelled(key) in REQUEST["sql"] or (REQUEST["pending_sql"] and not done)
        up, up_opaque = statements(executor, migration, False) if wanted else ("", [])
        why = irreversible(migration)
        down, down_opaque = ("", [])
        if wanted and why is None:
            down, down_opaque = statements(executor, migration, True)
        path = inspect.getfile(type(migration))
        migrations.append(
            {
                "version": spelled(key),
                "name": migration.name.lstrip("0123456789_").replace("_", " "),
                "file": path,
                "checksum": checksum(path),
                "parents": [spelled(p.key) for p in sorted(graph.node_map[key].parents)],
                "pending": not done,
                "transactional": bool(migration.atomic),
                "irreversible": why,
                "up": up,
                "up_opaque": up_opaque,
                "down": down,
                "down_opaque": down_opaque,
            }
        )
    conflicts = [
        {"of": app, "heads": sorted(names)} for app, names in sorted(loader.detect_conflicts().items())
    ]
    return {"migrations": migrations, "applied": applied(connection, executor), "conflicts": conflicts}


def run():
    from django.core.management import call_command
    from django.db.migrations.executor import MigrationExecutor

    connection = connection_for()
    executor = MigrationExecutor(connection)
    key = split(REQUEST["version"])
    back = REQUEST["do"] == "down"
    wanted = [(key, back)]

    def planned(target):
        return [((m.app_label, m.name), b) for m, b in executor.migration_plan([target])]

    if not back:
        plan = planned(key)
        if plan != wanted:
            others = [spelled(k) for k, _ in plan if k != key]
            raise Refused("order", "Django would run more than it: %s" % (", ".join(others) or "nothing"))
        targets = [key]
    else:
        node = executor.loader.graph.node_map[key]
        above = [c.key for c in node.children if c.key in executor.loader.applied_migrations]
        if above:
            raise Refused("order", "applied ones depend on it: %s" % ", ".join(map(spelled, sorted(above))))
        own = [p.key for p in node.parents if p.key[0] == key[0]]
        # `zero` is what Django calls the state before an app's first migration.
        targets = [target for target in own or [(key[0], None)] if planned(target) == wanted]
    if targets:
        app, name = targets[0]
        call_command(
            "migrate", app, name or "zero", database=REQUEST["database"], interactive=False,
            verbosity=0, skip_checks=False,
        )
    else:
        # One of two branches: to `migrate`, their common parent means both.
        migration = executor.loader.graph.nodes[key]
        executor.migrate([key], plan=[(migration, True)])
    from django.db.migrations.recorder import MigrationRecorder

    return {"applied": key in MigrationRecorder(connection).applied_migrations()}


def check():
    from io import StringIO

    from django.apps import apps
    from django.core.management import call_command, load_command_class, get_commands
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.questioner import MigrationQuestioner
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None, ignore_no_migrations=True)
    conflicts = [
        {"of": app, "heads": sorted(names)} for app, names in sorted(loader.detect_conflicts().items())
    ]
    if conflicts:
        return {"conflicts": conflicts, "changes": []}
    try:
        call_command(
            "makemigrations", check_changes=True, dry_run=True, interactive=False, verbosity=0,
            stdout=StringIO(), stderr=StringIO(),
        )
        return {"conflicts": [], "changes": []}
    except SystemExit as error:
        if not error.code:
            return {"conflicts": [], "changes": []}
    owner = get_commands()["makemigrations"]
    command = load_command_class(owner, "makemigrations") if isinstance(owner, str) else owner
    detector = getattr(command, "autodetector", MigrationAutodetector)(
        loader.project_state(), ProjectState.from_apps(apps), MigrationQuestioner(dry_run=True)
    )
    changes = []
    for app, migrations in sorted(detector.changes(graph=loader.graph).items()):
        for operation in (o for m in migrations for o in m.operations):
            model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
            try:
                model = apps.get_model(app, model).__name__
            except LookupError:
                pass
            changes.append({"subject": "%s.%s" % (app, model), "what": operation.describe()})
    return {"conflicts": [], "changes": changes}


respond({"look": look, "up": run, "down": run, "check": check}[REQUEST["do"]])
