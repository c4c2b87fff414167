#!/usr/bin/env -S python3 -B -s -E
"""What is found when a build is configured, under what users have in their environment; nothing is built.

usage: build_test.py ROOT GROUP

Groups: Missing (each dependency, all at once), Optional, Foreign (another HDF5 in front), Tools (launch/build before CMake),
Cache (a compiler cache without a home), Libraries (cmake/check-libraries).
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv[1]).resolve()
LIMIT_S = 600
# Nothing of a user's environment but what a case sets.
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
# So that nothing of the system is found but the compiler.
HIDDEN = "-DCMAKE_IGNORE_PREFIX_PATH=/usr;/;/usr/local"


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def run(command, environment=None, cwd=None):
    return subprocess.run([str(word) for word in command], cwd=cwd, env={**PLAIN, **{k: str(v) for k, v in (environment or {}).items()}},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S)


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name).resolve()
        cls.build = cls.folder / "build"

    def configure(self, *options, environment=None, build=None):
        """Status, output, lines of missing.txt. In one folder for a class: what is known of the compiler is kept."""
        build = build or self.build
        ended = run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", build, "-DCMAKE_C_COMPILER=/usr/bin/cc", "-DCMAKE_CXX_COMPILER=/usr/bin/c++",
                     "-DCMAKE_MAKE_PROGRAM=/usr/bin/ninja", *options], environment)
        missing = build / "missing.txt"
        return ended.returncode, ended.stdout, missing.read_text().splitlines() if missing.exists() else []


class Missing(Folder):
    def test_everything_at_once(self):
        environment = {"PATH": f"{self.folder}:/usr/bin", "VIRTUAL_ENV": ""}
        script(self.folder / "python3", "#!/bin/sh\nexit 1\n")  # has no torch
        status, out, lines = self.configure(HIDDEN, "-DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON", "-DTERSEGRAD_TESTS=ON", environment=environment)
        self.assertNotEqual(status, 0)
        names = ["MPI", "HDF5", "zlib", "Boost", "Highway", "nlohmann-json", "cxxopts", "Random123", "LibTorch", "GoogleTest"]
        self.assertEqual([line.split(":")[0].split(" ")[0] for line in lines], names, out)
        for line in lines:
            self.assertRegex(line, r"^[^:]+: .*; give it by .*(DIR|openmpi).* \(Debian: [a-z0-9-]+\)$")
            self.assertIn(line, out)
        self.assertIn("missing", out)
        self.assertNotIn("Could NOT find", out)
        # With a folder that the user named it is named again.
        status, out, lines = self.configure(HIDDEN, f"-DCMAKE_PREFIX_PATH={self.folder}", "-DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON", environment=environment)
        self.assertIn(f"cxxopts 3 (one header): no cxxopts.hpp in '{self.folder}' or the system's folders", "\n".join(lines))
        conda = self.folder / "conda"
        (conda / "conda-meta").mkdir(parents=True)
        status, out, lines = self.configure(HIDDEN, "-DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON", environment={**environment, "CONDA_PREFIX": conda})
        self.assertIn(f"(conda's '{conda}' is taken only by name)", lines[0])


class Alone(Folder):
    """One dependency is missing, or given wrongly; all others are there."""

    def test_each_is_one_line(self):
        bad_torch = self.folder / "torch"
        bad_torch.mkdir()
        old = self.folder / "old"
        for name in ("lib/libtorch_cpu.so", "include/torch/csrc/api/include/torch/torch.h"):
            (old / name).parent.mkdir(parents=True)
            (old / name).write_text("")
        (old / "version.py").write_text("__version__ = '2.1.0+cpu'\n")
        for options, said in (
                (["-DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON"], "zlib: no zlib.h and libz"),
                (["-DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=OFF", "-DHDF5_ROOT=/nowhere"], "HDF5: HDF5_ROOT or HDF5_DIR is '/nowhere'"),
                (["-DHDF5_ROOT=", f"-DTERSEGRAD_TORCH_WHEEL={bad_torch}"], f"LibTorch: '{bad_torch}' has no lib/libtorch_cpu.so"),
                ([f"-DTERSEGRAD_TORCH_WHEEL={old}"], "LibTorch: torch 2.1.0"),
                (["-DTERSEGRAD_TORCH_WHEEL=", "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON", "-DTERSEGRAD_TESTS=ON"], "GoogleTest: no gtest/gtest.h")):
            with self.subTest(said):
                status, out, lines = self.configure(*options)
                self.assertNotEqual(status, 0)
                self.assertEqual(len(lines), 1, out)
                self.assertTrue(lines[0].startswith(said), lines[0])


class Optional(Folder):
    def test_tests_and_bench_are_left_out(self):
        status, out, lines = self.configure("-DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON", "-DTERSEGRAD_CCACHE=TERSEGRAD_CCACHE-NOTFOUND")
        self.assertEqual((status, lines), (0, []), out)
        self.assertIn("left out: `tersegrad bench`", out)
        self.assertIn("left out: the tests", out)
        self.assertFalse((self.build / "tests").exists())
        rules = (self.build / "build.ninja").read_text()
        self.assertIn("tersegrad-reproduce", rules)
        self.assertNotIn("tersegrad-bench", rules)
        self.assertNotIn("bench_kernels.cpp", rules)


class Foreign(Folder):
    """Another HDF5, with an h5cc that names it, in front of the system's; once as in an activated conda environment."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.folder / "an other"
        for name in ("H5public.h", "hdf5.h", "H5pubconf.h"):
            (cls.other / "include").mkdir(parents=True, exist_ok=True)
            (cls.other / "include" / name).write_text("")
        (cls.other / "include/hdf5.h").write_text(
            "#define H5_VERS_MAJOR 1\n#define H5_VERS_MINOR 14\n#define H5_VERS_RELEASE 6\n#ifdef __cplusplus\nextern \"C\"\n#endif\n"
            "int H5get_libversion(unsigned*, unsigned*, unsigned*);\n")
        (cls.other / "include/zlib.h").write_text("#error another zlib\n")
        (cls.other / "lib").mkdir()
        source = cls.folder / "hdf5.c"
        source.write_text("int H5get_libversion(unsigned* a, unsigned* b, unsigned* c) { *a = 1; *b = 14; *c = 6; return 0; }\n")
        for name in ("libhdf5.so", "libhdf5_serial.so.103", "libz.so"):
            subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", cls.other / "lib" / name, source], check=True)
        for name in ("h5cc", "h5pcc", "mpicc"):
            script(cls.other / "bin" / name, f"#!/bin/sh\necho cc \"-I{cls.other}/include\" \"-L{cls.other}/lib\" -lhdf5\n")

    def chosen(self, *options, environment=None):
        status, out, lines = self.configure(*options, environment=environment)
        self.assertEqual((status, lines), (0, []), out)
        said = [line for line in out.splitlines() if line.startswith(("-- HDF5 by", "-- MPI"))]
        rules = (self.build / "build.ninja").read_text()
        return " ".join(said), str(self.other) in rules

    def test_the_system_s_is_taken(self):
        path = f"{self.other}/bin:{PLAIN['PATH']}"
        plain = self.chosen()[0]
        # As a folder of programs; of h5cc alone, as others' mpicc there would be the user's choice of an MPI.
        (self.other / "bin/mpicc").rename(self.folder / "mpicc")
        self.assertEqual(self.chosen(environment={"PATH": path}), (plain, False))
        (self.folder / "mpicc").rename(self.other / "bin/mpicc")
        (self.other / "conda-meta").mkdir()
        for name, environment in (("activated", {"CONDA_PREFIX": self.other, "PATH": path}),
                                  ("with its compilers", {"CONDA_PREFIX": self.other, "PATH": path, "CMAKE_PREFIX_PATH": self.other}),
                                  ("half deactivated", {"PATH": path, "LIBRARY_PATH": self.other / "lib", "PKG_CONFIG_PATH": self.other / "lib/pkgconfig"})):
            with self.subTest(name):
                shutil.rmtree(self.build)
                self.assertEqual(self.chosen(environment=environment), (plain, False))
        (self.other / "conda-meta").rmdir()

    def test_what_cannot_be_kept_apart_is_refused(self):
        for variable, value, said in (("CPATH", self.other / "include", "the compiler takes"), ("CPLUS_INCLUDE_PATH", self.other / "include", "the compiler"),
                                      ("LD_LIBRARY_PATH", self.other / "lib", "one HDF5")):
            with self.subTest(variable):
                status, out, lines = self.configure(environment={variable: value})
                self.assertNotEqual(status, 0, out)
                self.assertTrue(lines and any(said in line for line in lines), lines)

    def test_the_one_that_is_named_is_taken(self):
        for options, environment in (([f"-DHDF5_ROOT={self.other}"], {}), (["-DHDF5_ROOT="], {"HDF5_ROOT": self.other}), ([], {"HDF5_DIR": self.other})):
            with self.subTest(f"{options} {environment}"):
                said, used = self.chosen(*options, environment=environment)
                self.assertIn(f"HDF5 by {self.other}/lib/libhdf5.so", said)
                self.assertTrue(used)
        said, used = self.chosen("-DHDF5_ROOT=")
        self.assertIn("HDF5 by /usr/", said)


class Tools(Folder):
    """launch/build in a tree of its own, before anything is configured."""

    def test_missing_tools_are_named_together(self):
        tree = self.folder / "tree"
        tree.mkdir()
        shutil.copytree(ROOT / "launch", tree / "launch", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "CMakePresets.json", tree)
        tools = self.folder / "tools"
        tools.mkdir()
        for tool in ("bash", "env", "dirname", "readlink", "grep", "cut", "sort", "tr", "sed", "head", "nproc", "awk", "cat", "mkdir", "rm"):
            (tools / tool).symlink_to(shutil.which(tool, path=PLAIN["PATH"]))
        ended = run([tree / "launch/build"], {"PATH": tools})
        self.assertEqual((ended.returncode, len(ended.stdout.splitlines())), (1, 5), ended.stdout)
        for said in ("CMake 3.25", "a C compiler: no cc or gcc or clang", "a C++ compiler", "Ninja or make"):
            self.assertIn(said, ended.stdout)
        script(tools / "cmake", "#!/bin/sh\necho cmake version 3.18.4\n")
        ended = run([tree / "launch/build"], {"PATH": tools, "CXX": "clang++-99 -stdlib=x"})
        self.assertIn("only 3.18.4 in PATH", ended.stdout)
        self.assertIn("no clang++-99 in PATH", ended.stdout)
        self.assertFalse((tree / "build").exists())


class Cache(Folder):
    def test_compiles_without_a_home(self):
        ccache = shutil.which("ccache", path=PLAIN["PATH"])
        if not ccache:
            self.skipTest("needs ccache")
        (self.folder / "one.c").write_text("int one(void) { return 1; }\n")
        (self.folder / "file").write_text("")
        (self.folder / "bad/.config/ccache").mkdir(parents=True)
        (self.folder / "bad/.config/ccache/ccache.conf").write_text("nonsense\n")
        for name, environment, kept in (("a home", {"HOME": self.folder}, False), ("no such home", {"HOME": "/proc/nowhere"}, True),
                                        ("a home below a file", {"HOME": self.folder / "file"}, True), ("CCACHE_DIR", {"CCACHE_DIR": "/proc/nowhere"}, True),
                                        ("settings that cannot be read", {"HOME": self.folder / "bad"}, False)):
            with self.subTest(name):
                own = self.folder / "own"
                shutil.rmtree(own, ignore_errors=True)
                (self.folder / "one.o").unlink(missing_ok=True)
                ended = run([ROOT / "cmake/compiler-cache", own, ccache, "cc", "-c", "one.c", "-o", "one.o"], environment, self.folder)
                self.assertEqual((ended.returncode, ended.stdout), (0, ""))
                self.assertTrue((self.folder / "one.o").exists())
                self.assertEqual(own.exists(), kept)


class Libraries(Folder):
    def test_what_a_program_loads(self):
        for where in ("a", "b"):
            (self.folder / where).mkdir()
            (self.folder / "l.c").write_text("int H5open(void) { return 0; }\n")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", self.folder / where / "libhdf5.so", self.folder / "l.c"], check=True)
        (self.folder / "p.c").write_text("int H5open(void); int main(void) { return H5open(); }\n")
        program = self.folder / "p"
        subprocess.run(["cc", "-o", program, self.folder / "p.c", f"-L{self.folder}/a", "-lhdf5", f"-Wl,--enable-new-dtags,-rpath,{self.folder}/a"], check=True)
        check = [ROOT / "cmake/check-libraries", program]
        for arguments, environment, status, said in (
                ([f"hdf5={self.folder}/a"], {}, 0, "1 of hdf5"), ([f"hdf5={self.folder}/a"], {"LD_LIBRARY_PATH": self.folder / "b"}, 1, "where it was built with hdf5"),
                ([f"torch={self.folder}/a"], {}, 1, "loads no torch"), (["hdf5"], {}, 1, "is not LIBRARY=FOLDER")):
            with self.subTest(said):
                ended = run(check + arguments, environment)
                self.assertEqual((ended.returncode, len(ended.stdout.splitlines())), (status, 1), ended.stdout)
                self.assertIn(said, ended.stdout)
        (self.folder / "a/libhdf5.so").unlink()
        ended = run(check + [f"hdf5={self.folder}/a"])
        self.assertIn("does not find: libhdf5.so", ended.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
