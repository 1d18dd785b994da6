"""What cmake/embed_sql.py accepts, and that it refuses the rest with the place. Prints its counts as
cmocka does, for scripts/test."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "cmake" / "embed_sql.py"
HEAD = "-- Does something.\n"


class EmbedSql(unittest.TestCase):
    def embed(self, **files):
        """Gives (exit code, messages, made folder); a__b=... is the file a/b.sql."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        paths = []
        for name, text in files.items():
            path = folder / "sql" / (name.replace("__", "/") + ".sql")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths.append(path)
        done = subprocess.run([sys.executable, SCRIPT, "my-lib", folder / "sql", folder / "out", *paths],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, folder / "out" / "my-lib"

    def test_a_statement_becomes_a_constant(self):
        code, _, made = self.embed(card__find=HEAD + "-- $1 uuid card\n-- > id uuid\n-- > tags text[]\n"
                                   "SELECT id,\n    tags -- \"of\" a\\card\nFROM cards WHERE id = $1\n")
        self.assertEqual(code, 0)
        self.assertIn("extern const struct pg_stmt SQL_CARD_FIND;", (made / "sql.h").read_text())
        text = (made / "sql.c").read_text()
        self.assertIn('.name = "card_find"', text)
        self.assertIn(".param_count = 1", text)
        self.assertIn(r'"    tags -- \"of\" a\\card\n"', text)
        self.assertNotIn("Does something", text)
        self.assertIn('{&SQL_CARD_FIND, "uuid", "id uuid,tags text[]"}',
                      (made / "sql_all.c").read_text())

    def test_no_statement_at_all(self):
        code, _, made = self.embed()
        self.assertEqual(code, 0)
        self.assertIn("SQL_ALL_MY_LIB_COUNT = 0;", (made / "sql_all.c").read_text())

    def test_what_is_wrong_is_refused(self):
        for what, text in {
            "expected `-- $1 type meaning`": HEAD + "-- $2 uuid card\nSELECT $1",
            "expected `-- $1 type": HEAD + "-- $1 uuid\nSELECT $1",
            "expected `-- > name type`": HEAD + "-- > id\nSELECT 1",
            "has $2, the head tells of 1": HEAD + "-- $1 uuid card\nSELECT $1, $2",
            "has $0, the head tells of 1": HEAD + "-- $1 uuid card\nSELECT 1",
            "no semicolon": HEAD + "SELECT 1;\n",
            "there is no statement": HEAD,
            "does not say what": "SELECT 1",
        }.items():
            with self.subTest(what):
                code, messages, _ = self.embed(card__bad=text)
                self.assertNotEqual(code, 0)
                self.assertIn(what, messages)
                self.assertIn("bad.sql", messages)

    def test_two_files_of_one_name(self):
        code, messages, _ = self.embed(a__b_c=HEAD + "SELECT 1", a_b__c=HEAD + "SELECT 1")
        self.assertNotEqual(code, 0)
        self.assertIn("there is another a_b_c", messages)

    def test_all_mistakes_at_once(self):
        _, messages, _ = self.embed(a=HEAD, b=HEAD, **{"x" * 56: HEAD + "SELECT 1"})
        self.assertEqual(len(messages.strip().splitlines()), 3)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"[  PASSED  ] {result.testsRun - bad} test(s).")
    if bad:
        print(f"[  FAILED  ] {bad} test(s)")
    sys.exit(bad > 0)
