#include "memory.hpp"

#include <ATen/ops/empty_strided.h>
#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace pretended {
namespace {

constexpr int kMostDevices = 8;

std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Bytes that a device says it has.
std::size_t capacity() {
  static const std::size_t bytes =
      from_environment("FACTSWEEP_PRETENDED_MEMORY", std::size_t{16} << 30);
  return bytes;
}

/// One device's. Blocks of few different sizes, each used again for its own size alone: pages are
/// given back, addresses are not, and there are four times as many of them as the device has bytes.
class Pool {
 public:
  Pool() : file_(memfd_create("pretended-device", MFD_CLOEXEC)) {
    TORCH_CHECK(file_ >= 0 && ftruncate(file_, static_cast<off_t>(reach())) == 0,
                "the pretended device has no memory file");
    hidden_ = map(PROT_NONE);
    open_ = map(PROT_READ | PROT_WRITE);
  }

  char* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t rounded = (bytes + 511) / 512 * 512;
    TORCH_CHECK_WITH(OutOfMemoryError, in_use_ + rounded <= capacity(),
                     "CUDA out of memory (pretended device). Tried to allocate ", rounded,
                     " bytes; ", in_use_, " of ", capacity(), " are in use.");
    const std::size_t step = std::max<std::size_t>(std::bit_floor(rounded) / 8, 512);
    const std::size_t block = (rounded + step - 1) / step * step;
    std::vector<std::size_t>& same = free_[block];
    std::size_t at = end_;
    if (same.empty()) {
      TORCH_CHECK(end_ + block <= reach(), "the pretended device has no more addresses");
      end_ += block;
    } else {
      at = same.back();
      same.pop_back();
    }
    used_[at] = {block, rounded};
    in_use_ += rounded;
    peak_ = std::max(peak_, in_use_);
    most_ = std::max(most_, in_use_);
    std::memset(open_ + at, 0xff, bytes);  // not a number: nobody relies on what was there
    return hidden_ + at;
  }

  void give_back(const void* address) {
    const std::lock_guard lock(mutex_);
    const std::size_t at = offset(address);
    const auto [block, rounded] = used_.at(at);
    used_.erase(at);
    free_[block].push_back(at);
    in_use_ -= rounded;
    if (block >= std::size_t{16} << 20) {
      (void)fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at),
                      static_cast<off_t>(block));
    }
  }

  bool holds(const void* address) const {
    const auto* byte = static_cast<const char*>(address);
    return byte >= hidden_ && byte < hidden_ + reach();
  }
  void* reachable(const void* address) const { return open_ + offset(address); }
  struct Use {
    std::size_t now, peak, most;  // peak: since it was forgotten last
  };
  Use use() {
    const std::lock_guard lock(mutex_);
    return {in_use_, peak_, most_};
  }
  void forget_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = in_use_;
  }

 private:
  static std::size_t reach() { return 4 * capacity(); }
  char* map(int protection) const {
    void* begin = mmap(nullptr, reach(), protection, MAP_SHARED | MAP_NORESERVE, file_, 0);
    TORCH_CHECK(begin != MAP_FAILED, "the pretended device's memory cannot be mapped");
    return static_cast<char*>(begin);
  }
  std::size_t offset(const void* address) const {
    return static_cast<std::size_t>(static_cast<const char*>(address) - hidden_);
  }

  struct Used {
    std::size_t block, rounded;
  };
  std::mutex mutex_;
  int file_;
  char *hidden_, *open_;
  std::map<std::size_t, std::vector<std::size_t>> free_;  // block size -> places
  std::map<std::size_t, Used> used_;                      // by place
  std::size_t end_ = 0, in_use_ = 0, peak_ = 0, most_ = 0;
};

std::array<Pool*, kMostDevices> pools;  // never destroyed: tensors may outlive all other objects
std::once_flag made;
thread_local c10::DeviceIndex current = 0;

/// A segmentation fault in a device's memory is told in words, and is then what it was.
void tell_of_touched_memory(int, siginfo_t* info, void*) {
  for (const Pool* one : pools) {
    if (one == nullptr || !one->holds(info->si_addr)) continue;
    constexpr char text[] = "pretended device: the host touched a device's memory\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
  }
  signal(SIGSEGV, SIG_DFL);
}

Pool& pool(c10::DeviceIndex index) {
  std::call_once(made, [] {
    for (c10::DeviceIndex i = 0; i < device_count(); ++i) pools[static_cast<std::size_t>(i)] = new Pool;
    struct sigaction action {};
    action.sa_sigaction = &tell_of_touched_memory;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
  });
  return *pools.at(static_cast<std::size_t>(index));
}

Pool& pool_of(const void* address) {
  for (Pool* one : pools) {
    if (one != nullptr && one->holds(address)) return *one;
  }
  TORCH_CHECK(false, "no address of a pretended device");
}

void release(void* address) {
  if (address != nullptr) pool_of(address).give_back(address);
}

class DeviceAllocator final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* address = bytes == 0 ? nullptr : pool(current).take(bytes);
    return {address, address, &release, c10::Device(c10::kCUDA, current)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(pretended::reachable(to), pretended::reachable(from), bytes);
  }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex index) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    const Pool::Use use = pool(index).use();
    stats.allocated_bytes[0].current = static_cast<std::int64_t>(use.now);
    stats.allocated_bytes[0].peak = static_cast<std::int64_t>(use.peak);
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex index) override { pool(index).forget_peak(); }
  std::pair<std::size_t, std::size_t> getMemoryInfo(c10::DeviceIndex index) override {
    return {capacity() - pool(index).use().now, capacity()};
  }
};

/// Ordinary memory that is remembered as pinned.
class PinnedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* address = std::aligned_alloc(64, std::max<std::size_t>((bytes + 63) / 64 * 64, 64));
    const std::lock_guard lock(mutex());
    ranges()[static_cast<const char*>(address)] = bytes;
    return {address, address, &forget, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &forget; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

  static std::map<const char*, std::size_t>& ranges() {
    static auto& all = *new std::map<const char*, std::size_t>;
    return all;
  }
  static std::mutex& mutex() {
    static auto& one = *new std::mutex;
    return one;
  }

 private:
  static void forget(void* address) {
    const std::lock_guard lock(mutex());
    ranges().erase(static_cast<const char*>(address));
    std::free(address);
  }
};

}  // namespace

c10::DeviceIndex device_count() {
  static const auto count = static_cast<c10::DeviceIndex>(
      std::min<std::size_t>(from_environment("FACTSWEEP_PRETENDED_DEVICES", 2), kMostDevices));
  return count;
}

c10::DeviceIndex current_device() {
  return current;
}

void set_current_device(c10::DeviceIndex index) {
  TORCH_CHECK(index >= 0 && index < device_count(), "no pretended device ", int{index});
  current = index;
}

std::size_t most_held(c10::DeviceIndex index) {
  return pool(index).use().most;
}

c10::DeviceAllocator& device_allocator() {
  static auto& allocator = *new DeviceAllocator;
  return allocator;
}

c10::Allocator& pinned_allocator() {
  static auto& allocator = *new PinnedAllocator;
  return allocator;
}

bool is_pinned(const void* address) {
  const std::lock_guard lock(PinnedAllocator::mutex());
  const auto& ranges = PinnedAllocator::ranges();
  const auto* byte = static_cast<const char*>(address);
  const auto behind = ranges.upper_bound(byte);
  return behind != ranges.begin() && byte < std::prev(behind)->first + std::prev(behind)->second;
}

void* reachable(const void* address) {
  return pool_of(address).reachable(address);
}

at::Tensor on_host(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_cuda()) return tensor;
  const auto options = at::TensorOptions().dtype(tensor.dtype());
  if (tensor.numel() == 0) return at::empty_strided(tensor.sizes(), tensor.strides(), options);
  return at::from_blob(reachable(tensor.data_ptr()), tensor.sizes(), tensor.strides(),
                       [](void*) {}, options);
}

}  // namespace pretended
