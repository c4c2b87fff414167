# cmake --install: the programs, and one shared library with its headers for find_package(tersegrad).
#
# The library holds the objects of every concern, so that a program that links it has every plug-in: a shared library
# keeps the objects that nothing names, and with them their registrations. Target tersegrad::tersegrad.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(concerns core compress noise theory comm data log train models)
add_library(tersegrad_bundle SHARED)
set_target_properties(tersegrad_bundle PROPERTIES
  OUTPUT_NAME tersegrad EXPORT_NAME tersegrad VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINKER_LANGUAGE CXX)
tersegrad_link(tersegrad_bundle ${concerns})
target_link_libraries(tersegrad_bundle PRIVATE tersegrad_options)
# The headers also need LibTorch and MPI, which tersegradConfig.cmake finds and adds. The other dependencies stay inside.
target_compile_features(tersegrad_bundle INTERFACE cxx_std_20)
target_compile_definitions(tersegrad_bundle INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)

# Where LibTorch lies in no folder that the loader knows, the program and the library remember its place.
set_target_properties(${TERSEGRAD_PROGRAMS} tersegrad_bundle PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/tersegrad)
install(TARGETS ${TERSEGRAD_PROGRAMS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS tersegrad_bundle EXPORT tersegradTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${CMAKE_INSTALL_INCLUDEDIR}/tersegrad)
install(EXPORT tersegradTargets NAMESPACE tersegrad:: DESTINATION ${package})
# "tersegrad/core/x.hpp", "models/x.hpp"; not the parts that only one library file includes
install(DIRECTORY src/tersegrad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*-inl.hpp" EXCLUDE PATTERN "hdf5_handle.hpp" EXCLUDE PATTERN "hdf5_state.hpp" EXCLUDE
  PATTERN "breast_cancer" EXCLUDE)
install(DIRECTORY models DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tersegrad FILES_MATCHING PATTERN "*.hpp")

configure_package_config_file(cmake/tersegradConfig.cmake.in ${PROJECT_BINARY_DIR}/tersegradConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tersegradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tersegradConfig.cmake ${PROJECT_BINARY_DIR}/tersegradConfigVersion.cmake cmake/Torch.cmake
  DESTINATION ${package})
