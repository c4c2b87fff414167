#!/usr/bin/python3
"""Who may include whom: the `#include` lines of src, models, apps and tests/support against directions.txt.

usage: directions_test.py ROOT [unittest arguments]
"""
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(".")
TABLE = pathlib.Path(__file__).with_name("directions.txt")
FOLDERS = ("src/tersegrad", "models", "apps", "tests/support")
ENDINGS = {".hpp", ".cpp", ".h", ".c", ".inc"}
INCLUDE = re.compile(r'\s*#\s*include\s*["<]([^">]+)[">]')
OWN = re.compile(r"(tersegrad|models|apps|tests)/")


class Table:
    """directions.txt: what each unit and each library's header is allowed."""

    def __init__(self, text):
        self.allowed, self.rule, self.libraries, self.never = {}, {}, [], []
        section, lines = None, []
        for number, line in enumerate(text.splitlines(), 1):
            content, _, why = line.partition("#")
            if re.fullmatch(r"\[\w+\]", content.strip()):
                section = content.strip()[1:-1]
            elif content.strip():
                left, colon, right = content.partition(":")
                if not colon or section not in ("units", "libraries", "never"):
                    raise ValueError(f"{TABLE.name}:{number}: not a line of the table: {line}")
                rule = f"{TABLE.name}:{number}: {' '.join(content.split())}" + (f"  ({why.strip()})" if why.strip() else "")
                lines.append((section, left.split(), right.split(), rule))
        for section, left, right, rule in lines:
            if section == "units":
                (unit,) = left
                if unit in self.allowed:
                    raise ValueError(f"{rule}: a second line for {unit}")
                self.allowed[unit], self.rule[unit] = right, rule
        for unit, right in self.allowed.items():
            self.allowed[unit] = self.expand(right, self.rule[unit]) - {unit}
        for section, left, right, rule in lines:
            if section == "libraries":
                self.libraries.append((tuple(left), self.expand(right, rule), rule))
            elif section == "never":
                self.never.append((self.expand(left, rule), self.expand(right, rule), rule))

    def expand(self, words, rule):
        """Units, with `core/*` written out: core and what is in it."""
        units = set()
        for word in words:
            folder = word.removesuffix("/*")
            found = [u for u in self.allowed if u == folder or (word != folder and u.startswith(folder + "/"))]
            if not found:
                raise ValueError(f"{rule}: no unit is called '{word}'")
            units.update(found)
        return units

    def unit_of(self, path):
        """The unit of a file, given from the root; None without a line in the table."""
        place = pathlib.PurePosixPath(path.removeprefix("src/").removeprefix("tersegrad/"))
        for unit in (str(place.with_suffix("")), str(place.parent)):
            if unit in self.allowed:
                return unit
        return None


def files(root):
    for folder in FOLDERS:
        yield from sorted(p for p in (root / folder).rglob("*") if p.suffix in ENDINGS)


def includes(root):
    """(file, line number, what is included) of every include line, in files given from the root."""
    for path in files(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield path.relative_to(root).as_posix(), number, match.group(1)


def cycle_in(graph):
    """The nodes of one cycle, the first one again at the end; none if there is none."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for after in sorted(graph.get(node, ())):
            found = visit(after)
            if found:
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        found = visit(node)
        if found:
            return found
    return None


def reached(graph, start):
    """Every node that can be reached, with the chain that leads there."""
    chains, waiting = {start: [start]}, [start]
    while waiting:
        node = waiting.pop(0)
        for after in sorted(graph.get(node, ())):
            if after not in chains:
                chains[after] = chains[node] + [after]
                waiting.append(after)
    return chains


def violations(root, table):
    """One line for everything that the table does not allow."""
    found, graph, seen = [], {unit: set() for unit in table.allowed}, 0
    for path in files(root):
        if table.unit_of(path.relative_to(root).as_posix()) is None:
            found.append(f"{path.relative_to(root)}: its folder has no line in {TABLE.name}: add one that says whom it may include")
    for path, number, name in includes(root):
        seen += 1
        unit = table.unit_of(path)
        if unit is None:
            continue
        if OWN.match(name):
            other = table.unit_of(name)
            if other is None:
                found.append(f'{path}:{number}: "{name}" is in no unit of {TABLE.name}')
            elif other != unit:
                graph[unit].add(other)
                if other not in table.allowed[unit]:
                    found.append(f'{path}:{number}: {unit} may not include {other} ("{name}"); {table.rule[unit]}')
            continue
        if (root / path).parent.joinpath(name).exists():
            found.append(f'{path}:{number}: "{name}" is a file of this tree: name it from the root, so that its folder is seen')
        for beginnings, units, rule in table.libraries:
            if name.startswith(beginnings) and unit not in units:
                found.append(f"{path}:{number}: {unit} may not include <{name}>; {rule}")
    for what, edges in (("the table allows", table.allowed), ("the files have", graph)):
        cycle = cycle_in(edges)
        if cycle:
            found.append(f"{what} a cycle: {' -> '.join(cycle)}")
    for units, forbidden, rule in table.never:
        for unit in sorted(units):
            chains = reached(graph, unit)
            for other in sorted(forbidden & chains.keys() - {unit}):
                found.append(f"{unit} reaches {other} ({' -> '.join(chains[other])}); {rule}")
    if not seen:
        found.append(f"no include line below {root}: nothing was looked at")
    return found


class Tree(unittest.TestCase):
    def test_obeys_the_table(self):
        found = violations(ROOT, Table(TABLE.read_text(encoding="utf-8")))
        self.assertFalse(found, "\n" + "\n".join(found))


class Checker(unittest.TestCase):
    """That it finds what it is there to find, in small trees of its own."""

    RULES = ("[units]\ncore:  # small\ncore/text: core\ncomm/mpi: core/*\ntrain/options:\ntrain: core/* comm/mpi train/options\n"
             "apps/common: train\n[libraries]\nmpi.h: comm/mpi\n[never]\napps/common: comm/*\n")

    def found(self, sources, rules=RULES):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in sources.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            return violations(root, Table(rules))

    def test_what_is_allowed_is_silent(self):
        self.assertEqual(self.found({"src/tersegrad/comm/mpi/a.hpp": '#include <mpi.h>\n#include "tersegrad/core/text/b.hpp"\n',
                                     "src/tersegrad/train/options/config.cpp": '#include "tersegrad/train/options/config.hpp"\n',
                                     "src/tersegrad/train/a.cpp": '// #include "apps/common/a.hpp"\n#include <vector>\n'}), [])

    def test_names_file_line_rule_and_why(self):
        (line,) = self.found({"src/tersegrad/core/a.hpp": '\n#  include "tersegrad/train/options/config.hpp"\n'})
        self.assertEqual(line, 'src/tersegrad/core/a.hpp:2: core may not include train/options ("tersegrad/train/options/config.hpp"); '
                               "directions.txt:2: core:  (small)")

    def test_a_file_below_its_folder_may_not_include_it(self):
        (line,) = self.found({"src/tersegrad/train/options/config.hpp": '#include <tersegrad/train/trainer.hpp>\n'})
        self.assertIn("train/options may not include train ", line)

    def test_a_folder_is_not_its_sub_folder(self):
        (line,) = self.found({"src/tersegrad/core/a.cpp": '#include "tersegrad/core/text/a.hpp"\n'})
        self.assertIn("core may not include core/text", line)

    def test_library_headers(self):
        (line,) = self.found({"src/tersegrad/train/a.cpp": "#include <mpi.h>\n"})
        self.assertIn("train may not include <mpi.h>; directions.txt:9: mpi.h: comm/mpi", line)

    def test_new_folders_need_a_line(self):
        found = self.found({"src/tersegrad/fresh/a.cpp": "", "src/tersegrad/core/a.cpp": '#include "tersegrad/fresh/a.hpp"\n'})
        self.assertIn("src/tersegrad/fresh/a.cpp: its folder has no line", found[0])
        self.assertIn("is in no unit", found[1])

    def test_short_names_do_not_hide_a_folder(self):
        (line,) = self.found({"src/tersegrad/core/a.cpp": '#include "a.hpp"\n', "src/tersegrad/core/a.hpp": ""})
        self.assertIn("name it from the root", line)

    def test_cycles(self):
        rules = "[units]\ncore: noise\nnoise: data\ndata: core\n"
        found = self.found({"src/tersegrad/core/a.cpp": '#include "tersegrad/noise/a.hpp"\n'}, rules)
        self.assertEqual(found, ["the table allows a cycle: core -> noise -> data -> core"])

    def test_chains(self):
        (line,) = self.found({"apps/common/a.cpp": '#include "tersegrad/train/a.hpp"\n',
                              "src/tersegrad/train/a.cpp": '#include "tersegrad/comm/mpi/a.hpp"\n'})
        self.assertIn("apps/common reaches comm/mpi (apps/common -> train -> comm/mpi)", line)

    def test_an_empty_tree_is_not_a_good_one(self):
        self.assertEqual(len(self.found({})), 1)

    def test_the_table_itself(self):
        for wrong, says in (("[units]\ncore: cor\n", "no unit is called 'cor'"), ("[units]\ncore:\ncore:\n", "a second line"),
                            ("core: text\n", "not a line of the table"), ("[units]\ncore text\n", "not a line of the table")):
            with self.assertRaisesRegex(ValueError, says):
                Table(wrong)


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv.pop(1))
    unittest.main()
