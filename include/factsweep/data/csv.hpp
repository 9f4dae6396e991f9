// Tables as text: comma- and tab-separated values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

/// Calls `visit(fields, line)` for each row (RFC 4180): fields between `separator`, those that
/// begin with a quotation mark up to the closing one, with separators and line breaks inside and ""
/// for a mark. Blanks may stand before the one and after the other, where nothing else does. Rows
/// end with LF, CRLF or CR; empty lines are no rows. A first line "sep=;" is no row but names the
/// separator in place of `separator`. `line`: where the row begins, from 1. InputError with
/// `name`:line: a mark that is never closed, or text behind a closed one. Where there is a `bad`,
/// it is told instead, once for each line of that field, and the rest of the last is passed over.
void for_each_csv_row(
    std::string_view text, std::string_view name, char separator,
    const std::function<void(const std::vector<std::string>& fields, std::int64_t line)>& visit,
    const std::function<void(std::int64_t line, const std::string& fault)>& bad = nullptr);

}  // namespace factsweep
