# Every dependency, found once. Each is a Debian package: launch/install lists them.
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
# Only the C interface: mpi.h would bring the C++ one of old, with symbols of a library that is not linked.
target_compile_definitions(MPI::MPI_C INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)
find_package(Boost 1.74 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(hwy REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED)
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(benchmark REQUIRED)
find_path(TERSEGRAD_CXXOPTS_INCLUDE cxxopts.hpp REQUIRED)
find_path(TERSEGRAD_RANDOM123_INCLUDE Random123/philox.h REQUIRED)
include(Torch)  # tersegrad::torch
if(TERSEGRAD_TESTS)
  find_package(GTest REQUIRED)
endif()

# Header-only libraries without a CMake package of their own; SYSTEM: their warnings are not ours.
add_library(tersegrad_random123 INTERFACE)
target_include_directories(tersegrad_random123 SYSTEM INTERFACE ${TERSEGRAD_RANDOM123_INCLUDE})
add_library(tersegrad_cxxopts INTERFACE)
target_include_directories(tersegrad_cxxopts SYSTEM INTERFACE ${TERSEGRAD_CXXOPTS_INCLUDE})
# Its parser without std::regex: half the time to compile.
target_compile_definitions(tersegrad_cxxopts INTERFACE CXXOPTS_NO_REGEX)
