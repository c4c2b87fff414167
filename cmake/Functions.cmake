# tersegrad_add_library(<concern> [TORCH [file…]] [DEPS target…] [PRIVATE_DEPS target…])
#   The object library tersegrad_<concern> (alias tersegrad::<concern>) of every .cpp in the current folder and below.
#   Objects, not an archive: a linker drops archive members that nothing names, and with them the plug-ins that
#   register themselves. A program therefore names every concern it needs (tersegrad_link); DEPS only carry
#   include paths and flags.
#   Sources are globbed so that a plug-in is one new file; CONFIGURE_DEPENDS notices it at the next build.
#   TORCH: linked with LibTorch; the files (none named: all) compile behind its precompiled header. A file that does not
#   include it compiles in a tenth of the time without.
function(tersegrad_add_library concern)
  cmake_parse_arguments(arg "" "" "TORCH;DEPS;PRIVATE_DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources) # being written
    add_library(tersegrad_${concern} INTERFACE)
    add_library(tersegrad::${concern} ALIAS tersegrad_${concern})
    target_include_directories(tersegrad_${concern} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(tersegrad_${concern} INTERFACE ${arg_DEPS})
    return()
  endif()
  add_library(tersegrad_${concern} OBJECT ${sources})
  add_library(tersegrad::${concern} ALIAS tersegrad_${concern})
  set_target_properties(tersegrad_${concern} PROPERTIES EXPORT_NAME ${concern})
  target_include_directories(tersegrad_${concern} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include>)
  target_link_libraries(tersegrad_${concern} PUBLIC ${arg_DEPS} PRIVATE tersegrad_options ${arg_PRIVATE_DEPS})
  target_compile_features(tersegrad_${concern} PUBLIC cxx_std_20)
  if("TORCH" IN_LIST ARGN)
    target_link_libraries(tersegrad_${concern} PUBLIC tersegrad::torch)
    tersegrad_precompile_torch(tersegrad_${concern})
    if(arg_TORCH)
      list(TRANSFORM arg_TORCH PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
      list(REMOVE_ITEM sources ${arg_TORCH})
      set_source_files_properties(${sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endif()
endfunction()

# tersegrad_precompile_torch(<target>): LibTorch's headers precompiled, once for all targets: it takes longer than
# most of what it serves. They share its compile flags, the level of optimisation excepted.
function(tersegrad_precompile_torch target)
  set(owner tersegrad_torch_header)  # a target of its own: the libraries depend on one another
  if(NOT TARGET ${owner})
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/torch_header.cpp CONTENT "// Holds the precompiled header.\n")
    add_library(${owner} OBJECT ${PROJECT_BINARY_DIR}/torch_header.cpp)
    target_link_libraries(${owner} PRIVATE tersegrad_options tersegrad::torch)
    target_precompile_headers(${owner} PRIVATE <torch/torch.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)  # CMake would pass -fPIE, and the header is compiled with -fPIC
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# tersegrad_link(<target> <concern>…): links the objects of the concerns; name all that are needed, also indirectly.
function(tersegrad_link target)
  foreach(concern ${ARGN})
    target_link_libraries(${target} PRIVATE tersegrad_${concern})
  endforeach()
endfunction()

# tersegrad_add_test(<name> SOURCES file… LINK concern… [TORCH] [RANKS n…] [TIMEOUT s] [LABELS …])
#   A GoogleTest program. Without RANKS it runs alone; with RANKS it runs under mpiexec once for each number, as
#   <name>/<ranks>. LINK names every concern it needs, also indirectly. A program in which no test ran fails. One thread
#   each, as launch/local gives a rank: beside other tests more only wait, and their number changes the last bits of sums.
#   TIMEOUT is there to end what hangs: a machine may be slow, and busy.
function(tersegrad_add_test name)
  cmake_parse_arguments(arg "TORCH" "TIMEOUT" "SOURCES;LINK;DEPS;RANKS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE tersegrad_options GTest::gtest ${arg_DEPS})
  tersegrad_link(${name} ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  # What is tested is built as it is used; the tests themselves need no -O3, and compile in two thirds of the time.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(arg_TORCH)
    tersegrad_precompile_torch(${name})
  endif()
  if(arg_RANKS)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp)
    # It needs no LibTorch; behind its precompiled header GCC 12 warns of overflows in sums of strings that are none.
    set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    foreach(ranks ${arg_RANKS})
      add_test(NAME ${name}/${ranks} COMMAND ${PROJECT_SOURCE_DIR}/launch/local --ranks ${ranks} --program $<TARGET_FILE:${name}>)
      set(processors 2)
      if(ranks EQUAL 1)
        set(processors 1)
      endif()
      set_tests_properties(${name}/${ranks} PROPERTIES TIMEOUT ${arg_TIMEOUT} PROCESSORS ${processors} LABELS "mpi;${arg_LABELS}"
                           PASS_REGULAR_EXPRESSION "tests PASSED" FAIL_REGULAR_EXPRESSION "tests FAILED;Running 0 tests")
    endforeach()
  else()
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
                         ENVIRONMENT "OMP_NUM_THREADS=1;OPENBLAS_NUM_THREADS=1" FAIL_REGULAR_EXPRESSION "Running 0 tests")
  endif()
endfunction()

# tersegrad_scale_timeouts(): last in a folder of tests. Multiplies their time limits by TERSEGRAD_TEST_TIME: what a
# sanitizer watches runs several times as long.
function(tersegrad_scale_timeouts)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test ${tests})
    get_test_property(${test} TIMEOUT limit)
    if(limit)
      math(EXPR limit "${limit} * ${TERSEGRAD_TEST_TIME}")
      set_tests_properties(${test} PROPERTIES TIMEOUT ${limit})
    endif()
  endforeach()
endfunction()
