# Compile options for our own code (target tersegrad_options), sanitizers, the compiler cache.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# -O3 without -march: the program runs on any x86-64; the kernels that want more choose it when they run.
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")

add_library(tersegrad_options INTERFACE)
target_compile_features(tersegrad_options INTERFACE cxx_std_20)
# -ffp-contract=off: a fused multiply-add rounds once where two operations round twice, so contraction would
# make bits depend on how a compiler happened to schedule a loop.
target_compile_options(tersegrad_options INTERFACE -Wall -Wextra -Wpedantic -ffp-contract=off)
# Everywhere, as GoogleTest asks for it: it defines a macro, and all units that share a precompiled header must agree.
target_compile_options(tersegrad_options INTERFACE -pthread)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(tersegrad_options INTERFACE -Wno-restrict)  # false alarms in std::string, GCC bug 105651
endif()
if(TERSEGRAD_WERROR)
  target_compile_options(tersegrad_options INTERFACE -Werror)
endif()
set(default_time 1)
if(TERSEGRAD_SANITIZE)
  set(default_time 6)
  # Undefined behaviour ends the program, as a bad access does: a remark on stderr would leave a test green.
  target_compile_options(tersegrad_options INTERFACE -fsanitize=${TERSEGRAD_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(tersegrad_options INTERFACE -fsanitize=${TERSEGRAD_SANITIZE})
  if(TERSEGRAD_SANITIZE MATCHES "address|thread")
    target_sources(tersegrad_options INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_LIST_DIR}/sanitizers/keep_plugins.cpp>)
    target_link_options(tersegrad_options INTERFACE -Wl,--export-dynamic-symbol=dlclose)
  endif()
endif()
set(TERSEGRAD_TEST_TIME ${default_time} CACHE STRING "the tests' time limits are multiplied by it")

find_program(TERSEGRAD_CCACHE ccache)
mark_as_advanced(TERSEGRAD_CCACHE)
if(TERSEGRAD_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_CURRENT_LIST_DIR}/compiler-cache ${PROJECT_BINARY_DIR}/ccache ${TERSEGRAD_CCACHE})
endif()
