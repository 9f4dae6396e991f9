# libtorch, looked at before it is used: TORCH_INCLUDE_DIRS, TORCH_LIBRARIES.
macro(find_torch_config)
  find_path(torch_config TorchConfig.cmake NO_DEFAULT_PATH NO_CACHE
            PATH_SUFFIXES Torch share/cmake/Torch lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/Torch
            PATHS ${Torch_DIR} ${CMAKE_PREFIX_PATH} ENV Torch_DIR ENV CMAKE_PREFIX_PATH)
endmacro()
find_torch_config()
if(NOT torch_config)
  execute_process(COMMAND python3 -c "import torch; print(torch.utils.cmake_prefix_path)"
                  OUTPUT_VARIABLE torch_prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND CMAKE_PREFIX_PATH "${torch_prefix}")
  find_torch_config()
endif()
if(NOT torch_config)
  message(FATAL_ERROR "libtorch was not found. Have a python3 on PATH that imports torch (jobs/bootstrap.sh makes one in .venv), "
                      "or name the folder of an unpacked libtorch in Torch_DIR or CMAKE_PREFIX_PATH.")
endif()
get_filename_component(torch_root "${torch_config}/../../.." ABSOLUTE)

set(torch_version "")
if(EXISTS "${torch_config}/TorchConfigVersion.cmake")
  file(STRINGS "${torch_config}/TorchConfigVersion.cmake" torch_version REGEX "set\\(PACKAGE_VERSION \"" LIMIT_COUNT 1)
  string(REGEX REPLACE "^[^\"]*\"([0-9.]*).*" "\\1" torch_version "${torch_version}")
endif()
message(STATUS "libtorch ${torch_version}: ${torch_root}")
if(torch_version AND torch_version VERSION_LESS 2.5)
  message(FATAL_ERROR "libtorch at ${torch_root} is version ${torch_version}, and 2.5 is the oldest that has what factsweep calls. "
                      "Install a newer one: python3 -m pip install torch==2.13.0.")
endif()
file(STRINGS "${torch_config}/TorchConfig.cmake" torch_old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
if(torch_old_abi)
  message(FATAL_ERROR "libtorch at ${torch_root} was compiled for the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0), which no other "
                      "library here shares. Take pip's torch from 2.7 on, or the archive whose name has cxx11-abi.")
endif()

if(EXISTS "${torch_root}/lib/libtorch_cuda.so")
  include(CudaTorch)
else()
  find_package(Torch REQUIRED)
endif()

# libtorch exports parts of the libstdc++ that it was built with, std::filesystem among them, whose layouts differ from a newer one's:
# a program that finds these before its own crashes when it reads a folder.
add_link_options("LINKER:--push-state,--no-as-needed,-lstdc++,--pop-state")
