// What is used of libtorch: tensors, their operators, autograd. Not <torch/torch.h>, whose modules
// and optimisers cost each file that sees them seconds more of compiling, even precompiled.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>
#include <torch/utils.h>
