// What is used of libtorch: tensors, their operators, autograd. Not <torch/torch.h>, whose modules
// and optimisers cost each file that sees them four more seconds of compiling.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>
