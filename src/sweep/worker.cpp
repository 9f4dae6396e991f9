#include "worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "coordinator.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/memory.hpp"
#include "factsweep/core/provenance.hpp"
#include "factsweep/sweep/stop.hpp"

namespace factsweep {
namespace {

constexpr double kLongSeconds = 0.05;  // a stage that others should not have to wait for

std::uint8_t code(Request request) {
  return static_cast<std::uint8_t>(request);
}

/// What() of an exception without the C++ stack that libtorch appends.
std::string first_line(const std::string& what) {
  return what.substr(0, what.find('\n'));
}

std::string out_of_memory() {
  const double free = free_memory();
  return free > 0 ? fmt::format("out of memory: {} are left on {}", console::bytes(free), host_name())
                  : "out of memory";
}

const Output& output_of(const Stage& stage, std::string_view name) {
  const Output* output = stage.find_output(name);
  require(output != nullptr, fmt::format("Workbench: '{}' is no output of {}", name, stage.kind));
  return *output;
}

}  // namespace

Worker::Worker(const Communicator& comm, Executor& executor, const Plan& plan, Store& store,
               const SweepSettings& settings)
    : comm_(comm),
      executor_(executor),
      plan_(plan),
      store_(store),
      settings_(settings),
      activity_(settings.activity != nullptr ? *settings.activity : unwatched_),
      report_s_(report_interval_s(comm.size())) {}

Message Worker::receive() {
  return Message::unpack(comm_.receive(0, kReplyTag));
}

/// Stages to run; false: there are no more.
bool Worker::take(const Message& reply) {
  if (static_cast<Reply>(reply.kind) == Reply::end) return false;
  if (!takes_no_more_) held_.insert(held_.end(), reply.stages.begin(), reply.stages.end());
  return true;
}

void Worker::work() {
  comm_.send(Message{.kind = code(Request::work)}.pack(), 0, kRequestTag);
  while (take(receive())) {
    while (!held_.empty()) {
      const std::size_t stage = held_.front();
      held_.pop_front();
      run(stage);
      if (takes_no_more_) held_.clear();
    }
  }
}

/// Stages that it has not begun are for others to run.
void Worker::hand_on() {
  while (comm_.probe(kReplyTag)) take(receive());
  if (held_.empty()) return;
  const Message message{.kind = code(Request::back), .stages = {held_.begin(), held_.end()}};
  held_.clear();
  comm_.send(message.pack(), 0, kRequestTag);
}

std::string Worker::machine_fault() const {
  return settings_.machine_fault ? settings_.machine_fault() : "";
}

/// NaN for stages that are planned to hold nothing: asking takes as long as they do.
double Worker::take_peak_memory() const {
  const bool is_asked = settings_.take_peak_memory && plan_.stages[stage_].memory_bytes > 0;
  return is_asked ? settings_.take_peak_memory() : std::numeric_limits<double>::quiet_NaN();
}

/// The one boundary where a stage's failure becomes a row instead of a crash.
void Worker::run(std::size_t stage) {
  const Busy busy(activity_, plan_.stages[stage].title, /*has_work=*/true);
  stage_ = stage;
  shared_.clear();
  sums_.clear();
  begun_.reset();
  start_clock();
  StageRecord record{Status::running, 0, comm_.rank(), ""};
  Message report{.kind = code(Request::failed), .stage = static_cast<std::int64_t>(stage)};
  std::string fault;  // of the machine
  try {
    store_.set_record(stage, record);
    if (plan_.stages[stage].memory_bytes > 0) give_back_freed_memory();
    take_peak_memory();
    executor_.run(plan_, stage, *this);
    if (const double peak = take_peak_memory(); !std::isnan(peak)) store_.set_peak_bytes(stage, peak);
    record.sums = sums();
    record.status = Status::done;
    keeps_weights_[stage] = true;
    report.kind = code(Request::finished);
    report.outputs = std::move(shared_);
  } catch (const StopRequested&) {
    record.status = Status::waiting;
    report.kind = code(Request::stopped);
    takes_no_more_ = true;
  } catch (const EnvironmentError& error) {
    fault = error.what();
  } catch (const InputError& error) {
    record.reason = error.what();
  } catch (const std::bad_alloc&) {
    record.reason = out_of_memory();
    fault = machine_fault();
  } catch (const std::exception& error) {
    record.reason = first_line(error.what());
    fault = machine_fault();
  }
  if (!fault.empty()) return hand_back(fault);
  if (report.kind == code(Request::failed)) record.status = Status::failed;
  record.seconds = clock().seconds();
  report.text = record.reason;
  report.seconds = record.seconds;
  try {
    store_.set_record(stage, record);
  } catch (const EnvironmentError& error) {
    return hand_back(error.what());
  }
  comm_.send(report.pack(), 0, kRequestTag);
}

/// A full disk or a lost device would fail every stage that this rank takes.
void Worker::hand_back(const std::string& fault) {
  takes_no_more_ = true;
  try {
    store_.set_record(stage_, {Status::waiting, 0, comm_.rank(), ""});
  } catch (const EnvironmentError&) {
    // a rerun lets stages that were running wait again
  }
  const Message report{.kind = code(Request::sick),
                       .stage = static_cast<std::int64_t>(stage_),
                       .text = first_line(fault)};
  comm_.send(report.pack(), 0, kRequestTag);
}

/// What it has not emitted itself is in the file since an earlier run, from whose checkpoint it
/// went on.
StageSums Worker::sums() const {
  StageSums sums;
  for (const Output& output : plan_.stages[stage_].outputs) {
    if (output.places.empty()) continue;
    const auto emitted = sums_.find(output.name.text());
    sums.of(output.places.front().file) +=
        emitted != sums_.end() ? emitted->second : store_.sum(output);
  }
  return sums;
}

/// Weights that an earlier run has left are too large to be looked at before anybody reads them.
void Worker::check_weights(std::size_t upstream) {
  const Stage& stage = plan_.stages[upstream];
  const auto [found, is_new] = keeps_weights_.try_emplace(upstream, true);
  if (is_new && store_.record(upstream).status == Status::done)
    found->second = store_.keeps_weights(upstream, stage);
  if (found->second) return;
  store_.set_record(upstream, {Status::waiting, 0, comm_.rank(), ""});
  throw InputError(
      fmt::format("the weights that it needs are not those that '{}' wrote: the disk has changed "
                  "them. Run again: they are computed anew.",
                  stage.title));
}

/// Small outputs come by message. Large ones, weights, are read from the file that their writer has
/// told the coordinator to be complete: file systems of clusters show them to other nodes then.
const Array& Worker::input(std::size_t upstream, std::string_view name) {
  activity_.moved();
  const Output& planned = output_of(plan_.stages.at(upstream), name);
  if (!planned.shared) {
    if (planned.places.front().file == File::weights) check_weights(upstream);
    return read_ = store_.read(planned.places.front());
  }
  auto found = fetched_.find(upstream);
  if (found == fetched_.end()) {
    const Message question{.kind = code(Request::fetch),
                           .stage = static_cast<std::int64_t>(upstream)};
    comm_.send(question.pack(), 0, kRequestTag);
    Message reply = receive();
    for (; static_cast<Reply>(reply.kind) != Reply::artifact; reply = receive()) take(reply);
    found = fetched_.emplace(upstream, std::move(reply.outputs)).first;
  }
  const auto output = std::find_if(found->second.begin(), found->second.end(),
                                   [&](const SharedOutput& item) { return item.name == name; });
  require(output != found->second.end(),
          "Workbench::input: the stage shares no output of that name");
  return output->array;
}

void Worker::emit(std::string_view name, const Array& array) {
  activity_.moved();
  const Output& output = output_of(plan_.stages[stage_], name);
  sums_[output.name] = store_.write(output, array);
  if (output.shared) shared_.push_back({std::string(name), array});
}

void Worker::step(double fraction, std::int64_t tokens) {
  activity_.moved();
  tokens_ += tokens;
  if (!begun_) begun_ = fraction;
  if (clock().seconds() > kLongSeconds) hand_on();
  if (seconds_since_start() - last_report_ > report_s_) {
    last_report_ = seconds_since_start();
    const Message report{.kind = code(Request::progress),
                         .stage = static_cast<std::int64_t>(stage_),
                         .tokens = std::exchange(tokens_, 0),
                         .begun = *begun_,
                         .fraction = fraction};
    comm_.send(report.pack(), 0, kRequestTag);
  }
  const bool late = settings_.wall_limit_s > 0 && seconds_since_start() > settings_.wall_limit_s;
  if (stop_signalled() || late) throw StopRequested();
}

void Worker::say(std::string_view text) {
  console::warn("{}: {}", plan_.stages[stage_].title, text);
}

std::string Worker::checkpoint_stem() const {
  return (settings_.checkpoint_folder / plan_.stages[stage_].key).string();
}

}  // namespace factsweep
