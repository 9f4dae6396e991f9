// How the process deals with the operating system's memory.
#pragma once

namespace factsweep {

/// Keeps freed memory for the next allocation instead of handing it back: a forward pass allocates
/// and frees the same large blocks in every layer, and fresh pages cost more than the arithmetic on
/// small ones. Does nothing on C libraries other than glibc.
void keep_freed_memory();

/// Bounds what oneDNN keeps for products that may come again: it compiles each shape, and by
/// default keeps the last 1,024 of them, while passes of texts differ in length and few come again:
/// up to a gigabyte of a long sweep (docs/scaling.md, "Foreseen and taken"). To be called before
/// the first product; what the environment says already counts.
void bound_compiled_products();

/// Hands freed memory back once, so that what is measured from here on is not what others left.
void give_back_freed_memory();

/// Bytes of this machine's memory that a process could still get; 0 where the system does not say.
double free_memory();

/// Bytes that the process holds in memory beyond what it held at the first call: the most since the
/// last call. NaN where the system does not tell.
double take_peak_memory();

}  // namespace factsweep
