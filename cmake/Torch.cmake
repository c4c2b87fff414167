# tersegrad::torch: LibTorch, from the system (Debian's libtorch-dev) or from an upstream build.
#
# An upstream build is a folder with lib/libtorch_cpu.so and include/torch: `torch` in the site-packages of a Python
# environment, or an unpacked libtorch archive. It is named by TERSEGRAD_TORCH_WHEEL (preset upstream) or stands in
# CMAKE_PREFIX_PATH. Its libraries become targets here, without its TorchConfig.cmake: that one asks for the CUDA
# toolkit that it was built with, and takes libtorch and libc10 from the system where libtorch-dev is installed too.
# Where there is neither, the torch of the active virtual environment, or the one that python3 would import, is taken.
# Sets TERSEGRAD_TORCH_VERSION and TERSEGRAD_TORCH_FOLDER, the one folder that LibTorch's libraries may come from; where there
# is none that can be used, TERSEGRAD_TORCH_MISSING says why, and nothing else is set.

function(tersegrad_is_upstream_torch folder result)
  if(EXISTS ${folder}/lib/libtorch_cpu.so AND EXISTS ${folder}/include/torch/csrc/api/include/torch/torch.h)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

# tersegrad_environment_torch(<result>): the folder of a Python environment's torch, or nothing.
function(tersegrad_environment_torch result)
  file(GLOB candidates $ENV{VIRTUAL_ENV}/lib/python3*/site-packages/torch)
  execute_process(COMMAND python3 -c "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
                  OUTPUT_VARIABLE imported OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  set(${result} "" PARENT_SCOPE)
  foreach(folder ${candidates} ${imported})
    tersegrad_is_upstream_torch(${folder} found)
    if(found)
      set(${result} ${folder} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

set(TERSEGRAD_TORCH_MISSING "")
if(TERSEGRAD_TORCH_UPSTREAM AND NOT TERSEGRAD_TORCH_WHEEL)
  message(FATAL_ERROR "the preset upstream needs TERSEGRAD_TORCH_WHEEL=<...>/site-packages/torch in the environment; "
                      "cmake/upstream-torch sets it")
endif()
set(tersegrad_upstream "")
if(TERSEGRAD_TORCH_WHEEL)
  tersegrad_is_upstream_torch(${TERSEGRAD_TORCH_WHEEL} found)
  if(NOT found)
    set(TERSEGRAD_TORCH_MISSING "'${TERSEGRAD_TORCH_WHEEL}' has no lib/libtorch_cpu.so and include/torch (the folder 'torch' of a Python environment's site-packages has)")
    return()
  endif()
  set(tersegrad_upstream ${TERSEGRAD_TORCH_WHEEL})
else()
  foreach(prefix ${CMAKE_PREFIX_PATH} $ENV{CMAKE_PREFIX_PATH} ${Torch_DIR}/../../..)
    tersegrad_is_upstream_torch(${prefix} found)
    if(found)
      set(tersegrad_upstream ${prefix})
      break()
    endif()
  endforeach()
endif()

if(NOT tersegrad_upstream)
  find_package(Torch QUIET)  # once: a second time fails in some versions
  if(NOT Torch_FOUND)
    if(NOT EXISTS "${TERSEGRAD_TORCH_ENVIRONMENT}")  # kept: the environment need not be active at the next build
      tersegrad_environment_torch(found)
      set(TERSEGRAD_TORCH_ENVIRONMENT "${found}" CACHE INTERNAL "torch of a Python environment")
    endif()
    set(tersegrad_upstream ${TERSEGRAD_TORCH_ENVIRONMENT})
    if(NOT tersegrad_upstream)
      set(TERSEGRAD_TORCH_MISSING "no TorchConfig.cmake in the system's folders, and no torch in a Python environment (VIRTUAL_ENV, python3)")
      return()
    endif()
  endif()
endif()

add_library(tersegrad_torch INTERFACE)
add_library(tersegrad::torch ALIAS tersegrad_torch)

if(tersegrad_upstream)
  get_filename_component(tersegrad_upstream ${tersegrad_upstream} REALPATH)
  set(TERSEGRAD_TORCH_FOLDER ${tersegrad_upstream}/lib)
  set(version_file ${tersegrad_upstream}/version.py)  # __version__ = '2.15.0+cu132'
  if(NOT EXISTS ${version_file})
    set(version_file ${tersegrad_upstream}/build-version)
  endif()
  file(STRINGS ${version_file} version_lines REGEX "[0-9]+\\.[0-9]+\\.[0-9]+" LIMIT_COUNT 1)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+[^'\"]*" TERSEGRAD_TORCH_VERSION "${version_lines}")
  if(TERSEGRAD_TORCH_VERSION VERSION_LESS 2.7)
    set(TERSEGRAD_TORCH_MISSING "torch ${TERSEGRAD_TORCH_VERSION} in '${tersegrad_upstream}' is too old (wheels before 2.7 use the old ABI of std::string)")
    return()
  endif()
  foreach(library c10 torch_cpu)
    add_library(tersegrad_upstream_${library} SHARED IMPORTED)
    set_target_properties(tersegrad_upstream_${library} PROPERTIES
      IMPORTED_LOCATION ${TERSEGRAD_TORCH_FOLDER}/lib${library}.so IMPORTED_SONAME lib${library}.so)
    target_link_libraries(tersegrad_torch INTERFACE tersegrad_upstream_${library})
  endforeach()
  target_include_directories(tersegrad_torch SYSTEM INTERFACE
    ${tersegrad_upstream}/include ${tersegrad_upstream}/include/torch/csrc/api/include)
  # A CUDA build's CPU library needs libcudart and libcupti of the wheels beside it. At run time it finds them by its
  # own RPATH; the linker has to be told.
  file(GLOB beside ${tersegrad_upstream}/../nvidia/*/lib)
  foreach(folder ${beside})
    target_link_options(tersegrad_torch INTERFACE LINKER:-rpath-link,${folder})
  endforeach()
else()
  set(TERSEGRAD_TORCH_VERSION ${Torch_VERSION})
  target_link_libraries(tersegrad_torch INTERFACE ${TORCH_LIBRARIES})
  target_include_directories(tersegrad_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  separate_arguments(tersegrad_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
  target_compile_options(tersegrad_torch INTERFACE ${tersegrad_torch_flags})

  # TorchConfig.cmake looks some of its libraries up by name, and may find another installation's.
  set(TERSEGRAD_TORCH_FOLDER "")
  foreach(library torch torch_cpu c10 ${TORCH_LIBRARIES})
    if(TARGET ${library})
      get_target_property(type ${library} TYPE)
      if(type STREQUAL INTERFACE_LIBRARY)
        continue()
      endif()
      get_target_property(file ${library} LOCATION)
    else()
      set(file ${library})
    endif()
    if(file MATCHES "/lib(torch|c10)[^/]*\\.so")
      get_filename_component(folder ${file} DIRECTORY)
      get_filename_component(folder ${folder} REALPATH)
      if(NOT TERSEGRAD_TORCH_FOLDER)
        set(TERSEGRAD_TORCH_FOLDER ${folder})
      elseif(NOT folder STREQUAL TERSEGRAD_TORCH_FOLDER)
        message(FATAL_ERROR "two LibTorch installations are mixed ('${TERSEGRAD_TORCH_FOLDER}' and '${file}'; such a "
                            "program aborts as it starts); name the one to use with -DTERSEGRAD_TORCH_WHEEL=<folder> or "
                            "-DTorch_DIR=<folder>/share/cmake/Torch in an empty build folder")
      endif()
    endif()
  endforeach()
endif()
message(STATUS "LibTorch ${TERSEGRAD_TORCH_VERSION} in ${TERSEGRAD_TORCH_FOLDER}")
