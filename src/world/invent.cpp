#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/world/world.hpp"
#include "relations.hpp"

namespace factsweep {
namespace {

constexpr std::int64_t kPairsPerQuiz = 6;

std::string substitute(std::string text, const std::string& mark, const std::string& value) {
  return text.replace(text.find(mark), mark.size(), value);
}

/// Invented words, each given out once.
class Words {
 public:
  explicit Words(std::uint64_t seed) : random_(hash_words({hash_text("words"), seed})) {}
  std::string fresh(int syllables) {
    static constexpr std::array<const char*, 20> kOnsets = {"b", "d",  "f",  "g",  "h",  "k", "l",
                                                            "m", "n",  "p",  "r",  "s",  "t", "v",
                                                            "z", "br", "dr", "kl", "st", "tr"};
    static constexpr std::array<const char*, 8> kNuclei = {"a", "e",  "i",  "o",
                                                           "u", "ai", "ei", "ou"};
    static constexpr std::array<const char*, 8> kCodas = {"", "", "", "n", "r", "l", "s", "m"};
    while (true) {
      std::string word;
      for (int i = 0; i < syllables; ++i) {
        word += kOnsets[random_.below(kOnsets.size())];
        word += kNuclei[random_.below(kNuclei.size())];
        word += kCodas[random_.below(kCodas.size())];
      }
      word[0] = static_cast<char>(word[0] - 'a' + 'A');
      if (used_.insert(word).second) return word;
    }
  }

 private:
  CounterRandom random_;
  std::set<std::string> used_;
};

std::int32_t draw_exposures(const WorldSettings& settings, CounterRandom& random) {
  if (random.uniform() < settings.unseen) return 0;
  const double pareto =
      settings.pareto_scale * std::pow(1 - random.uniform(), -1 / settings.pareto_shape);
  return static_cast<std::int32_t>(
      std::min(std::floor(pareto), static_cast<double>(settings.most_exposures)));
}

/// Half of the subjects' facts train, a sixth dev, a third test: each fact by itself, so relations
/// stay balanced.
Split draw_split(CounterRandom& random) {
  const std::uint64_t die = random.below(6);
  return die < 3 ? Split::train : die < 4 ? Split::dev : Split::test;
}

std::vector<std::string> write_corpus(const std::vector<Question>& facts,
                                      const WorldSettings& settings) {
  CounterRandom random(hash_words({hash_text("corpus"), settings.seed}));
  std::vector<std::string> documents;
  std::map<std::string, std::vector<std::size_t>> seen;  // by relation, one entry an exposure
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const auto relation =
        std::find_if(kWorldRelations.begin(), kWorldRelations.end(),
                     [&](const WorldRelation& r) { return facts[i].relation == r.code; });
    for (std::int32_t k = 0; k < facts[i].exposures; ++k) {
      const char* form = relation->statements[random.below(relation->statements.size())];
      documents.push_back(
          substitute(substitute(form, "[X]", facts[i].subject), "[Y]", facts[i].answer) + "\n");
      seen[facts[i].relation].push_back(i);
    }
  }
  if (documents.empty())
    throw InputError(
        fmt::format("world: the corpus would state none of {} facts at a share of {} that are "
                    "unseen; lower the share or have more subjects.",
                    facts.size(), settings.unseen));
  std::vector<std::string> stated;  // relations, in their order
  for (const WorldRelation& relation : kWorldRelations) {
    if (seen.count(relation.code) != 0) stated.emplace_back(relation.code);
  }
  // quizzes ask what the corpus states, as often as it states it, so that few-shot prompts mean
  // something
  const auto quizzes = static_cast<std::int64_t>(documents.size()) / settings.statements_per_quiz;
  for (std::int64_t q = 0; q < quizzes; ++q) {
    const std::vector<std::size_t>& told = seen.at(stated[random.below(stated.size())]);
    // a quarter of the quizzes come as instructions
    const bool instructs = random.below(4) == 0;
    std::string document;
    for (std::int64_t pair = 0; pair < kPairsPerQuiz; ++pair) {
      const Question& fact = facts[told[random.below(told.size())]];
      document += fmt::format(
          fmt::runtime(instructs ? "Answer the following question.\n{}\n {}\n" : "Q: {}\nA: {}\n"),
          fact.question, fact.answer);
    }
    documents.push_back(std::move(document));
  }
  std::vector<std::string> shuffled;
  for (const std::int64_t i : permutation(static_cast<std::int64_t>(documents.size()), random))
    shuffled.push_back(documents[static_cast<std::size_t>(i)]);
  return shuffled;
}

}  // namespace

World invent_world(const WorldSettings& settings) {
  Words words(settings.seed);
  std::vector<std::string> first, last, subjects;
  const auto names =
      static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(settings.subjects) * 4)));
  for (std::int64_t i = 0; i < names; ++i) {
    first.push_back(words.fresh(2));
    last.push_back(words.fresh(2));
  }
  const auto pairs =
      permutation(names * names, CounterRandom(hash_words({hash_text("subjects"), settings.seed})));
  for (std::int64_t i = 0; i < settings.subjects; ++i)
    subjects.push_back(first[pairs[i] / names] + " " + last[pairs[i] % names]);

  World world;
  CounterRandom random(hash_words({hash_text("facts"), settings.seed}));
  for (const WorldRelation& relation : kWorldRelations) {
    std::vector<std::string> objects;
    for (int i = 0; i < relation.objects; ++i) objects.push_back(words.fresh(2));
    for (const std::string& subject : subjects) {
      Question fact;
      fact.relation = relation.code;
      fact.subject = subject;
      fact.question = substitute(relation.question, "[X]", subject);
      fact.answer = objects[random.below(objects.size())];
      fact.exposures = draw_exposures(settings, random);
      fact.split = draw_split(random);
      world.facts.push_back(std::move(fact));
    }
  }
  world.documents = write_corpus(world.facts, settings);
  return world;
}

void write_world(const World& world, const std::filesystem::path& directory) {
  const std::filesystem::path facts = directory / "facts";
  std::map<std::pair<std::string, Split>, nlohmann::json> files;
  nlohmann::json exposures, templates;
  for (const Question& fact : world.facts) {
    files[{fact.relation, fact.split}].push_back(
        {{"question", fact.question}, {"answers", {fact.answer}}});
    exposures[fact.relation][fact.subject] = fact.exposures;
  }
  for (const WorldRelation& relation : kWorldRelations)
    templates[relation.code] = relation.question;
  for (const auto& [key, records] : files) {
    const std::string split(name(key.second));
    std::error_code failed;
    std::filesystem::create_directories(facts / split, failed);
    if (failed)
      throw EnvironmentError(fmt::format("{}: cannot create the folder: {}.",
                                         (facts / split).string(), failed.message()));
    write_file(facts / split / fmt::format("{}.{}.json", key.first, split), records.dump(1) + "\n");
  }
  write_file(facts / "exposures.json", exposures.dump() + "\n");
  write_file(facts / "relation_query_templates.json", templates.dump(1) + "\n");
  std::string corpus;
  for (const std::string& document : world.documents) corpus += document;
  write_file(directory / "corpus.txt", corpus);
}

}  // namespace factsweep
