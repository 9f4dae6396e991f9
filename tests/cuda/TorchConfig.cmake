# find_package(Torch) for a CUDA libtorch on a machine that has neither GPU nor the whole CUDA toolkit, where its own
# TorchConfig.cmake stops for want of cuBLAS. Compiling and linking need only headers, the toolkit's runtime and the
# torch libraries; what those need in turn stays unresolved (compile.sh tells the linker so).
# FACTSWEEP_CUDA_WHEELS: folder with the unpacked wheels; FACTSWEEP_CUDA_HOME: the CUDA toolkit.
set(torch_root "${FACTSWEEP_CUDA_WHEELS}/torch")
file(GLOB wheel_includes "${FACTSWEEP_CUDA_WHEELS}/nvidia/*/include")

# What Caffe2's own CUDA detection would have defined.
add_library(torch::cudart SHARED IMPORTED)
set_target_properties(torch::cudart PROPERTIES IMPORTED_LOCATION "${FACTSWEEP_CUDA_HOME}/lib64/libcudart.so")
foreach(name protobuf::libprotobuf caffe2::mkl)
  add_library(${name} INTERFACE IMPORTED)
endforeach()

# The real targets: with them come the real definitions, such as USE_C10D_NCCL.
include("${torch_root}/share/cmake/Caffe2/Caffe2Targets.cmake")
set(TORCH_INCLUDE_DIRS "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include"
    ${wheel_includes} "${FACTSWEEP_CUDA_HOME}/include")
set(TORCH_LIBRARIES torch torch_library torch_cuda c10_cuda c10)
set(Torch_FOUND TRUE)
