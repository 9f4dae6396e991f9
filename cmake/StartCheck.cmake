# Libraries that link together need not start together: Debian's own libtorch loads a protobuf beside the one inside
# SentencePiece, and the program would end before main. So a program that does nothing is linked to all of them and run.
#   factsweep_check_start(library ...)      these and libtorch at ${torch_root}
option(FACTSWEEP_CHECK_START "Run a program that only loads all libraries while configuring" ON)

function(factsweep_check_start)
  if(NOT FACTSWEEP_CHECK_START OR CMAKE_CROSSCOMPILING OR FACTSWEEP_STARTED_WITH STREQUAL "${torch_root};${ARGN}")
    return()
  endif()
  # By their files: libtorch's targets name others that are not there.
  set(torch)
  foreach(name torch torch_cpu torch_cuda c10)
    find_library(file ${name} NO_DEFAULT_PATH NO_CACHE PATHS "${torch_root}/lib" "${torch_root}/lib64" "${torch_config}/../..")
    if(file)
      list(APPEND torch "${file}")
    endif()
    unset(file)
  endforeach()
  file(WRITE "${CMAKE_BINARY_DIR}/start_check/main.cpp" "int main() { return 0; }\n")
  try_run(started linked "${CMAKE_BINARY_DIR}/start_check" "${CMAKE_BINARY_DIR}/start_check/main.cpp"
          LINK_OPTIONS -Wl,--no-as-needed,--allow-shlib-undefined LINK_LIBRARIES ${ARGN} ${torch} COMPILE_OUTPUT_VARIABLE said_link RUN_OUTPUT_VARIABLE said)
  set(result "${started}")
  set(links "${linked}")
  unset(started CACHE)   # asked again when configuring again
  unset(linked CACHE)
  if(NOT links)
    message(FATAL_ERROR "A program that does nothing does not link with all libraries found (libtorch, HDF5, MPI, SentencePiece, ...): "
                        "they were built for different compilers or systems. The linker says:\n${said_link}")
  elseif(said MATCHES "cannot open shared object")
    # On a login node that may be the GPU's driver, which only the compute nodes have.
    message(WARNING "A library is missing at run time: ${said}Name its folder in LD_LIBRARY_PATH or load its module where factsweep runs.")
  elseif(NOT result STREQUAL 0)
    string(SUBSTRING "${said}" 0 1000 said)
    message(FATAL_ERROR "The libraries found link, but do not start together (${result}); the program would end before its first line. "
                        "Debian's own libtorch-dev does so, for its protobuf: take pip's (python3 -m pip install torch==2.13.0) "
                        "or an unpacked libtorch. -DFACTSWEEP_CHECK_START=OFF goes on all the same. They say:\n${said}")
  else()
    set(FACTSWEEP_STARTED_WITH "${torch_root};${ARGN}" CACHE INTERNAL "Libraries that were seen to start together")
  endif()
endfunction()
