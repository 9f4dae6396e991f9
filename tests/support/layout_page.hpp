// docs/layout.md against what the code declares.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <string>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/plan/plan.hpp"

namespace factsweep::test {

/// The datasets of a plan, and its axes as columns of /points.
inline std::vector<std::string> paths_of(const Plan& plan) {
  std::vector<std::string> paths;
  for (const DatasetSpec& spec : plan.datasets) paths.push_back(spec.path);
  for (const Axis& axis : plan.axes) paths.push_back("/points/" + axis.name);
  return paths;
}

/// What the page names, between backquotes, one name after the other: "`/norms/forget`, `learn`",
/// "`accuracy_{test,ood}_W`", "`_exact`" of what ends so. <...>, NAME and * stand for any text, W for
/// early_stop or final.
inline std::vector<std::regex> names_in(const std::string& page) {
  std::vector<std::regex> names;
  const std::regex span("`([^`\n]+)`"), name(R"((<[^>]*>|\{[^}]*\}|[^,<{ ])+)"), only("(<[^>]*>|\\*|NAME)+");
  for (std::sregex_iterator found(page.begin(), page.end(), span), end; found != end; ++found) {
    const std::string text = (*found)[1];
    for (std::sregex_iterator one(text.begin(), text.end(), name); one != end; ++one) {
      std::string pattern = one->str();
      if (std::regex_match(pattern, only) || pattern.find_first_of("()[]|+?\\^$") != pattern.npos)
        continue;
      if (pattern.starts_with('_')) pattern = "*" + pattern;
      pattern = std::regex_replace(pattern, std::regex("\\."), "\\.");
      pattern = std::regex_replace(pattern, std::regex("<[^>]*>|NAME|\\*"), "[^/]+");
      pattern = std::regex_replace(pattern, std::regex("_W$"), "_(early_stop|final)");
      for (std::smatch braces; std::regex_search(pattern, braces, std::regex(R"(\{([^}]*)\})"));) {
        const std::string choices = std::regex_replace(braces[1].str(), std::regex(","), "|");
        pattern.replace(static_cast<std::size_t>(braces.position(0)), braces[0].length(),
                        "(" + choices + ")");
      }
      names.emplace_back(pattern);
    }
  }
  return names;
}

/// Those of the paths of which docs/layout.md names neither the whole, nor the group and the last
/// part.
inline std::vector<std::string> undescribed(const std::vector<std::string>& paths) {
  const char* source = std::getenv("FACTSWEEP_SOURCE");
  require(source != nullptr, "FACTSWEEP_SOURCE must name the repository's root");
  const std::string page = read_file(std::string(source) + "/docs/layout.md");
  const std::vector<std::regex> names = names_in(page);
  const auto is_named = [&](const std::string& text) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::regex& name) { return std::regex_match(text, name); });
  };
  std::vector<std::string> missing;
  for (const std::string& path : paths) {
    const std::string group = path.substr(0, path.find('/', 1));
    const bool knows_group = page.find(group) != page.npos;
    if (!is_named(path) && !(knows_group && is_named(path.substr(path.rfind('/') + 1))))
      missing.push_back(path);
  }
  return missing;
}

}  // namespace factsweep::test
