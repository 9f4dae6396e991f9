# Is this HDF5 parallel, and does it call the MPI that was found? With two MPIs in one program the first call of HDF5 hangs
# or crashes.
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 at ${HDF5_INCLUDE_DIRS} is serial. Install libhdf5-openmpi-dev, or load your site's parallel HDF5 "
                      "module; where several are installed, -DHDF5_ROOT=FOLDER chooses one.")
endif()

option(FACTSWEEP_MIXED_MPI "Accept an HDF5 that names another MPI library, known to be compatible" OFF)
find_program(LDD ldd)
mark_as_advanced(LDD)
if(LDD AND NOT FACTSWEEP_MIXED_MPI)
  set(mpi_found "")
  foreach(library ${MPI_C_LIBRARIES})
    get_filename_component(library "${library}" REALPATH)
    list(APPEND mpi_found "${library}")
  endforeach()
  foreach(hdf5 ${HDF5_C_LIBRARIES})
    if(TARGET "${hdf5}")   # HDF5 2's own configuration
      get_target_property(hdf5 "${hdf5}" LOCATION)
    endif()
    if(NOT hdf5 MATCHES "libhdf5[^/]*\\.so")
      continue()
    endif()
    execute_process(COMMAND "${LDD}" "${hdf5}" OUTPUT_VARIABLE needed ERROR_QUIET)
    string(REGEX MATCHALL "=> [^\n]*/libp?mpi(ch)?(_[a-z0-9_]+)?\\.so[^ \n]*" needed "${needed}")
    list(TRANSFORM needed REPLACE "^=> " "")
    foreach(library ${needed})
      get_filename_component(real "${library}" REALPATH)
      if(mpi_found MATCHES "/libp?mpi(ch)?(_[a-z0-9_]+)?\\.so" AND NOT real IN_LIST mpi_found)
        message(FATAL_ERROR "HDF5 (${hdf5}) was built with another MPI (${real}) than the one found here (${MPI_C_LIBRARIES}). "
                            "Load the HDF5 that belongs to your MPI, or choose the MPI with -DMPI_HOME=FOLDER; "
                            "-DFACTSWEEP_MIXED_MPI=ON goes on all the same.")
      endif()
    endforeach()
  endforeach()
endif()
