#include "factsweep/sweep/sweep.hpp"

#include <fmt/format.h>

#include <exception>
#include <sstream>
#include <thread>

#include "coordinator.hpp"
#include "worker.hpp"

namespace factsweep {
namespace {

/// Shared outputs that an earlier run left in the store.
std::map<std::size_t, std::vector<SharedOutput>> read_artifacts(const Plan& plan,
                                                                const Store& store,
                                                                const std::vector<bool>& done) {
  std::map<std::size_t, std::vector<SharedOutput>> artifacts;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    for (const Output& output : plan.stages[i].outputs) {
      if (done[i] && output.shared)
        artifacts[i].push_back({output.name, store.read(output.places.front())});
    }
  }
  return artifacts;
}

}  // namespace

ExitCode SweepResult::exit_code() const {
  if (!fault.empty()) return ExitCode::environment;
  if (stopped) return ExitCode::stopped;
  return failed + blocked > 0 ? ExitCode::points_failed : ExitCode::done;
}

std::string SweepResult::pack() const {
  return fmt::format("{} {} {} {} {:d} {:d} {}", done, failed, blocked, left, stopped, has_losses,
                     fault);
}

SweepResult SweepResult::unpack(const std::string& packed) {
  SweepResult result;
  std::istringstream in(packed);
  in >> result.done >> result.failed >> result.blocked >> result.left >> result.stopped >>
      result.has_losses;
  in.get();
  result.fault.assign(std::istreambuf_iterator<char>(in), {});
  return result;
}

SweepResult run_sweep(const Communicator& world, Executor& executor, const Plan& plan, Store& store,
                      const SweepSettings& settings) {
  Communicator comm = world.duplicate();
  Survivors nobody(world.size(), /*allowed=*/false);
  Survivors& survivors = settings.survivors != nullptr ? *settings.survivors : nobody;
  std::vector<bool> done(plan.stages.size());
  for (std::size_t i = 0; i < done.size(); ++i) done[i] = store.record(i).status == Status::done;
  comm.barrier();  // everyone has read the journal before anyone writes it

  SweepResult result;
  std::set<std::size_t> blocked;
  std::map<std::size_t, std::string> given_up;
  std::thread thread;
  std::shared_ptr<Coordinator> coordinator;  // used by the thread alone until it is joined
  on_root(comm, [&] {
    coordinator = std::make_shared<Coordinator>(
        comm, plan, done, read_artifacts(plan, store, done), settings.wall_limit_s,
        [&store](const JobProgress& progress) { store.tell(progress); }, survivors);
  });
  if (comm.rank() == 0) {
    thread = std::thread([coordinator, &result, &blocked, &given_up] {
      try {
        result = coordinator->serve();
        blocked = coordinator->blocked();
        given_up = coordinator->given_up();
      } catch (const std::exception& error) {
        // without a coordinator every rank would wait for ever
        end_all_ranks(error);
      }
    });
  }
  try {
    Worker(comm, executor, plan, store, settings).work();
    if (comm.rank() > 0)
      result = SweepResult::unpack(Message::unpack(comm.receive(0, kReplyTag)).text);
  } catch (const std::exception& error) {
    end_all_ranks(error);
  }
  if (thread.joinable()) thread.join();
  const auto record = [&] {  // of rank 0
    for (const std::size_t stage : blocked)
      store.set_record(stage, {Status::blocked, 0, -1, "a stage that it needs failed"});
    for (const auto& [stage, why] : given_up) store.set_record(stage, {Status::failed, 0, -1, why});
  };
  if (!result.has_losses) {
    on_root(comm, record);
    return result;
  }
  comm.leave();
  survivors.hear_of_losses();
  if (comm.rank() == 0) record();
  return result;
}

}  // namespace factsweep
