# Everything factsweep depends on. Torch is found through, in this order: CMAKE_PREFIX_PATH or
# Torch_DIR (a module or an unpacked libtorch), else the Python package of the first python3 on PATH.
# What is missing or does not fit ends configuring with one sentence that says what to do.

# (FOUND "what it is" "Debian's packages"): CMake's own messages name variables, not remedies.
macro(factsweep_needs found what packages)
  if(NOT ${found})
    message(FATAL_ERROR "${what} was not found. Install ${packages} (apt-get), load your site's module, or name the "
                        "folder that holds it in CMAKE_PREFIX_PATH.")
  endif()
endmacro()

find_package(MPI COMPONENTS C)
factsweep_needs(MPI_C_FOUND "An MPI for C" "libopenmpi-dev openmpi-bin")
set(HDF5_PREFER_PARALLEL TRUE)
# FindHDF5 asks h5pcc with a file of the build folder, and that script breaks at a blank in its path.
set(build_folder "${CMAKE_CURRENT_BINARY_DIR}")
if(build_folder MATCHES " ")
  string(RANDOM LENGTH 12 name)
  set(CMAKE_CURRENT_BINARY_DIR "/tmp/factsweep-hdf5-${name}")
endif()
find_package(HDF5 COMPONENTS C HL)   # HL: dimension scales
if(build_folder MATCHES " ")
  file(REMOVE_RECURSE "${CMAKE_CURRENT_BINARY_DIR}")
  set(CMAKE_CURRENT_BINARY_DIR "${build_folder}")
endif()
factsweep_needs(HDF5_FOUND "HDF5 with its high-level library" "libhdf5-openmpi-dev")
include(ParallelHdf5)
add_library(factsweep::hdf5 INTERFACE IMPORTED)
target_include_directories(factsweep::hdf5 INTERFACE ${HDF5_INCLUDE_DIRS})
target_link_libraries(factsweep::hdf5 INTERFACE ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES} MPI::MPI_C)

find_package(Boost CONFIG COMPONENTS program_options)
factsweep_needs(Boost_FOUND "Boost.Program_options" "libboost-program-options-dev")
find_package(fmt)
factsweep_needs(fmt_FOUND "fmt" "libfmt-dev")
find_package(nlohmann_json)
factsweep_needs(nlohmann_json_FOUND "nlohmann_json" "nlohmann-json3-dev")
find_package(ZLIB)
factsweep_needs(ZLIB_FOUND "zlib" "zlib1g-dev")
find_package(PkgConfig)
factsweep_needs(PkgConfig_FOUND "pkg-config" "pkg-config")
pkg_check_modules(PCRE2 IMPORTED_TARGET libpcre2-8)
factsweep_needs(PCRE2_FOUND "PCRE2 (libpcre2-8.pc)" "libpcre2-dev")
pkg_check_modules(ICU IMPORTED_TARGET icu-uc)
factsweep_needs(ICU_FOUND "ICU (icu-uc.pc)" "libicu-dev")
find_package(SentencePiece)
factsweep_needs(SentencePiece_FOUND "SentencePiece with its trainer" "libsentencepiece-dev")
if(SentencePiece_USES_ABSEIL)
  factsweep_needs(absl_FOUND "Abseil, which this SentencePiece includes," "libabsl-dev")
endif()
include(Libtorch)

include(StartCheck)
factsweep_check_start(factsweep::hdf5 Boost::program_options ZLIB::ZLIB PkgConfig::PCRE2 PkgConfig::ICU SentencePiece::train)
