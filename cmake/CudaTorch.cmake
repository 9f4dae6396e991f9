# A torch with CUDA, as pip installs it on most x86-64 machines: linked as it lies in ${torch_root}. Its own
# TorchConfig.cmake stops where the CUDA toolkit is not there whole. We include nothing of the toolkit, and its libraries
# came with torch.
message(STATUS "Torch with CUDA: ${torch_root}")
set(TORCH_INCLUDE_DIRS "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
set(TORCH_LIBRARIES factsweep_torch)

add_library(factsweep_torch INTERFACE IMPORTED)
foreach(name torch torch_cpu torch_cuda c10 c10_cuda)
  target_link_libraries(factsweep_torch INTERFACE "${torch_root}/lib/lib${name}.so")
endforeach()
# CUDA's kernels announce themselves when libtorch_cuda.so is loaded: no symbol of ours asks for it.
target_link_options(factsweep_torch INTERFACE LINKER:--no-as-needed)

# pip puts NVIDIA's libraries beside torch. The driver's is not on a machine without a GPU, where one may well build.
get_filename_component(site_packages "${torch_root}" DIRECTORY)
file(GLOB nvidia_folders "${site_packages}/nvidia/*/lib")
foreach(folder ${nvidia_folders})
  target_link_options(factsweep_torch INTERFACE "LINKER:-rpath,${folder}")
endforeach()
target_link_options(factsweep_torch INTERFACE LINKER:--allow-shlib-undefined)
