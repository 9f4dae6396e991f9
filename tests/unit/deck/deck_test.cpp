// Deck: precedence, typed access, messages, and the fixed point deck -> effective deck -> deck.
#include "factsweep/deck/deck.hpp"

#include <cstdlib>

#include "catch.hpp"

using namespace factsweep;

namespace {

OptionTable sample_table() {
  OptionTable table;
  table.add({.key = "run.study",
             .kind = Kind::choice,
             .choices = {"slick", "kshot"},
             .help = "which study to run",
             .required = true});
  table.add({.key = "run.output",
             .kind = Kind::path,
             .fallback = "results/a.h5",
             .help = "result file",
             .scope = Scope::execution});
  table.add({.key = "run.wall_limit",
             .kind = Kind::duration,
             .fallback = "0",
             .help = "stop before this; 0 = none",
             .scope = Scope::execution});
  table.add({.key = "run.resume",
             .kind = Kind::flag,
             .fallback = "true",
             .help = "go on from an existing file",
             .scope = Scope::execution});
  table.add({.key = "grid.unknown_ratio",
             .kind = Kind::real_list,
             .fallback = "0, 0.5, 1",
             .unit = "1",
             .minimum = 0,
             .maximum = 1,
             .help = "fraction of training facts the base model does not know"});
  table.add({.key = "grid.seed",
             .kind = Kind::integer_list,
             .fallback = "1",
             .minimum = 0,
             .help = "seeds"});
  table.add({.key = "train.learning_rate",
             .kind = Kind::real,
             .fallback = "1e-5",
             .minimum = 0,
             .maximum = 1,
             .help = "AdamW's step size"});
  table.add({.key = "train.epochs",
             .kind = Kind::integer,
             .fallback = "50",
             .unit = "epochs",
             .minimum = 1,
             .help = "passes over D. The last one is called final."});
  table.add({.key = "data.relations",
             .kind = Kind::text_list,
             .fallback = "",
             .help = "relations; empty = all"});
  table.add({.key = "data.prompt",
             .kind = Kind::text,
             .fallback = "Answer the following question.",
             .help = ""});
  return table;
}

Deck parse(std::string_view text, std::vector<std::string> overrides = {}) {
  return Deck::parse(sample_table(), text, "a.ini", overrides);
}

const std::string kMinimal = "[run]\nstudy = slick\n";

/// The message of the InputError that parsing raises.
std::string message(std::string_view text, std::vector<std::string> overrides = {}) {
  try {
    parse(text, overrides);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::string message_of(const std::string& line) {
  return message(kMinimal + line);
}

}  // namespace

TEST_CASE("default, deck and command line come in this order of precedence", "[deck]") {
  const Deck deck = parse(kMinimal + "[train]\nepochs = 7 # comment\nlearning_rate=1e-4\n",
                          {"--train.epochs=9", "--grid.seed", "4, 5"});
  CHECK(deck.text("run.study") == "slick");
  CHECK(deck.integer("train.epochs") == 9);
  CHECK(deck.where("train.epochs") == "command line");
  CHECK(deck.real("train.learning_rate") == 1e-4);
  CHECK(deck.raw("train.learning_rate") == "1e-4");
  CHECK(deck.where("train.learning_rate") == "a.ini:5");
  CHECK(deck.where("grid.unknown_ratio") == "default");
  CHECK(deck.is_default("grid.unknown_ratio"));
  CHECK_FALSE(deck.is_default("grid.seed"));
  CHECK(deck.integer_list("grid.seed") == std::vector<std::int64_t>{4, 5});
  CHECK(deck.flag("run.resume"));
  CHECK(deck.text_list("data.relations").empty());
  CHECK(deck.text("data.prompt") == "Answer the following question.");
}

TEST_CASE("a list on the command line replaces the deck's list", "[deck]") {
  const Deck deck =
      parse(kMinimal + "[grid]\nunknown_ratio = 0, 0.5\n", {"--grid.unknown_ratio=1"});
  CHECK(deck.real_list("grid.unknown_ratio") == std::vector<double>{1});
}

TEST_CASE("sections, dotted keys, windows line ends and a byte order mark are read", "[deck]") {
  const Deck deck =
      parse("\xef\xbb\xbfrun.study = kshot\r\n\r\n[ train ]\r\n[train]\r\nepochs = 3\r\n");
  CHECK(deck.text("run.study") == "kshot");
  CHECK(deck.where("run.study") == "a.ini:1");
  CHECK(deck.where("train.epochs") == "a.ini:5");
}

TEST_CASE("messages name place, value, rule and remedy", "[deck]") {
  CHECK(message_of("[train]\nlerning_rate = 1") ==
        "a.ini:4: unknown key 'train.lerning_rate'. Did you mean 'train.learning_rate'?");
  CHECK(message_of("[model]\nepochs = 1") ==
        "a.ini:4: unknown key 'model.epochs'. Did you mean 'train.epochs'?");
  CHECK(message_of("[grid]\n\nunknown_ratio = 1.2") ==
        "a.ini:5: grid.unknown_ratio = 1.2 is outside [0, 1] (fraction of training facts the base "
        "model does not know).");
  CHECK(message_of("[grid]\nunknown_ratio = 0, 1.2") ==
        "a.ini:4: grid.unknown_ratio = 0, 1.2 has 1.2, which is outside [0, 1] (fraction of "
        "training facts the base "
        "model does not know).");
  CHECK(message_of("[train]\nepochs = 0") ==
        "a.ini:4: train.epochs = 0 is below 1 (epochs; passes over D).");
  CHECK(message_of("[train]\nepochs = 1e3") ==
        "a.ini:4: train.epochs = 1e3 is not written as an integer: write 1000.");
  CHECK(message_of("[train]\nepochs = 1, 2") ==
        "a.ini:4: train.epochs = 1, 2 is not an integer (one value, no list).");
  CHECK(message_of("[train]\nepochs = 7\nepochs = 8") ==
        "a.ini:5: 'train.epochs' is already set on line 4. Keep one of the two.");
  CHECK(message_of("[train]\nepochs 7") ==
        "a.ini:4: cannot read 'epochs 7': a line is '[section]', 'key = value' or a comment after "
        "'#'.");
  CHECK(message_of("[]") ==
        "a.ini:3: cannot read '[]': a line is '[section]', 'key = value' or a comment after '#'.");
  CHECK(message("run.study = slik") == "a.ini:1: run.study = slik is not one of: slick, kshot.");
  CHECK(message("# nothing") ==
        "a.ini: required key 'run.study' is missing (which study to run). Add 'study = ...' under "
        "[run].");
  CHECK(message("run.study =") == "a.ini:1: run.study is empty (which study to run).");
  CHECK(message_of("[run]\nresume = maybe") ==
        "a.ini:4: run.resume = maybe is neither true nor false.");
}

TEST_CASE("numbers that are none are rejected", "[deck]") {
  for (const std::string text :
       {"nan", "inf", "-inf", "NaN", "1e999", "0x10", "1.2.3", "1 2", ""}) {
    INFO(text);
    CHECK(message_of("[train]\nlearning_rate = " + text)
              .starts_with("a.ini:4: train.learning_rate "));
    CHECK(message_of("[grid]\nunknown_ratio = 0, " + text)
              .starts_with("a.ini:4: grid.unknown_ratio = "));
  }
  CHECK(message_of("[train]\nlearning_rate = nan") ==
        "a.ini:4: train.learning_rate = nan is not a finite number.");
}

TEST_CASE("what looks like a quote or a comment is pointed out", "[deck]") {
  CHECK(message_of("[train]\nepochs = \"7\"").find("without quotes") != std::string::npos);
  CHECK(message_of("[data]\nprompt = a ; note").find("comments start with '#'") !=
        std::string::npos);
  CHECK(message(kMinimal, {"--data.prompt=a#b"}).find("starts a comment") != std::string::npos);
}

TEST_CASE("a list that the deck fills is emptied on the command line", "[deck]") {
  const std::string deck = kMinimal + "[data]\nrelations = P17, P19\n";
  CHECK(parse(deck, {"--data.relations="}).text_list("data.relations").empty());
  CHECK(parse(deck, {"--data.relations=", "--grid.seed=2"}).integer_list("grid.seed").front() == 2);
  CHECK(message(deck, {"--data.relations=", "--data.relations=P1"}).find("is given twice") !=
        std::string::npos);
  CHECK(message(deck, {"--grid.seed="}).starts_with("command line: grid.seed is empty"));
}

TEST_CASE("bad overrides are named as such", "[deck]") {
  CHECK(message(kMinimal, {"--train.st=7"})
            .starts_with("command line: unknown key 'train.st'. Did you mean '"));
  CHECK(message(kMinimal, {"--train.epoch", "7"}) ==
        "command line: unknown key 'train.epoch'. Did you mean 'train.epochs'?");
  CHECK(message(kMinimal, {"--train.epochs"}) ==
        "command line: --train.epochs needs a value: --section.key=value.");
  CHECK(message(kMinimal, {"--train.epochs="}).starts_with("command line: train.epochs is empty ("));
  CHECK(message(kMinimal, {"--train.epoch="}) ==
        "command line: unknown key 'train.epoch'. Did you mean 'train.epochs'?");
  CHECK(message(kMinimal, {"--train.epochs", "--grid.seed=2"}) ==
        "command line: --train.epochs needs a value: --section.key=value.");
  CHECK(message(kMinimal, {"train.epochs=3"}) ==
        "command line: 'train.epochs=3' is not an override. Write --section.key=value.");
  CHECK(message(kMinimal, {"--train.epochs=3", "--train.epochs=4"}) ==
        "command line: 'train.epochs' is given twice ('3' and '4').");
  CHECK(message(kMinimal, {"--train.learning_rate", "-1"}) ==
        "command line: train.learning_rate = -1 is outside [0, 1] (AdamW's step size).");
}

TEST_CASE("a value that the command line replaces is checked all the same", "[deck]") {
  CHECK(message(kMinimal + "[train]\nepochs = 0", {"--train.epochs=3"})
            .starts_with("a.ini:4: train.epochs = 0"));
}

TEST_CASE("paths take the home folder and environment variables", "[deck]") {
  setenv("FACTSWEEP_TEST_SCRATCH", "/scratch/u", 1);
  setenv("HOME", "/home/u", 1);
  unsetenv("FACTSWEEP_TEST_NONE");
  const auto expanded = [](const std::string& path) {
    return parse(kMinimal + "output = " + path).text("run.output");
  };
  CHECK(expanded("~/a.h5") == "/home/u/a.h5");
  CHECK(expanded("$FACTSWEEP_TEST_SCRATCH/a.h5") == "/scratch/u/a.h5");
  CHECK(expanded("x${FACTSWEEP_TEST_SCRATCH}y") == "x/scratch/uy");
  CHECK(expanded("a~/b") == "a~/b");
  CHECK_THROWS_WITH(expanded("$FACTSWEEP_TEST_NONE/a"),
                    "a.ini:3: run.output = $FACTSWEEP_TEST_NONE/a uses $FACTSWEEP_TEST_NONE, which "
                    "is not set in the "
                    "environment.");
  CHECK_THROWS_AS(expanded("a$/b"), InputError);
  CHECK_THROWS_AS(expanded("${FACTSWEEP_TEST_SCRATCH/b"), InputError);
  CHECK(parse(kMinimal + "output = $FACTSWEEP_TEST_NONE/a").raw("run.output") ==
        "$FACTSWEEP_TEST_NONE/a");
}

TEST_CASE("so does each path of a list", "[deck]") {
  setenv("FACTSWEEP_TEST_SCRATCH", "/scratch/u", 1);
  setenv("HOME", "/home/u", 1);
  unsetenv("FACTSWEEP_TEST_NONE");
  OptionTable table;
  table.paths("run.reuse", "", "files");
  const auto deck = [&](const std::string& value) {
    return Deck::parse(table, "[run]\nreuse = " + value, "a.ini", {});
  };
  CHECK(deck("~/a.h5, $FACTSWEEP_TEST_SCRATCH/b.h5 ,c.h5").path_list("run.reuse") ==
        std::vector<std::string>{"/home/u/a.h5", "/scratch/u/b.h5", "c.h5"});
  CHECK(deck("").path_list("run.reuse").empty());
  const Deck unset = deck("a.h5, $FACTSWEEP_TEST_NONE/b.h5");
  CHECK(unset.raw("run.reuse") == "a.h5, $FACTSWEEP_TEST_NONE/b.h5");
  CHECK_THROWS_WITH(unset.path_list("run.reuse"),
                    "a.ini:2: run.reuse = a.h5, $FACTSWEEP_TEST_NONE/b.h5 uses "
                    "$FACTSWEEP_TEST_NONE, which is not set in the environment.");
  CHECK_THROWS_WITH(deck("a.h5, a.h5"), "a.ini:2: run.reuse = a.h5, a.h5 has a.h5 twice.");
  CHECK_THROWS_AS(unset.text_list("run.reuse"), BugError);
}

TEST_CASE("the effective deck parses to itself", "[deck]") {
  const Deck deck =
      parse(kMinimal + "[grid]\nunknown_ratio = linear(0, 1, 5)\n[run]\nwall_limit = 5 min\n",
            {"--train.epochs=3"});
  const std::string text = deck.effective();
  const Deck again = Deck::parse(sample_table(), text, "effective.ini", {});
  CHECK(again.effective() == text);
  CHECK(again.science() == deck.science());
  CHECK(again.seconds("run.wall_limit") == 300);
  CHECK(text.find("# fraction of training facts the base model does not know\n# range: [0, 1]; "
                  "default: 0, 0.5, 1\n"
                  "unknown_ratio = linear(0, 1, 5)\n") != std::string::npos);
  CHECK(text.find("# unit: epochs; range: >= 1; default: 50\nepochs = 3\n") != std::string::npos);
  CHECK(text.find("[run]") < text.find("[grid]"));
  CHECK(text.find("[grid]") < text.find("[train]"));
  CHECK(text.find("[run]") == text.rfind("[run]"));
}

TEST_CASE("texts keep the blanks around them between quotation marks", "[deck]") {
  for (const std::string text : {"ask: ", " {}", "plain", "a \"word\""}) {
    const Deck deck = parse(kMinimal, {"--data.prompt=\"" + text + "\""});
    CHECK(deck.text("data.prompt") == text);
    const Deck again = Deck::parse(sample_table(), deck.effective(), "effective.ini", {});
    CHECK(again.text("data.prompt") == text);
    CHECK(again.science() == deck.science());
  }
  CHECK(parse(kMinimal, {"--data.prompt=plain"}).text("data.prompt") == "plain");
}

TEST_CASE("between quotation marks no '#' ends a line and no blank is dropped", "[deck]") {
  const auto prompt = [](const std::string& written) {
    return parse(kMinimal + "[data]\nprompt = " + written).text("data.prompt");
  };
  CHECK(prompt(R"("Q #1: {} # no comment" # a comment "of" words)") == "Q #1: {} # no comment");
  CHECK(prompt(R"(  "  two \n lines\n"  )") == "  two \n lines\n");
  CHECK(prompt(R"("a \"b\" \\n \t; c")") == "a \"b\" \\n \t; c");
  CHECK(prompt(R"("say "yes", or no")") == R"(say "yes", or no)");
  CHECK(prompt(R"(a \n "b" # c)") == R"(a \n "b")");
  CHECK(message_of(R"([data])" "\n" R"(prompt = "a # b)").find("does not end with one") !=
        std::string::npos);
  CHECK(message_of(R"([data])" "\n" R"(prompt = "a \d")").find(R"(has \d between)") !=
        std::string::npos);
  CHECK(message(kMinimal, {"--data.prompt=a\nb"}).find("contains a line break: write \\n") !=
        std::string::npos);
}

TEST_CASE("any text reads back as it is printed, from a deck and from the command line", "[deck]") {
  for (const std::string text :
       {"{shots}Q: {question}\nA:", " # ", "\"", "\\", "\\n", "a\\", "\"a\" # \"b\"", "a\tb", "a, \"b # c\"",
        "; a", "x ; y", "\xe5\xad\xa3 \xd8\xb9", "[a]", "a = b", "\r"}) {
    std::string written = "\"";
    for (const char c : text) {
      const std::string after = c == '\n'                ? "\\n"
                                : c == '\t'              ? "\\t"
                                : c == '\r'              ? "\\r"
                                : c == '"' || c == '\\' ? std::string("\\") + c
                                                         : std::string(1, c);
      written += after;
    }
    written += '"';
    INFO(written);
    for (const Deck& deck : {parse(kMinimal + "[data]\nprompt = " + written + "  # note\n"),
                             parse(kMinimal, {"--data.prompt=" + written}),
                             parse(kMinimal, {"--data.prompt", written})}) {
      CHECK(deck.text("data.prompt") == text);
      const Deck again = Deck::parse(sample_table(), deck.effective(), "effective.ini", {});
      CHECK(again.text("data.prompt") == text);
      CHECK(again.effective() == deck.effective());
      CHECK(again.science() == deck.science());
      CHECK(deck.science().at("data.prompt").find('\n') == std::string::npos);
    }
  }
}

TEST_CASE("paths and the items of lists may stand between quotation marks", "[deck]") {
  const Deck deck = parse(kMinimal + "output = \"a # b.h5\" # where\n[data]\n" +
                          R"(relations = P17, "born in, or near", "C#" , (a, b)  # five)");
  CHECK(deck.text("run.output") == "a # b.h5");
  const std::vector<std::string> relations = {"P17", "born in, or near", "C#", "(a, b)"};
  CHECK(deck.text_list("data.relations") == relations);
  const Deck again = Deck::parse(sample_table(), deck.effective(), "effective.ini", {});
  CHECK(again.text("run.output") == "a # b.h5");
  CHECK(again.text_list("data.relations") == relations);
  CHECK(again.science().at("data.relations") == R"(P17, "born in, or near", "C#", (a, b))");
  CHECK(parse(kMinimal, {R"(--data.relations="P17", P19)"}).science().at("data.relations") ==
        "P17, P19");
  CHECK(message(kMinimal, {R"(--data.relations=P17, "P17")"}).find("has P17 twice") !=
        std::string::npos);
  CHECK(message(kMinimal, {R"(--data.relations=P17, "P19)"}).find("does not end with one") !=
        std::string::npos);
}

TEST_CASE("science holds equal text for equal values and no execution keys", "[deck]") {
  const auto one = parse(
      kMinimal + "[train]\nlearning_rate = 1e-5\n[grid]\nunknown_ratio=linear(0, 1, 3)\nseed=1..3");
  const auto two = parse(kMinimal +
                         "output = b.h5\n[train]\nlearning_rate = "
                         "0.00001\n[grid]\nunknown_ratio=0,.5,1.0\nseed=1, 2,3");
  CHECK(one.science() == two.science());
  CHECK_FALSE(one.science().contains("run.output"));
  CHECK(one.science().at("grid.seed") == "1, 2, 3");
  CHECK(one.science() != parse(kMinimal).science());
}

TEST_CASE("error() says where the value was set", "[deck]") {
  const Deck deck = parse(kMinimal + "[train]\nepochs = 7");
  CHECK(std::string(deck.error("train.epochs", "is not a multiple of 2").what()) ==
        "a.ini:4: train.epochs = 7 is not a multiple of 2.");
  CHECK(std::string(deck.error("train.epochs", ": the model has 3 layers").what()) ==
        "a.ini:4: train.epochs = 7: the model has 3 layers.");
}

TEST_CASE("reading a key as another kind, or one that is not declared, is our own bug", "[deck]") {
  const Deck deck = parse(kMinimal);
  CHECK_THROWS_AS(deck.integer("train.learning_rate"), BugError);
  CHECK_THROWS_AS(deck.real("train.none"), BugError);
}

TEST_CASE("a slice has its keys alone, and its science", "[deck]") {
  const Deck deck = parse("run.study = slick\ntrain.epochs = 3\ngrid.seed = 1..3\n");
  const Deck slice = deck.only(std::vector<std::string>{"train.", "run.output"});
  CHECK(slice.integer("train.epochs") == 3);
  CHECK(slice.text("run.output") == deck.text("run.output"));
  CHECK_THROWS_AS(slice.integer_list("grid.seed"), BugError);
  CHECK_THROWS_AS(slice.where("grid.seed"), BugError);
  CHECK(slice.science().count("train.epochs") == 1);
  CHECK(slice.science().count("grid.seed") == 0);
  CHECK(slice.science().count("run.output") == 0);
  CHECK_THROWS_AS(deck.only(std::vector<std::string>{"train.epoch"}), BugError);
  CHECK_THROWS_AS(deck.only(std::vector<std::string>{"trains."}), BugError);
}

TEST_CASE("one key can be known before the others are", "[deck]") {
  OptionTable table;
  table.choice("run.study", no_default, {"slick", "kshot"}, "which study");
  const auto study = [&](const std::string& text, const std::vector<std::string>& overrides) {
    return Deck::peek(table, text, "a.ini", overrides).text("run.study");
  };
  const std::string text = "[run]\nstudy = slick\n[kshot]\npool = 3\n";
  CHECK(study(text, {}) == "slick");
  CHECK(study(text, {"--run.study=kshot"}) == "kshot");
  CHECK(study(text, {"--run.study", "kshot"}) == "kshot");
  CHECK(study(text, {"--kshot.pool", "4", "--run.study", "kshot", "--kshot.pool=5"}) == "kshot");
  CHECK(study("run.study = kshot  # not slick\n", {}) == "kshot");
  CHECK_THROWS_AS(study("[kshot]\npool = 3\n", {}), InputError);
  CHECK_THROWS_AS(study("[run]\nstudy = slik\n", {}), InputError);
}
