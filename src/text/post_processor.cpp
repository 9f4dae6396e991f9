#include "post_processor.hpp"

#include <fmt/format.h>

namespace factsweep::text {
namespace {

std::vector<TokenId> template_ids(const Component& description, const std::string& name) {
  if (!description.at("special_tokens").has(name.c_str())) {
    description.fail(fmt::format("the template uses '{}', which special_tokens lacks.", name));
  }
  std::vector<TokenId> ids;
  for (const Component& id : description.at("special_tokens").at(name.c_str()).list("ids")) {
    ids.push_back(id.token_id());
  }
  return ids;
}

/// The token and id of a pair.
TokenId pair_id(const Component& pair) {
  if (!pair.value().is_array() || pair.value().size() != 2) {
    pair.fail("a pair of token and id is needed here.");
  }
  return Component(pair.value()[1], pair.where() + "[1]").token_id();
}

PostProcessor read_template(const Component& description) {
  PostProcessor processor;
  bool seen_text = false;
  for (const Component& item : description.list("single")) {
    if (item.has("Sequence")) {
      if (seen_text) item.fail("the text stands twice in the template of a single text.");
      seen_text = true;
      continue;
    }
    const std::string name = item.at("SpecialToken").text("id");
    std::vector<TokenId>& side = seen_text ? processor.after : processor.before;
    for (const TokenId id : template_ids(description, name)) side.push_back(id);
  }
  if (!seen_text) description.at("single").fail("the template has no place for the text.");
  return processor;
}

}  // namespace

PostProcessor make_post_processor(const Component& description) {
  const std::string type = description.text("type");
  if (type == "ByteLevel") return {};  // moves offsets only
  if (type == "TemplateProcessing") return read_template(description);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return {{pair_id(description.at("cls"))}, {pair_id(description.at("sep"))}};
  }
  if (type == "Sequence") {
    PostProcessor all;
    for (const Component& step : description.list("processors")) {
      const PostProcessor outer = make_post_processor(step);
      all.before.insert(all.before.begin(), outer.before.begin(), outer.before.end());
      all.after.insert(all.after.end(), outer.after.begin(), outer.after.end());
    }
    return all;
  }
  description.unknown(type,
                      "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
}

}  // namespace factsweep::text
