"""Every .sql file of the scheduler is understood by the server, with the parameters that its head
tells."""

import re

import pytest

from conftest import ROOT

FILES = sorted((ROOT / "services" / "scheduler" / "sql").rglob("*.sql"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_statement(db, file):
    text = file.read_text()
    head, body = re.match(r"((?:--[^\n]*\n)+)(.*)", text, re.S).groups()
    types = re.findall(r"^-- \$\d+ (\S+)", head, re.M)
    db.execute("SET ROLE calfleet_scheduler")
    listed = f" ({', '.join(types)})" if types else ""
    db.execute(f"PREPARE told{listed} AS {body}".encode())
    known = db.execute("SELECT parameter_types::text[] FROM pg_prepared_statements "
                       "WHERE name = 'told'").fetchone()[0]
    assert len(known) == len(types)
