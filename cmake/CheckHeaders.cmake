# Whether the compiler takes the headers that belong to the libraries found, and the program loads the HDF5 that it was
# compiled for. CPATH, C_INCLUDE_PATH, CPLUS_INCLUDE_PATH and -I in CXXFLAGS go before the folders that CMake names, and
# LD_LIBRARY_PATH before the library's own place.
set(headers hdf5.h zlib.h mpi.h hwy/highway.h nlohmann/json.hpp boost/version.hpp cxxopts.hpp Random123/philox.h)
set(folders "")
foreach(target hdf5::hdf5 ZLIB::ZLIB MPI::MPI_C hwy::hwy nlohmann_json::nlohmann_json Boost::headers)
  get_target_property(include ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(include)
    list(APPEND folders ${include})
  endif()
endforeach()
list(APPEND folders ${TERSEGRAD_CXXOPTS_INCLUDE} ${TERSEGRAD_RANDOM123_INCLUDE})
list(REMOVE_DUPLICATES folders)
set(source "")
foreach(header ${headers})
  string(APPEND source "#include <${header}>\n")
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/CMakeFiles/headers.cpp CONTENT "${source}")
separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS}")
set(options "")
foreach(folder ${folders})
  if(NOT folder STREQUAL "/usr/include")  # is searched last, and must be, for #include_next
    list(APPEND options -isystem ${folder})
  endif()
endforeach()
execute_process(
  COMMAND ${CMAKE_CXX_COMPILER} ${flags} -std=c++20 -DOMPI_SKIP_MPICXX=1 -DMPICH_SKIP_MPICXX=1 ${options} -M ${PROJECT_BINARY_DIR}/CMakeFiles/headers.cpp
  RESULT_VARIABLE status OUTPUT_VARIABLE read ERROR_VARIABLE said)
if(NOT status EQUAL 0)
  string(REGEX MATCH "[^\n]*error[^\n]*" said "${said}")
  tersegrad_missing("headers that compile together" "the compiler says: ${said}" "what it lacks" "the -dev packages of launch/install")
endif()
string(REPLACE "\\ " "<space>" read "${read}")  # a name with a space
string(REGEX REPLACE "[\\\n ]+" ";" read "${read}")
list(TRANSFORM read REPLACE "<space>" " ")
foreach(header ${headers})
  set(ours "")
  foreach(folder ${folders})
    if(NOT ours AND EXISTS ${folder}/${header})
      file(REAL_PATH ${folder}/${header} ours)
    endif()
  endforeach()
  set(taken ${read})
  list(FILTER taken INCLUDE REGEX "/${header}$")
  foreach(file ${taken})
    file(REAL_PATH ${file} real)
    if(ours AND NOT real STREQUAL ours)
      tersegrad_missing("one ${header}" "the compiler takes '${file}', what was found is '${ours}'"
                        "unsetting CPATH, C_INCLUDE_PATH, CPLUS_INCLUDE_PATH and CXXFLAGS, or naming one folder for both" "launch/install's")
    endif()
    break()  # the first; others of that name are some library's own
  endforeach()
endforeach()

file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/CMakeFiles/hdf5_version.cpp CONTENT [[
#include <cstdio>
#include <hdf5.h>
int main() {
  unsigned a = 0, b = 0, c = 0;
  H5get_libversion(&a, &b, &c);
  std::printf("%u.%u.%u is loaded, the headers are of %u.%u.%u", a, b, c, unsigned(H5_VERS_MAJOR), unsigned(H5_VERS_MINOR), unsigned(H5_VERS_RELEASE));
  return a == H5_VERS_MAJOR && b == H5_VERS_MINOR && c == H5_VERS_RELEASE ? 0 : 1;
}
]])
unset(tersegrad_hdf5_run CACHE)
unset(tersegrad_hdf5_compiled CACHE)
try_run(tersegrad_hdf5_run tersegrad_hdf5_compiled ${PROJECT_BINARY_DIR}/CMakeFiles ${PROJECT_BINARY_DIR}/CMakeFiles/hdf5_version.cpp
        LINK_LIBRARIES hdf5::hdf5 COMPILE_OUTPUT_VARIABLE said RUN_OUTPUT_VARIABLE said_running)
if(NOT tersegrad_hdf5_compiled)
  string(REGEX MATCH "[^\n]*(error|undefined reference|cannot find)[^\n]*" said "${said}")
  tersegrad_missing(HDF5 "a program with '${TERSEGRAD_HDF5_LIBRARY}' cannot be linked: ${said}" "-DHDF5_ROOT=DIR" libhdf5-dev)
elseif(tersegrad_hdf5_run STREQUAL "1" AND said_running MATCHES "is loaded")
  tersegrad_missing("one HDF5" "HDF5 ${said_running}" "unsetting LD_LIBRARY_PATH, or -DHDF5_ROOT=DIR" libhdf5-dev)
elseif(said_running MATCHES "relocation error|symbol lookup error|required by|Inconsistency detected by ld.so")  # the loader's words
  string(REGEX REPLACE "\n.*" "" said_running "${said_running}")
  string(REGEX REPLACE "^[^ ]*: " "" said_running "${said_running}")
  tersegrad_missing("one HDF5" "not '${TERSEGRAD_HDF5_LIBRARY}' is loaded but another: ${said_running}" "unsetting LD_LIBRARY_PATH, or -DHDF5_ROOT=DIR" libhdf5-dev)
elseif(NOT tersegrad_hdf5_run STREQUAL "0")
  message(STATUS "HDF5: a program with '${TERSEGRAD_HDF5_LIBRARY}' does not run on this machine (${tersegrad_hdf5_run})")
endif()
tersegrad_refuse_missing()
