// The pretended device itself: it refuses what a GPU refuses, and counts what a GPU is asked for.
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Event.h>
#include <signal.h>
#include <sys/wait.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <functional>

#include "factsweep/model/torch.hpp"
#include "pretended/counts.hpp"

#include "catch.hpp"

using Catch::Matchers::ContainsSubstring;
using pretended::Counts;
using torch::Tensor;

namespace {

const torch::Device kFirst(torch::kCUDA, 0), kSecond(torch::kCUDA, 1);

Counts counted(const std::function<void()>& work) {
  const Counts before = pretended::counts();
  work();
  return pretended::counts() - before;
}

}  // namespace

TEST_CASE("tensors of two devices are refused, a number of the host joins") {
  REQUIRE(torch::cuda::device_count() == 2);
  const Tensor x = torch::ones({3}, kFirst), y = torch::ones({3}, kSecond), z = torch::ones({3});
  CHECK_THROWS_WITH(x + y, ContainsSubstring("same device"));
  CHECK_THROWS_WITH(x + z, ContainsSubstring("same device"));
  CHECK_THROWS_WITH(torch::cat({z, x}), ContainsSubstring("same device"));
  CHECK_THROWS_WITH(z.index_select(0, x.to(torch::kInt64)), ContainsSubstring("same device"));
  CHECK((x + torch::tensor(2.0)).sum().item<float>() == 9);
  CHECK((x + y.to(kFirst)).device() == kFirst);
  CHECK(torch::equal((y + 1).cpu(), z + 1));
  CHECK(torch::empty({2}, torch::kCUDA).device() == kFirst);
}

TEST_CASE("the host cannot touch a device's memory") {
  const Tensor x = torch::ones({3}, kFirst);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    volatile float read = *x.data_ptr<float>();
    _exit(read == 1 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGSEGV);
}

TEST_CASE("fresh memory is full of nan, and an asynchronous copy arrives when it is waited for") {
  CHECK(torch::empty({5}, kFirst).isnan().all().item<bool>());
  const Tensor x = torch::arange(4.0, kFirst);
  const auto pinned = torch::TensorOptions().pinned_memory(true);
  for (const bool by_event : {true, false}) {
    const Tensor to = torch::zeros({4}, pinned);
    REQUIRE(to.is_pinned());
    const Counts asked = counted([&] { to.copy_(x, /*non_blocking=*/true); });
    CHECK(asked.synchronisations == 0);
    CHECK(asked.to_host == 1);
    CHECK(to.sum().item<float>() == 0);
    if (by_event) {
      c10::Event event(torch::kCUDA);
      event.record(c10::Stream(c10::Stream::DEFAULT, kFirst));
      event.synchronize();
    } else {
      torch::cuda::synchronize(0);
    }
    CHECK(to.sum().item<float>() == 6);
  }
}

TEST_CASE("launches, copies and synchronisations are counted as CUDA makes them") {
  Tensor x = torch::rand({4, 4}, kFirst);
  const Tensor rows = torch::tensor({0, 2}, torch::kInt64);
  const auto check = [](const std::function<void()>& work, std::int64_t launches,
                        std::int64_t to_host, std::int64_t to_device, std::int64_t waits) {
    const Counts counts = counted(work);
    INFO(pretended::describe(counts));
    CHECK(counts.launches == launches);
    CHECK(counts.to_host == to_host);
    CHECK(counts.to_device == to_device);
    CHECK(counts.synchronisations == waits);
  };
  check([&] { x.mm(x); }, 1, 0, 0, 0);
  check([&] { x.view({2, 8}).narrow(1, 0, 3).t().unsqueeze(0); }, 0, 0, 0, 0);
  check([&] { x.to(torch::kBFloat16); }, 1, 0, 0, 0);
  check([&] { x[0][0].item<float>(); }, 0, 1, 0, 1);
  check([&] { x.cpu(); }, 0, 1, 0, 1);
  check([&] { x.t().cpu(); }, 0, 1, 0, 1);
  check([&] { rows.to(kFirst); }, 0, 0, 1, 1);
  check([&] { rows.pin_memory().to(kFirst, torch::kInt64, /*non_blocking=*/true); }, 0, 0, 1, 0);
  check([&] { at::index(x, {rows}); }, 1, 0, 1, 1);      // indices of the host are copied
  check([&] { x.masked_select(x > 0.5); }, 2, 0, 0, 1);  // how many there are
  check([&] { at::index_put_(x, {rows}, x.narrow(0, 0, 2)); }, 1, 0, 1, 1);
  const Tensor mask = x > 0.5;
  check([&] { at::index(x, {mask}); }, 2, 0, 0, 1);
  check([&] { at::_foreach_add_({x, x.clone()}, 1); }, 2, 0, 0, 0);  // clone, and one for the list
  check([&] { x.narrow(0, 0, 0).relu(); }, 0, 0, 0, 0);
}

TEST_CASE("backward runs on the device, and gives the host's gradients") {
  const Tensor a = torch::rand({3, 5}), b = torch::rand({5, 2});
  const auto gradient = [&](const torch::Device& device) {
    const Tensor leaf = a.to(device).detach().requires_grad_(true);
    leaf.mm(b.to(device)).square().sum().backward();
    return leaf.grad();
  };
  CHECK(gradient(kSecond).device() == kSecond);
  CHECK(torch::allclose(gradient(kSecond).cpu(), gradient(torch::kCPU)));
}

TEST_CASE("memory is counted, given back, and ends") {
  auto* allocator = c10::getDeviceAllocator(torch::kCUDA);
  const auto [before, total] = allocator->getMemoryInfo(0);
  allocator->resetPeakStats(0);
  {
    const Tensor x = torch::zeros({1 << 20}, kFirst);
    CHECK(allocator->getMemoryInfo(0).first == before - (std::size_t{4} << 20));
    const auto huge = static_cast<std::int64_t>(total / 4);
    CHECK_THROWS_AS(torch::empty({huge}, kFirst), c10::OutOfMemoryError);
  }
  CHECK(allocator->getMemoryInfo(0).first == before);
  CHECK(allocator->getDeviceStats(0).allocated_bytes[0].peak >= (4 << 20));
}
