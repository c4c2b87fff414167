# cmake --install: the programs, and libtersegrad.so (cmake/Library.cmake) with its headers for find_package(tersegrad).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The programs find the library from their own place: the whole may be moved.
file(RELATIVE_PATH from_bin /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(${TERSEGRAD_PROGRAMS} PROPERTIES INSTALL_RPATH $ORIGIN/${from_bin})
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
