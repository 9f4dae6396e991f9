// A typed, shaped block of numbers or fixed-length strings: what stages hand to the store and to
// each other.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "factsweep/core/error.hpp"

namespace factsweep {

enum class DType { uint8, int32, int64, float32, float64, bfloat16, text };

/// Bytes of one element; text elements have a length of their own.
std::size_t size_of(DType dtype);

template <typename T>
constexpr DType dtype_of() {
  if constexpr (std::same_as<T, std::uint8_t>) return DType::uint8;
  if constexpr (std::same_as<T, std::int32_t>) return DType::int32;
  if constexpr (std::same_as<T, std::int64_t>) return DType::int64;
  if constexpr (std::same_as<T, float>) return DType::float32;
  if constexpr (std::same_as<T, double>) return DType::float64;
}

struct Array {
  DType dtype = DType::uint8;
  std::size_t text_length = 0;  // bytes of one element when dtype is text (zero-padded UTF-8)
  std::vector<std::byte> bytes;

  template <typename T>
  static Array of(std::span<const T> values) {
    Array array{dtype_of<T>(), 0, std::vector<std::byte>(values.size_bytes())};
    if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), values.size_bytes());
    return array;
  }
  template <typename T>
  static Array of(const std::vector<T>& values) {
    return of(std::span<const T>(values));
  }
  /// Each string cut (at a UTF-8 boundary) or zero-padded to `length` bytes.
  static Array of_text(std::span<const std::string> values, std::size_t length);

  std::size_t size() const {
    return bytes.size() / (dtype == DType::text ? text_length : size_of(dtype));
  }
  template <typename T>
  std::span<const T> as() const {
    require(dtype == dtype_of<T>(), "Array::as: the element type differs from the stored one");
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  std::vector<std::string> as_text() const;
};

}  // namespace factsweep
