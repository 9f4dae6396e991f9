// The invented world: what is counted is what is stated, and what is written is read again.
#include "factsweep/world/world.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "../../../src/world/relations.hpp"
#include "catch.hpp"
#include "factsweep/data/entity_questions.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

namespace {

/// All of each fact, in an order of their own.
std::vector<std::string> sorted_facts(const std::vector<Question>& questions) {
  std::vector<std::string> facts;
  for (const Question& q : questions)
    facts.push_back(fmt::format("{} {}: {} {} ({}), {} times", q.relation, name(q.split),
                                q.question, q.answer, q.subject, q.exposures));
  std::sort(facts.begin(), facts.end());
  return facts;
}

std::string filled(std::string form, const Question& fact) {
  form.replace(form.find("[X]"), 3, fact.subject);
  const std::size_t object = form.find("[Y]");
  return object == std::string::npos ? form : form.replace(object, 3, fact.answer);
}

/// How often each document is in the corpus.
std::map<std::string, int> counted(const std::vector<std::string>& documents) {
  std::map<std::string, int> counts;
  for (const std::string& document : documents) ++counts[document];
  return counts;
}

std::int64_t statements(const World& world) {
  std::int64_t sum = 0;
  for (const Question& fact : world.facts) sum += fact.exposures;
  return sum;
}

std::vector<std::string> quizzes(const World& world) {
  std::vector<std::string> found;
  for (const std::string& document : world.documents) {
    if (document.starts_with("Q: ") || document.starts_with("Answer the following question.\n"))
      found.push_back(document);
  }
  return found;
}

/// Small and quick.
WorldSettings small_model() {
  WorldSettings settings{.subjects = 30};
  settings.vocabulary = 400;
  settings.width = 32;
  settings.layers = 1;
  settings.heads = 2;
  settings.kv_heads = 1;
  settings.mlp_width = 64;
  settings.sequence = 32;
  settings.passes = 1;
  return settings;
}

struct Progress {
  std::int64_t step, steps;
  double loss, rate;
};

std::vector<Progress> pretrain(const World& world, const WorldSettings& settings,
                               const fs::path& folder) {
  std::vector<Progress> told;
  pretrain_world(world, settings, folder,
                 [&](std::int64_t step, std::int64_t steps, double loss, double rate) {
                   told.push_back({step, steps, loss, rate});
                 });
  return told;
}

}  // namespace

TEST_CASE("a world follows from its settings, and another seed is another world") {
  const World first = invent_world({.seed = 7}), again = invent_world({.seed = 7});
  CHECK(sorted_facts(first.facts) == sorted_facts(again.facts));
  CHECK(first.documents == again.documents);
  const World other = invent_world({.seed = 8});
  CHECK(sorted_facts(first.facts) != sorted_facts(other.facts));
  CHECK(first.documents != other.documents);
  const World fewer = invent_world({.unseen = 0.9, .seed = 7});
  CHECK(fewer.documents.size() < first.documents.size() / 2);
}

TEST_CASE("every subject has one fact of each relation, and no name means two things") {
  const World world = invent_world({.subjects = 200});
  CHECK(world.facts.size() == 6 * 200);
  std::set<std::string> subjects, questions;
  std::map<std::string, std::set<std::string>> answers;
  for (const Question& fact : world.facts) {
    subjects.insert(fact.subject);
    questions.insert(fact.question);
    answers[fact.relation].insert(fact.answer);
  }
  CHECK(subjects.size() == 200);
  CHECK(questions.size() == world.facts.size());
  REQUIRE(answers.size() == kWorldRelations.size());
  std::set<std::string> objects;
  std::size_t named = 0;
  for (const WorldRelation& relation : kWorldRelations) {
    const std::set<std::string>& some = answers.at(relation.code);
    CHECK(some.size() <= static_cast<std::size_t>(relation.objects));
    CHECK(some.size() > static_cast<std::size_t>(relation.objects) / 2);
    objects.insert(some.begin(), some.end());
    named += some.size();
  }
  CHECK(objects.size() == named);
  for (const Question& fact : world.facts) {
    const auto relation =
        std::find_if(kWorldRelations.begin(), kWorldRelations.end(),
                     [&](const WorldRelation& one) { return fact.relation == one.code; });
    REQUIRE(relation != kWorldRelations.end());
    CHECK(fact.question == filled(relation->question, fact));
  }
}

TEST_CASE("half of the facts train, a third test, a sixth are dev") {
  const World world = invent_world({.subjects = 1000});
  std::map<Split, double> share;
  for (const Question& fact : world.facts)
    share[fact.split] += 1.0 / static_cast<double>(world.facts.size());
  CHECK(share[Split::train] == Approx(1.0 / 2).margin(0.03));
  CHECK(share[Split::test] == Approx(1.0 / 3).margin(0.03));
  CHECK(share[Split::dev] == Approx(1.0 / 6).margin(0.03));
}

TEST_CASE("exposures keep to their limits") {
  const auto exposures = [](const WorldSettings& settings) {
    std::vector<std::int32_t> found;
    for (const Question& fact : invent_world(settings).facts) found.push_back(fact.exposures);
    std::sort(found.begin(), found.end());
    return found;
  };
  const std::vector<std::int32_t> usual = exposures({.subjects = 500});
  const auto unseen = std::count(usual.begin(), usual.end(), 0);
  CHECK(static_cast<double>(unseen) / static_cast<double>(usual.size()) ==
        Approx(0.4).margin(0.03));
  CHECK(usual.at(static_cast<std::size_t>(unseen)) == 3);  // the Pareto scale of 3.5, cut
  CHECK(usual.back() == 100);
  const std::vector<std::int32_t> known =
      exposures({.subjects = 500, .unseen = 0, .pareto_scale = 1, .most_exposures = 9});
  CHECK(known.front() == 1);
  CHECK(known.back() == 9);
}

TEST_CASE("the corpus states each fact as often as its exposures say") {
  const WorldSettings settings{.subjects = 60};
  const World world = invent_world(settings);
  const std::map<std::string, int> counts = counted(world.documents);
  std::size_t facts = 0;
  for (const Question& fact : world.facts) {
    int stated = 0;
    for (const WorldRelation& relation : kWorldRelations) {
      if (fact.relation != relation.code) continue;
      ++facts;
      for (const char* form : relation.statements) {
        const auto found = counts.find(filled(form, fact) + "\n");
        stated += found == counts.end() ? 0 : found->second;
      }
    }
    INFO(fact.question);
    CHECK(stated == fact.exposures);
  }
  CHECK(facts == world.facts.size());
  const std::int64_t quizzed = statements(world) / settings.statements_per_quiz;
  CHECK(static_cast<std::int64_t>(quizzes(world).size()) == quizzed);
  CHECK(static_cast<std::int64_t>(world.documents.size()) == statements(world) + quizzed);
}

TEST_CASE("quizzes ask six questions that the corpus answers") {
  const World world = invent_world({.subjects = 60});
  std::set<std::string> answered;  // question and answer of stated facts
  for (const Question& fact : world.facts) {
    if (fact.exposures > 0) answered.insert(fact.question + "\n" + fact.answer);
  }
  std::size_t instructions = 0;
  const std::vector<std::string> asked = quizzes(world);
  for (const std::string& quiz : asked) {
    INFO(quiz);
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < quiz.size();) {
      const std::size_t end = quiz.find('\n', begin);
      lines.push_back(quiz.substr(begin, end - begin));
      begin = end + 1;
    }
    const bool instructs = !quiz.starts_with("Q: ");
    instructions += instructs ? 1 : 0;
    const std::size_t each = instructs ? 3 : 2;
    REQUIRE(lines.size() == 6 * each);
    for (std::size_t i = 0; i < lines.size(); i += each) {
      const std::string& answer = lines[i + each - 1];
      CHECK(answered.count(instructs ? lines[i + 1] + "\n" + answer.substr(1)
                                     : lines[i].substr(3) + "\n" + answer.substr(3)) == 1);
    }
  }
  const double share = static_cast<double>(instructions) / static_cast<double>(asked.size());
  CHECK(share == Approx(0.25).margin(0.1));
}

TEST_CASE("where a relation is never stated, quizzes ask of the others") {
  int gaps = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const World world = invent_world({.subjects = 30, .unseen = 0.97, .seed = seed});
    std::set<std::string> stated;
    for (const Question& fact : world.facts) {
      if (fact.exposures > 0) stated.insert(fact.relation);
    }
    gaps += stated.size() < kWorldRelations.size() && !quizzes(world).empty() ? 1 : 0;
  }
  CHECK(gaps > 0);
}

TEST_CASE("a corpus that would state nothing is refused") {
  CHECK_THAT(input_error([] { invent_world({.subjects = 30, .unseen = 0.999999}); }),
             Catch::Matchers::ContainsSubstring("none of 180 facts"));
}

TEST_CASE("EntityQuestions' reader finds the facts that were written") {
  const TemporaryFolder folder;
  const World world = invent_world({.subjects = 40});
  write_world(world, folder / "made");
  const fs::path facts = folder / "made" / "facts";
  const std::vector<std::string> relations = list_relations(facts);
  CHECK(relations == std::vector<std::string>{"W1", "W2", "W3", "W4", "W5", "W6"});
  const EntityQuestions read = read_entity_questions(facts, relations, OverlapFilter::none);
  CHECK(read.dropped_multi_answer == 0);
  CHECK(read.dropped_overlap == 0);
  CHECK(sorted_facts(read.questions) == sorted_facts(world.facts));
  std::string corpus;
  for (const std::string& document : world.documents) corpus += document;
  CHECK(read_file(folder / "made" / "corpus.txt") == corpus);
}

TEST_CASE("a file where a folder belongs is the machine's error") {
  const TemporaryFolder folder;
  std::ofstream(folder / "facts") << "taken";
  std::ofstream(folder / "model") << "taken";
  const WorldSettings settings = small_model();
  const World world = invent_world(settings);
  CHECK_THROWS_WITH(write_world(world, folder.path()),
                    Catch::Matchers::ContainsSubstring("facts/") &&
                        Catch::Matchers::ContainsSubstring("cannot create the folder"));
  CHECK_THROWS_AS(write_world(world, folder.path()), EnvironmentError);
  CHECK_THROWS_AS(pretrain(world, settings, folder.path()), EnvironmentError);
}

TEST_CASE("the model and its tokenizer load, learn, and are the same each time") {
  const TemporaryFolder folder;
  const WorldSettings settings = small_model();
  const World world = invent_world(settings);
  const std::vector<Progress> told = pretrain(world, settings, folder / "first");
  REQUIRE(told.size() >= 2);
  for (std::size_t i = 0; i + 1 < told.size(); ++i)
    CHECK(told[i].step == static_cast<std::int64_t>(10 * (i + 1)));
  CHECK(told.back().step == told.back().steps);
  CHECK(told.back().loss < told.front().loss);
  CHECK(told.back().rate > 0);

  const Model model = Model::load(folder / "first" / "model", torch::kFloat32, torch::kCPU);
  CHECK(model.weights.config.width == 32);
  CHECK(model.weights.config.layers == 1);
  CHECK(model.tokenizer->size() <= 400);
  for (const Question& fact : world.facts) {
    const std::string text = "Q: " + fact.question + "\nA: " + fact.answer + "\n";
    CHECK(model.tokenizer->decode(model.tokenizer->encode(text)) == text);
  }
  CHECK(model.ends_answer(model.tokenizer->encode("A: x\n").back()));

  pretrain(world, settings, folder / "second");
  for (const char* file : {"model.safetensors", "tokenizer.model", "config.json"}) {
    INFO(file);
    CHECK(read_file(folder / "first" / "model" / file) ==
          read_file(folder / "second" / "model" / file));
  }
}

TEST_CASE("a vocabulary without room for the bytes is refused") {
  const TemporaryFolder folder;
  WorldSettings settings = small_model();
  settings.vocabulary = 100;
  const World world = invent_world(settings);
  CHECK_THAT(input_error([&] { pretrain(world, settings, folder.path()); }),
             Catch::Matchers::ContainsSubstring("SentencePiece cannot train a tokenizer"));
}
