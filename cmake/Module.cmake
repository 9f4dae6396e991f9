# factsweep_module(NAME [USES module ...] [LINK target ...] [WITHIN target ...] [TORCH] [COLD])
#   One static library from src/NAME/*.cpp; its public headers are include/factsweep/NAME. The target of studies/slick is
#   factsweep::studies_slick. What it links WITHIN itself no other module sees. COLD: the time of its work is that of
#   libtorch, of files and of other modules, so it compiles at -O1, which is sooner done.
# designated initialisers leave fields at their defaults on purpose
set(factsweep_warnings -Wall -Wextra -Wpedantic -Wshadow $<$<BOOL:${FACTSWEEP_WARNINGS_AS_ERRORS}>:-Werror>
    -Wno-missing-field-initializers)

# Most of what a source costs are its headers: with several compiled as one a fresh build is shorter, and what follows a change
# of one of them a little longer.
option(FACTSWEEP_UNITY "Compile several sources of a module as one" ON)
function(factsweep_compile_as_one target)
  if(FACTSWEEP_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    # g++ takes each source for a header then, whose classes should not have members out of an unnamed namespace
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

set(factsweep_cold $<$<NOT:$<CONFIG:Debug>>:-O1>)
function(factsweep_module name)
  cmake_parse_arguments(ARG "TORCH;COLD" "" "USES;LINK;WITHIN" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.cpp")
  string(REPLACE ";" "," uses "${ARG_USES}")
  set_property(GLOBAL APPEND PROPERTY factsweep_modules "${name}=${uses}")
  string(REPLACE "/" "_" target "${name}")
  set(library factsweep_${target})
  list(TRANSFORM ARG_USES REPLACE "/" "_")
  list(TRANSFORM ARG_USES PREPEND factsweep::)
  add_library(${library} STATIC ${sources})
  target_include_directories(${library} PUBLIC "${CMAKE_SOURCE_DIR}/include")
  target_compile_options(${library} PRIVATE ${factsweep_warnings})
  factsweep_compile_as_one(${library})
  target_compile_definitions(${library} PUBLIC OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
  target_link_libraries(${library} PUBLIC ${ARG_USES} ${ARG_LINK} PRIVATE ${ARG_WITHIN})
  if(ARG_COLD)
    target_compile_options(${library} PRIVATE ${factsweep_cold})
  endif()
  if(ARG_TORCH AND ARG_COLD)
    factsweep_use_torch(${library} factsweep_torch_pch_cold "${factsweep_cold}")
  elseif(ARG_TORCH)
    factsweep_use_torch(${library} factsweep_torch_pch "")
  endif()
  add_library(factsweep::${target} ALIAS ${library})
endfunction()

# After the last module.
function(factsweep_check_includes)
  get_property(modules GLOBAL PROPERTY factsweep_modules)
  add_custom_target(check_includes ALL VERBATIM
    COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${CMAKE_SOURCE_DIR}" "-DMODULES=${modules}"
            -P "${CMAKE_SOURCE_DIR}/cmake/check_includes.cmake")
endfunction()

# libtorch costs ~20 s a file: a precompiled header, made once and shared by all modules of a level of optimisation, as it fits
# only the level it was made at (g++ 14 says so with -Winvalid-pch).
set(factsweep_precompiled "${CMAKE_SOURCE_DIR}/include/factsweep/model/torch.hpp" <nlohmann/json.hpp> <fmt/format.h>)
function(factsweep_use_torch target precompiled level)
  target_include_directories(${target} SYSTEM PUBLIC ${TORCH_INCLUDE_DIRS})
  target_link_libraries(${target} PUBLIC ${TORCH_LIBRARIES})
  if(NOT TARGET ${precompiled})
    file(WRITE "${CMAKE_BINARY_DIR}/${precompiled}.cpp" "")
    add_library(${precompiled} STATIC "${CMAKE_BINARY_DIR}/${precompiled}.cpp")
    target_include_directories(${precompiled} PUBLIC "${CMAKE_SOURCE_DIR}/include")
    target_include_directories(${precompiled} SYSTEM PUBLIC ${TORCH_INCLUDE_DIRS})
    target_compile_options(${precompiled} PRIVATE ${level} ${factsweep_warnings} $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_compile_definitions(${precompiled} PUBLIC OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
    target_link_libraries(${precompiled} PUBLIC fmt::fmt-header-only nlohmann_json::nlohmann_json ${TORCH_LIBRARIES})
    target_precompile_headers(${precompiled} PRIVATE ${factsweep_precompiled})
  endif()
  # Both are wrong here: g++ 12 sees uninitialised c10::intrusive_ptr where tensors are moved, g++ 14 a memmove out of
  # bounds (of one name or the other) in the std::vector<bool> of torch::autograd::Function::apply.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${precompiled})
endfunction()

# factsweep_version.hpp, looked at anew in every build.
set(factsweep_version_header "${CMAKE_BINARY_DIR}/generated/factsweep_version.hpp")
add_custom_target(factsweep_version BYPRODUCTS "${factsweep_version_header}"
  COMMAND "${CMAKE_COMMAND}" -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${factsweep_version_header}
          -DVERSION=${PROJECT_VERSION} -P "${CMAKE_SOURCE_DIR}/cmake/version.cmake")
