// What confines a Python process before it runs foreign code: a system call filter, and the program
// that installs it. Private to the tasks module.
#pragma once

#include <string>

namespace factsweep::tasks {

/// A BPF program for prctl(PR_SET_SECCOMP): calls that start processes, reach a network, open files
/// for writing, change files or folders, signal others or have the kernel signal them, change
/// priorities or raise limits fail with EPERM. The numbers of the calls are those of this machine's
/// architecture.
std::string system_call_filter();

/// Python: reads {limits, filter, code, tests, word} from standard input, confines itself, says so
/// on descriptor 3 ("confined own", "confined shared"), runs code and tests, and says how that
/// ended
/// ("passed"; "stopped ..." by a limit or a denied call; "failed ..."). Each line on descriptor 3
/// begins with the random `word`, so that nothing that the code prints is taken for a verdict by
/// accident.
extern const char* const kPrelude;

}  // namespace factsweep::tasks
