#!/usr/bin/env python3
"""newest_torch_test.py REPOSITORY: cmake/check-newest-torch on a repository of three units and a wheel of two headers,
which pip takes from a folder: what a new LibTorch may have changed is found, in one line for each unit.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

REPOSITORY = pathlib.Path(sys.argv.pop(1)).resolve()

CMAKE = """
cmake_minimum_required(VERSION 3.25)
set(CMAKE_CXX_COMPILER_WORKS ON)
project(small LANGUAGES CXX)
set(TERSEGRAD_TORCH_WHEEL "" CACHE PATH "")
add_library(tersegrad_options INTERFACE)
target_compile_options(tersegrad_options INTERFACE -Wall -Werror -fPIC)
target_compile_features(tersegrad_options INTERFACE cxx_std_20)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_SOURCE_DIR}/cmake)
include(Torch)
if(TERSEGRAD_TORCH_MISSING)  # cmake/Dependencies.cmake names it with all else that is missing
  message(FATAL_ERROR "LibTorch: ${TERSEGRAD_TORCH_MISSING}")
endif()
include(Functions)
foreach(unit uses_graph uses_tensor without)
  add_library(${unit} OBJECT src/${unit}.cpp)
  target_include_directories(${unit} PRIVATE src)
  target_compile_options(${unit} PRIVATE -idirafter ${CMAKE_SOURCE_DIR}/../system)  # as /usr/include: searched last
  target_link_libraries(${unit} PRIVATE tersegrad_options tersegrad::torch)
endforeach()
tersegrad_precompile_torch(uses_graph)
"""
GRAPH = "src/uses_graph.cpp"
UNITS = {
    GRAPH: "#include <torch/torch.h>\nstd::shared_ptr<torch::Node> kept = torch::grad_accumulator();\n",
    "src/tensor.hpp": "#include <ATen/Three.h>\n",
    "src/uses_tensor.cpp": '#include "tensor.hpp"\nint three() { return at::three(); }\n',
    "src/without.cpp": "this is no C++, and nobody is to compile it\n",
}
HEADERS = {
    "torch/csrc/api/include/torch/torch.h": "#include <memory>\n#include <torch/graph.h>\n",
    "torch/graph.h": "#pragma once\nnamespace torch { struct Node {};\ninline std::shared_ptr<Node> grad_accumulator() { return {}; } }\n",
    "ATen/Three.h": "namespace at { inline int three() { return 3; } }\n",
}


class NewestTorch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name).resolve()
        for name in ("Torch.cmake", "Functions.cmake", "check-newest-torch"):
            (cls.work / "repository" / "cmake").mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / "cmake" / name, cls.work / "repository" / "cmake")
        cls.write("repository/CMakeLists.txt", CMAKE)
        for name, text in UNITS.items():
            cls.write(f"repository/{name}", text)

    def setUp(self):
        for name in ("index", "cache", "system"):
            shutil.rmtree(self.work / name, ignore_errors=True)
        (self.work / "index").mkdir()
        self.cache = self.work / "cache" / "tersegrad" / "torch-headers"

    @classmethod
    def write(cls, name, text):
        path = cls.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def offer(self, version, **changed):
        """A wheel of this version at the index; changed: header = text, or None where it is gone."""
        contents = {f"torch/include/{name}": text for name, text in {**HEADERS, **changed}.items() if text is not None}
        contents["torch/version.py"] = f"__version__ = '{version}+cu1'\n"
        contents["torch/lib/libtorch_cpu.so"] = "large"
        about = f"torch-{version}.dist-info"
        contents[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\nRequires-Dist: nowhere-to-be-had\n"
        contents[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        contents[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in [*contents, f"{about}/RECORD"])
        with zipfile.ZipFile(self.work / "index" / f"torch-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in contents.items():
                wheel.writestr(name, text)

    def check(self, *arguments, **environment):
        """Exit status and output."""
        surroundings = {**os.environ, "XDG_CACHE_HOME": str(self.work / "cache"), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull,
                        "PIP_FIND_LINKS": str(self.work / "index"), **environment}
        ran = subprocess.run([self.work / "repository" / "cmake" / "check-newest-torch", *arguments], env=surroundings, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return ran.returncode, ran.stdout

    def test_takes_the_newest_and_keeps_its_headers_only(self):
        self.offer("2.9.1")
        self.offer("2.15.0")
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"^check-newest-torch: all 2 units that include LibTorch compile with 2\.15\.0\+cu1 \(downloaded, \d+ s\)\n$")
        self.assertEqual([path.name for path in self.cache.iterdir()], ["2.15.0"])
        self.assertEqual((self.cache / "2.15.0/torch/lib/libtorch_cpu.so").stat().st_size, 0)
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertIn("(kept headers, ", said)
        status, said = self.check("--package", "torch==2.9.1")
        self.assertEqual(status, 0, said)
        self.assertIn("compile with 2.9.1+cu1 (downloaded", said)

    def test_names_what_has_changed(self):
        graph = HEADERS["torch/graph.h"]
        for what, changed, unit, error in (
                ("another type", {"torch/graph.h": graph.replace("std::shared_ptr", "std::weak_ptr")}, GRAPH, "weak_ptr"),
                ("another name", {"torch/graph.h": graph.replace("grad_accumulator", "accumulator_of")}, GRAPH, "grad_accumulator"),
                ("a newer standard", {"torch/graph.h": '#if __cplusplus < 209900\n#error "needs C++29"\n#endif\n'}, GRAPH, "needs C\\+\\+29"),
                ("a header that is gone", {"ATen/Three.h": None}, "src/uses_tensor.cpp", "ATen/Three.h: No such file")):
            with self.subTest(what):
                shutil.rmtree(self.cache, ignore_errors=True)
                self.offer("2.15.0", **changed)
                status, said = self.check()
                self.assertEqual(status, 1, said)
                self.assertRegex(said, rf"(?m)^{unit}: .*error: .*{error}")
                self.assertRegex(said, r"(?m)^check-newest-torch: 1 of 2 units do not compile with LibTorch 2\.15\.0\+cu1 ")
                self.assertEqual(len(said.splitlines()), 2, said)
        status, said = self.check(str(self.work / "repository" / GRAPH))  # the last change was another unit's
        self.assertEqual(status, 0, said)
        status, said = self.check("src/without.cpp")
        self.assertEqual(status, 2, said)
        self.assertIn("'src/without.cpp' is no unit that includes LibTorch; there are src/uses_graph.cpp src/uses_tensor.cpp", said)

    def test_a_header_that_only_the_system_still_has(self):
        self.write("system/ATen/Three.h", HEADERS["ATen/Three.h"])
        self.offer("2.15.0")
        status, said = self.check()
        self.assertEqual(status, 0, said)
        shutil.rmtree(self.cache)
        self.offer("2.15.0", **{"ATen/Three.h": None})
        status, said = self.check()
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"(?m)^src/uses_tensor.cpp: error: .*system/ATen/Three.h', which this LibTorch does not have$")

    def test_what_the_newest_calls_old_is_a_remark(self):
        self.offer("2.15.0", **{"torch/graph.h": HEADERS["torch/graph.h"].replace("inline", '[[deprecated("ask elsewhere")]] inline')})
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"(?m)^{GRAPH}: .*warning: .*ask elsewhere")

    def test_a_version_that_cmake_refuses(self):
        self.offer("2.6.0")
        status, said = self.check()
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"^check-newest-torch: cmake does not configure against these headers: CMake Error.*too old")

    def test_without_a_wheel_it_is_skipped_or_the_kept_headers_serve(self):
        status, said = self.check()
        self.assertEqual(status, 77, said)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn("skipped", said)
        self.offer("2.9.1")
        self.offer("2.15.0")
        self.check("--package", "torch==2.9.1")
        self.check()
        shutil.rmtree(self.work / "index")
        status, said = self.check()
        self.assertEqual(status, 0, said)
        self.assertIn("compile with 2.15.0+cu1 (kept headers; no index within reach, ", said)

    def test_a_broken_wheel_is_no_reason_to_skip(self):
        (self.work / "index" / "torch-2.15.0-py3-none-any.whl").write_text("not a wheel")
        status, said = self.check()
        self.assertEqual(status, 2, said)
        self.assertEqual(len(said.splitlines()), 1, said)

    def test_without_a_home_the_headers_are_kept_in_the_build_folder(self):
        self.offer("2.15.0")
        status, said = self.check(XDG_CACHE_HOME="/proc/nowhere")
        self.assertEqual(status, 0, said)
        self.assertTrue((self.work / "repository/build/torch-headers/2.15.0").is_dir())

    def test_says_what_was_not_compiled_in_time(self):
        self.offer("2.15.0")
        slow = self.work / "compiler" / "c++"
        self.write("compiler/c++", '#!/bin/bash\ncase "$*" in *-fsyntax-only*uses_tensor* | *uses_tensor*-fsyntax-only*) sleep 600;; esac\nexec c++ "$@"\n')
        slow.chmod(0o755)
        build = self.work / "repository" / "build"  # it keeps its compiler
        shutil.rmtree(build, ignore_errors=True)
        self.addCleanup(shutil.rmtree, build)
        status, said = self.check("--limit", "15", CXX=str(slow))
        self.assertEqual(status, 1, said)
        self.assertRegex(said, r"[12] of 2 units were not compiled with LibTorch .* within 15 s \(0 failed\): .*src/uses_tensor\.cpp"
                         "|no unit was compiled")  # on a busy machine

    def test_refuses_nonsense(self):
        for arguments in (["--package", "numpy"], ["--limit", "0"], ["--jobs", "x"], ["--torch", "/nowhere"], ["--nonsense"]):
            with self.subTest(arguments=arguments):
                status, said = self.check(*arguments)
                self.assertEqual(status, 2, said)
                self.assertIn(arguments[-1], said)
                self.assertEqual(len(said.splitlines()), 1, said)


if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
    print("skipped: there is no pip")
    sys.exit(77)
unittest.main()
