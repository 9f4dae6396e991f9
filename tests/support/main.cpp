// The runner of the serial unit tests.
#include "runner.hpp"

using namespace factsweep::test;

int main(int argc, char** argv) {
  const int failed = run_cases(argc, argv);
  print_skipped();
  return failed == 0 && all_skipped() ? kSkipped : failed;
}
