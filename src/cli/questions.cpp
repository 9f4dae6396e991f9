// `factsweep questions`: what a SliCK sweep asked, what was right, and what models said, as one
// table; or a prompt exactly as it was asked.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "deck_arguments.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/store/earlier.hpp"
#include "factsweep/store/stored_weights.hpp"
#include "factsweep/studies/slick/asked.hpp"
#include "flags.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

constexpr const char* kQuestionsUsage =
    "factsweep questions FILE [--point ID | --model NAME] [--output CSV] | FILE --row N "
    "--prompt[=KIND]";
constexpr std::uint8_t kNever = 255;  // never written
const std::vector<std::string> kCategories = {"HighlyKnown", "MaybeKnown", "WeaklyKnown",
                                              "Unknown"};

/// A results file, column by column.
class Results {
 public:
  explicit Results(std::string file) : file_(std::move(file)) {}

  std::vector<std::string> texts(const std::string& path) const {
    const auto array = find_dataset(file_, path, DType::text);
    return array ? array->as_text() : std::vector<std::string>();
  }
  template <typename T>
  std::vector<T> numbers(const std::string& path) const {
    const auto array = find_dataset(file_, path, dtype_of<T>());
    if (!array) return {};
    const auto values = array->template as<T>();
    return {values.begin(), values.end()};
  }
  /// A row of a dataset of points.
  std::vector<std::string> texts(const std::string& path, std::size_t point) const {
    const auto array = find_row(file_, path, DType::text, point);
    return array ? array->as_text() : std::vector<std::string>();
  }
  std::vector<std::uint8_t> bytes(const std::string& path, std::size_t point) const {
    const auto array = find_row(file_, path, DType::uint8, point);
    if (!array) return {};
    const auto values = array->as<std::uint8_t>();
    return {values.begin(), values.end()};
  }

 private:
  std::string file_;
};

/// RFC 4180.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string number(float value) {
  return std::isnan(value) ? "" : fmt::format("{}", value);
}

template <typename T>
T at(const std::vector<T>& values, std::size_t i, T absent) {
  return i < values.size() ? values[i] : absent;
}

/// "0", "1", "I don't know", or nothing.
std::string verdict(std::uint8_t outcome) {
  return outcome == kNever ? "" : outcome == 2 ? "I don't know" : outcome == 1 ? "1" : "0";
}

/// Of /variants/member: whether D has the question, or the patch beside D.
std::string membership(std::uint8_t member) {
  return member == 2 ? "patch" : verdict(member);
}

std::size_t point_of(const Results& results, const std::string& file, const std::string& id) {
  const std::vector<std::string> ids = results.texts("/points/id");
  const auto found = std::find(ids.begin(), ids.end(), id);
  if (found == ids.end())
    throw InputError(
        fmt::format("{}: has no point '{}'. Its points: {}{}.", file, id,
                    fmt::join(std::span(ids).first(std::min<std::size_t>(ids.size(), 10)), ", "),
                    ids.size() > 10 ? ", ..." : ""));
  const auto row = static_cast<std::size_t>(found - ids.begin());
  if (results.numbers<std::uint8_t>("/points/status")[row] != 2)
    throw InputError(
        fmt::format("{}: point '{}' is not done. Run the sweep again to finish it.", file, id));
  return row;
}

/// What a fine-tuned model said to each row, where it was asked.
struct After {
  std::map<std::size_t, std::string> early_stop, final;
  std::map<std::size_t, std::uint8_t> right_early_stop, right_final, member;
};

After read_after(const Results& results, std::size_t point) {
  After after;
  const auto rows = results.numbers<std::int64_t>("/predictions/row");
  const auto read = [&](const char* when, auto& said, auto& right) {
    const auto texts = results.texts(fmt::format("/predictions/answer_{}", when), point);
    const auto outcomes = results.bytes(fmt::format("/predictions/correct_{}", when), point);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      said[static_cast<std::size_t>(rows[i])] = at(texts, i, std::string());
      right[static_cast<std::size_t>(rows[i])] = at(outcomes, i, kNever);
    }
  };
  read("early_stop", after.early_stop, after.right_early_stop);
  read("final", after.final, after.right_final);
  const auto trained = results.numbers<std::int64_t>("/variants/row");
  const auto member = results.bytes("/variants/member", point);
  for (std::size_t i = 0; i < trained.size(); ++i)
    after.member[static_cast<std::size_t>(trained[i])] = at(member, i, kNever);
  return after;
}

template <typename T>
T of(const std::map<std::size_t, T>& values, std::size_t row, T absent) {
  const auto found = values.find(row);
  return found == values.end() ? absent : found->second;
}

/// `labels`: group of the model's labels.
std::string table(const Results& results, const std::string& file, const std::string& point,
                  const std::string& labels) {
  const std::string base = "/labels/base/", own = labels + "/";
  const auto questions = results.texts(base + "question"), answers = results.texts(base + "answer"),
             aliases = results.texts(base + "aliases"),
             relations = results.texts(base + "relation"),
             subjects = results.texts(base + "subject"), splits = results.texts(base + "split"),
             roles = results.texts(base + "role"), said = results.texts(own + "greedy_answer");
  const auto exposures = results.numbers<std::int32_t>(base + "exposures");
  const auto category = results.numbers<std::uint8_t>(own + "category"),
             greedy = results.numbers<std::uint8_t>(own + "greedy");
  const auto probability = results.numbers<float>(own + "category_probability"),
             exact = results.numbers<float>(own + "p_exact"),
             sampled = results.numbers<float>(own + "p_sample"),
             greedy_share = results.numbers<float>(own + "p_greedy"),
             p_true = results.numbers<float>(own + "p_true");
  const std::size_t count = questions.size(), sets = count == 0 ? 0 : greedy.size() / count;
  std::string text =
      "row,question,answers,subject,relation,split,role,exposures,label,label_probability,p,p_greedy,p_true,"
      "answer_before,right_before";
  std::optional<After> after;
  if (!point.empty()) {
    after = read_after(results, point_of(results, file, point));
    text += ",point,in_d,answer_early_stop,right_early_stop,answer_after,right_after";
  }
  text += "\n";
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t label = at(category, i, kNever);
    const bool is_labelled = label < kCategories.size();
    std::string gold = answers[i];
    if (const std::string others = at(aliases, i, std::string()); !others.empty()) {
      nlohmann::json all = nlohmann::json::parse(others);
      all.insert(all.begin(), answers[i]);
      gold = all.dump();
    }
    const float p = std::isnan(at(exact, i, NAN)) ? at(sampled, i, NAN) : exact[i];
    std::vector<std::string> fields = {
        fmt::format("{}", i),
        field(questions[i]),
        field(gold),
        field(subjects[i]),
        field(relations[i]),
        splits[i],
        roles[i],
        at(exposures, i, -1) < 0 ? "" : fmt::format("{}", exposures[i]),
        is_labelled ? kCategories[label] : "",
        is_labelled ? number(at(probability, i * kCategories.size() + label, NAN)) : "",
        is_labelled ? number(p) : "",
        is_labelled ? number(at(greedy_share, i, NAN)) : "",
        number(at(p_true, i, NAN)),
        field(at(said, i, std::string())),
        is_labelled && sets > 0 ? verdict(greedy[i * sets]) : ""};
    if (after) {
      fields.insert(fields.end(), {field(point), membership(of(after->member, i, kNever)),
                                   field(of(after->early_stop, i, std::string())),
                                   verdict(of(after->right_early_stop, i, kNever)),
                                   field(of(after->final, i, std::string())),
                                   verdict(of(after->right_final, i, kNever))});
    }
    text += fmt::format("{}\n", fmt::join(fields, ","));
  }
  return text;
}

std::string prompt(const Results& results, const std::string& file, const Deck& deck,
                   std::int64_t row, std::int64_t set, const std::string& kind) {
  const std::string base = "/labels/base/";
  const auto questions = results.texts(base + "question");
  const auto count = static_cast<std::int64_t>(questions.size());
  if (row < 0 || row >= count)
    throw InputError(fmt::format("command line: --row = {} is outside [0, {}], the rows of {}.",
                                 row, count - 1, file));
  const auto i = static_cast<std::size_t>(row);
  const std::string relation = results.texts(base + "relation")[i];
  const Question question{relation,
                          Split::test,
                          questions[i],
                          results.texts(base + "answer")[i],
                          results.texts(base + "subject")[i],
                          -1};
  std::vector<Question> shots;
  const auto shot_questions = results.texts(base + "exemplars/" + relation + "/question"),
             shot_answers = results.texts(base + "exemplars/" + relation + "/answer"),
             shot_subjects = results.texts(base + "exemplars/" + relation + "/subject");
  const std::int64_t sets = deck.integer("label.exemplar_sets"), each = deck.integer("label.shots");
  if (set < 0 || set >= sets)
    throw InputError(fmt::format("command line: --set = {} is outside [0, {}], the exemplar sets.",
                                 set, sets - 1));
  for (auto s = static_cast<std::size_t>(set * each);
       s < static_cast<std::size_t>((set + 1) * each); ++s)
    shots.push_back({relation, Split::dev, shot_questions.at(s), shot_answers.at(s),
                     at(shot_subjects, s, std::string()), -1});
  return slick::asked_prompt(deck, kind, shots, question, question.answer);
}

}  // namespace

ExitCode questions(const Words& words) {
  std::string file, point, model, output, kind;
  std::int64_t row = -1, set = 0;
  po::options_description options;
  options.add_options()("file", po::value(&file)->required(),
                        "results file of a SliCK sweep; may stand without --file")(
      "point", po::value(&point), "id of a point, as in /points/id: what its model says, too")(
      "model", po::value(&model), "one of several models: what it knew; default: the first")(
      "output", po::value(&output), "CSV file to write; else it is printed")(
      "row", po::value(&row), "row of /labels/base whose prompt is printed")(
      "prompt", po::value(&kind)->implicit_value("label"),
      "prints the prompt alone, exactly as asked: label, train or p_true")(
      "set", po::value(&set)->default_value(set), "exemplar set of a labelling prompt");
  po::variables_map flags;
  if (!parse_flags(kQuestionsUsage, options, words, flags)) return ExitCode::done;
  const EarlierSweep sweep(file);
  if (sweep.study() != "slick")
    throw InputError(
        fmt::format("{}: holds the study '{}'; questions are of slick.", file, sweep.study()));
  const Results results(file);
  if ((row >= 0) != !kind.empty())
    throw InputError(fmt::format("command line: --row and --prompt go together. {}", kQuestionsUsage));
  if (!point.empty() && !model.empty())
    throw InputError("command line: --model goes without --point, which is of one model.");
  const auto deck = [&] {
    DeckArguments arguments;
    arguments.path = file + " (its deck)";
    return read_task(arguments, sweep.deck()).deck;
  };
  if (!kind.empty()) {
    const std::vector<std::string> kinds = slick::prompt_kinds();
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
      throw InputError(fmt::format("command line: --prompt = '{}' is not one of: {}.", kind,
                                   fmt::join(kinds, ", ")));
    fmt::print("{}", prompt(results, file, deck(), row, set, kind));
    return ExitCode::done;
  }
  if (!point.empty()) {
    const std::vector<std::string> models = results.texts("/points/model");
    if (!models.empty()) model = models[point_of(results, file, point)];
  }
  const std::string labels =
      model.empty() ? "/labels/base" : slick::labels_group(deck(), model);
  const std::string csv = table(results, file, point, labels);
  if (output.empty()) {
    fmt::print("{}", csv);
  } else {
    write_file(output, csv);
    console::info("{} questions in {}", results.texts("/labels/base/question").size(), output);
  }
  return ExitCode::done;
}

}  // namespace factsweep::cli
