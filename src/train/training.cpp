#include "factsweep/train/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "factsweep/core/error.hpp"
#include "factsweep/model/checkpoint_file.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

bool Training::is_done() const {
  return std::none_of(courses_.begin(), courses_.end(),
                      [](const Course& course) { return course.is_active(); });
}

double Training::fraction() const {
  std::int64_t done = 0, all = 0;
  for (const Course& course : courses_) {
    done += course.steps_done();
    all += course.steps();
  }
  return static_cast<double>(done) / static_cast<double>(all);
}

std::string Training::prefix(std::size_t member) const {
  return members() == 1 ? "" : fmt::format("member {} ", member);
}

double Training::checkpoint_bytes() const {
  double numbers = 0;
  for (const Course& course : courses_) {
    for (const torch::Tensor& leaf : course.master())
      numbers += 3 * static_cast<double>(leaf.numel());
  }
  return sizeof(float) * numbers;
}

void Training::save(const std::filesystem::path& file, const NamedTensors& extra) const {
  NamedTensors tensors = extra;
  std::map<std::string, std::string> metadata;
  for (std::size_t i = 0; i < members(); ++i)
    courses_[i].state().store(prefix(i), tensors, metadata);
  write_checkpoint_file(file, tensors, metadata);
}

std::optional<SafetensorsReader> Training::restore(const std::filesystem::path& file,
                                                   const ReadExtra& read_extra) {
  refusal_.clear();
  try {
    std::optional<SafetensorsReader> reader = open_checkpoint_file(file);
    if (!reader) return std::nullopt;
    std::vector<TrainingState> states;
    for (std::size_t i = 0; i < members(); ++i)
      states.push_back(TrainingState::read(prefix(i), *reader, courses_[i].state()));
    if (read_extra) read_extra(*reader);
    for (std::size_t i = 0; i < members(); ++i) courses_[i].apply(states[i]);
    return reader;
  } catch (const InputError& error) {
    refusal_ = error.what();  // it only costs time
    return std::nullopt;
  }
}

void Training::within_memory(const std::function<void()>& work,
                             const std::function<std::int64_t()>& halve) {
  std::string reason;
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    reason = error.what_without_backtrace();
  }
  reason = reason.substr(0, reason.find('\n'));
  for (Course& course : courses_) course.forget_gradients();
  free_cached_memory(courses_.front().master().front().device().str());
  if (is_halved_) {
    throw std::runtime_error(
        fmt::format("{} So it was with passes of half as many tokens: lower "
                    "train.microbatch_tokens, or train less (LoRA).",
                    reason));
  }
  is_halved_ = true;
  notes_.push_back(fmt::format(
      "{} Passes have at most {} tokens from here on; sums in another order may change the last "
      "digits of results. A lower train.microbatch_tokens avoids this.",
      reason, halve()));
  within_memory(work, halve);
}

}  // namespace factsweep
