// Data selection against brute force, whatever the size of a block; near ties; damaged embeddings;
// and, hidden, a million candidates.
#include "factsweep/selection/sim_div.hpp"

#include <sys/resource.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "selection_support.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using torch::Tensor;

namespace {

const std::map<std::string, Similarity> kSimilarities = {{"cosine", Similarity::cosine},
                                                         {"centroid", Similarity::centroid},
                                                         {"kde", Similarity::kde},
                                                         {"convex_hull", Similarity::convex_hull},
                                                         {"random", Similarity::random}};
const std::map<std::string, Deduplication> kDeduplications = {
    {"none", Deduplication::none},
    {"similar_stays", Deduplication::similar_stays},
    {"first_stays", Deduplication::first_stays},
    {"repr_filter", Deduplication::repr_filter}};

/// draw_rows() of tests/parity/selection_reference.py, bit for bit.
Tensor draw_rows(std::uint64_t seed, bool grid, std::int64_t count, std::int64_t width) {
  CounterRandom random(hash_words({hash_text("selection test"), hash_text("rows"), seed}));
  const Tensor rows = torch::zeros({count, width});
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound)));
  };
  for (std::int64_t i = 0; i < count; ++i) {
    float* row = rows.data_ptr<float>() + i * width;
    if (i > 0 && below(4) == 0) {
      rows[i].copy_(rows[below(i)]);
      if (!grid && below(2) == 0) {
        const std::int64_t d = below(width);
        row[d] = std::nextafter(row[d], 2.0f);
      }
    } else if (grid) {
      for (std::int64_t left = 16; left > 0;) {
        const std::int64_t value = 1 + below(4), d = below(width), sign = below(2);
        if (value * value > left || row[d] != 0) continue;
        row[d] = static_cast<float>(sign != 0 ? value : -value) / 4;
        left -= value * value;
      }
    } else {
      std::vector<double> values;
      double square = 0;
      for (std::int64_t d = 0; d < width; ++d) values.push_back(2 * random.uniform() - 1);
      for (const double value : values) square += value * value;
      for (std::int64_t d = 0; d < width; ++d)
        row[d] = static_cast<float>(values[d] / std::sqrt(square));
    }
  }
  return rows;
}

std::vector<std::int64_t> indices(const DataChoice& choice) {
  std::vector<std::int64_t> list;
  for (const ChosenSample& sample : choice.samples) list.push_back(sample.index);
  return list;
}

Tensor unit_rows(std::int64_t count, std::int64_t width, std::uint64_t seed) {
  torch::manual_seed(seed);
  const torch::Tensor rows = torch::randn({count, width});
  return rows / rows.norm(2, -1, /*keepdim=*/true);
}

}  // namespace

TEST_CASE("data are those of brute force in any blocks, ties and near ties included") {
  for (const Json& one : selection_cases("data")) {
    INFO(one.dump());
    const auto number = [&](const char* name) { return one.at(name).get<std::int64_t>(); };
    const Tensor rows = draw_rows(one.at("seed").get<std::uint64_t>(), number("grid") != 0,
                                  number("shots") + number("pool"), number("width"));
    const Tensor shots = rows.narrow(0, 0, number("shots"));
    const Tensor candidates = rows.narrow(0, number("shots"), number("pool"));
    DataSettings settings{kSimilarities.at(one.at("similarity").get<std::string>()),
                          kDeduplications.at(one.at("deduplication").get<std::string>()),
                          number("count"),
                          one.at("tau").get<double>(),
                          one.at("gamma").get<double>(),
                          one.at("seed").get<std::uint64_t>()};
    for (const std::int64_t block : {1, 3, 7, 1000}) {
      INFO(block);
      settings.block_rows = block;
      const DataChoice choice = choose_data(shots, CandidateEmbeddings::of(candidates), settings);
      CHECK(indices(choice) == one.at("expected").get<std::vector<std::int64_t>>());
      CHECK(choice.before == std::min(settings.count, number("pool")));
      double scores = 0, similarities = 0;
      for (const ChosenSample& sample : choice.samples) {
        scores += sample.score;
        similarities += sample.similarity;
      }
      CHECK(scores == Approx(one.at("scores").get<double>()).epsilon(1e-12).margin(1e-12));
      CHECK(similarities ==
            Approx(one.at("similarities").get<double>()).epsilon(1e-12).margin(1e-12));
    }
  }
}

TEST_CASE("candidates that float32 products cannot tell apart are told apart") {
  // all within some last bits of one another, around the threshold of C as well as of tau
  const std::int64_t D = 48, S = 600;
  const Tensor shots = unit_rows(3, D, 1) * 0.9995;
  Tensor candidates = shots[0].repeat({S, 1});
  CounterRandom random(5);
  for (std::int64_t i = 0; i < S; ++i) {
    for (int changes = 0; changes < 3; ++changes) {
      float& value =
          candidates.data_ptr<float>()[i * D + static_cast<std::int64_t>(random.below(D))];
      value = std::nextafter(value, random.below(2) == 0 ? 2.0f : -2.0f);
    }
  }
  const Tensor exact = candidates.to(torch::kFloat64).matmul(shots[0].to(torch::kFloat64));
  const double tau = exact.median().item<double>();
  for (const Deduplication rule : {Deduplication::similar_stays, Deduplication::repr_filter}) {
    DataSettings settings{Similarity::cosine, rule, 100, tau};
    std::vector<DataChoice> choices;
    for (const std::int64_t block : {1, 16, 77, 100, 1024}) {
      settings.block_rows = block;
      choices.push_back(choose_data(shots, CandidateEmbeddings::of(candidates), settings));
      CHECK(indices(choices.back()) == indices(choices.front()));
    }
    CHECK(choices.front().samples.size() < 100);
  }
  const DataSettings all{Similarity::cosine, Deduplication::none, 100};
  const DataChoice best = choose_data(shots, CandidateEmbeddings::of(candidates), all);
  const Tensor expected = std::get<0>(exact.topk(100));
  for (std::int64_t i = 0; i < 100; ++i)
    CHECK(best.samples[static_cast<std::size_t>(i)].score ==
          Approx(expected[i].item<double>()).epsilon(1e-15));
}

TEST_CASE("every hull point has a candidate of its own, and one shot is its own hull") {
  const Tensor shots = unit_rows(5, 12, 1), candidates = unit_rows(300, 12, 2);
  DataSettings settings{Similarity::convex_hull, Deduplication::none, 200};
  const DataChoice choice = choose_data(shots, CandidateEmbeddings::of(candidates), settings);
  std::vector<std::int64_t> chosen = indices(choice);
  std::sort(chosen.begin(), chosen.end());
  CHECK(std::unique(chosen.begin(), chosen.end()) - chosen.begin() == 200);
  const Tensor one = shots.narrow(0, 2, 1);
  const DataChoice hull = choose_data(one, CandidateEmbeddings::of(candidates), settings);
  settings.similarity = Similarity::cosine;
  CHECK(indices(hull).size() == 200);
  auto nearest = indices(choose_data(one, CandidateEmbeddings::of(candidates), settings));
  chosen = indices(hull);
  std::sort(chosen.begin(), chosen.end());
  std::sort(nearest.begin(), nearest.end());
  CHECK(chosen == nearest);
}

TEST_CASE("data are drawn in proportion to their densities, without replacement") {
  // five candidates at distances that tell them apart, two of them drawn: exact by enumeration
  const double gamma = 0.5;
  const Tensor shots = unit_rows(2, 4, 1), candidates = unit_rows(5, 4, 2);
  const Tensor distances = torch::cdist(candidates, shots).to(torch::kFloat64);
  const Tensor density = (-distances.square() / (2 * gamma * gamma)).exp().sum(1);
  const Tensor p = density / density.sum();
  std::vector<double> expected(5, 0.0);
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      if (i == j) continue;
      const double first = p[i].item<double>();
      const double both = first * p[j].item<double>() / (1 - first);
      expected[static_cast<std::size_t>(i)] += both;
      expected[static_cast<std::size_t>(j)] += both;
    }
  }
  CHECK(*std::max_element(expected.begin(), expected.end()) >
        2 * *std::min_element(expected.begin(), expected.end()));
  DataSettings settings{Similarity::kde, Deduplication::none, 2, 1, gamma};
  const int draws = 6000;
  std::vector<int> drawn(5, 0);
  for (int seed = 0; seed < draws; ++seed) {
    settings.seed = static_cast<std::uint64_t>(seed);
    for (const std::int64_t i :
         indices(choose_data(shots, CandidateEmbeddings::of(candidates), settings)))
      ++drawn[static_cast<std::size_t>(i)];
  }
  for (std::size_t i = 0; i < 5; ++i) {
    const double share = static_cast<double>(drawn[i]) / draws;
    const double sigma = std::sqrt(expected[i] * (1 - expected[i]) / draws);
    INFO(i << ": " << share << " instead of " << expected[i]);
    CHECK(std::abs(share - expected[i]) < 4 * sigma);
  }
}

TEST_CASE("the rules of table 3 that know the whole of the shots choose different data") {
  // shots in three clusters, and a pool of which a third lies in them
  const std::int64_t D = 64, S = 2700, C = 300;
  const Tensor centres = unit_rows(3, D, 1);
  const auto near = [&](std::int64_t count, std::uint64_t seed) {
    const Tensor rows = centres.repeat({count / 3, 1}) + unit_rows(count / 3 * 3, D, seed);
    return rows / rows.norm(2, -1, true);
  };
  const Tensor shots = near(48, 2);
  const Tensor pool = torch::cat({near(S / 3, 3), unit_rows(S - S / 3, D, 4)});
  const auto chosen = [&](Similarity similarity, double gamma, std::uint64_t seed) {
    auto list = indices(choose_data(shots, CandidateEmbeddings::of(pool),
                                    {similarity, Deduplication::none, C, 1, gamma, seed}));
    std::sort(list.begin(), list.end());
    return list;
  };
  const auto overlap = [&](const auto& one, const auto& other) {
    std::vector<std::int64_t> both;
    std::set_intersection(one.begin(), one.end(), other.begin(), other.end(),
                          std::back_inserter(both));
    return static_cast<double>(both.size()) / static_cast<double>(C);
  };
  const auto narrow = chosen(Similarity::kde, 0.3, 5), two = chosen(Similarity::kde, 2, 5),
             ten = chosen(Similarity::kde, 10, 5), centroid = chosen(Similarity::centroid, 2, 5);
  CHECK(overlap(two, ten) < 0.3);
  CHECK(overlap(two, centroid) < 0.4);
  CHECK(overlap(ten, centroid) < 0.4);
  CHECK(overlap(two, chosen(Similarity::kde, 2, 6)) < 0.3);  // another draw
  // a narrow bandwidth keeps to the clusters, which are the pool's first third
  const auto inside = [&](const auto& list) {
    return std::lower_bound(list.begin(), list.end(), S / 3) - list.begin();
  };
  CHECK(inside(narrow) > C * 9 / 10);
  CHECK(inside(two) < C / 2);
}

TEST_CASE("candidates and embeddings that cannot be used are named") {
  const Tensor shots = unit_rows(2, 8, 1), candidates = unit_rows(50, 8, 2);
  const auto message = [&](const Tensor& some_shots, const Tensor& some_candidates,
                           DataSettings settings = {}) {
    settings.block_rows = 16;
    return input_error(
        [&] { choose_data(some_shots, CandidateEmbeddings::of(some_candidates), settings); });
  };
  CHECK(message(shots, candidates).empty());  // C = 1000 is clamped to 50
  CHECK_THAT(message(shots, candidates.narrow(0, 0, 0)), ContainsSubstring("no candidates"));
  CHECK_THAT(message(shots.narrow(0, 0, 0), candidates), ContainsSubstring("no shots"));
  CHECK_THAT(message(shots, unit_rows(50, 9, 3)), ContainsSubstring("width 9, the shots have 8"));
  Tensor damaged = candidates.clone();
  damaged[37][2] = std::numeric_limits<float>::quiet_NaN();
  damaged[41].mul_(1.01);
  CHECK_THAT(message(shots, damaged),
             ContainsSubstring("candidate 37") && ContainsSubstring("not finite"));
  damaged[37].copy_(candidates[0]);
  CHECK_THAT(message(shots, damaged),
             ContainsSubstring("candidate 41") && ContainsSubstring("length 1.01"));
  damaged = shots.clone();
  damaged[1].zero_();
  CHECK_THAT(message(damaged, candidates),
             ContainsSubstring("shot 1") && ContainsSubstring("length 0"));
  CHECK_THAT(message(shots, candidates, {.count = 0}), ContainsSubstring("C = 0"));
  CHECK_THAT(message(shots, candidates, {.tau = std::nan("")}), ContainsSubstring("tau = nan"));
  CHECK_THAT(message(shots, candidates, {.similarity = Similarity::kde, .gamma = 0}),
             ContainsSubstring("gamma = 0"));
  CHECK_THAT(message(shots, candidates, {.similarity = Similarity::convex_hull, .count = 5000}),
             ContainsSubstring("at most 4096"));
}

TEST_CASE("data selection can be interrupted") {
  const Tensor shots = unit_rows(2, 8, 1), candidates = unit_rows(50, 8, 2);
  const auto stop = [](double fraction) {
    if (fraction > 0.5) throw std::runtime_error("stop");
  };
  CHECK_THROWS_WITH(
      choose_data(shots, CandidateEmbeddings::of(candidates), {.block_rows = 10}, stop), "stop");
}

TEST_CASE("a million candidates fit in little memory", "[.][million]") {
  // candidate j is the normalised sum of one row of each of two tables: never all in memory
  const std::int64_t S = 1'000'000, D = 384, K = 50, first_table = 1009;
  const Tensor left = unit_rows(first_table, D, 1), right = unit_rows(S / first_table + 1, D, 2);
  const Tensor shots = unit_rows(K, D, 3);
  double generating = 0;
  const auto now = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  const auto rows = [&](std::int64_t first, std::int64_t n) {
    const double start = now();
    const Tensor j = torch::arange(first, first + n);
    Tensor sum = left.index_select(0, j.remainder(first_table));
    sum.add_(right.index_select(0, j.div(first_table, "floor")));
    sum.div_(torch::linalg_vector_norm(sum, 2, at::IntArrayRef{1}, true));
    generating += now() - start;
    return sum;
  };
  const auto peak_mib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
  };
  for (const auto& [name, similarity] : kSimilarities) {
    const double before = peak_mib(), start = now();
    generating = 0;
    const DataChoice choice = choose_data(shots, {S, rows}, {similarity});
    const double seconds = now() - start, grown = peak_mib() - before;
    WARN(name << ": " << seconds - generating << " s and " << generating
              << " s for the embeddings; peak grew by " << grown << " MiB to " << peak_mib()
              << "; stay " << choice.samples.size());
    CHECK(choice.before == 1000);
    CHECK(grown < 256);  // all embeddings: 1465 MiB
  }
}
