// Which questions a fine-tuning set holds: sizes, shares, nesting, and what is refused.
#include "../../../../src/studies/slick/variants.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::slick;
using test::input_error;

namespace {

struct Labelled {
  Corpus corpus;
  std::vector<std::uint8_t> category;
};

/// Counts of HighlyKnown, MaybeKnown, WeaklyKnown, Unknown of each relation; rows of all
/// categories are mixed. Two test rows follow, which no variant may use.
Labelled labelled(const std::map<std::string, std::array<int, 4>>& counts) {
  Labelled data;
  for (const auto& [relation, of] : counts) {
    data.corpus.relations.push_back(relation);
    for (int i = 0; i < *std::max_element(of.begin(), of.end()); ++i) {
      for (std::uint8_t c = 0; c < 4; ++c) {
        if (i >= of[c]) continue;
        data.corpus.rows.push_back({relation, Split::train, "", "", "", -1});
        data.category.push_back(c);
      }
    }
  }
  data.corpus.train_rows = data.corpus.rows.size();
  data.corpus.rows.push_back({data.corpus.relations.front(), Split::test, "", "", "", -1});
  data.corpus.rows.push_back({data.corpus.relations.front(), Split::test, "", "", "", -1});
  data.corpus.id_rows = data.corpus.rows.size();
  return data;
}

// smallest category: 6, 5, 7; smaller of Known and Unknown: 12, 5, 30
const Labelled kData =
    labelled({{"P17", {10, 8, 6, 12}}, {"P19", {5, 5, 9, 5}}, {"P20", {20, 9, 7, 30}}});

std::vector<std::int64_t> rows_of(const std::string& variant, double ratio,
                                  const SizeRule& rule = {}, std::uint64_t seed = 1) {
  return select_rows(kData.corpus, kData.category, Mixture::make(variant, ratio), rule, seed);
}

std::map<std::string, std::array<int, 4>> count(const std::vector<std::int64_t>& rows) {
  std::map<std::string, std::array<int, 4>> counts;
  for (const std::int64_t row : rows) {
    ++counts[kData.corpus.rows.at(row).relation].at(kData.category.at(row));
  }
  return counts;
}

int sum(const std::array<int, 4>& counts) {
  return counts[0] + counts[1] + counts[2] + counts[3];
}

void check_ascending_train_rows(const std::vector<std::int64_t>& rows) {
  CHECK(std::is_sorted(rows.begin(), rows.end()));
  CHECK(std::adjacent_find(rows.begin(), rows.end()) == rows.end());
  CHECK(rows.back() < static_cast<std::int64_t>(kData.corpus.train_rows));
}

}  // namespace

TEST_CASE("a mixture has the asked share of Unknown, in total and in each relation") {
  const std::map<std::string, int> sizes = {{"P17", 6}, {"P19", 5}, {"P20", 7}};
  for (int percent = 0; percent <= 100; percent += 5) {
    INFO(percent << " %");
    const auto rows = rows_of("unknown_ratio", percent / 100.0);
    check_ascending_train_rows(rows);
    CHECK(rows.size() == 18);
    int unknown = 0;
    for (const auto& [relation, counts] : count(rows)) {
      CHECK(sum(counts) == sizes.at(relation));
      CHECK(std::abs(counts[3] - percent / 100.0 * sizes.at(relation)) < 1);
      unknown += counts[3];
    }
    CHECK(unknown == std::lround(18 * percent / 100.0));
  }
}

TEST_CASE("the unknown and known parts of growing shares are nested") {
  const auto part = [](double ratio, bool unknown) {
    std::set<std::int64_t> rows;
    for (const std::int64_t row : rows_of("unknown_ratio", ratio)) {
      if ((kData.category.at(row) == 3) == unknown) rows.insert(row);
    }
    return rows;
  };
  const std::vector<double> ratios = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 1};
  for (std::size_t i = 1; i < ratios.size(); ++i) {
    INFO(ratios[i - 1] << " and " << ratios[i]);
    const auto less = part(ratios[i - 1], true), more = part(ratios[i], true);
    CHECK(std::includes(more.begin(), more.end(), less.begin(), less.end()));
    const auto known_more = part(ratios[i - 1], false), known_less = part(ratios[i], false);
    CHECK(
        std::includes(known_more.begin(), known_more.end(), known_less.begin(), known_less.end()));
  }
}

TEST_CASE("single categories, known_only, natural") {
  for (std::size_t c = 0; c < 4; ++c) {
    const auto rows = rows_of(kCategoryNames[c], 0);
    CHECK(rows.size() == 18);
    for (const auto& [relation, counts] : count(rows)) CHECK(counts[c] == sum(counts));
  }
  const auto whole = rows_of("unknown_ratio", 0.5), known = rows_of("known_only", 0.5);
  CHECK(known.size() == 9);
  CHECK(std::includes(whole.begin(), whole.end(), known.begin(), known.end()));
  for (const auto& [relation, counts] : count(known)) CHECK(counts[3] == 0);
  CHECK(rows_of("idk", 0.5) == whole);
  const auto natural = rows_of("natural", 0);
  check_ascending_train_rows(natural);
  CHECK(natural.size() == 18);
  CHECK(sum(count(natural).at("P20")) == 7);
}

TEST_CASE("sizes: another rule, a smaller |D|, another seed") {
  const SizeRule two{0, false};
  CHECK(rows_of("unknown_ratio", 0.5, two).size() == 12 + 5 + 30);
  const SizeRule small{9, true};
  for (const char* variant : {"unknown_ratio", "highly_known", "natural"}) {
    const auto rows = rows_of(variant, 1.0 / 3, small);
    CHECK(rows.size() == 9);
    for (const auto& [relation, counts] : count(rows)) CHECK(sum(counts) >= 2);
  }
  CHECK(rows_of("unknown_ratio", 0.5, {}, 1) == rows_of("unknown_ratio", 0.5, {}, 1));
  CHECK(rows_of("unknown_ratio", 0.5, {}, 1) != rows_of("unknown_ratio", 0.5, {}, 2));
}

TEST_CASE("a |D| that the categories do not allow names the relations") {
  const auto message = [](const Labelled& data, const SizeRule& rule) -> std::string {
    try {
      select_rows(data.corpus, data.category, Mixture::make("natural", 0), rule, 1);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message(kData, {18, true}).empty());
  using Catch::Matchers::ContainsSubstring;
  CHECK_THAT(message(kData, {19, true}), ContainsSubstring("slick.train_size = 19") &&
                                             ContainsSubstring("<= 18") &&
                                             ContainsSubstring("P19: 5/5/9/5"));
  CHECK(message(kData, {19, false}).empty());
  CHECK_THAT(message(labelled({{"P17", {3, 0, 2, 2}}}), {0, true}),
             ContainsSubstring("P17: 3/0/2/2") && ContainsSubstring("<= 0"));
}

namespace {

Mixture patched(double ratio, double share, const char* relations = "same",
                const char* place = "end") {
  return Mixture::make("known_patch", ratio, Patch::of(share, relations, place));
}

std::vector<std::int64_t> patch_of(const Labelled& data, const Mixture& mixture,
                                   const SizeRule& rule = {}, std::uint64_t seed = 1) {
  return patch_rows(data.corpus, data.category, mixture, rule, seed);
}

/// kData, and train questions of relations that D does not have, between those that it may have and
/// the test questions.
Labelled with_others() {
  Labelled data = kData;
  const Labelled more = labelled({{"P26", {2, 1, 1, 3}}, {"P27", {0, 6, 2, 1}}});
  data.corpus.other_relations = more.corpus.relations;
  const auto at = static_cast<std::ptrdiff_t>(data.corpus.train_rows),
             count = static_cast<std::ptrdiff_t>(more.corpus.train_rows);
  data.corpus.rows.insert(data.corpus.rows.begin() + at, more.corpus.rows.begin(),
                          more.corpus.rows.begin() + count);
  data.category.insert(data.category.end(), more.category.begin(), more.category.end());
  data.corpus.train_rows += more.corpus.train_rows;
  data.corpus.id_rows += more.corpus.train_rows;
  return data;
}

}  // namespace

TEST_CASE("a patch of the relations of D: Known, not in D, the same beside every ratio") {
  const std::vector<std::int64_t> five = patch_of(kData, patched(0.5, 5.0 / 18));
  for (const double ratio : {0.0, 0.3, 1.0}) {
    INFO(ratio);
    CHECK(patch_of(kData, patched(ratio, 5.0 / 18)) == five);
    const auto rows =
        select_rows(kData.corpus, kData.category, patched(ratio, 5.0 / 18), {}, 1);
    CHECK(rows == rows_of("unknown_ratio", ratio));
    std::vector<std::int64_t> both;
    std::set_intersection(rows.begin(), rows.end(), five.begin(), five.end(),
                          std::back_inserter(both));
    CHECK(both.empty());
  }
  check_ascending_train_rows(five);
  // n_r are 6, 5 and 7: 5 of 18 are 1.67, 1.39 and 1.94
  const auto counts = count(five);
  CHECK(sum(counts.at("P17")) == 2);
  CHECK(sum(counts.at("P19")) == 1);
  CHECK(sum(counts.at("P20")) == 2);
  for (const auto& [relation, of] : counts) CHECK(of[3] == 0);
  // nested; of another seed another
  for (const char* place : {"start", "shuffled"})
    CHECK(patch_of(kData, patched(0.5, 5.0 / 18, "same", place)) == five);
  const auto ten = patch_of(kData, patched(0.5, 10.0 / 18));
  CHECK(ten.size() == 10);
  CHECK(std::includes(ten.begin(), ten.end(), five.begin(), five.end()));
  CHECK(patch_of(kData, patched(0.5, 5.0 / 18), {}, 2) != five);
  CHECK(patch_of(kData, Mixture::make("known_patch", 0.5)).empty());
}

TEST_CASE("a patch of other relations: in proportion to what they know") {
  const Labelled data = with_others();
  for (const char* variant : {"unknown_ratio", "natural", "highly_known"}) {
    CHECK(select_rows(data.corpus, data.category, Mixture::make(variant, 0.5), {}, 1) ==
          rows_of(variant, 0.5));
  }
  CHECK(patch_of(data, patched(0.5, 5.0 / 18)) == patch_of(kData, patched(0.5, 5.0 / 18)));
  // 4 Known of P26, 8 of P27
  for (const auto& [wanted, of_p26] : {std::pair{3, 1}, {6, 2}, {12, 4}}) {
    std::map<std::string, int> counts;
    for (const std::int64_t row : patch_of(data, patched(0.5, wanted / 18.0, "other"))) {
      CHECK(data.category.at(row) < 3);
      ++counts[data.corpus.rows.at(row).relation];
    }
    CHECK(counts == std::map<std::string, int>{{"P26", of_p26}, {"P27", wanted - of_p26}});
  }
}

TEST_CASE("a patch that the Known questions do not allow says what is short") {
  const auto message = [](const Labelled& data, const Mixture& mixture, const SizeRule& rule) {
    return input_error([&] { patch_of(data, mixture, rule); });
  };
  using Catch::Matchers::ContainsSubstring;
  CHECK_THAT(message(kData, patched(0.5, 0.02), {}),
             ContainsSubstring("grid.patch_share = 0.02 of |D| = 18 is less than half an example"));
  CHECK_THAT(message(with_others(), patched(0.5, 13.0 / 18, "other"), {}),
             ContainsSubstring("is 13 examples, but data.other_relations have 12 Known"));
  // at 0 % Unknown D has all 9 Known questions of P17
  const Labelled few = labelled({{"P17", {9, 0, 0, 9}}, {"P19", {20, 0, 0, 9}}});
  CHECK_THAT(message(few, patched(0, 0.5), {0, false}),
             ContainsSubstring("grid.patch_share = 0.5 of |D| = 18 takes 5 Known train questions "
                               "of P17 beside D, but 0 are left"));
  CHECK(message(few, patched(1, 0.5), {0, false}).empty());
}

TEST_CASE("equal sets are equal mixtures, and mixtures survive JSON") {
  const auto json = [](const std::string& variant, double ratio) {
    return Mixture::make(variant, ratio).to_json();
  };
  CHECK(json("known_only", 0) == json("unknown_ratio", 0));
  CHECK(json("idk", 0) == json("unknown_ratio", 0));
  CHECK(json("unknown", 0) == json("unknown_ratio", 1));
  CHECK(json("known_only", 0.5) != json("unknown_ratio", 0.5));
  CHECK(json("idk", 0.5) != json("unknown_ratio", 0.5));
  CHECK(json("natural", 0.3) == json("natural", 0.7));
  for (const char* variant : {"unknown_ratio", "known_only", "highly_known", "maybe_known",
                              "weakly_known", "unknown", "natural", "idk"}) {
    CHECK(Mixture::from_json(json(variant, 0.25)).to_json() == json(variant, 0.25));
  }
  CHECK(json("known_patch", 0.5) == json("unknown_ratio", 0.5));  // without a patch
  std::set<std::string> texts;
  for (const Mixture& mixture : {patched(0.5, 0.1), patched(0.5, 0.2), patched(0.5, 0.1, "other"),
                                 patched(0.5, 0.1, "same", "start"), patched(0, 0.1)}) {
    texts.insert(mixture.to_json().dump());
    CHECK(Mixture::from_json(mixture.to_json()).to_json() == mixture.to_json());
  }
  CHECK(texts.size() == 5);
}
