#include "factsweep/train/training.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/checkpoint_file.hpp"
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

void Training::save(const std::filesystem::path& file, const NamedTensors& extra) const {
  NamedTensors tensors = extra;
  std::map<std::string, std::string> metadata;
  for (std::size_t i = 0; i < members(); ++i)
    courses_[i].state().store(prefix(i), tensors, metadata);
  write_checkpoint_file(file, tensors, metadata);
}

std::optional<SafetensorsReader> Training::restore(const std::filesystem::path& file,
                                                   const ReadExtra& read_extra) {
  try {
    std::optional<SafetensorsReader> reader = open_checkpoint_file(file);
    if (!reader) return std::nullopt;
    std::vector<TrainingState> states;
    for (std::size_t i = 0; i < members(); ++i) {
      auto state = TrainingState::read(prefix(i), *reader, courses_[i].state());
      if (!state) return std::nullopt;
      states.push_back(std::move(*state));
    }
    if (read_extra) read_extra(*reader);
    for (std::size_t i = 0; i < members(); ++i) courses_[i].apply(states[i]);
    return reader;
  } catch (const InputError&) {
    return std::nullopt;  // a torn checkpoint only costs time
  }
}

}  // namespace factsweep
