#include "factsweep/mpi/shared_texts.hpp"

#include <fmt/format.h>

#include <exception>
#include <map>
#include <string>
#include <utility>

#include "factsweep/core/text_source.hpp"

namespace factsweep {
namespace {

using Path = std::filesystem::path;

/// What rank 0 sends: "t" and a path, then its text; last "e".
class SharedTexts {
 public:
  explicit SharedTexts(const Communicator& comm) : comm_(comm), is_root_(comm.rank() == 0) {}

  /// Collective, however the work of a rank has ended.
  void end() {
    if (is_root_) return send("e");
    while (receive()) {
    }
  }

  std::string text(const Path& path, const TextSource::Read& read) {
    if (is_root_) {
      std::string text = read();
      send(fmt::format("t{}", path.string()));
      send(text);
      return text;
    }
    while (true) {
      if (const auto found = texts_.find(path.string()); found != texts_.end())
        return std::move(texts_.extract(found).mapped());
      if (!receive()) return read();
    }
  }

 private:
  void send(std::string text) { comm_.broadcast(text, 0); }
  /// False: there is no more.
  bool receive() {
    if (is_over_) return false;
    std::string what, text;
    comm_.broadcast(what, 0);
    is_over_ = what == "e";
    if (is_over_) return false;
    comm_.broadcast(text, 0);
    texts_.emplace(what.substr(1), std::move(text));
    return true;
  }

  const Communicator& comm_;
  const bool is_root_;
  bool is_over_ = false;
  std::multimap<std::string, std::string> texts_;  // that have come and were not yet wanted
};

}  // namespace

void on_all_with_shared_texts(const Communicator& comm, const std::function<void()>& work) {
  on_all(comm, [&] {
    SharedTexts texts(comm);
    std::exception_ptr failure;
    try {
      const TextSource source(
          [&](const Path& path, const TextSource::Read& read) { return texts.text(path, read); });
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    texts.end();
    if (failure) std::rethrow_exception(failure);
  });
}

}  // namespace factsweep
