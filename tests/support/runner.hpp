// What both runners do: run the cases, count those that were skipped, and choose the exit code.
// Include it in one source of a program.
#pragma once
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include <iostream>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "skip.hpp"

namespace factsweep::test {

struct Cases {
  bool asked = false;                                        // cases were to run, not to be listed
  int ran = 0;                                               // with those that were skipped
  std::string reason;                                        // why the running case is skipped
  std::vector<std::pair<std::string, std::string>> skipped;  // name and reason
};

inline Cases& cases() {
  static Cases all;
  return all;
}

void skip(const std::string& reason) {
  cases().reason = reason;
}

class CountCases : public Catch::EventListenerBase {
 public:
  using Catch::EventListenerBase::EventListenerBase;
  void testRunStarting(const Catch::TestRunInfo&) override { cases().asked = true; }
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    ++cases().ran;
    cases().reason.clear();
    name_ = info.name;
  }
  void testCaseEnded(const Catch::TestCaseStats&) override {
    if (!cases().reason.empty()) cases().skipped.emplace_back(name_, cases().reason);
  }

 private:
  std::string name_;
};
CATCH_REGISTER_LISTENER(CountCases)

/// 0 or 1: Catch2's own code may be a number of failures, and so kSkipped. No case at all, as where
/// a tag is misspelt, is a failure.
inline int run_cases(int argc, char** argv) {
  const bool failed = Catch::Session().run(argc, argv) != 0;
  return failed || (cases().asked && cases().ran == 0) ? 1 : 0;
}

inline bool all_skipped() {
  return cases().ran > 0 && cases().skipped.size() == static_cast<std::size_t>(cases().ran);
}

inline void print_skipped() {
  for (const auto& [name, reason] : cases().skipped)
    std::cout << "skipped: " << name << ": " << reason << "\n";
}

}  // namespace factsweep::test
