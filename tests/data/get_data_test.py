#!/usr/bin/env python3
"""launch/get-data against a server on this machine: whole, resumed, wrong, missing and refused downloads, and copies.

usage: get_data_test.py GET_DATA DATA_FOLDER

Tests that need real files look for mnist/ and cifar10/ in TERSEGRAD_TEST_DATA, else in DATA_FOLDER, and are skipped by
name where they are not there.
"""
import fcntl
import gzip
import http.server
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

GET_DATA = pathlib.Path(sys.argv[1]).resolve()
REAL = pathlib.Path(os.environ.get("TERSEGRAD_TEST_DATA") or sys.argv[2]).resolve()
MNIST = [f"{split}-{kind}-ubyte.gz" for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
CIFAR = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
ARCHIVE = "cifar-10-binary.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.root; continues files at the Range asked for if server.ranges."""

    def do_GET(self):
        path = self.server.root / self.path.lstrip("/")
        asked = self.headers.get("Range")
        self.server.requests.append((self.path.rsplit("/", 1)[1], asked))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked and self.server.ranges else 0
        if begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        stop = self.server.cut_after
        self.server.cut_after = None  # one cut connection
        self.wfile.write(content[begin : begin + stop if stop else None])

    def log_message(self, *_):
        pass


class GetData(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tersegrad-get-data-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.to = self.folder / "to"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.root = self.folder / "served"
        self.server.ranges, self.server.cut_after, self.server.requests = True, None, []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def run_it(self, *arguments, mirror=None, cwd=None, **more):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environment["TERSEGRAD_MIRROR"] = mirror or self.base
        environment.update(more)
        return subprocess.run([str(GET_DATA), *map(str, arguments)], env=environment, cwd=cwd, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240)

    def expect_success(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stderr, "")

    def expect_failure(self, result, *parts):
        self.assertNotEqual(result.returncode, 0)
        for part in parts:
            self.assertIn(part, result.stderr)

    def leftovers(self):
        return sorted(str(p.relative_to(self.to)) for p in self.to.rglob("*") if p.is_file() and ".part" in str(p))

    def serve(self, name, files):
        (self.server.root / name).mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (self.server.root / name / file).write_bytes(content)

    def serve_mnist(self):
        if not all((REAL / "mnist" / f).is_file() for f in MNIST):
            self.skipTest(f"real MNIST files are not in '{REAL}/mnist'")
        self.serve("mnist", {f: (REAL / "mnist" / f).read_bytes() for f in MNIST})

    def real_cifar(self):
        """The six files, unpacked; a generator of (name, bytes)."""
        for f in CIFAR:
            plain, packed = REAL / "cifar10" / f, REAL / "cifar10" / (f + ".xz")
            if not plain.is_file() and not packed.is_file():
                self.skipTest(f"real CIFAR-10 files are not in '{REAL}/cifar10'")
            yield f, plain.read_bytes() if plain.is_file() else lzma.decompress(packed.read_bytes())

    # Downloads

    def test_downloads_and_says_what_is_there(self):
        self.serve_mnist()
        self.expect_success(self.run_it("mnist", "--to", self.to))
        for f in MNIST:
            self.assertEqual((self.to / "mnist" / f).read_bytes(), (REAL / "mnist" / f).read_bytes())
        self.assertEqual(self.leftovers(), [])
        requests = len(self.server.requests)
        again = self.run_it("mnist", "--to", self.to)
        self.expect_success(again)
        self.assertIn("already in", again.stdout)
        self.assertEqual(len(self.server.requests), requests)
        # A file that went bad is fetched again, and only that.
        (self.to / "mnist" / MNIST[3]).write_bytes(b"bad")
        self.expect_success(self.run_it("mnist", f"--to={self.to}"))
        self.assertEqual([r[0] for r in self.server.requests[requests:]], [MNIST[3]])

    def test_resumes_a_partial_file(self):
        self.serve_mnist()
        whole = (REAL / "mnist" / MNIST[0]).read_bytes()
        (self.to / "mnist").mkdir(parents=True)
        (self.to / "mnist" / (MNIST[0] + ".part")).write_bytes(whole[:1000000])
        self.expect_success(self.run_it("mnist", "--to", self.to))
        self.assertEqual(self.server.requests[0], (MNIST[0], "bytes=1000000-"))
        self.assertEqual((self.to / "mnist" / MNIST[0]).read_bytes(), whole)

    def test_a_cut_connection_is_resumed_by_the_next_run(self):
        self.serve_mnist()
        self.server.cut_after = 123456
        self.expect_failure(self.run_it("mnist", "--to", self.to), f"{self.base}/mnist/{MNIST[0]}: ", "bytes remaining",
                            "could not download mnist", "run this again")
        self.assertFalse((self.to / "mnist" / MNIST[0]).exists())
        self.assertEqual((self.to / "mnist" / (MNIST[0] + ".part")).stat().st_size, 123456)
        self.expect_success(self.run_it("mnist", "--to", self.to))
        self.assertIn((MNIST[0], "bytes=123456-"), self.server.requests)

    def test_a_finished_partial_file_is_not_fetched(self):
        self.serve_mnist()
        (self.to / "mnist").mkdir(parents=True)
        shutil.copy(REAL / "mnist" / MNIST[0], self.to / "mnist" / (MNIST[0] + ".part"))
        self.expect_success(self.run_it("mnist", "--to", self.to))
        self.assertNotIn(MNIST[0], [r[0] for r in self.server.requests])

    def test_a_wrong_partial_file_is_fetched_from_its_beginning(self):
        self.serve_mnist()
        for ranges in (True, False):  # a server that ignores Range makes curl give up resuming
            for size in (5000, 28881, 40000):  # shorter than, as long as, and longer than the file
                with self.subTest(ranges=ranges, size=size):
                    self.server.ranges = ranges
                    shutil.rmtree(self.to, ignore_errors=True)
                    (self.to / "mnist").mkdir(parents=True)
                    (self.to / "mnist" / (MNIST[1] + ".part")).write_bytes(b"x" * size)
                    self.expect_success(self.run_it("mnist", "--to", self.to))
                    self.assertEqual((self.to / "mnist" / MNIST[1]).read_bytes(),
                                     (REAL / "mnist" / MNIST[1]).read_bytes())
                    self.assertEqual(self.leftovers(), [])

    def test_a_wrong_file_is_refused(self):
        for name in ("mnist", "fashion-mnist"):
            self.serve(name, {f: b"<html>please log in to the network</html>" for f in MNIST})
            self.expect_failure(self.run_it(name, "--to", self.to),
                                f"{self.base}/{name}/{MNIST[0]}: not the right file: SHA-256 ", ", expected ",
                                f"could not download {name}", f"launch/get-data {name} --from DIR")
        self.assertEqual([p for p in self.to.rglob("*") if p.is_file()], [])

    def test_a_missing_file_and_a_dead_server_are_named(self):
        (self.server.root / "mnist").mkdir(parents=True)
        self.expect_failure(self.run_it("mnist", "--to", self.to), f"{self.base}/mnist/{MNIST[0]}: ", "404")
        self.expect_failure(self.run_it("mnist", "--to", self.to, mirror="http://127.0.0.1:9"),
                            "http://127.0.0.1:9/mnist/", "connect")
        self.assertEqual([p for p in self.to.rglob("*") if p.is_file()], [])

    def test_a_failed_address_keeps_what_had_arrived(self):
        (self.to / "mnist").mkdir(parents=True)
        part = self.to / "mnist" / (MNIST[0] + ".part")
        part.write_bytes(b"x" * 1000)
        (self.server.root / "mnist").mkdir(parents=True)
        self.expect_failure(self.run_it("mnist", "--to", self.to), "404")
        self.assertEqual(part.stat().st_size, 1000)

    def test_the_cifar_archive_is_unpacked_and_checked(self):
        tree = self.folder / "cifar-10-batches-bin"
        tree.mkdir()
        for f, content in self.real_cifar():
            (tree / f).write_bytes(content)
        (self.server.root / "cifar10").mkdir(parents=True)
        with tarfile.open(self.server.root / "cifar10" / ARCHIVE, "w:gz", compresslevel=0) as tar:
            (self.folder / "evil").write_text("evil")
            tar.add(self.folder / "evil", "../../evil")  # what else is in an archive stays there
            tar.add(tree, "cifar-10-batches-bin")
        self.server.cut_after = 50000000
        self.expect_failure(self.run_it("cifar10", "--to", self.to), "bytes remaining")
        self.assertEqual(self.leftovers(), [f"cifar10/{ARCHIVE}.part"])
        self.expect_success(self.run_it("cifar10", "--to", self.to))
        self.assertEqual(self.server.requests[-1], (ARCHIVE, "bytes=50000000-"))
        self.assertEqual(sorted(p.name for p in (self.to / "cifar10").iterdir()), CIFAR)
        self.assertEqual([p for p in self.to.rglob("evil")], [])
        # The same archive as a source of copies; then one with other content.
        shutil.rmtree(self.to)
        self.expect_success(self.run_it("cifar10", "--from", self.server.root / "cifar10", "--to", self.to))
        self.assertEqual(sorted(p.name for p in (self.to / "cifar10").iterdir()), CIFAR)
        for f in CIFAR[2:]:
            (tree / f).write_bytes(b"damage")
        with tarfile.open(self.server.root / "cifar10" / ARCHIVE, "w:gz", compresslevel=0) as tar:
            tar.add(tree, "cifar-10-batches-bin")
        shutil.rmtree(self.to)
        self.expect_failure(self.run_it("cifar10", "--to", self.to),
                            f"{ARCHIVE}: not the right file: {CIFAR[2]} in it has another SHA-256")
        self.assertEqual([p for p in self.to.rglob("*") if p.is_file()], [])

    def test_an_archive_that_is_none_is_refused(self):
        self.serve("cifar10", {ARCHIVE: b"<html>moved</html>"})
        self.expect_failure(self.run_it("cifar10", "--to", self.to),
                            f"{ARCHIVE}: not the right file: it cannot be unpacked: ")
        self.assertEqual(list((self.to / "cifar10").iterdir()), [])

    # Copies

    def test_copies_from_a_folder(self):
        self.serve_mnist()
        for source in (REAL, REAL / "mnist"):
            shutil.rmtree(self.to, ignore_errors=True)
            self.expect_success(self.run_it("mnist", "--from", source, "--to", self.to))
            self.assertEqual(sorted(p.name for p in (self.to / "mnist").iterdir()), sorted(MNIST))
        self.assertEqual(self.server.requests, [])

    def real_mnist(self):
        if not all((REAL / "mnist" / f).is_file() for f in MNIST):
            self.skipTest(f"real MNIST files are not in '{REAL}/mnist'")
        return {f: (REAL / "mnist" / f).read_bytes() for f in MNIST}

    def test_copies_what_torchvision_keeps(self):
        """DIR/MNIST/raw: packed, unpacked, both, spelled with a dot; from DIR, DIR/MNIST or the folder itself."""
        files = self.real_mnist()
        plain = {f.removesuffix(".gz"): gzip.decompress(content) for f, content in files.items()}
        dotted = {f.replace("-idx", ".idx"): content for f, content in plain.items()}
        for content, names in ((files, MNIST), (plain, list(plain)), (dotted, list(plain)), ({**plain, **files}, MNIST)):
            source = self.folder / "torchvision"
            raw = source / "MNIST" / "raw"
            shutil.rmtree(source, ignore_errors=True)
            raw.mkdir(parents=True)
            for f, data in content.items():
                (raw / f).write_bytes(data)
            for where in (source, source / "MNIST", raw):
                with self.subTest(where=where, names=sorted(content)):
                    shutil.rmtree(self.to, ignore_errors=True)
                    self.expect_success(self.run_it("mnist", "--from", where, "--to", self.to))
                    self.assertEqual(sorted(p.name for p in (self.to / "mnist").iterdir()), sorted(names))
                    again = self.run_it("mnist", "--to", self.to)
                    self.expect_success(again)
                    self.assertIn("already in", again.stdout)
        (raw / MNIST[0].removesuffix(".gz")).write_bytes(b"damage")
        (raw / MNIST[0]).unlink()
        shutil.rmtree(self.to)
        self.expect_failure(self.run_it("mnist", "--from", source, "--to", self.to), "is not the original", MNIST[0].removesuffix(".gz"))
        self.assertEqual(self.server.requests, [])

    def test_what_cannot_be_taken_is_called_by_its_name(self):
        files = self.real_mnist()
        source = self.folder / "source"
        raw = source / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for f, content in files.items():
            (raw / f).write_bytes(content)
        self.expect_failure(self.run_it("fashion-mnist", "--from", source, "--to", self.to), "is not the original", "it is that of mnist")
        for f in MNIST:
            (raw / f).unlink()
            (raw / f.removesuffix(".gz")).write_bytes(gzip.decompress(files[f]))
        self.expect_failure(self.run_it("fashion-mnist", "--from", source, "--to", self.to), "cannot be checked", "--data")
        (source / "cifar-10-batches-py").mkdir()
        self.expect_failure(self.run_it("cifar10", "--from", source, "--to", self.to), "cifar-10-batches-py", "for Python", ARCHIVE)

    def test_the_users_shell_changes_nothing(self):
        """What environments and start-up files make of cd, tar, gzip, curl, messages and our own commands."""
        self.serve_mnist()
        start = self.folder / "start"
        start.write_text("cd() { echo in BASH_ENV; }; echo started\n")
        (self.folder / ".curlrc").write_text("include\nverbose\n")
        for what in ({"CDPATH": "."}, {"CDPATH": f".:{self.folder}"}, {"BASH_ENV": str(start)}, {"BASH_FUNC_cd%%": "() {  echo function; }"},
                     {"BASH_FUNC_sha256sum%%": "() {  echo 0; }"}, {"CURL_HOME": str(self.folder)}, {"HOME": str(self.folder)},
                     {"POSIXLY_CORRECT": "1"}, {"GREP_OPTIONS": "-v"}, {"TAR_OPTIONS": "-v"}, {"GZIP": "-9"}, {"QUOTING_STYLE": "c"},
                     {"TMPDIR": "/nowhere"}, {"LC_ALL": "C.UTF-8"}, {"IFS": "/"}, {"SHELLOPTS": "noglob:nounset"}):
            for source in ((),) if what.keys() & {"CURL_HOME", "HOME", "CDPATH"} else (("--from", REAL),):
                with self.subTest(what=what, source=source):
                    shutil.rmtree(self.to, ignore_errors=True)
                    result = self.run_it("mnist", "--to", "to", *source, cwd=self.folder, **what)
                    self.expect_success(result)
                    self.assertIn(f"mnist: ready in '{self.to}/mnist'", result.stdout)
                    self.assertEqual(sorted(p.name for p in (self.to / "mnist").iterdir()), sorted(MNIST))

    def test_copies_a_text(self):
        if not (REAL / "text" / "tinyshakespeare" / "input.txt").is_file():
            self.skipTest(f"Tiny Shakespeare is not in '{REAL}/text'")
        self.expect_success(self.run_it("tinyshakespeare", "--from", REAL, "--to", self.to))
        self.assertEqual([p.name for p in (self.to / "tinyshakespeare").iterdir()], ["input.txt"])
        self.serve("tinyshakespeare", {"input.txt": (REAL / "text" / "tinyshakespeare" / "input.txt").read_bytes()})
        self.expect_success(self.run_it("tinyshakespeare", "--to", self.folder / "downloaded"))

    def test_copies_cifar_compressed_or_not(self):
        source = self.folder / "source"
        source.mkdir()
        for i, (f, content) in enumerate(self.real_cifar()):
            if i == 0:
                (source / (f + ".xz")).write_bytes(lzma.compress(content, preset=0))
            elif i == 1:
                (source / (f + ".gz")).write_bytes(gzip.compress(content, 1))
            else:
                (source / f).write_bytes(content)
        self.expect_success(self.run_it("cifar10", "--from", source, "--to", self.to))
        self.assertEqual(sorted(p.name for p in (self.to / "cifar10").iterdir()), CIFAR)

    def test_a_copy_that_is_wrong_or_missing_is_named(self):
        source = self.folder / "source"
        (source / "mnist").mkdir(parents=True)
        self.expect_failure(self.run_it("mnist", "--from", source, "--to", self.to),
                            f"cannot find '{MNIST[0]}' of mnist in '{source}'")
        (source / "mnist" / MNIST[0]).write_bytes(b"something else")
        self.expect_failure(self.run_it("mnist", "--from", source, "--to", self.to),
                            f"'{source}/mnist/{MNIST[0]}' is not the original", "SHA-256 ", "expected 440fcabf")
        (source / (CIFAR[0] + ".xz")).write_bytes(b"no xz")
        self.expect_failure(self.run_it("cifar10", "--from", source, "--to", self.to),
                            f"cannot copy '{source}/{CIFAR[0]}.xz'")
        self.expect_failure(self.run_it("mnist", "--from", self.folder / "nowhere", "--to", self.to), "is not a folder")
        self.assertEqual([p for p in self.to.rglob("*") if p.is_file()], [])

    def test_no_script_prints_where_cd_goes(self):
        """With CDPATH, cd prints the folder that it finds there: no script takes that for a path of its own."""
        root = GET_DATA.parent.parent
        scripts = [p for folder in ("launch", "cmake", "tests", ".ci") for p in (root / folder).rglob("*")
                   if p.is_file() and p.stat().st_size < 1 << 20 and re.match(rb"#!.*\b(ba)?sh\b", p.read_bytes()[:80])]
        self.assertGreater(len(scripts), 8)
        for script in scripts:
            for number, line in enumerate(script.read_text().splitlines(), 1):
                for command in re.findall(r"(?:\$\(|`)\s*cd (.*)", line):
                    with self.subTest(script=script, line=number):
                        # An absolute path is not looked up in CDPATH; everything else has to be silent.
                        self.assertRegex(command, r'^(-- )?"\$\(dirname (-- )?"\$\(readlink -f|>\s*/dev/null')

    # The command line

    def test_refuses_what_it_does_not_know(self):
        self.expect_failure(self.run_it("mnits"), "unknown data set 'mnits' (known: cifar10, fashion-mnist, mnist")
        self.expect_failure(self.run_it("--form", "x"), "unknown option '--form' (known: --from --help --to --where)")
        self.expect_failure(self.run_it("mnist", "--to"), "--to needs a folder")
        self.expect_failure(self.run_it(), "usage: launch/get-data")
        (self.folder / "file").write_text("")
        self.expect_failure(self.run_it("mnist", "--to", self.folder / "file"), "cannot create the folder")
        shown = self.run_it("--help")
        self.expect_success(shown)
        self.assertIn("TERSEGRAD_MIRROR", shown.stdout)

    def test_two_at_once_do_not_mix(self):
        (self.to / "mnist").mkdir(parents=True)
        holder = os.open(self.to / "mnist", os.O_RDONLY)
        self.addCleanup(os.close, holder)
        fcntl.flock(holder, fcntl.LOCK_EX)
        self.expect_failure(self.run_it("mnist", "--to", self.to), "another get-data is at work")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
