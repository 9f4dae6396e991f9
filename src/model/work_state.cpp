#include "factsweep/model/work_state.hpp"

#include <fmt/format.h>

#include <cstring>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

std::string lengths_of(const std::string& name) {
  return name + ".lengths";
}

}  // namespace

torch::Tensor WorkState::at(const std::string& name, at::IntArrayRef shape) const {
  for (const auto& [found, tensor] : tensors) {
    if (found != name) continue;
    bool fits = tensor.dim() == static_cast<std::int64_t>(shape.size());
    for (std::size_t axis = 0; fits && axis < shape.size(); ++axis)
      fits = shape[axis] < 0 || tensor.size(static_cast<std::int64_t>(axis)) == shape[axis];
    if (fits) return tensor;
  }
  throw InputError(fmt::format("it has no tensor '{}' of the right shape.", name));
}

void WorkState::check_done(std::size_t parts) const {
  if (done < 0 || static_cast<std::size_t>(done) > parts)
    throw InputError(fmt::format("{} parts of {} are done.", done, parts));
}

void WorkState::add_texts(const std::string& name, const std::vector<std::string>& texts) {
  std::string bytes;
  std::vector<std::int64_t> lengths;
  for (const std::string& text : texts) {
    bytes += text;
    lengths.push_back(static_cast<std::int64_t>(text.size()));
  }
  const torch::Tensor letters =
      torch::empty({static_cast<std::int64_t>(bytes.size())}, torch::kUInt8);
  if (!bytes.empty()) std::memcpy(letters.data_ptr(), bytes.data(), bytes.size());
  tensors.emplace_back(name, letters);
  tensors.emplace_back(lengths_of(name), torch::tensor(lengths, torch::kInt64));
}

std::vector<std::string> WorkState::texts(const std::string& name) const {
  const torch::Tensor letters = at(name, {-1}).to(torch::kCPU, torch::kUInt8).contiguous(),
                      lengths = at(lengths_of(name), {-1}).to(torch::kCPU, torch::kInt64).contiguous();
  std::string_view rest(static_cast<const char*>(letters.data_ptr()),
                        static_cast<std::size_t>(letters.numel()));
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < lengths.numel(); ++i) {
    const std::int64_t length = lengths.data_ptr<std::int64_t>()[i];
    if (length < 0 || static_cast<std::size_t>(length) > rest.size())
      throw InputError(fmt::format("its texts '{}' do not have the lengths it says.", name));
    texts.emplace_back(rest.substr(0, static_cast<std::size_t>(length)));
    rest.remove_prefix(static_cast<std::size_t>(length));
  }
  return texts;
}

}  // namespace factsweep
