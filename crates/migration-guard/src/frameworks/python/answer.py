# One question of migration-guard, answered as one line of JSON. RIPCORD_REQUEST is put before this text.
import json
import sys

REQUEST = json.loads(RIPCORD_REQUEST)
OPAQUE = "%s: %s"


class Refused(Exception):
    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def told(error):
    # The first line only: what follows in a server's message quotes rows.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else "it said nothing"
    return "%s: %s" % (type(error).__name__, first[:400])


def sqlstate(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        for inner in (error, getattr(error, "orig", None)):
            state = getattr(inner, "sqlstate", None) or getattr(inner, "pgcode", None)
            if state:
                return state
        error = error.__cause__ or error.__context__
    return None


def checksum(path):
    import hashlib

    try:
        with open(path, "rb") as file:
            return hashlib.sha384(file.read()).hexdigest()
    except OSError:
        return None


# Whether our own session holds this lock in the database that the framework's settings lead to.
SEEN = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted"
    " AND objsubid = 1 AND database = (SELECT oid FROM pg_catalog.pg_database"
    " WHERE datname = pg_catalog.current_database())"
    " AND ((classid::bigint << 32) | objid::bigint) = %d)"
)


def prepare(execute):
    """What every session is asked before anything else: is it the right database; and how it shall behave."""
    if not execute(SEEN % REQUEST["seen"])[0]:
        raise Refused("elsewhere", "its settings lead to another database than the connection string")
    version = int(execute("SELECT current_setting('server_version_num')")[0])
    if REQUEST["do"] == "look":
        return
    settings = ["SET lock_timeout = %d" % REQUEST["lock_timeout"]]
    settings.append("SET statement_timeout = %d" % REQUEST["statement_timeout"])
    settings.append("SET idle_in_transaction_session_timeout = 0")
    if version >= 140000:
        settings.append("SET client_connection_check_interval = '2s'")
    for setting in settings:
        execute(setting)
    # By this lock a session of ours is told from all others, whatever its name; it ends with the session.
    execute("SELECT pg_catalog.pg_advisory_lock_shared(%d)" % REQUEST["mark"])


def respond(work):
    answer = {}
    try:
        answer["ok"] = work()
    except Refused as error:
        answer["error"] = {"kind": error.kind, "text": str(error)}
    except SystemExit as error:
        answer["error"] = {"kind": "tool", "text": "it ended with %s" % (error.code,)}
    except Exception as error:
        kind = kind_of(error)
        answer["error"] = {"kind": kind, "text": told(error), "sqlstate": sqlstate(error)}
    sys.stdout.write("\n%s%s\n" % (REQUEST["line"], json.dumps(answer)))
    sys.stdout.flush()
