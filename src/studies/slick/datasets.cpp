#include "datasets.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace factsweep::slick {
namespace {

/// Dataset specifications in the making.
struct List {
  std::vector<DatasetSpec> specs;

  void dataset(const std::string& path, DType dtype, std::vector<std::uint64_t> shape,
               std::vector<std::string> dimensions, const std::string& units,
               const std::string& long_name, const std::string& symbol = "", Array content = {},
               std::size_t text_length = 0) {
    specs.push_back(factsweep::dataset(path, dtype, std::move(shape), std::move(dimensions), units,
                                       long_name, symbol));
    specs.back().text_length = text_length;
    specs.back().content = std::move(content);
  }

  void text(const std::string& path, const std::vector<std::string>& values,
            std::vector<std::uint64_t> shape, std::vector<std::string> dimensions,
            const std::string& long_name) {
    specs.push_back(text_dataset(path, values, std::move(shape), std::move(dimensions), long_name));
  }

  void add_labels(const Deck& deck, const Corpus& corpus,
                  const std::map<std::string, ExemplarSets>& exemplars) {
    const auto sets = static_cast<std::uint64_t>(deck.integer("label.exemplar_sets"));
    const auto samples = static_cast<std::uint64_t>(deck.integer("label.samples"));
    const std::uint64_t rows = corpus.rows.size();
    std::vector<std::string> question, answer, subject, relation, split, role;
    std::vector<std::int32_t> exposures;
    for (std::size_t i = 0; i < corpus.rows.size(); ++i) {
      const Question& q = corpus.rows[i];
      question.push_back(q.question);
      answer.push_back(q.answer);
      subject.push_back(q.subject);
      relation.push_back(q.relation);
      split.emplace_back(factsweep::name(q.split));
      role.push_back(i < corpus.id_rows ? "id" : "ood");
      exposures.push_back(q.exposures);
    }
    const std::string base = "/labels/base/";
    text(base + "question", question, {rows}, {"question_index"}, "question");
    text(base + "answer", answer, {rows}, {"question_index"}, "gold answer");
    text(base + "subject", subject, {rows}, {"question_index"}, "subject");
    text(base + "relation", relation, {rows}, {"question_index"}, "relation");
    text(base + "split", split, {rows}, {"question_index"}, "split");
    text(base + "role", role, {rows}, {"question_index"}, "in or out of distribution");
    dataset(base + "exposures", DType::int32, {rows}, {"question_index"}, "1",
            "statements of the fact in the training corpus", "", Array::of(exposures));
    dataset(base + "category", DType::uint8, {rows}, {"question_index"}, "1",
            "0 HighlyKnown, 1 MaybeKnown, 2 WeaklyKnown, 3 Unknown");
    dataset(base + "category_probability", DType::float32, {rows, kCategories},
            {"question_index", "category_index"}, "fraction",
            "probability of each category over draws of the samples");
    dataset(base + "p_greedy", DType::float32, {rows}, {"question_index"}, "fraction",
            "share of right greedy answers", "P_Correct(T=0)");
    dataset(base + "p_sample", DType::float32, {rows}, {"question_index"}, "fraction",
            "share of right sampled answers", "P_Correct(T>0)");
    dataset(base + "p_exact", DType::float32, {rows}, {"question_index"}, "fraction",
            "probability of a right sampled answer", "E[P_Correct(T>0)]");
    dataset(base + "greedy", DType::uint8, {rows, sets}, {"question_index", "set"}, "1",
            "greedy answer right");
    dataset(base + "p", DType::float32, {rows, sets}, {"question_index", "set"}, "fraction",
            "probability of a right sampled answer, by exemplar set");
    dataset(base + "pruned", DType::float32, {rows, sets}, {"question_index", "set"}, "fraction",
            "probability of the tokenisations left out: p is too low by at most this");
    dataset(base + "drawn", DType::int32, {rows, sets}, {"question_index", "set"}, "1",
            "right answers among the samples, by exemplar set");
    dataset(base + "near_ties", DType::int32, {rows}, {"question_index"}, "1",
            "greedy verdicts that needed real decoding");
    dataset(base + "p_true", DType::float32, {rows}, {"question_index"}, "fraction",
            "P(True) of the gold answer", "P(True)");
    if (deck.flag("label.keep_text")) {
      dataset(base + "text", DType::text, {rows, sets, samples + 1},
              {"question_index", "set", "sample"}, "", "answers; sample 0 is greedy", "", {},
              static_cast<std::size_t>(deck.integer("label.text_bytes")));
    }
    for (const auto& [name, list] : exemplars) {
      std::vector<std::string> questions, answers;
      for (const auto& shots : list) {
        for (const Question& shot : shots) {
          questions.push_back(shot.question);
          answers.push_back(shot.answer);
        }
      }
      const std::vector<std::uint64_t> shape = {
          sets, static_cast<std::uint64_t>(deck.integer("label.shots"))};
      if (questions.empty()) continue;
      text(base + "exemplars/" + name + "/question", questions, shape, {"set", "shot"},
           "exemplar question");
      text(base + "exemplars/" + name + "/answer", answers, shape, {"set", "shot"},
           "exemplar answer");
    }
  }

  void add_points(const Corpus& corpus, std::uint64_t points, std::uint64_t epochs) {
    const std::uint64_t tested = corpus.rows.size() - corpus.train_rows,
                        trained = corpus.train_rows;
    const auto column = [&](const std::string& name, DType dtype, const std::string& units,
                            const std::string& long_name) {
      dataset("/points/" + name, dtype, {points}, {"point"}, units, long_name);
    };
    column("n_train", DType::int64, "examples", "|D|");
    for (const char* category : kCategoryNames)
      column(std::string("n_train_") + category, DType::int64, "examples",
             std::string(category) + " examples in D");
    column("epoch_early_stop", DType::int64, "epochs", "epoch of the best dev accuracy");
    for (const char* when : {"early_stop", "final"}) {
      for (const char* set : {"dev", "test", "ood"})
        column(fmt::format("accuracy_{}_{}", set, when), DType::float64, "fraction",
               fmt::format("{} accuracy, {}", set, when));
      for (const char* set : {"test", "ood"}) {
        for (const char* category : kCategoryNames)
          column(fmt::format("accuracy_{}_{}_{}", set, category, when), DType::float64, "fraction",
                 fmt::format("{} accuracy on {}, {}", set, category, when));
        column(fmt::format("answered_{}_{}", set, when), DType::float64, "fraction",
               fmt::format("{} questions not answered \"I don't know\", {}", set, when));
      }
    }
    std::vector<std::int64_t> epoch_values, test_rows, train_rows;
    for (std::uint64_t epoch = 0; epoch <= epochs; ++epoch)
      epoch_values.push_back(static_cast<std::int64_t>(epoch));
    dataset("/curves/epoch", DType::int64, {epochs + 1}, {"epoch"}, "epochs", "epochs done", "",
            Array::of(epoch_values));
    for (const std::string& curve : curve_names())
      dataset("/curves/" + curve, DType::float64, {points, epochs + 1}, {"point", "epoch"},
              curve == "loss" ? "nat" : "fraction", curve);
    for (std::uint64_t row = 0; row < corpus.rows.size(); ++row)
      (row < corpus.train_rows ? train_rows : test_rows).push_back(static_cast<std::int64_t>(row));
    dataset("/predictions/row", DType::int64, {tested}, {"question"}, "1", "row in /labels/base",
            "", Array::of(test_rows));
    for (const char* when : {"early_stop", "final"})
      dataset(fmt::format("/predictions/correct_{}", when), DType::uint8, {points, tested},
              {"point", "question"}, "1", "0 wrong, 1 right, 2 \"I don't know\"");
    dataset("/variants/row", DType::int64, {trained}, {"question"}, "1", "row in /labels/base", "",
            Array::of(train_rows));
    dataset("/variants/member", DType::uint8, {points, trained}, {"point", "question"}, "1",
            "1 when the question is in D");
  }
};

}  // namespace

std::vector<DatasetSpec> label_datasets(const Deck& deck, const Corpus& corpus,
                                        const std::map<std::string, ExemplarSets>& exemplars) {
  List list;
  list.add_labels(deck, corpus, exemplars);
  return std::move(list.specs);
}

std::vector<DatasetSpec> point_datasets(const Corpus& corpus, std::uint64_t points,
                                        std::uint64_t epochs) {
  List list;
  list.add_points(corpus, points, epochs);
  return std::move(list.specs);
}

}  // namespace factsweep::slick
