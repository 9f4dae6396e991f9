# Everything factsweep stands on. Torch is found through, in this order: CMAKE_PREFIX_PATH or
# Torch_DIR (a module or an unpacked libtorch), else the Python package of the first python3 on PATH.
find_package(MPI REQUIRED COMPONENTS C)
set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 REQUIRED COMPONENTS C HL)   # HL: dimension scales
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 at ${HDF5_INCLUDE_DIRS} is not parallel. Install libhdf5-openmpi-dev, or load your site's parallel HDF5 module.")
endif()
add_library(factsweep_hdf5 INTERFACE)
add_library(factsweep::hdf5 ALIAS factsweep_hdf5)
target_include_directories(factsweep_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(factsweep_hdf5 INTERFACE ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES} MPI::MPI_C)

find_package(Boost REQUIRED COMPONENTS program_options)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)

if(NOT "${Torch_DIR};${CMAKE_PREFIX_PATH};$ENV{Torch_DIR};$ENV{CMAKE_PREFIX_PATH}" MATCHES "torch")
  execute_process(COMMAND python3 -c "import torch; print(torch.utils.cmake_prefix_path)"
                  OUTPUT_VARIABLE torch_prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND CMAKE_PREFIX_PATH "${torch_prefix}")
endif()
find_path(torch_config TorchConfig.cmake NO_DEFAULT_PATH NO_CACHE PATH_SUFFIXES Torch share/cmake/Torch
          PATHS ${Torch_DIR} ${CMAKE_PREFIX_PATH} ENV Torch_DIR ENV CMAKE_PREFIX_PATH)
get_filename_component(torch_root "${torch_config}/../../.." ABSOLUTE)
if(EXISTS "${torch_root}/lib/libtorch_cuda.so")
  include(CudaTorch)
else()
  find_package(Torch REQUIRED)
endif()
