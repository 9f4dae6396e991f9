// The files of models from before tokenizer.json, against what transformers makes of them
// (tests/parity/make_word_tokenizer_references.py wrote the expected ids and texts).
#include "text_support.hpp"

namespace factsweep {
namespace {

using Catch::Matchers::ContainsSubstring;
using testing::Folder;
using testing::Ids;
using testing::load_error;

/// `file` of the stored folder `name` beside each of the stored tokenizer_config.json; returns how
/// many texts were compared.
int check_older(const std::string& name, const std::string& file) {
  Folder folder;
  folder.write(file, read_file(testing::stored(name) / file));
  int checked = 0;
  for (const auto& entry : read_json(testing::stored(name + "_cases.json"))) {
    folder.write_json("tokenizer_config.json", entry.at("config"));
    const auto tokenizer = Tokenizer::load(folder.path());
    for (const auto& expected : entry.at("texts")) {
      INFO(entry.at("config") << ": " << expected.at("text"));
      testing::check_text(*tokenizer, expected);
      ++checked;
    }
  }
  return checked;
}

}  // namespace

TEST_CASE("vocab.txt of BERT and MPNet encodes and decodes as transformers") {
  CHECK(check_older("tiny_vocab_txt", "vocab.txt") > 80);
}

TEST_CASE("sentencepiece.bpe.model of XLM-RoBERTa encodes and decodes as transformers") {
  CHECK(check_older("tiny_fairseq", "sentencepiece.bpe.model") > 40);
}

TEST_CASE("without a class in tokenizer_config.json the model's type decides") {
  const std::string text = "the <mask> x";
  Folder folder;
  folder.write("vocab.txt", read_file(testing::stored("tiny_vocab_txt/vocab.txt")));
  const auto ids = [&] { return Tokenizer::load(folder.path())->encode(text, true); };
  const Ids as_bert = ids();
  folder.write_json("config.json", {{"model_type", "bert"}});
  CHECK(ids() == as_bert);
  folder.write_json("config.json", {{"model_type", "mpnet"}});
  const Ids as_mpnet = ids();
  CHECK(as_mpnet != as_bert);
  folder.write_json("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}});
  CHECK(ids() == as_bert);
  folder.write_json("tokenizer_config.json", nlohmann::json::object());
  folder.write_json("config.json", {{"model_type", "squeezebert"}});
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("config.json: model_type: 'squeezebert'") &&
                 ContainsSubstring("MPNetTokenizer") && ContainsSubstring("tokenizer.json"));
}

TEST_CASE("SentencePiece files that are not laid out as XLM-RoBERTa's are refused") {
  Folder folder;
  const auto error_of = [&](const char* model) {
    folder.write("sentencepiece.bpe.model", read_file(testing::stored(model)));
    return load_error(folder.path());
  };
  CHECK_THAT(error_of("tiny_spm/tokenizer.model"),
             ContainsSubstring("sentencepiece.bpe.model") && ContainsSubstring("unigram"));
  CHECK(error_of("tiny_fairseq/sentencepiece.bpe.model").empty());
  folder.write_json("tokenizer_config.json", {{"tokenizer_class", "MBartTokenizer"}});
  CHECK_THAT(load_error(folder.path()), ContainsSubstring("tokenizer_class: 'MBartTokenizer'") &&
                                            ContainsSubstring("XLMRobertaTokenizer"));
}

}  // namespace factsweep
