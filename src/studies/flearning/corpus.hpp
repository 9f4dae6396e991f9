// The records of one data set in the order of /records, and what a model is asked of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "factsweep/data/edits.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/studies/support/abilities.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/train/trainer.hpp"
#include "methods.hpp"

namespace factsweep::flearning {

struct EditCorpus {
  std::string name;  // the file's name up to its first dot
  std::filesystem::path path;
  std::vector<EditRecord> records;
  // of the whole file: why or what -> how many records, as in EditFile
  RecordCounts left_out, repeated;
  RecordCounts questions = {};  // left out of records that are used, which stay
  RecordCounts too_long = {};  // used, though a model was trained with no texts as long
  std::map<std::string, std::int64_t> not_measured, not_used;
  bool has_old = true, has_subjects = true;  // else no record has one, in its prompt

  /// data.edits, cut to data.records of them chosen by data.seed, whatever the file is called: the
  /// same edits in another form, or a renamed file, are the same work. Where a method of the deck
  /// forgets, records without an old answer are left out, where one looks up the subject those
  /// whose prompt lacks it, unless all would be: then has_old, has_subjects say so; and those with
  /// a text that is longer than the learned positions of a model. No unrelated question is the
  /// prompt of a chosen record. InputError, also where more is left out than data.bad_records
  /// allows.
  static std::vector<EditCorpus> read(const Deck& deck);
  /// A number that changes with the first `count` records.
  std::string fingerprint(std::size_t count) const;
  bool has_portability() const;
  /// Whether the method has what it needs of the records.
  bool fits(const Method& method) const;
  /// What the reader of the deck should know of records that are not used, or not wholly.
  std::vector<std::string> notes() const;
};

/// What the stages of one rank share. No model is among it: each stage reads the one that it
/// changes, so that a full fine-tuning never holds it twice.
struct Worker {
  std::vector<EditCorpus> corpora;  // one a file of data.edits
  Abilities abilities;
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;

  std::vector<std::string> check(const Deck& deck) {
    return check_models(model_directories(deck)).missing;
  }
  void prepare(const Deck& deck, const std::string& name) {
    device = torch::Device(name);
    dtype = parse_dtype(deck.text("model.dtype"));
  }
  /// Reads the model's files, in model.dtype.
  Model use(const std::string& directory) const { return Model::load(directory, dtype, device); }
};

/// /records: the questions and answers of a data set, why others of its file were left out, and
/// what is not measured or not used of those that were not.
void fill_records(PlanBuilder& builder, const EditCorpus& corpus);

enum class Answer { old_one, new_one };

/// flearning.train_template with the question, and how the answer follows and ends. A record
/// without an old answer teaches none.
std::vector<Example> training_examples(const Deck& deck, const Model& model,
                                       std::span<const EditRecord> records, Answer answer);

/// flearning.train_template or flearning.evaluation_template with the question in place of
/// {prompt}. InputError: there is no such place.
std::string training_prompt(const Deck& deck, const std::string& question);
std::string evaluation_prompt(const Deck& deck, const std::string& question);

}  // namespace factsweep::flearning
