# How dependencies are looked for: first where the user says (CMAKE_PREFIX_PATH, <package>_ROOT), then in the system's
# folders, at last beside the programs in PATH, as some modules set nothing else.
#
# A Python distribution's environment (conda's, with conda-meta in it) stands in PATH for its programs. Its libraries are
# built with its own compiler, and mixing them with the system's makes programs that abort as they start, or read files by
# another library's rules. They are taken only where the user names its folder: as one of CMAKE_PREFIX_PATH given to CMake
# (launch/build --deps) or as <package>_ROOT; not for CMAKE_PREFIX_PATH in the environment, which activating one sets.
set(TERSEGRAD_BY_PREFIX "--deps DIR or -DCMAKE_PREFIX_PATH=DIR")

set(tersegrad_conda "")
string(REPLACE ":" ";" candidates "$ENV{PATH}:$ENV{CMAKE_PREFIX_PATH}")
list(TRANSFORM candidates REPLACE "/s?bin/*$" "")
foreach(prefix ${candidates} $ENV{CONDA_PREFIX})
  if(EXISTS ${prefix}/conda-meta AND NOT prefix IN_LIST CMAKE_PREFIX_PATH)
    list(APPEND tersegrad_conda ${prefix})
  endif()
endforeach()
list(REMOVE_DUPLICATES tersegrad_conda)

# tersegrad_ignored(<result> <package>): the folders to pass over, none where the user says where the package is.
function(tersegrad_ignored result package)
  if(${package}_ROOT OR DEFINED ENV{${package}_ROOT} OR ${package}_DIR)
    set(${result} "" PARENT_SCOPE)
  else()
    set(${result} ${CMAKE_IGNORE_PREFIX_PATH} ${tersegrad_conda} PARENT_SCOPE)
  endif()
endfunction()

# tersegrad_find_package(<package> [arguments of find_package])
macro(tersegrad_find_package package)
  tersegrad_ignored(CMAKE_IGNORE_PREFIX_PATH ${package})
  set(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)
  find_package(${package} ${ARGN} QUIET)
  unset(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH)
  if(NOT ${package}_FOUND)
    find_package(${package} ${ARGN} QUIET)
  endif()
  unset(CMAKE_IGNORE_PREFIX_PATH)
endmacro()

# tersegrad_find_header(<variable> <header>), tersegrad_find_library(<variable> <name>…)
function(tersegrad_find_header variable header)
  set(CMAKE_IGNORE_PREFIX_PATH ${CMAKE_IGNORE_PREFIX_PATH} ${tersegrad_conda})
  find_path(${variable} ${header} NO_SYSTEM_ENVIRONMENT_PATH)
  find_path(${variable} ${header})
endfunction()
function(tersegrad_find_library variable)
  set(CMAKE_IGNORE_PREFIX_PATH ${CMAKE_IGNORE_PREFIX_PATH} ${tersegrad_conda})
  find_library(${variable} NAMES ${ARGN} NO_SYSTEM_ENVIRONMENT_PATH)
  find_library(${variable} NAMES ${ARGN})
endfunction()

# tersegrad_missing(<what> <sought> <how> <Debian package>): remembers a line; tersegrad_refuse_missing() ends with all.
function(tersegrad_missing what sought how package)
  if(sought MATCHES "^[^ ]*[.](h|hpp)( |$)")
    set(sought "no ${sought}")
    if(CMAKE_PREFIX_PATH)
      list(JOIN CMAKE_PREFIX_PATH "', '" places)
      string(APPEND sought " in '${places}' or the system's folders")
    else()
      string(APPEND sought " in the system's folders")
    endif()
  endif()
  if(tersegrad_conda AND sought MATCHES "^no ")
    string(APPEND sought " (conda's '${tersegrad_conda}' is taken only by name)")
  endif()
  set_property(GLOBAL APPEND_STRING PROPERTY TERSEGRAD_MISSING "${what}: ${sought}; give it by ${how} (Debian: ${package})\n")
endfunction()
function(tersegrad_refuse_missing)
  get_property(missing GLOBAL PROPERTY TERSEGRAD_MISSING)
  file(REMOVE ${PROJECT_BINARY_DIR}/missing.txt)
  if(missing)
    file(WRITE ${PROJECT_BINARY_DIR}/missing.txt "${missing}")  # for launch/build, which shows nothing else
    string(REPLACE "\n" "\n  " lines "${missing}")
    message(FATAL_ERROR "  These are missing:\n  ${lines}")
  endif()
endfunction()
