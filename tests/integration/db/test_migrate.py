"""calfleetctl migrate against a real server. CALFLEET_BIN_DIR is where the binaries are."""
import json
import os
import pathlib
import shutil
import subprocess

import psycopg
import psycopg.conninfo
import pytest

from conftest import HOST, MIGRATIONS, ROOT, connect, server_dsn

BIN = pathlib.Path(os.environ.get("CALFLEET_BIN_DIR", ROOT / "build" / "debug" / "bin"))


class Runner:
    def __init__(self, database, folder):
        self.database = database
        self.folder = folder

    def command(self, *options):
        return [str(BIN / "calfleetctl"), "migrate", f"--dir={self.folder}",
                f"--host-dir={ROOT / 'db' / 'host'}", *options]

    def env(self, **changes):
        dsn = psycopg.conninfo.make_conninfo(server_dsn(), **{"dbname": self.database} | changes)
        return environment(CALFLEET_PG_DSN=dsn)

    def run(self, *options, code=0, env=None):
        done = subprocess.run(self.command(*options), capture_output=True, text=True, timeout=60,
                              env=env or self.env())
        assert done.returncode == code, done.stderr
        return done

    def start(self, *options):
        return subprocess.Popen(self.command(*options), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, env=self.env())

    def rows(self, *options, code=0):
        out = self.run("--json", *options, code=code).stdout
        return [json.loads(line) for line in out.splitlines()]

    def applied(self):
        with connect(self.database) as conn:
            return conn.execute("SELECT version, name FROM calfleet.migrations"
                                " ORDER BY version").fetchall()


def environment(**ours):
    """What a shell that works with a stack has set must not decide these tests."""
    return {k: v for k, v in os.environ.items() if not k.startswith("CALFLEET_")} | ours


def declared():
    return [(int(f.name[:4]), f.stem[5:]) for f in MIGRATIONS]


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "migrations"
    shutil.copytree(ROOT / "db" / "migrations", copy)
    return copy


@pytest.fixture
def runner(empty_database, folder):
    return Runner(empty_database, folder)


@pytest.fixture
def migrated(runner):
    runner.run("--host-standin")
    return runner


def add(folder, text, name="added"):
    number = len(list(folder.glob("*.sql"))) + 1
    file = folder / f"{number:04d}_{name}.sql"
    file.write_text(text)
    return number


def test_from_empty_and_again(runner):
    pending = runner.rows("--status", code=75)
    assert {r["state"] for r in pending} == {"pending"} and len(pending) == len(MIGRATIONS)
    first = runner.rows("--host-standin")
    assert [(r["version"], r["name"], r["state"]) for r in first] == \
        [(v, n, "applied") for v, n in declared()]
    assert all(isinstance(r["ms"], int) for r in first)
    assert runner.applied() == declared()
    assert runner.rows("--host-standin") == []
    assert {r["state"] for r in runner.rows("--status")} == {"applied"}


def test_from_empty_gives_what_the_files_give(migrated, template):
    """The runner's result is the one that all other tests stand on."""
    def shape(database):
        with connect(database) as conn:
            return conn.execute(
                "SELECT table_schema, table_name, column_name, data_type, is_nullable,"
                " column_default FROM information_schema.columns"
                " WHERE table_schema IN ('public', 'calfleet') ORDER BY 1, 2, 3").fetchall()
    assert shape(migrated.database) == shape(template)


def test_text_output_has_a_line_for_each_file(runner):
    out = runner.run("--host-standin").stdout.splitlines()
    assert len(out) == len(MIGRATIONS) and out[0].startswith("0001_foundation applied in ")


def test_without_the_host_nothing_is_done(runner):
    assert "host platform" in runner.run(code=78).stderr
    with connect(runner.database) as conn:
        assert conn.execute("SELECT to_regclass('calfleet.migrations')").fetchone() == (None,)


def test_an_edited_file_is_refused(migrated, folder):
    victim = folder / MIGRATIONS[2].name
    victim.write_text(victim.read_text() + "\n-- a small correction\n")
    add(folder, "CREATE TABLE calfleet.never ();")
    done = migrated.run(code=78)
    assert victim.name in done.stderr and "edited" in done.stderr
    assert migrated.run("--status", code=78)
    assert migrated.applied() == declared()


def test_a_renamed_file_is_refused(migrated, folder):
    victim = folder / MIGRATIONS[1].name
    victim.rename(folder / "0002_other.sql")
    assert "0002" in migrated.run(code=78).stderr


def test_a_gap_is_refused(runner, folder):
    (folder / MIGRATIONS[1].name).unlink()
    assert "0003 comes where 0002 is expected" in runner.run("--host-standin", code=78).stderr


def test_an_older_release_leaves_a_newer_database_alone(migrated, folder):
    (folder / MIGRATIONS[-1].name).unlink()
    assert "1 migrations ahead" in migrated.run().stderr
    assert migrated.applied() == declared()


def test_a_failing_file_leaves_nothing_behind(migrated, folder):
    number = add(folder, "CREATE TABLE calfleet.half ();\nSELECT 1;\nSELECT no_such_thing;\n")
    done = migrated.run(code=78)
    assert f"{number:04d}_added.sql" in done.stderr and "line 3" in done.stderr
    with connect(migrated.database) as conn:
        assert conn.execute("SELECT to_regclass('calfleet.half')").fetchone() == (None,)
    assert migrated.applied() == declared()


def test_a_file_may_not_end_its_transaction(migrated, folder):
    add(folder, "CREATE TABLE calfleet.half ();\nCOMMIT;\n")
    assert "ends its transaction" in migrated.run(code=78).stderr


def test_a_member_of_the_owner_role_applies_later_files(migrated, folder, db_role):
    add(folder, "SET LOCAL ROLE calfleet_migrate;\nCREATE TABLE calfleet.later (id int);\n")
    migrated.run(env=migrated.env(user=db_role))
    with connect(migrated.database) as conn:
        assert conn.execute("SELECT pg_get_userbyid(relowner) FROM pg_class"
                            " WHERE relname = 'later'").fetchone() == ("calfleet_migrate",)


@pytest.fixture
def db_role(migrated):
    name = f"deployer_{migrated.database}"
    with connect(migrated.database) as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN")
        conn.execute(f"GRANT calfleet_migrate TO {name}")
        yield name
        conn.execute(f"DROP ROLE {name}")


def test_two_at_once(runner):
    both = [runner.start("--host-standin", "--json") for _ in range(2)]
    out = [p.communicate(timeout=60) for p in both]
    assert [p.returncode for p in both] == [0, 0], out
    assert sorted(len(o.splitlines()) for o, _ in out) == [0, len(MIGRATIONS)]
    assert runner.applied() == declared()


def test_another_one_at_work_for_too_long(migrated):
    with connect(migrated.database) as conn:
        conn.execute("SELECT pg_advisory_lock(7161110516396680564)")
        done = migrated.run("--turn-timeout=1s", code=75)
        assert "another migration" in done.stderr
    assert migrated.rows("--turn-timeout=1s") == []


def test_a_busy_table_means_try_again(migrated, folder):
    add(folder, "SET LOCAL ROLE calfleet_migrate;\n"
                "ALTER TABLE calfleet.accounts ADD COLUMN more text;\n")
    with connect(migrated.database) as conn:
        conn.execute("BEGIN; SELECT FROM calfleet.accounts")
        migrated.run("--lock-timeout=100ms", code=75)
        conn.execute("COMMIT")
    assert len(migrated.rows()) == 1


def test_killed_in_the_middle_it_is_done_by_the_next(migrated, folder):
    add(folder, "CREATE TABLE calfleet.slow ();\nSELECT pg_sleep(20);\n")
    process = migrated.start()
    try:
        with connect(migrated.database) as conn:
            for _ in range(100):
                busy = conn.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s"
                                    " AND wait_event = 'PgSleep'", (migrated.database,)).fetchall()
                if busy:
                    break
                conn.execute("SELECT pg_sleep(0.1)")
            assert busy
            process.kill()
            process.communicate(timeout=10)
            # The server notices a dead client at its next word: here it is told.
            conn.execute("SELECT pg_terminate_backend(%s)", busy[0])
    finally:
        process.kill()
    assert migrated.applied() == declared()
    (folder / f"{len(MIGRATIONS) + 1:04d}_added.sql").write_text("CREATE TABLE calfleet.slow ();")
    assert [r["name"] for r in migrated.rows()] == ["added"]


@pytest.mark.parametrize("dsn,code", [
    ("host=127.0.0.1 port=1 dbname=x user=x", 75),
    ("host=127.0.0.1 nonsense=1", 78),
])
def test_no_database(runner, dsn, code):
    runner.run(code=code, env=environment(CALFLEET_PG_DSN=dsn))


def test_a_refused_login_is_a_setting(runner):
    runner.run(code=78, env=runner.env(dbname="no_such_database"))


def test_the_dsn_may_stand_in_a_file_and_is_never_shown(runner, tmp_path):
    secret = tmp_path / "dsn"
    secret.write_text(runner.env(password="planted-word")["CALFLEET_PG_DSN"] + "\n")
    env = environment(CALFLEET_PG_DSN_FILE=str(secret))
    runner.run("--host-standin", env=env)
    shown = runner.run("--print-config", env=env)
    failed = runner.run(code=75, env=environment(
        CALFLEET_PG_DSN="host=127.0.0.1 port=1 user=x password=planted-word"))
    assert "planted-word" not in shown.stdout + shown.stderr + failed.stdout + failed.stderr


def test_command_line(runner):
    run = [str(BIN / "calfleetctl")]
    for arguments, code in (([], 64), (["nosuch"], 64), (["--help"], 0), (["--version"], 0),
                            (["migrate", "--help"], 0), (["migrate"], 78)):
        done = subprocess.run(run + arguments, capture_output=True, text=True, timeout=60,
                              env=environment())
        assert done.returncode == code, (arguments, done.stderr)
    assert "migrate" in subprocess.run([*run, "--help"], capture_output=True, text=True).stdout


def test_host_files_are_not_among_the_migrations():
    assert not {f.name for f in HOST} & {f.name for f in MIGRATIONS}
