# libtersegrad.so: what the programs, a plug-in (--plugin FILE.so) and a project that finds the installed package link. There is
# one of it in a process, and with it one registry of each family.
#
# It holds the objects of every concern, so that whoever links it has every member: a shared library keeps the objects that
# nothing names, and with them their registrations. Target tersegrad::tersegrad, here as where it is installed.
set(concerns core compress noise theory comm data log train models)
add_library(tersegrad_bundle SHARED)
add_library(tersegrad::tersegrad ALIAS tersegrad_bundle)
set_target_properties(tersegrad_bundle PROPERTIES
  OUTPUT_NAME tersegrad EXPORT_NAME tersegrad VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINKER_LANGUAGE CXX)
tersegrad_link(tersegrad_bundle ${concerns})
target_link_libraries(tersegrad_bundle PRIVATE tersegrad_options)
# Its own functions call each other directly, as in a program, and not through a table that others may change. Variables stay
# as they are: there is one of each inline static, whoever uses it.
target_link_options(tersegrad_bundle PRIVATE LINKER:-Bsymbolic-functions)
# Include paths, flags and libraries of the concerns, without their objects.
foreach(concern ${concerns})
  target_link_libraries(tersegrad_bundle INTERFACE $<BUILD_INTERFACE:tersegrad_${concern}>)
endforeach()
# The installed headers need LibTorch and MPI, which tersegradConfig.cmake finds and adds. The other dependencies stay inside.
target_compile_features(tersegrad_bundle INTERFACE cxx_std_20)
target_compile_definitions(tersegrad_bundle INTERFACE ${TERSEGRAD_ABI} "$<INSTALL_INTERFACE:OMPI_SKIP_MPICXX=1;MPICH_SKIP_MPICXX=1>")
# A plug-in that hides its symbols would have inline statics, the registries among them, of its own.
target_compile_options(tersegrad_bundle INTERFACE "$<INSTALL_INTERFACE:-fvisibility=default;-fno-visibility-inlines-hidden>")
