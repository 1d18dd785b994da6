#!/usr/bin/env python3
"""Turns a tree of .sql files into C: one prepared statement a file.

usage: embed_sql.py TARGET ROOT OUT [FILE...]

ROOT/calendar/due.sql becomes `const struct pg_stmt SQL_CALENDAR_DUE`, prepared as "calendar_due".
OUT/TARGET/sql.h declares all, OUT/TARGET/sql.c defines them, and OUT/TARGET/sql_all.c holds the
table SQL_ALL_<TARGET> with what each file's head promises (an object of its own, so that only
programs which check it carry it).

A file is a head of comments, then one statement without a semicolon:

    -- What it does.
    -- $1 uuid connection
    -- > id uuid
    SELECT id FROM ... WHERE connection_id = $1

Types are single words that the server resolves (float8, not double precision).
"""
import re
import sys
from pathlib import Path

PARAM = re.compile(r"\$(\d+)\s+(\S+)\s+\S")
COLUMN = re.compile(r">\s+(\S+)\s+(\S+)\s*$")


class Bad(Exception):
    pass


def parse(path):
    """Gives (parameter types, columns, statement)."""
    params, columns, told, body = [], [], False, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line[2:].strip() if line.startswith("--") and not body else None
        if text is None:
            if body or line.strip():
                body.append(line.rstrip())
        elif text.startswith("$"):
            match = PARAM.match(text)
            if not match or int(match[1]) != len(params) + 1:
                raise Bad(f"{path}:{number}: expected `-- ${len(params) + 1} type meaning`")
            params.append(match[2])
        elif text.startswith(">"):
            match = COLUMN.match(text)
            if not match:
                raise Bad(f"{path}:{number}: expected `-- > name type`")
            columns.append(f"{match[1]} {match[2]}")
        else:
            told = told or bool(text)
    statement = "\n".join(body).strip()
    if not told:
        raise Bad(f"{path}:1: the head does not say what the statement does")
    if not statement:
        raise Bad(f"{path}:1: there is no statement")
    if statement.endswith(";"):
        raise Bad(f"{path}: no semicolon at the end: the statement is prepared")
    used = max((int(n) for n in re.findall(r"\$(\d+)", statement)), default=0)
    if used != len(params):
        raise Bad(f"{path}: the statement has ${used}, the head tells of {len(params)} parameters")
    return params, columns, statement


def c_text(text):
    lines = [line.replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return "\n        ".join(
        f'"{line}{chr(92) + "n" if i < len(lines) - 1 else ""}"' for i, line in enumerate(lines))


def write(path, text):
    """Leaves an unchanged file alone, so that nothing is compiled again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main(target, root, out, *files):
    root, folder = Path(root), Path(out) / target
    upper = re.sub(r"\W", "_", target).upper()
    statements, bad = {}, []
    for file in sorted(map(Path, files)):
        name = re.sub(r"\W", "_", "_".join(file.relative_to(root).with_suffix("").parts))
        if len(name) > 55:  # the server keeps 63; a stale plan adds a number
            bad.append(f"{file}: the name {name} is longer than 55 characters")
        if name in statements:
            bad.append(f"{file}: there is another {name}")
        try:
            statements[name] = parse(file)
        except Bad as e:
            bad.append(str(e))
    if bad:
        sys.exit("\n".join(bad))

    folder.mkdir(parents=True, exist_ok=True)
    made = f"/* Made by cmake/embed_sql.py from the .sql files of {target}. */\n"
    write(folder / "sql.h", made
          + f"#ifndef {upper}_SQL_H\n#define {upper}_SQL_H\n\n#include \"postgres/stmt.h\"\n\n"
          + "".join(f"extern const struct pg_stmt SQL_{name.upper()};\n" for name in statements)
          + f"\nextern const struct pg_stmt_decl SQL_ALL_{upper}[];\n"
          + f"extern const size_t SQL_ALL_{upper}_COUNT;\n\n#endif\n")
    write(folder / "sql.c", made + f'#include "{target}/sql.h"\n' + "".join(
        f'\nconst struct pg_stmt SQL_{name.upper()} = {{\n    .name = "{name}",\n'
        f"    .text =\n        {c_text(statement)},\n    .param_count = {len(params)},\n}};\n"
        for name, (params, _, statement) in statements.items()))
    write(folder / "sql_all.c", made + f'#include "{target}/sql.h"\n\n'
          + f"const struct pg_stmt_decl SQL_ALL_{upper}[] = {{\n" + "".join(
              f'    {{&SQL_{name.upper()}, "{",".join(params)}", "{",".join(columns)}"}},\n'
              for name, (params, columns, _) in statements.items())
          + "    {NULL, NULL, NULL},\n};\n"
          + f"const size_t SQL_ALL_{upper}_COUNT = {len(statements)};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
