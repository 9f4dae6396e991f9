// A fresh folder that all ranks of a test share; rank 0 makes and removes it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "factsweep/mpi/communicator.hpp"

namespace factsweep {

class SharedFolder {
 public:
  explicit SharedFolder(const Communicator& comm) : comm_(comm) {
    if (comm.rank() == 0) {
      path_ = (std::filesystem::temp_directory_path() / "factsweep-test-XXXXXX").string();
      if (mkdtemp(path_.data()) == nullptr) path_.clear();
    }
    comm.broadcast(path_, 0);
    if (path_.empty()) throw EnvironmentError("no temporary folder");
  }
  ~SharedFolder() {
    comm_.barrier();
    std::error_code ignored;
    if (comm_.rank() == 0) std::filesystem::remove_all(path_, ignored);
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const {
    return std::filesystem::path(path_) / name;
  }

 private:
  const Communicator& comm_;
  std::string path_;
};

}  // namespace factsweep
