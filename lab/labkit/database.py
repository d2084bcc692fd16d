"""MariaDB of an OpenStack lab: own data folder, Unix socket only, no durability.

A data folder with the schemas made costs most of a first start, so it is kept
in the user's cache folder, once per set of package versions, and copied.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile

from labkit import procs

ROLE = "mariadb"
SCHEMAS = ("keystone", "glance", "cinder")
VERSIONED = ("mariadb-server-core", "python3-keystone", "python3-glance", "python3-cinder")

CONTENT = b"3"      # counts the changes of what a prepared database holds


def socket_path(state):
    return os.path.join(state, "db", "sock")


def url(state, schema):
    return f"mysql+pymysql://root@localhost/{schema}?unix_socket={socket_path(state)}&charset=utf8mb4"


def cache_folder():
    """Where the prepared data of these package versions is kept, or None where versions are not to be had."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *VERSIONED], capture_output=True)
    if done.returncode:
        return None
    key = hashlib.sha256(done.stdout + CONTENT).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "vtclone-lab", "db-" + key)


def start(state, cached):
    """Start the server on a fresh data folder, or on the copy of a prepared one."""
    folder = os.path.join(state, "db")
    data = os.path.join(folder, "data")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if cached:
        # --sparse and reflinks: the redo log is mostly empty
        procs.run(state, ["cp", "-r", "--sparse=always", "--reflink=auto", cached, data], "copy the prepared databases")
    else:
        procs.run(state, ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
                          "--auth-root-authentication-method=normal", "--skip-name-resolve", *_user()],
                  "make the database folder")
    serve(state)


def _user():
    return ["--user=root"] if os.geteuid() == 0 else []


def serve(state):
    folder = os.path.join(state, "db")
    process = procs.spawn(state, ROLE, [
        "mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--socket={socket_path(state)}", "--skip-networking",
        f"--pid-file={folder}/pid", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0",
        "--innodb-buffer-pool-size=128M", "--innodb-log-file-size=32M", "--innodb-doublewrite=0",
        "--max-connections=400", "--performance-schema=OFF", "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_general_ci", *_user()])

    def answers():
        try:
            connect(state).close()
            return True
        except OSError:
            return False
    procs.wait_until(answers, "MariaDB answers", 60, process, [procs.log_path(state, ROLE)])


def connect(state, schema=None):
    import pymysql
    try:
        return pymysql.connect(unix_socket=socket_path(state), user="root", database=schema, autocommit=True)
    except pymysql.err.OperationalError as error:
        raise OSError(str(error))


def create_schemas(state):
    with connect(state) as connection, connection.cursor() as cursor:
        for schema in SCHEMAS:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {schema}")


def save(state, target):
    """Keep the data folder as `target`: a clean shutdown, a copy that appears under its name in one step, a restart."""
    procs.end(state, ROLE, grace=20)
    parent = os.path.dirname(target)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    draft = tempfile.mkdtemp(prefix=".draft-", dir=parent)
    try:
        procs.run(state, ["cp", "-r", "--sparse=always", "--reflink=auto", os.path.join(state, "db", "data"),
                          os.path.join(draft, "data")], "keep the prepared databases")
        try:
            os.rename(os.path.join(draft, "data"), target)
        except OSError:
            pass        # another lab was first
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    serve(state)
