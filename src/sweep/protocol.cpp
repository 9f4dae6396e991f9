#include "factsweep/sweep/protocol.hpp"

#include <algorithm>
#include <cstring>

namespace factsweep {
namespace {

class Writer {
 public:
  template <typename T>
  void value(const T& item) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* begin = reinterpret_cast<const std::byte*>(&item);
    bytes.insert(bytes.end(), begin, begin + sizeof item);
  }
  void block(const void* data, std::size_t size) {
    value(static_cast<std::uint64_t>(size));
    const auto* begin = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  }
  std::vector<std::byte> bytes;
};

class Reader {
 public:
  explicit Reader(const std::vector<std::byte>& source) : bytes(source) {}
  template <typename T>
  T value() {
    T item{};
    std::memcpy(&item, take(sizeof item), sizeof item);
    return item;
  }
  std::string text() {
    const auto size = value<std::uint64_t>();
    return {reinterpret_cast<const char*>(take(size)), size};
  }
  /// Of a block.
  template <typename T>
  std::vector<T> values() {
    const auto size = value<std::uint64_t>();
    std::vector<T> items(size / sizeof(T));
    if (size > 0) std::memcpy(items.data(), take(size), size);
    return items;
  }

 private:
  const std::byte* take(std::size_t size) {
    require(size <= bytes.size() - at, "sweep protocol: a message is shorter than it says");
    at += size;
    return bytes.data() + at - size;
  }
  const std::vector<std::byte>& bytes;
  std::size_t at = 0;
};

}  // namespace

std::vector<std::byte> Message::pack() const {
  Writer out;
  out.value(kind);
  out.value(stage);
  out.block(stages.data(), stages.size() * sizeof stages.front());
  out.value(tokens);
  out.value(begun);
  out.value(fraction);
  out.value(seconds);
  out.block(text.data(), text.size());
  out.value(static_cast<std::uint64_t>(outputs.size()));
  for (const SharedOutput& output : outputs) {
    out.block(output.name.data(), output.name.size());
    out.value(output.array.dtype);
    out.value(static_cast<std::uint64_t>(output.array.text_length));
    out.block(output.array.bytes.data(), output.array.bytes.size());
  }
  return std::move(out.bytes);
}

Message Message::unpack(const std::vector<std::byte>& bytes) {
  Reader in(bytes);
  Message message;
  message.kind = in.value<std::uint8_t>();
  message.stage = in.value<std::int64_t>();
  message.stages = in.values<std::int64_t>();
  message.tokens = in.value<std::int64_t>();
  message.begun = in.value<double>();
  message.fraction = in.value<double>();
  message.seconds = in.value<double>();
  message.text = in.text();
  message.outputs.resize(in.value<std::uint64_t>());
  for (SharedOutput& output : message.outputs) {
    output.name = in.text();
    output.array.dtype = in.value<DType>();
    output.array.text_length = in.value<std::uint64_t>();
    output.array.bytes = in.values<std::byte>();
  }
  return message;
}

double report_interval_s(int ranks) {
  return std::max(0.5, ranks / 2000.0);
}

}  // namespace factsweep
